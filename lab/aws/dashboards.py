"""CloudWatch's dashboards over the API: their bodies are kept and checked, nobody draws them."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.aws.names import arn
from lab.aws.paging import aware, page
from lab.aws.registry import AwsError, Call, Params, handles
from lab.settings import REGION

if TYPE_CHECKING:
    from lab.aws.world import World

MOST_DELETED, MOST_WIDGETS, PAGE, GRID = 100, 500, 1_000, 24
KINDS = ("alarm", "custom", "explorer", "log", "metric", "text", "trace")
_NAME = re.compile(r"[\w-]{1,255}", re.ASCII)
Complaint = dict[str, str]  # AWS's dataPath and message


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One dashboard: the body as it was put, and when (epoch seconds)."""

    name: str
    body: str
    modified_at: float

    @property
    def arn(self) -> str:
        """Its Amazon resource name, which has no region."""
        return arn("cloudwatch", f"dashboard/{self.name}").replace(f":{REGION}:", "::")


@handles("cloudwatch", "PutDashboard")
def put_dashboard(world: World, params: Params, call: Call) -> dict[str, object]:
    """Create or replace a dashboard; InvalidParameterInput lists everything that is wrong with its body.

    Missing: the properties inside a widget are not checked, and no warnings are given; nothing draws it.
    """
    name, body = params["DashboardName"], params["DashboardBody"]
    if not _NAME.fullmatch(name):
        raise _wrong("The dashboard name must have 1 to 255 characters of A-Z, a-z, 0-9, '-' and '_'.")
    complaints = list(_complaints(body))
    if complaints:
        listed = json.dumps(complaints, indent=2)
        raise _wrong(f"The dashboard body is invalid, there are {len(complaints)} validation errors:\n{listed}")
    dashboard = Dashboard(name, body, time.time())
    world.cloudwatch.dashboards[name] = dashboard
    world.cloudwatch.tags.create(dashboard.arn, params.get("Tags"))
    return {"DashboardValidationMessages": []}


@handles("cloudwatch", "GetDashboard")
def get_dashboard(world: World, params: Params, call: Call) -> dict[str, object]:
    """Return a dashboard as it was put."""
    dashboard = world.cloudwatch.dashboards.get(params["DashboardName"])
    if dashboard is None:
        raise _missing([params["DashboardName"]])
    return {"DashboardName": dashboard.name, "DashboardArn": dashboard.arn, "DashboardBody": dashboard.body}


@handles("cloudwatch", "ListDashboards")
def list_dashboards(world: World, params: Params, call: Call) -> dict[str, object]:
    """List dashboards in order of name, by a prefix of it."""
    known, prefix = world.cloudwatch.dashboards, params.get("DashboardNamePrefix") or ""
    wanted = [known[name] for name in sorted(known) if name.startswith(prefix)]
    shown, token = page(wanted, params.get("NextToken"), PAGE)
    entries = [
        {
            "DashboardName": one.name,
            "DashboardArn": one.arn,
            "LastModified": aware(one.modified_at),
            "Size": len(one.body.encode()),
        }
        for one in shown
    ]
    return {"DashboardEntries": entries, **token}


@handles("cloudwatch", "DeleteDashboards")
def delete_dashboards(world: World, params: Params, call: Call) -> dict[str, object]:
    """Delete those that exist; ResourceNotFound names the others."""
    known, names = world.cloudwatch.dashboards, params["DashboardNames"]
    if not 1 <= len(names) <= MOST_DELETED:
        raise AwsError("InvalidParameterValue", f"DashboardNames must have 1 to {MOST_DELETED} names.")
    missing = [name for name in names if name not in known]
    for name in names:
        if name in known:
            world.cloudwatch.tags.delete(known.pop(name).arn)
    if missing:
        raise _missing(missing)
    return {}


def _complaints(body: str) -> Iterator[Complaint]:
    """Yield what is wrong with a body, in order."""
    try:
        whole = json.loads(body)
    except ValueError:
        yield {"dataPath": "/", "message": "The dashboard body is not valid JSON"}
        return
    if not isinstance(whole, dict) or not isinstance(whole.get("widgets"), list):
        yield {"dataPath": "/", "message": "Should have required property 'widgets', an array"}
        return
    if len(whole["widgets"]) > MOST_WIDGETS:
        yield {"dataPath": "/widgets", "message": f"Should NOT have more than {MOST_WIDGETS} items"}
    for number, widget in enumerate(whole["widgets"]):
        yield from _widget_complaints(widget, f"/widgets/{number}")


def _widget_complaints(widget: object, where: str) -> Iterator[Complaint]:
    if not isinstance(widget, dict):
        yield {"dataPath": where, "message": "Should be an object"}
        return
    for name in ("type", "properties"):
        if name not in widget:
            yield {"dataPath": where, "message": f"Should have required property '{name}'"}
    if "type" in widget and widget["type"] not in KINDS:
        yield {"dataPath": f"{where}/type", "message": f"Should be equal to one of the allowed values {KINDS}"}
    if "properties" in widget and not isinstance(widget["properties"], dict):
        yield {"dataPath": f"{where}/properties", "message": "Should be an object"}
    for name, low, high in (("x", 0, GRID - 1), ("y", 0, 1_000_000), ("width", 1, GRID), ("height", 1, 1_000)):
        value = widget.get(name, low)
        if not isinstance(value, int) or not low <= value <= high:
            yield {"dataPath": f"{where}/{name}", "message": f"Should be an integer between {low} and {high}"}


def _wrong(message: str) -> AwsError:
    return AwsError("InvalidParameterInput", message)


def _missing(names: list[str]) -> AwsError:
    return AwsError("ResourceNotFound", f"Dashboard {', '.join(names)} does not exist")

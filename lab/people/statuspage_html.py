"""The status page as users see it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from lab.people.web import Json

_COLOURS = {"operational": "#2b8a3e", "under_maintenance": "#1864ab", "degraded_performance": "#b08800"}
_OUTAGE = "#c92a2a"
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 3rem auto; padding: 0 1rem; color: #222 }
.banner { color: #fff; padding: .8rem 1rem; border-radius: .3rem; font-weight: 600 }
table { width: 100%; border-collapse: collapse; margin: 1.5rem 0 }
td { padding: .6rem .2rem; border-bottom: 1px solid #ddd }
td + td { text-align: right }
.update { margin: .3rem 0 .3rem 1rem }
time { color: #666; font-size: .85rem }
"""


def page_of(name: str, components: Sequence[tuple[str, str]], incidents: Sequence[Json]) -> str:
    """Return the page; incidents newest first."""
    worst = next((status for _, status in components if status != "operational"), "operational")
    headline = "All Systems Operational" if worst == "operational" else "Some systems have trouble"
    rows = "".join(
        f"<tr><td>{escape(each)}</td><td style='color:{_colour(status)}'>{_words(status)}</td></tr>"
        for each, status in components
    )
    told = "".join(map(_incident, incidents)) or "<p>No incidents reported.</p>"
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(name)} Status</title><style>{_STYLE}</style>"
        f"<h1>{escape(name)}</h1><div class=banner style='background:{_colour(worst)}'>{headline}</div>"
        f"<table>{rows}</table><h2>Incidents</h2>{told}</html>"
    )


def _incident(incident: Json) -> str:
    updates = "".join(map(_update, incident["incident_updates"]))
    return f"<h3 id='{escape(incident['id'])}'>{escape(str(incident['name']))}</h3>{updates}"


def _update(update: Json) -> str:
    told = f"<b>{_words(update['status'])}</b> {escape(str(update['body']))}"
    return f"<div class=update>{told}<br><time>{update['created_at']}</time></div>"


def _colour(status: str) -> str:
    return _COLOURS.get(status, _OUTAGE)


def _words(status: str) -> str:
    return escape(status.replace("_", " ").capitalize())

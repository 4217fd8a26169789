"""The proof that injected latency was really met by traffic: the load balancer's own response times rose by it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast

from gameday.model import Evidence, Json, Mark
from gameday.record import Record
from gameday.safety.armed import Run

SHARE_SEEN = 0.8  # of the asked delay, below which the fault counts as not observed


def snapshot(run: Run) -> dict[str, Json]:
    """Return the load balancer's name in metrics, before anything is touched."""
    name = run.named("load_balancer", None)
    arn = run.aws.elbv2.describe_load_balancers(Names=[name])["LoadBalancers"][0]["LoadBalancerArn"]
    return {"load_balancer": arn.partition(":loadbalancer/")[2]}


def observed(run: Run, before: dict[str, Json], since: float) -> Evidence:
    """Proof: FIS ran the action, and TargetResponseTime rose by at least 0.8 of delay x share of tasks."""
    marks = Record(run.recorder.folder).marks()
    fault = _last(marks, "fault")
    ended = _last(marks, "fault.ended")
    baseline = _last(marks, "baseline")
    if fault is None or ended is None:
        return Evidence(False, ("FIS has not run the latency action",), over=False)
    balancer = cast("str", before["load_balancer"])
    calm = _mean_ms(run, balancer, baseline.at if baseline else since - 60, since)
    slow = _mean_ms(run, balancer, fault.at, ended.at)
    if calm is None or slow is None:
        return Evidence(None, ("TargetResponseTime has no data for the fault yet",), over=False)
    asked = cast("float", fault.details["delay_ms"]) * cast("float", fault.details["share"])
    rise = slow - calm
    where = f"{fault.details['targets']} of {fault.details['of']} tasks"
    sentences = (
        f"FIS experiment {fault.details['experiment']} delayed {where} for {ended.at - fault.at:.1f} s",
        f"TargetResponseTime rose from {calm:.0f} to {slow:.0f} ms: {rise:.0f} ms of the {asked:.0f} ms asked",
    )
    instants = {"FIS: latency began": fault.at, "FIS: latency ended": ended.at}
    proven = rise >= SHARE_SEEN * asked
    return Evidence(proven, sentences, instants)


def _last(marks: list[Mark], name: str) -> Mark | None:
    return next((mark for mark in reversed(marks) if mark.name == name), None)


def _mean_ms(run: Run, balancer: str, start: float, end: float) -> float | None:
    """Return the mean response time of whole periods inside [start, end], weighted by requests; None without data."""
    period = run.environment.sampling.period_s
    first, last = -(-start // period) * period, end // period * period
    if last <= first:
        return None
    metric = {
        "Namespace": "AWS/ApplicationELB",
        "MetricName": "TargetResponseTime",
        "Dimensions": [{"Name": "LoadBalancer", "Value": balancer}],
    }
    queries = [
        {"Id": stat.lower(), "MetricStat": {"Metric": metric, "Period": period, "Stat": stat}}
        for stat in ("Sum", "SampleCount")
    ]
    answer = run.aws.cloudwatch.get_metric_data(
        MetricDataQueries=queries,  # type: ignore[arg-type]
        StartTime=datetime.fromtimestamp(first, UTC),
        EndTime=datetime.fromtimestamp(last, UTC),
    )
    totals = {result["Id"]: sum(result["Values"]) for result in answer["MetricDataResults"]}
    return 1e3 * totals["sum"] / totals["samplecount"] if totals.get("samplecount") else None


PROOFS = (observed,)

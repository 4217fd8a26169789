"""The drill of a bad release as a user plays it, with the quickest automation: noticed, rolled back, users well."""

from __future__ import annotations

from typing import Any

from tests.e2e.conftest import Desk, Edited

DRILL = "ecs/bad-deployment.yaml"


def test_a_bad_release_is_rolled_back_and_every_instant_is_told(desk: Desk, edited: Edited) -> None:
    """Held: fault and repair seen by digest, the layers in their order, the process ended and the service restored."""

    def quick(data: dict[str, Any]) -> None:
        data["configuration"]["automation"] = "script"
        data["extensions"][0]["load"] |= {"warmup_s": 0, "baseline_s": 3}

    ended = desk.run(edited(DRILL, quick))
    findings = ended.findings
    assert (ended.code, findings["verdict"]) == (0, "held"), findings["why"]
    assert findings["repair"]["seen"] is True
    assert findings["repair"]["evidence"][0] == "rolled back by a deployment of foodconnect-backend:1 (script)"
    names = [layer["name"] for layer in findings["recovery"]["layers"]]
    story = ["fault accepted", "users: first bad request due", "script: noticed", "rollback began", "rolled back"]
    assert [name for name in names if name in story] == story
    [rolled_back] = [row for row in findings["objectives"] if row["name"] == "rolled_back_within_s"]
    assert rolled_back["met"] is True and rolled_back["limit"] == 60
    assert findings["recovery"]["recovered"] is True and findings["recovery"]["recovery_s"] > 1
    assert findings["promises"] == {"made": 2, "kept": 2, "open": []}

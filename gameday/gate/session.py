"""One gate from its folder to its `gate.json`: what it looks at first, which experiments it asks for, and how it ends.

The folder and a first `gate.json` are there before anything else, so that also a gate that was killed, or whose lab did
not come up, has said that it did not pass.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from gameday.analysis.compare import Compared, compare, measures
from gameday.aws import Aws
from gameday.block import block_in
from gameday.config import Environment
from gameday.engine.setup import facts, run_id
from gameday.errors import GamedayError, Refusal
from gameday.gate import baseline, document, image, judging, junit, page, summary, touched
from gameday.gate.judging import Outcome
from gameday.gate.playing import Part, Played, Say
from gameday.gate.suite import Entry, Loaded, keys_of
from gameday.model import Json
from gameday.record import Recorder, Redactor, write_json, write_whole
from gameday.release import Release, find
from gameday.source import Source

NOT_ENDED = Outcome("interrupted", judging.INTERRUPTED, ["the gate has not come to its end"])


@dataclass(frozen=True, slots=True)
class Asked:
    """What the user asked of a gate."""

    runs: Path
    release: str | None = None
    committed: str | None = None
    image: str = ""  # the digest that must run; "": whatever runs
    baseline: Path | None = None
    values: Mapping[str, Json] = field(default_factory=dict)  # of `--set`, for every experiment that has them
    changed_only: bool = False
    repeat_with: str = ""


class Gate:
    """The state of one gate; `say` gets a sentence whenever something is known.

    Making one raises UsageError when the baseline that was named is none; then nothing has been written.
    """

    def __init__(self, loaded: Loaded, environment: Environment, asked: Asked, redact: Redactor, say: Say) -> None:
        self.asked, self.say, self.redact = asked, say, redact
        suite = document.suite_name(loaded)
        self.good = (
            baseline.given(asked.baseline, suite, environment)
            if asked.baseline
            else baseline.good_gates(asked.runs, suite, environment)
        )
        entries = zip(loaded.suite.experiments, loaded.files, strict=True)
        self.parts: tuple[Part, ...] = tuple(
            _part(number, entry, file, loaded.root, environment, asked.values)
            for number, (entry, file) in enumerate(entries)
        )
        self.left: dict[int, document.Result] = {}
        self.images: list[image.Digests] | None = None  # of the tasks that ran at the beginning; None: not known
        name = run_id(f"gate-{suite}", None, asked.runs)
        self.recorder = Recorder(asked.runs / name, redact)
        release, good = Release(id=asked.release, committed_at=asked.committed), self.good.as_json()
        self.head = document.Head(
            name, loaded, time.time(), asked.repeat_with, facts(environment), release, baseline=good
        )
        self._save(document.document(self.head, [], NOT_ENDED, None))

    @property
    def folder(self) -> Path:
        """The gate's folder."""
        return self.recorder.folder

    def look(self, environment: Environment) -> list[Part]:
        """Read what is released and what good gates there are; return the parts that are asked for.

        Raises Refusal or UsageError: it is the wrong account or image, or AWS does not answer.
        """
        self.head = replace(self.head, environment=facts(environment))
        aws = Aws(environment, read_only=True)
        aws.check_account()
        self._say_baseline()
        self._find_release(aws, environment)
        self._check_image(aws)
        now, unread = touched.fingerprint(aws)
        self.recorder.save(baseline.FINGERPRINT, now)
        for sentence in unread:
            self.say(sentence)
        if self.asked.changed_only:
            self._leave_out(now)
        self.parts = tuple(self._timed(part, environment) for part in self.parts)
        return [part for part in self.parts if part.number not in self.left]

    def _say_baseline(self) -> None:
        if self.good.gates:
            count, newest = len(self.good.gates), self.good.gates[0]["gate"]
            self.say(f"compared with {count} good gate{'s' if count > 1 else ''}, the newest is {newest}")
        else:
            self.say("no good gate of this suite on this environment yet: nothing is compared")

    def _find_release(self, aws: Aws, environment: Environment) -> None:
        """Read the image that runs; a gate must not fail because a call for its papers is denied."""
        names, asked = environment.names, self.asked
        try:
            release = find(aws, names["cluster"], names["service"], asked.release, asked.committed)
        except Exception as error:  # noqa: BLE001  the release is then known by its name alone, and that is said
            self.say(f"the release could not be read: {type(error).__name__}: {error}")
            return
        self.head = replace(self.head, release=release)

    def _check_image(self, aws: Aws) -> None:
        """Read what runs. Raises Refusal: it is not the image that was asked for."""
        try:
            self.images = image.running(aws)
        except Exception as error:
            if self.asked.image:
                raise Refusal(f"what runs could not be read ({type(error).__name__}: {error})") from error
            self.note(f"nobody knows whether the release runs: {type(error).__name__}: {error}")
            return
        if self.asked.image and (why := image.other_than(self.images, self.asked.image)):
            raise Refusal(f"{why}; deploy it first, or look at why its deployment was taken back")
        brought = self.head.release.digest
        if brought and not any(brought in task for task in self.images):
            self.note(
                f"the newest deployment brought {brought}, which no task runs: it was taken back, or is under way"
            )
            self.head = replace(self.head, release=Release(id=self.asked.release, committed_at=self.asked.committed))

    def look_again(self, environment: Environment) -> str:
        """Return why what was played says nothing about the release; "" while the same images run as before it."""
        try:
            now = image.running(Aws(environment, read_only=True))
        except Exception as error:  # noqa: BLE001  what was asked for must be seen; else it is only told
            why = f"what runs at the end could not be read ({type(error).__name__}: {error})"
            if self.asked.image:
                return why
            self.note(why)
            return ""
        why = image.other_than(now, self.asked.image) if self.asked.image else image.moved(self.images or now, now)
        return f"the release changed while it was judged: {why}" if why else ""

    def _leave_out(self, now: touched.Fingerprint) -> None:
        """Leave out what a release has not touched since it passed; what names no area is about everything."""
        self.head = replace(self.head, changed=tuple(touched.changed(now, self.good.fingerprint).values()))
        for part in self.parts:
            gate, reasons = self._why_played(part, now)
            if reasons:
                self.say(f"{part.title}: {'; '.join(reasons)}")
                continue
            named = " and ".join(f"the {touched.WORDS[area]}" for area in part.entry.touches)
            why = f"left out by --changed-only: it passed in {gate}, and as then: {named}"
            self.left[part.number] = document.unplayed(part, judging.left_out(why))
            self.say(f"{part.title}: {why}")

    def _why_played(self, part: Part, now: touched.Fingerprint) -> tuple[str, list[str]]:
        """Return the gate that passed this very experiment ("": none), and why it is played again all the same."""
        entry = part.entry
        if late := entry.overdue(datetime.now(UTC).date()):
            return "", [late]
        passed = self.good.passed(part.name, part.sha256, entry.set)
        if passed is None:
            return "", ["no good gate has passed it as it stands, so it is played"]
        gate, seen = passed
        changed = touched.changed(now, seen)
        reasons = [why for area, why in changed.items() if area in entry.touches]
        return gate, reasons if entry.touches else ["it names nothing that it touches, so it is played"]

    def _timed(self, part: Part, environment: Environment) -> Part:
        """Return a part with how long it is thought to take."""
        block = block_in(Source.yaml(part.file))
        phases = environment.phases.adjusted(block.load if block else None)
        least = phases.warmup_s + phases.baseline_s + phases.fault_s + phases.recovery_s
        return replace(part, takes_s=baseline.estimate_s(self.good.seconds(part.name), least))

    def note(self, sentence: str) -> None:
        """Keep a sentence that belongs to the gate, and say it."""
        self.head = replace(self.head, notes=(*self.head.notes, sentence))
        self.say(sentence)

    def judged(self, played: Played) -> document.Result:
        """Return the result of one experiment."""
        if not played.tries:
            return document.unplayed(played.part, judging.not_played(played.skipped))
        suite, entry = self.head.loaded.suite, played.part.entry
        compared = self._compared(played)
        today = datetime.now(UTC).date()
        judged = judging.judge(entry, played.tries, compared, suite.regressions, today)
        return document.of_played(played, judged, compared)

    def _compared(self, played: Played) -> list[Compared]:
        """Compare the last try with the good gates, where it has figures of a whole run."""
        last, suite = played.tries[-1], self.head.loaded.suite
        if last.verdict not in ("held", "broke"):
            return []
        good = self.good.measures(played.part.name, played.part.entry.set, suite.baseline.keep)
        return compare(measures(last.findings), good, suite.limits)

    def end(self, done: Sequence[Played], stopped: str = "", code: int = 0) -> dict[str, Any]:
        """Write the results and return `gate.json`. *stopped* and *code*: what ended the gate before its end."""
        results = {each.part.number: self.judged(each) for each in done} | self.left
        for part in self.parts:
            if part.number not in results:
                results[part.number] = document.unplayed(part, judging.not_played(stopped or "it did not come to it"))
        ordered = [results[number] for number in sorted(results)]
        told = [(result.part.title, result.judged) for result in ordered]
        end = judging.outcome(told)
        if stopped and code:
            end = judging.stopped_by(stopped, code, told)
        saved = self._save(document.document(self.head, ordered, end, time.time()))
        self.recorder.sweep()  # logs of runs that other processes wrote
        return saved

    def _save(self, gate: dict[str, Json]) -> dict[str, Any]:
        """Write what is rendered from `gate.json` and then that, all without secrets: only the whole can say passed.

        Raises GamedayError: it cannot be written, and a gate without its record has not passed.
        """
        clean = cast("dict[str, Any]", self.redact(gate))
        voices = (("junit.xml", junit.render), ("summary.md", summary.render), ("report.html", page.render))
        try:
            for name, text in [(name, render(clean)) for name, render in voices]:
                write_whole(self.folder / name, text.encode())
            write_json(self.folder / baseline.FILE, clean)
        except OSError as error:
            raise GamedayError(f"{self.folder}: the gate's record cannot be written: {error}") from error
        return clean


def _part(
    number: int, entry: Entry, file: Path, root: Path, environment: Environment, given: Mapping[str, Json]
) -> Part:  # fmt: skip
    """Return an experiment of the suite, its entry with all the values that it is played with."""
    source = Source.yaml(file)
    data, place = cast("dict[str, Any]", source.data), file.resolve()
    name = str(place.relative_to(root.resolve())) if place.is_relative_to(root.resolve()) else str(file)
    sha256 = hashlib.sha256(source.text.encode()).hexdigest()
    part = Part(number, entry, file, str(data["title"]), 0.0, name, keys_of(file, environment.names), sha256)
    values = cast("Mapping[str, str | int | float | bool]", part.values(given))
    return replace(part, entry=replace(entry, set=values))

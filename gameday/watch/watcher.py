"""The loop: look, judge, and either go on, end, or go back; every look is a sentence.

It ends well only when the deployment has ended, the time of observation is over, and the rules could be judged on it.
No rollback without evidence: errors while an experiment goes on, errors that were there before, and silence are none.
No silence when blind: who is without data for longer than stated tells people, and never ends well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from gameday.analysis.stats import Span
from gameday.config import Sampling
from gameday.errors import GamedayError, UsageError
from gameday.model import iso
from gameday.watch.eyes import Clock, Eyes, HandsOf, failures, is_final, tried
from gameday.watch.readings import floor_to, horizon
from gameday.watch.returning import Returning
from gameday.watch.rollback import By
from gameday.watch.rules import Scene, judge
from gameday.watch.story import Story
from gameday.watch.telling import Tell, told
from gameday.watch.values import BY_HAND, GOING_BACK, UNDER_WAY, WENT_BACK, Crash, Deployment, Opinion, Proof, Traffic

Say = Callable[[str], None]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Manner:
    """How one watch goes about it."""

    by: By = "auto"
    dry_run: bool = False
    drill: bool = False  # an experiment that goes on excuses nothing


@dataclass(slots=True)
class Stop:
    """Somebody wants the watcher to end: 1 between looks, 2 even from a rollback, which can then be resumed."""

    asked: int = 0


class Watcher:
    """Watches one deployment to its end."""

    def __init__(
        self, eyes: Eyes, hands: HandsOf, clock: Clock, story: Story, pace: Sampling, *,
        tell: Tell, say: Say, manner: Manner, stop: Stop | None = None, lost: Callable[[], str] = lambda: "",
    ) -> None:  # fmt: skip
        self.eyes, self.hands, self.clock, self.story, self.pace = eyes, hands, clock, story, pace
        self.plan, self.tell, self.say, self.manner = story.plan, tell, say, manner
        self.stop, self.lost = stop or Stop(), lost
        self.watched: Deployment | None = None
        self.observed_from = story.began
        self._judged_until = 0.0  # up to when traffic has been read; a slow answer is older than the clock says
        self._before: Traffic | None = None
        self._blind_to: float | None = None  # up to when it has been blind; None: it sees
        self._told_blind = False
        self._came_late = False
        self._seen_at = clock.now()  # when AWS last answered everything
        self._opinion = Opinion("unknown", "nothing has been looked at yet")

    # -- the loop ----------------------------------------------------------------------------------------

    def watch(self) -> None:
        """Look until the story has an end. A bug of ours is no silence either: it is told, and then raised."""
        if not self.has_begun():
            return
        try:
            self._watch()
        except GamedayError:
            raise
        except Exception as error:
            doing = "in the middle of a rollback" if self.story.rollback else "and judges no more"
            why = f"the watcher has crashed {doing}: {type(error).__name__}: {error}"
            lines = [why, "the same command goes on with it; look yourself", f"record {self.story.name}"]
            self._tell("blind", f"{self.story.service}: the watcher of the release has crashed", lines)
            raise

    def _watch(self) -> None:
        while not self.look():
            if self.stop.asked:
                self._finish("interrupted", "interrupted; nothing was changed")
                return
            if why := self.lost():
                self._finish("superseded", why)
                return
            self.clock.sleep(self.pace.tick_s)

    def has_begun(self) -> bool:
        """Begin; False: AWS did not say what is to be watched, so the story has ended as blind, and people are told."""
        try:
            self.begin()
        except failures() as error:
            why = f"AWS has not said what is to be watched: {type(error).__name__}: {error}"
            self._finish("blind", why, "nothing was judged, and nothing rolled back; look yourself", loud=True)
            return False
        return True

    def begin(self) -> None:
        """Find what is watched. Raises UsageError: there is no deployment; AWS's errors once that is blindness."""
        known = self.story.watched_arn
        found = self._patiently(lambda: self.eyes.deployment(known) if known else self.eyes.newest())
        if found is None:
            raise UsageError(
                f"ECS remembers no deployment of {self.story.service}; watch after `aws ecs update-service`"
            )
        self.watched = self.story.deployment = found
        self.story.times["deployed_at"] = self.watched.since
        self.story.mark("watch: begins", self.story.began, deployment=self.watched.arn, status=self.watched.status)
        self.say(f"deployment {short(self.watched.arn)} is {self.watched.status}, began {iso(self.watched.since)}")
        self._came_late = self.is_long_over()

    def is_long_over(self) -> bool:
        """Whether the deployment's time of observation is over already: errors of now need not be the release's."""
        assert self.watched is not None
        ended = self.watched.finished_at if self.watched.status not in UNDER_WAY else None
        late_s = self.plan.observe_s + self.pace.late_s + self.plan.period_s
        return ended is not None and self.clock.now() - ended > late_s

    def _patiently(self, ask: Callable[[], T]) -> T:
        """Ask for as long as silence is no blindness yet; a signal, or an answer that is final, ends it."""
        deadline = self.clock.now() + self.plan.blind_after_s
        while True:
            try:
                return tried(ask, self.clock, self._failed)
            except failures() as error:
                if is_final(error) or self.stop.asked or self.clock.now() > deadline:
                    raise
                self.say(f"AWS does not answer: {error}")
                self.clock.sleep(self.pace.tick_s)

    def look(self) -> bool:
        """Look once; return whether the story has ended."""
        assert self.watched is not None
        if self.story.rollback is not None:  # begun before a crash
            self._return(self.watched)
            return True
        try:
            newest = tried(self.eyes.newest, self.clock, self._failed)
            if newest is not None and newest.arn == self.watched.arn:
                self.watched = replace(newest, scheduler_id=newest.scheduler_id or self.watched.scheduler_id)
                self.story.deployment = self.watched
            opinion = self._judge(self.watched)
        except failures() as error:
            return self._unseen(error)
        if newest is not None and newest.arn != self.watched.arn:
            why = f"a newer deployment has begun: {short(newest.arn)} at {iso(newest.created_at)}; watch that one"
            self._finish("superseded", why)
            return True
        self._seen_at = self.clock.now()
        return self._decide(self.watched, opinion)

    # -- one look ----------------------------------------------------------------------------------------

    def _judge(self, watched: Deployment) -> Opinion:
        experiment = tried(self.eyes.experiment, self.clock, self._failed)
        if experiment and not self.manner.drill:
            self._excuse(experiment[1])
            return Opinion("not judged", f"an experiment {experiment[0]} is going on, not judged")
        crashes = tried(lambda: self.eyes.crashes(watched), self.clock, self._failed) if self.plan.crashes else []
        traffic = tried(lambda: self._traffic(watched), self.clock, self._failed)
        opinion = judge(self._scene(watched, traffic, crashes), self.plan)
        if opinion.state != "bad" or not self._came_late or self._was_bad(watched, crashes):
            return opinion
        why = "but nothing shows that it began with the release, whose deployment had long ended when this watch began"
        return Opinion("unknown", f"{opinion.sentence}; {why}: look for another cause")

    def _was_bad(self, watched: Deployment, crashes: list[Crash]) -> bool:
        """Whether the release was bad in its own time of observation, which was over before this watch began."""
        assert watched.finished_at is not None
        until = floor_to(watched.finished_at + self.plan.observe_s, self.plan.period_s)
        start = watched.since - self.plan.look_back_s
        traffic = tried(lambda: self.eyes.traffic(start, until), self.clock, self._failed)
        then = [each for each in crashes if each.at <= until]
        return judge(self._scene(watched, traffic, then), self.plan).state == "bad"

    def _scene(self, watched: Deployment, traffic: Traffic, crashes: list[Crash]) -> Scene:
        return Scene(traffic, crashes, watched.since, tuple(self.story.excused))

    def _traffic(self, watched: Deployment) -> Traffic:
        """Return what was before the deployment, read until it is complete and then kept, with what came since."""
        now = self.clock.now()
        until, since, back_s = horizon(now, self.pace), watched.since, self.plan.look_back_s
        before = self._before or self.eyes.traffic(since - back_s, min(since, until))
        if until >= since + self.pace.period_s:
            self._before = before
        after = self.eyes.traffic(max(since, until - back_s), until)
        rates = {**before.error_rate, **after.error_rate}
        self._judged_until = until
        known = {each.at: each for each in (*before.periods, *after.periods)}
        return Traffic(until, tuple(known[at] for at in sorted(known)), rates)

    def _excuse(self, since: float) -> None:
        """What happens while an experiment goes on is nobody's evidence, nor what ends shortly after it."""
        end = self.clock.now() + self.pace.tick_s + self.pace.period_s
        spans = [each for each in self.story.excused if each.start != since]
        self.story.excused = [*spans, Span(since, end)]

    def _decide(self, watched: Deployment, opinion: Opinion) -> bool:
        if watched.status in (*GOING_BACK, *WENT_BACK):
            self._return(watched)
            return True
        if watched.status == "STOPPED" and BY_HAND in watched.reason:
            self._finish("superseded", "somebody stopped the deployment where it is; it is theirs to go on or back")
            return True
        if watched.status == "STOPPED":
            at = watched.finished_at or self.clock.now()
            proof = Proof(at, "deployment", 0.0, 1.0, 0.0, 0.0)
            said = f"deployment: ECS says it is {watched.status}: {watched.reason or 'no reason'}"
            opinion = Opinion("bad", said, (proof,), watched.since)
        self._note(opinion)
        if opinion.state == "bad":
            self._condemn(watched, opinion)
            return True
        return self._is_over(watched, opinion)

    def _note(self, opinion: Opinion) -> None:
        self._opinion = opinion
        now = self.clock.now()
        self.story.say(opinion, now)
        self.say(f"{opinion.state}: {opinion.sentence}")
        if opinion.state != "blind":
            self._blind_to = None
            return
        self.story.blind_s += (
            now - self._blind_to if self._blind_to else max(self.plan.blind_after_s, now - self._seen_at)
        )
        self._blind_to = now
        self._cry(opinion.sentence)

    def _unseen(self, error: Exception) -> bool:
        """AWS does not answer: blind once that has lasted for longer than stated; the end comes all the same."""
        now = self.clock.now()
        silent_s = now - self._seen_at
        said = f"AWS has not answered for {silent_s:.0f} s: {type(error).__name__}: {error}"
        self._note(Opinion("blind" if silent_s > self.plan.blind_after_s else "unknown", said))
        assert self.watched is not None
        return self._is_over(self.watched, self._opinion)

    def _cry(self, sentence: str) -> None:
        if self._told_blind:
            return
        self._told_blind = True
        self.story.mark("watch: blind", why=sentence)
        lines = [sentence, "nothing is rolled back without evidence; look yourself", f"record {self.story.name}"]
        self._tell("blind", f"{self.story.service}: the watcher of the release is blind", lines)

    def _is_over(self, watched: Deployment, opinion: Opinion) -> bool:
        now, finished = self.clock.now(), watched.finished_at
        if watched.status in UNDER_WAY or finished is None:
            if now - watched.since <= self.plan.deploy_within_s:
                return False
            why = f"the deployment has not ended within {self.plan.deploy_within_s:g} s, so it cannot be called well"
            self._finish("blind", why, loud=True)
            return True
        end = max(self.observed_from, finished) + self.plan.observe_s
        end = max(end, watched.since + self.plan.needs_s + self.pace.period_s)
        if self._judged_until < end and horizon(now, self.pace) < end + self.plan.blind_after_s:
            return False
        self._close(opinion, end)
        return True

    def _close(self, opinion: Opinion, end: float) -> None:
        observed = f"observed until {iso(end)}"
        if self._told_blind:
            why = f"blind for {self.story.blind_s:.0f} s of the watch; no data is not healthy"
            self._finish("blind", why, opinion.sentence, observed)
        elif opinion.state == "well":
            self._finish("well", opinion.sentence, observed)
        else:
            self._finish("blind", f"never judged to the end: {opinion.sentence}", observed, loud=True)

    # -- the end -----------------------------------------------------------------------------------------

    def _condemn(self, watched: Deployment, opinion: Opinion) -> None:
        times = self.story.times
        times["detected_at"] = self.clock.now()
        times["bad_since"] = opinion.bad_since
        self.story.evidence = [each.as_json() for each in opinion.proofs]
        self.story.why.insert(0, opinion.sentence)
        self.story.mark("watch: the release is bad", why=opinion.sentence)
        if self.manner.dry_run:
            self._finish("would roll back", f"dry run: nothing was changed; it would go back to {self._to(watched)}")
            return
        lines = [opinion.sentence, f"rolling back; record {self.story.name}"]
        self._tell("release bad", f"{self.story.service}: the release is bad", lines)
        self._return(watched)

    def _to(self, watched: Deployment) -> str:
        try:
            good = tried(lambda: self.hands.last_good(watched), self.clock, self._failed)
        except failures() as error:
            return f"what AWS does not say now: {error}"
        digest = good.as_json()["digest"] if good else ""
        return str(digest or "nothing: no other release was brought out whole before")

    def _return(self, watched: Deployment) -> None:
        returning = Returning(
            self.eyes, self.hands, self.clock, self.story, self.pace, self.manner.by, self.say, self.stop
        )
        if self.manner.dry_run:
            self._finish("would roll back", f"dry run: a rollback is under way already: {watched.status}")
            return
        returning.before = self._before
        ending = returning.go(watched)
        if ending.outcome:
            self._finish(ending.outcome, *ending.why, loud=True)
        else:  # left on purpose: it can be resumed
            self.say("left in the middle of a rollback; the same command goes on with it")

    def _finish(self, outcome: str, *why: str, loud: bool = False) -> None:
        if loud or outcome == "superseded":
            self._tell(outcome, f"{self.story.service}: {outcome}", [*why, f"record {self.story.name}"])
        self.story.end(outcome, *why)
        self.say(f"{outcome}: {why[0]}")

    def _tell(self, kind: str, title: str, lines: list[str]) -> None:
        try:
            deliveries = self.tell(kind, title, lines)
            self.story.notified += told(deliveries)
        except Exception as error:  # noqa: BLE001  a channel that fails must never stop a rollback
            self.story.notified.append({"channel": "?", "ok": False, "detail": f"{type(error).__name__}: {error}"})
        self.story.save()

    def _failed(self, error: Exception) -> None:
        self.story.failed_reads += 1
        self.story.recorder.log("warning", "AWS did not answer", error=f"{type(error).__name__}: {error}")


def short(arn: str) -> str:
    """Return the end of an ARN."""
    return arn.rpartition("/")[2]

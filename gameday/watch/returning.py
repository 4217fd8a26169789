"""A rollback from its decision to users who are well again; it can be begun anew at any point.

It counts as done when ECS says so, every running task is on the good image by digest, and the error ratio is back
under what was allowed. What cannot be seen is not done: no data after the rollback is no users who are well.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

from gameday.config import Sampling
from gameday.model import iso
from gameday.watch.eyes import Clock, Eyes, HandsOf, failures, is_final, tried
from gameday.watch.readings import horizon
from gameday.watch.rollback import DIGEST, STOP, By, CannotRollBack, Overtaken, all_run, by_hand, next_step, was_undone
from gameday.watch.rules import Scene, is_bad, ratio_before, ratio_of
from gameday.watch.story import Rollback, Story
from gameday.watch.values import BY_HAND, GOING_BACK, WENT_BACK, Deployment, Good, Period, Traffic

if TYPE_CHECKING:
    from gameday.watch.watcher import Stop

T = TypeVar("T")
WRITES = 20  # tries of the calls of a rollback, each after reading back
REFUSED = 3  # of these, when AWS says that it is not allowed: people must hear that soon
ROUNDS = 3  # of a rollback that ECS itself rolls back
WELL_PERIODS = 3  # so long the users must be well


@dataclass(frozen=True, slots=True)
class Ending:
    """How a rollback ended; an empty outcome: it was left, and can be gone on with."""

    outcome: Literal["", "rolled back", "rolled back by ecs", "rollback failed", "superseded"]
    why: tuple[str, ...] = ()


class Left(Exception):
    """Somebody asked twice for the end."""


class Returning:
    """One rollback."""

    def __init__(
        self, eyes: Eyes, hands: HandsOf, clock: Clock, story: Story, pace: Sampling, by: By,
        say: Callable[[str], None], stop: Stop,
    ) -> None:  # fmt: skip
        self.eyes, self.hands, self.clock, self.story, self.pace = eyes, hands, clock, story, pace
        self.by, self.say, self.stop, self.plan = by, say, stop, story.plan
        self.before: Traffic | None = None
        self.good: Good | None = None
        self.deadline = clock.now() + self.plan.verify_within_s

    def go(self, bad: Deployment) -> Ending:
        """Go back, and verify it."""
        try:
            self.good = self._read(lambda: self.hands.last_good(bad))
            self._open(bad)
            return self._verify(bad, self._done(bad))
        except (CannotRollBack, TimeoutError) as error:
            command = by_hand(self.story.cluster, self.story.service, bad, self.good)
            return Ending("rollback failed", (str(error), f"by hand: {command}"))
        except Overtaken as error:
            return Ending("superseded", (f"{error}; the rollback was not gone on with",))
        except Left:
            return Ending("")

    # -- doing it ----------------------------------------------------------------------------------------

    def _open(self, bad: Deployment) -> None:
        """Write down that a rollback begins, and from what ratio on users count as well again."""
        if self.story.rollback is not None:
            self.say("a rollback was begun before; going on with it")
            return
        how = (
            STOP
            if bad.status in ("PENDING", "IN_PROGRESS", *GOING_BACK, *WENT_BACK) and self.by != "digest"
            else DIGEST
        )
        limit = min(each.limit for each in self.plan.rules)
        earlier = self.before or Traffic()
        before = ratio_before(Scene(earlier, (), bad.since, tuple(self.story.excused)), self.plan)
        to = self.good.as_json() if self.good else {}
        self.story.rollback = Rollback(how, to, max(limit, before or 0.0))
        self.story.times["rollback_started_at"] = bad.back_at or self.clock.now()
        self.story.mark("rollback: begins", how=how, to=to)

    def _done(self, bad: Deployment) -> Deployment:
        """Go back, and again where ECS undid it: its alarm rang meanwhile, and is not watched while it rings."""
        for _ in range(ROUNDS):
            done = self._await_deployment(bad, self._bring_about(bad))
            if done.arn == bad.arn or done.status == "SUCCESSFUL" or not was_undone(done, self.good):
                return done
            self.say(f"ECS has rolled the rollback back: {done.back_reason or done.reason}; once more")
            self.story.mark("rollback: undone by ECS", deployment=done.arn, why=done.back_reason)
            if self.story.rollback:
                self.story.rollback.deployment = ""
        raise CannotRollBack(f"ECS rolled the rollback back {ROUNDS} times: {done.back_reason or done.reason}")

    def _bring_about(self, bad: Deployment) -> str:
        """Do what is to be done; return the deployment to follow. Raises CannotRollBack, Overtaken, TimeoutError."""
        rollback, by = self.story.rollback, self.by
        assert rollback is not None
        for attempt in range(WRITES):
            now = self._read(lambda: self.eyes.deployment(bad.arn))
            newest = self._read(self.eyes.newest) or now
            step = next_step(now, newest, self.good, by)
            if step.kind == "follow":
                rollback.how = STOP if step.deployment == bad.arn else DIGEST
                rollback.deployment = "" if step.deployment == bad.arn else step.deployment
                self.story.mark("rollback: follows", deployment=step.deployment, status=newest.status)
                return step.deployment
            try:
                self._stop_it(bad) if step.kind == "stop" else self._update()
            except failures() as error:
                rollback.calls.append(f"no answer: {step.kind}: {error}")
                self.story.mark("rollback: no answer", call=step.kind, error=str(error))
                self.say(f"a call of the rollback failed, reading back: {error}")
                if is_final(error) and attempt + 1 >= REFUSED:
                    if step.kind != "stop" or by != "auto" or self.good is None:
                        raise CannotRollBack(f"ECS refuses it: {error}") from error
                    by = "digest"  # the other way, which needs other permissions
            self._pause(min(self.pace.tick_s, 2.0**attempt))
        raise CannotRollBack(
            f"{WRITES} tries to roll back had no effect; {(rollback.calls or ['no call was needed'])[-1]}"
        )

    def _stop_it(self, bad: Deployment) -> None:
        self.story.mark("rollback: stops the deployment", deployment=bad.arn)
        self._called(self.hands.stop(bad.arn))

    def _update(self) -> None:
        """Bring the good release out, unless the service is on it already and its deployment only not listed yet."""
        assert self.good is not None
        rollback, good = self.story.rollback, self.good
        assert rollback is not None
        rollback.how = DIGEST
        rollback.registered = rollback.registered or self.hands.by_digest(good, self.story)
        if self.hands.is_on(rollback.registered):
            return
        self.story.mark("rollback: updates the service", task_definition=rollback.registered)
        self._called(self.hands.update(rollback.registered))

    def _called(self, call: str) -> None:
        assert self.story.rollback is not None
        self.story.rollback.calls.append(call)
        self.story.mark("rollback: accepted", call=call)
        self.say(call)

    # -- reading it back ---------------------------------------------------------------------------------

    def _verify(self, bad: Deployment, done: Deployment) -> Ending:
        good = self._good_digests(bad, done)
        wrong = self._until(lambda: all_run(good, self.eyes.running_digests()))
        rollback, times = self.story.rollback, self.story.times
        assert rollback is not None
        if wrong:
            raise TimeoutError(f"rolled back, but not verified: {wrong}")
        times["rolled_back_at"] = times["rolled_back_at"] or self.clock.now()
        self.story.mark("rollback: every running task is on the good image", digests=good)
        self.say(f"every running task is on {', '.join(sorted(set(good.values())))}")
        if wrong := self._until(self._users_unwell):
            raise TimeoutError(f"the good image runs, but users are not seen to be well: {wrong}")
        rollback.verified = True
        self.story.mark("rollback: users are well", times["users_well_at"])
        return self._ending(bad, done, good)

    def _ending(self, bad: Deployment, done: Deployment, good: dict[str, str]) -> Ending:
        assert self.story.rollback is not None
        with suppress(TimeoutError):  # what was verified stays so, though ECS does not answer any more
            self.story.deployment = self._read(lambda: self.eyes.deployment(bad.arn))
        what = f"{', '.join(sorted(set(good.values())))} runs again in every task, and users are well"
        ours = bool(self.story.rollback.calls)
        its_own = bool(done.back_reason) or not ours  # ECS says why; where it does not, who called it decides
        if done.arn == bad.arn and its_own and BY_HAND not in done.back_reason:
            return Ending("rolled back by ecs", (f"{done.back_reason or done.reason}: {what}",))
        who = "" if ours else "somebody else began it: "
        return Ending("rolled back", (f"{who}{what}",))

    def _await_deployment(self, bad: Deployment, followed: str) -> Deployment:
        """Follow until ECS is done with it. Raises TimeoutError, Overtaken."""
        ends = ("ROLLBACK_SUCCESSFUL",) if followed == bad.arn else ("SUCCESSFUL", "ROLLBACK_SUCCESSFUL")
        said = ""
        while True:
            found = self._read(lambda: self.eyes.deployment(followed))
            newest = self._read(self.eyes.newest) or found
            if newest.arn != followed and newest.created_at > found.created_at:
                raise Overtaken(f"a newer deployment has begun: {newest.arn}")
            if found.status != said:
                said = found.status
                self.say(f"deployment {followed.rpartition('/')[2]} is {said}")
            if found.status in ends:
                return found
            if found.status in ("STOPPED", "ROLLBACK_FAILED"):
                raise CannotRollBack(f"the rollback's deployment is {found.status}: {found.reason or 'no reason'}")
            if self.clock.now() > self.deadline:
                raise TimeoutError(f"the rollback is still {found.status} after {self.plan.verify_within_s:g} s")
            self._pause(self.pace.tick_s)

    def _good_digests(self, bad: Deployment, done: Deployment) -> dict[str, str]:
        """Return the digests that must run: those of the revision that ECS went back to, or of the good release.

        Raises CannotRollBack: they are unknown, or the bad release's own: that is no way back.
        """
        found = self._read(lambda: self.eyes.revision(done.back_to or done.revision))
        assert self.story.rollback is not None
        self.story.rollback.to = found.as_json()
        if not found.digests:
            raise CannotRollBack(f"ECS names no image digest of {found.revision}, so what runs now cannot be verified")
        if (found.digests, found.task_definition) == (bad.digests, bad.task_definition):
            raise CannotRollBack("ECS went back to the bad release itself: it had been brought out whole before")
        return dict(found.digests)

    def _users_unwell(self) -> str:
        """Return why users are not seen to be well, or "" with the instant from which on they are."""
        rollback, times = self.story.rollback, self.story.times
        assert rollback is not None
        started, until = times["rollback_started_at"] or 0.0, horizon(self.clock.now(), self.pace)
        least_s = WELL_PERIODS * self.pace.period_s
        found = self.eyes.traffic(started - self.pace.period_s, until)
        bad = [each for each in found.periods if is_bad(each, rollback.allowed)]
        from_ = max([started, *[each.at + self.pace.period_s for each in bad]])
        start = max(from_, (times["rolled_back_at"] or started) - least_s)
        counted = [each for each in found.periods if each.at >= start]
        requests, errors = sum(each.requests for each in counted), sum(each.errors for each in counted)
        ratio = ratio_of(counted)
        if until - start < least_s or until < (times["rolled_back_at"] or 0.0):
            return f"{max(0.0, until - start):.0f} s without too many errors, {least_s:g} s are needed"
        if ratio is None or requests < self.plan.min_requests:
            return (
                f"{requests:.0f} requests since the rollback, {self.plan.min_requests} are needed: no data is not well"
            )
        if is_bad(Period(start, requests, errors), rollback.allowed):
            return f"{ratio:.2%} of {requests:.0f} requests fail, {rollback.allowed:.2%} were allowed"
        times["users_well_at"] = from_
        self.say(f"users are well since {iso(from_)}: {ratio:.2%} of {requests:.0f} requests fail")
        return ""

    def _until(self, wrong: Callable[[], str]) -> str:
        """Ask until nothing is wrong, or the time is over; return what is wrong then."""
        while True:
            try:
                said = wrong()
            except failures() as error:
                said = f"AWS does not answer: {error}"
            if not said or self.clock.now() > self.deadline:
                return said
            self._pause(self.pace.tick_s)

    # -- waiting -----------------------------------------------------------------------------------------

    def _read(self, ask: Callable[[], T]) -> T:
        """Ask until AWS answers. Raises TimeoutError: it has not, in all the time of the rollback."""
        while True:
            try:
                return tried(ask, self.clock, self._failed)
            except failures() as error:
                if self.clock.now() > self.deadline:
                    raise TimeoutError(
                        f"AWS does not answer, so what became of the rollback is unknown: {error}"
                    ) from error
                self.say(f"AWS does not answer: {error}")
                self._pause(self.pace.tick_s)

    def _failed(self, error: Exception) -> None:
        self.story.failed_reads += 1
        self.story.recorder.log("warning", "AWS did not answer", error=f"{type(error).__name__}: {error}")

    def _pause(self, seconds: float) -> None:
        if self.stop.asked >= 2:
            raise Left
        self.clock.sleep(seconds)

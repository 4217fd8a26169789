"""Log events over the API: put, get by pages in both directions, filter."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from lab.aws.logs_find import find_group, given_group, invalid, missing, place_of
from lab.aws.logs_pattern import PatternError, compile_pattern
from lab.aws.logs_store import OVERHEAD_BYTES, Event, Group, Stream, now_ms, size_of
from lab.aws.paging import write_token
from lab.aws.registry import Call, Params, handles

if TYPE_CHECKING:
    from lab.aws.world import World

MOST_EVENTS, MOST_BYTES, LONGEST_MESSAGE = 10_000, 1_048_576, 1_048_550
PAGE_BYTES = 1_048_576
SCANNED = 20_000  # FilterLogEvents looks at so many events a call; a page may be empty and have a next one
HOUR_MS, DAY_MS = 3_600_000, 86_400_000


@handles("logs", "PutLogEvents")
def put_events(world: World, params: Params, call: Call) -> dict[str, object]:
    """Store a batch, without the events that are too old or too new.

    Missing: an entity is not kept.
    """
    store = world.logs.store
    group = find_group(store, params["logGroupName"])
    stream = group.streams.get(params["logStreamName"])
    if stream is None:
        raise missing("log stream")
    lines = [(event["timestamp"], event["message"]) for event in params["logEvents"]]
    _check_batch(lines)
    first, after, rejected = _accepted([at for at, _ in lines], group)
    store.put(group, stream, lines[first:after])
    answer: dict[str, object] = {"nextSequenceToken": "49039859516795136475"}  # no longer read, and still sent
    return {**answer, "rejectedLogEventsInfo": rejected} if rejected else answer


def _check_batch(lines: Sequence[tuple[int, str]]) -> None:
    if not 1 <= len(lines) <= MOST_EVENTS:
        raise invalid(f"A batch has between 1 and {MOST_EVENTS} log events.")
    times = [at for at, _ in lines]
    if times != sorted(times):
        raise invalid("Log events in a single PutLogEvents request must be in chronological order.")
    if times[-1] - times[0] > DAY_MS:
        raise invalid("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")
    sizes = [len(message.encode()) for _, message in lines]
    if max(sizes) > LONGEST_MESSAGE:
        raise invalid(f"Log event too large: {max(sizes)} bytes exceeds limit of {LONGEST_MESSAGE}")
    if sum(sizes) + OVERHEAD_BYTES * len(sizes) > MOST_BYTES:
        raise invalid(f"Upload too large: {sum(sizes)} bytes exceeds limit of {MOST_BYTES}")


def _accepted(times: Sequence[int], group: Group) -> tuple[int, int, dict[str, int]]:
    """Return the range of events that are stored, and the member rejectedLogEventsInfo."""
    now = now_ms()
    oldest, expired = now - 14 * DAY_MS, group.expires_before or 0
    too_old = sum(at < oldest for at in times)
    gone = sum(at < expired for at in times)
    after = sum(at <= now + 2 * HOUR_MS for at in times)
    rejected = {"tooOldLogEventEndIndex": too_old} if too_old else {}
    rejected |= {"expiredLogEventEndIndex": gone} if gone else {}
    rejected |= {"tooNewLogEventStartIndex": after} if after < len(times) else {}
    return max(too_old, gone), after, rejected


@handles("logs", "GetLogEvents")
def get_events(world: World, params: Params, call: Call) -> dict[str, object]:
    """Return a page of a stream; its tokens lead forward and backward, and at an end to the same place again.

    Missing: `unmask`, as no data is protected.
    """
    store = world.logs.store
    group = given_group(store, params)
    stream = group.streams.get(params["logStreamName"])
    if stream is None:
        raise missing("log stream")
    events = _cut(store.read(group, [stream.name], *_times(params)).cuts)
    limit, token = _limit(params), params.get("nextToken")
    if token is None:
        page = _fit(events, limit, from_end=not params.get("startFromHead", False))
    else:
        direction, place = _place(token)
        rest = [e for e in events if (e[:2] > place if direction == "f" else e[:2] < place)]
        page = _fit(rest, limit, from_end=direction == "b")
    return {"events": [_event_as_dict(event) for event in page], **_tokens(page, token)}


def _cut(cuts: Sequence[tuple[str, list[Event]]]) -> list[Event]:
    return cuts[0][1] if cuts else []


def _fit(events: Sequence[Event], limit: int, *, from_end: bool) -> list[Event]:
    """Return as many events as fit into a page, from one end."""
    kept: list[Event] = []
    size = 0
    for event in islice(reversed(events) if from_end else events, limit):
        size += size_of(event)
        if kept and size > PAGE_BYTES:
            break
        kept.append(event)
    return kept[::-1] if from_end else kept


def _place(token: str) -> tuple[str, tuple[int, int]]:
    direction, _, wrapped = token.partition("/")
    if direction not in ("f", "b"):
        raise invalid("The specified nextToken is invalid.")
    return direction, _numbers(wrapped)


def _tokens(page: Sequence[Event], token: str | None) -> dict[str, str]:
    if page:
        first, last = write_token(page[0][:2]), write_token(page[-1][:2])
    else:
        first = last = (token or f"f/{write_token((0, 0))}").partition("/")[2]
    return {"nextForwardToken": f"f/{last}", "nextBackwardToken": f"b/{first}"}


@handles("logs", "FilterLogEvents")
def filter_events(world: World, params: Params, call: Call) -> dict[str, object]:
    """Return the events that match a pattern, over all streams or some; the oldest first unless asked otherwise.

    Missing: `unmask`, as no data is protected.
    """
    store = world.logs.store
    group = given_group(store, params)
    try:
        match = compile_pattern(params.get("filterPattern") or "").match
    except PatternError as error:
        raise invalid(f"Invalid filter pattern: {error}") from None
    names = [stream.name for stream in _streams(group, params)]
    start, end = _times(params)
    found = store.read(group, names, start, None if end is None else end + 1)  # here the end belongs to the range
    oldest_first, place = _direction(params)
    events = found.forward(place) if oldest_first else found.backward(place)
    return _matching(events, match, _limit(params), oldest_first)


def _matching(
    events: Iterator[tuple[Event, str]], match: Callable[[str], object], limit: int, oldest_first: bool
) -> dict[str, object]:
    """Return a page of the events that match; the token holds the direction and the last event that was looked at."""
    found: list[dict[str, object]] = []
    size, last, more = 0, None, False
    for scanned, (event, name) in enumerate(events):
        if len(found) >= limit or size >= PAGE_BYTES or scanned >= SCANNED:
            more = True
            break
        last = event
        if match(event.message) is not None:
            size += size_of(event)
            found.append({"logStreamName": name, **_event_as_dict(event), "eventId": event.id})
    token = {"nextToken": write_token([oldest_first, *last[:2]])} if more and last else {}
    return {"events": found, "searchedLogStreams": [], **token}


def _direction(params: Mapping[str, Any]) -> tuple[bool, tuple[int, int] | None]:
    """Return whether the oldest comes first, and the place after which to go on: what a token says goes first."""
    if not params.get("nextToken"):
        return params.get("startFromHead", True), None
    match place_of(params["nextToken"]):
        case [bool(oldest_first), int(at), int(number)]:
            return oldest_first, (at, number)
    raise invalid("The specified nextToken is invalid.")


def _streams(group: Group, params: Mapping[str, Any]) -> list[Stream]:
    names, prefix = params.get("logStreamNames"), params.get("logStreamNamePrefix")
    if names and prefix:
        raise invalid("logStreamNames and logStreamNamePrefix are mutually exclusive.")
    if len(names or ()) > 100:
        raise invalid("FilterLogEvents takes at most 100 log stream names.")
    if names:
        if any(name not in group.streams for name in names):
            raise missing("log stream")
        return [group.streams[name] for name in dict.fromkeys(names)]
    return [stream for stream in group.streams.values() if stream.name.startswith(prefix or "")]


def _numbers(token: str) -> tuple[int, int]:
    """Return the (time, number) of the event that a token names."""
    match place_of(token):
        case [int(at), int(number)]:
            return at, number
    raise invalid("The specified nextToken is invalid.")


def _times(params: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Return start and end, None where open."""
    return params.get("startTime"), params.get("endTime")


def _limit(params: Mapping[str, Any]) -> int:
    limit: int = params.get("limit", MOST_EVENTS)
    if not 1 <= limit <= MOST_EVENTS:
        raise invalid(f"The limit must be between 1 and {MOST_EVENTS}.")
    return limit


def _event_as_dict(event: Event) -> dict[str, object]:
    return {"timestamp": event.at, "message": event.message, "ingestionTime": event.ingested}

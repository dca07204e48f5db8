"""Arrivals: what was fetched of the inputs, in the order in which it arrived there, whichever of them it is.

Of one input the order is that of its log. Between the inputs of one partition it is that of arrival; under `--backfill`, where a record arrives as
it happens, that of event time. For who was away has a backlog of each of them, and fetches them as it comes: a redemption would be judged
before the sale that it spends of, and years of one input would make those of the next too late.

    came, ended     what the client has: records of an input, or that it is read to its end
    taken           what is to be applied next, in order: as much as can be told, and that is all where every input is at its end
    to_ask          of which inputs the client is to tell anew whether they are at their end
    too_far_ahead   of which inputs no more is to be fetched for now, and of which again: what waits here is bounded

An input of which nothing is here, though more of it lies at the broker, holds up the others of its partition, for what comes of it may have arrived
before them; for so many polls at most, for it may be that it cannot be read at all. Polls and not seconds: behind, what comes of it lies in the client's
queue, and what lies there before it is applied first. That it is at its end is known from the client, as of its last fetch. So what two inputs take at
one moment may still come either way: order is for what lies a fetch apart. What partitions ask each other (`requests`, `replies`) waits for nothing and
nobody waits for it.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from schemas import records
from schemas.instants import Instant
from schemas.messages import Order
from schemas.outcomes import Refused
from schemas.topics import ADJUSTMENTS, PIXELS, PROFILES, PURCHASES, REDEMPTIONS
from streams.worker.broker import Place

_ORDER: Final = (PROFILES, PURCHASES, PIXELS, ADJUSTMENTS, REDEMPTIONS)
"""Of what arrived at one instant: first who somebody is, then what brings points, and what takes them last."""
_RANKS: Final = {topic: rank for rank, topic in enumerate(_ORDER)}
_ASK_POLLS: Final = 10
_RECORD_BYTES: Final = 1_024  # of a small one, beside its value
_FEW: Final = 250  # records: with less of an input, and no more than its share of the room, more of it is fetched in any case


def arrived(_topic: str, message: Any) -> int:
    """Milliseconds since 1970."""
    at: int = message.timestamp()[1]
    return at


def happened(topic: str, message: Any) -> Instant:
    """When an input's record says that it happened. Nobody waits on account of one that cannot be read."""
    try:
        record = records.decode(topic, message.value())
    except Refused:
        return 0
    return 0 if isinstance(record, Order) else records.event_time(record)


class Run(NamedTuple):
    """Consecutive records of an input, in their order; `confluent_kafka.Message`."""

    topic: str
    number: int
    messages: list[Any]


class Fetched(NamedTuple):
    """What is to be applied, in order. `ends`: inputs that are read to this offset."""

    assignment: int
    runs: list[Run]
    ends: dict[Place, int]

    def slices(self, size: Callable[[], int]) -> Iterator[tuple[int, list[Run]]]:
        """So many records of a partition at once, at most."""
        number, found, room = -1, list[Run](), size()
        for run in self.runs:
            if found and run.number != number:
                yield number, found
                found, room = [], size()
            number, start = run.number, 0
            while start < len(run.messages):
                if not room:
                    yield number, found
                    found, room = [], size()
                piece = run.messages[start : start + room]
                found.append(Run(run.topic, number, piece))
                start, room = start + len(piece), room - len(piece)
        if found:
            yield number, found


class _Input:
    """One input of one partition: what is here of it and was not taken. `position` is behind what came."""

    def __init__(self, topic: str, position: int) -> None:
        self.topic = topic
        self.rank = _RANKS[topic]
        self.position = position
        self.heard_of = False  # what the client knows of its end may be of an assignment before, until then
        self.messages: list[Any] = []
        self.start = 0  # of what was not taken
        self.head: int | None = None  # when the first of that arrived, and the rank; None: not looked at
        self.end: int | None = None  # to be told when all before it is taken
        self.ended = False
        self.uncommitted = False  # behind its end lies more, of a transaction that is open
        self.in_doubt = False  # it was at its end, as far as was told
        self.asked = False
        self.passed_over = False
        self.waited_since: int | None = None  # which poll
        self.paused = False

    @property
    def here(self) -> int:
        return len(self.messages) - self.start

    def take(self, count: int) -> list[Any]:
        found = self.messages[self.start : self.start + count]
        self.start, self.head = self.start + count, None
        return found

    def clear_away(self) -> None:
        """Forget what was taken."""
        self.messages, self.start = self.messages[self.start :], 0

    def is_heard_of(self, *, ended: bool) -> None:
        self.heard_of = True
        self.ended, self.uncommitted, self.in_doubt = ended, False, False
        self.passed_over, self.waited_since, self.asked = False, None, False


class Arrivals:
    def __init__(
        self,
        arrived: Callable[[str, Any], int],
        high: Callable[[str, int], int],
        passed_over: Callable[[str, int], None],
        room_bytes: int,
        patience_polls: int,
    ) -> None:
        """`arrived(topic, message)`: in a unit of its own. `high(topic, partition)`: the end of the log as of the last fetch, below 0 where there was none.
        `passed_over(topic, partition)` hears that an input is not waited for any longer. `room_bytes`: for what waits; beyond it an input is
        fetched only as far as others wait for it. `patience_polls`: for how many calls of `taken` an input is waited for that brings nothing.
        """
        self._arrived = arrived
        self._high = high
        self._passed_over = passed_over
        self._room_bytes = room_bytes
        self._patience_polls = patience_polls
        self._polls = 0
        self._inputs: dict[int, dict[str, _Input]] = {}
        self._others: list[Run] = []
        self._ends: dict[Place, int] = {}

    def begin(self, positions: Mapping[Place, int]) -> None:
        """These are read from now on, from these offsets, and nothing else."""
        self.drop()
        for (topic, number), offset in positions.items():
            if topic in _RANKS:
                self._inputs.setdefault(number, {})[topic] = _Input(topic, offset)

    def drop(self) -> None:
        """Whatever is here is not to be applied: whoever has the partitions next fetches it again."""
        self._inputs, self._others, self._ends = {}, [], {}

    def _of(self, topic: str, number: int) -> _Input | None:
        """None: of what is waited for by nobody."""
        return self._inputs.get(number, {}).get(topic)

    def came(self, topic: str, number: int, messages: list[Any]) -> None:
        found = self._of(topic, number)
        if found is None:
            self._others.append(Run(topic, number, messages))
            return
        if messages[0].offset() < found.position:
            raise AssertionError(
                f"{topic} partition {number}: offset {messages[0].offset()} was fetched again and would be applied twice"
            )
        found.messages = found.messages + messages
        found.position = messages[-1].offset() + 1
        found.is_heard_of(ended=False)

    def ended(self, topic: str, number: int, offset: int) -> None:
        found = self._of(topic, number)
        if found is None:
            self._ends[topic, number] = offset
            return
        if offset < found.position:  # and then more came
            return
        found.end = found.position = offset
        found.is_heard_of(ended=True)
        found.uncommitted = self._high(topic, number) > offset

    def doubt(self) -> None:
        """There is more to read than one poll brought: what was at its end may not be any more."""
        for number, inputs in self._inputs.items():
            for found in inputs.values():
                if found.ended and not found.uncommitted and self._high(found.topic, number) > found.position:
                    found.ended, found.in_doubt = False, True

    @property
    def waiting(self) -> bool:
        """Whether something is here that could not be taken."""
        return any(found.here for inputs in self._inputs.values() for found in inputs.values())

    def taken(self) -> tuple[list[Run], dict[Place, int]]:
        """What can be applied now, in order, and the ends that are reached with it. Asked once a poll while anything waits."""
        self._polls += 1
        runs, ends = self._others, self._ends
        self._others, self._ends = [], {}
        for number, inputs in self._inputs.items():
            runs.extend(self._merged(number, [*inputs.values()]))
            for found in inputs.values():
                found.clear_away()
                if found.end is not None and not found.messages:
                    ends[found.topic, number], found.end = found.end, None
        return runs, ends

    def _merged(self, number: int, inputs: list[_Input]) -> Iterator[Run]:
        while here := [found for found in inputs if found.here]:
            if not all([found.here or self._is_done_with(number, found) for found in inputs]):
                return
            if len(here) == 1:
                yield Run(here[0].topic, number, here[0].take(here[0].here))
                return
            (_, _, first), (until, _, _) = sorted([(self._head(found), found.rank, found) for found in here])[:2]
            yield Run(first.topic, number, first.take(self._up_to(first, until)))

    def _head(self, found: _Input) -> int:
        if found.head is None:
            found.head = self._moment(found, found.start)
        return found.head

    def _moment(self, found: _Input, index: int) -> int:
        """When it arrived, and, of what arrived together, its rank."""
        return self._arrived(found.topic, found.messages[index]) * len(_ORDER) + found.rank

    def _up_to(self, found: _Input, until: int) -> int:
        """How many of an input are to be taken before another one's turn; the first is one of them."""
        for index in range(found.start + 1, len(found.messages)):
            if self._moment(found, index) > until:
                return index - found.start
        return found.here

    def _is_done_with(self, number: int, found: _Input) -> bool:
        """Whether nothing more of an input, of which nothing is here, is to be waited for."""
        if found.ended or found.passed_over:
            return True
        if found.heard_of and 0 <= self._high(found.topic, number) <= found.position:
            found.is_heard_of(ended=True)
            return True
        if found.waited_since is None:
            found.waited_since = self._polls
        elif self._polls - found.waited_since >= self._patience_polls:
            found.passed_over = True
            self._passed_over(found.topic, number)
        return found.passed_over

    def to_ask(self) -> list[tuple[str, int, int]]:
        """Inputs that were at their end, of which there is more and nothing comes, and where they are to be read anew. It may all be of a
        transaction that is open, and the client tells of the same end again only then.
        """
        found = list[tuple[str, int, int]]()
        for number, inputs in self._inputs.items():
            for each in inputs.values():
                if each.in_doubt and not each.asked and self._polls - (each.waited_since or self._polls) >= _ASK_POLLS:
                    each.asked = True
                    found.append((each.topic, number, each.position))
        return found

    def too_far_ahead(self) -> tuple[list[Place], list[Place]]:
        """Of which inputs no more is to be fetched for now, and of which more is again. Asked after `taken`: what waits, waits for others."""
        everything = [(number, found) for number, inputs in self._inputs.items() for found in inputs.values()]
        sizes = [sum(map(len, found.messages)) + len(found.messages) * _RECORD_BYTES for _, found in everything]
        held, share = sum(sizes), self._room_bytes // max(len(everything), 1)
        stop, go_on = list[Place](), list[Place]()
        for (number, found), size in zip(everything, sizes, strict=True):
            few = len(found.messages) < _FEW and size <= share
            if not found.paused and held > self._room_bytes and not few:
                found.paused = True
                stop.append((found.topic, number))
            elif found.paused and (few or held < self._room_bytes // 2):
                found.paused = False
                go_on.append((found.topic, number))
        return stop, go_on

    @property
    def paused(self) -> list[Place]:
        """Of which inputs no more is fetched at present."""
        return [(found.topic, number) for number, inputs in self._inputs.items() for found in inputs.values() if found.paused]

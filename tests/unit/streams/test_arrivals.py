"""The order of arrival: over all inputs of a partition, whatever way a client fetches them, with nothing lost, doubled or held for nothing."""

from collections import Counter
from random import Random
from typing import Any

import pytest

from schemas.topics import INPUTS, MESSAGES, PROFILES, PURCHASES, REDEMPTIONS, REQUESTS
from streams.worker.arrivals import _ORDER, Arrivals, Fetched, Run, arrived, happened

NEVER_FETCHED = -1001
PATIENCE_POLLS = 500


class Message:
    def __init__(self, offset: int, at: int, value: bytes = b"{}") -> None:
        self._offset, self._at, self._value = offset, at, value

    def offset(self) -> int:
        return self._offset

    def timestamp(self) -> tuple[int, int]:
        return 1, self._at

    def value(self) -> bytes:
        return self._value

    def __len__(self) -> int:
        return len(self._value)


def log(*times: int) -> list[Message]:
    return [Message(offset, at) for offset, at in enumerate(times)]


class Client:
    """What librdkafka is to the reader: it fetches what is not paused, in any order, and knows ends as of what it has fetched."""

    def __init__(self, logs: dict[tuple[str, int], list[Message]], seed: int = 0, room_bytes: int = 1 << 30) -> None:
        self.logs = logs
        self.at = dict.fromkeys(logs, 0)
        self.known = dict.fromkeys(logs, NEVER_FETCHED)
        self.told: set[tuple[tuple[str, int], int]] = set()
        self.paused: set[tuple[str, int]] = set()
        self.pauses = 0
        self.passed_over: list[tuple[str, int]] = []
        self.taken: list[tuple[str, int, int, int]] = []  # topic, partition, offset, arrival
        self.ends: dict[tuple[str, int], int] = {}
        self._random = Random(seed)
        self.arrivals = Arrivals(
            arrived,
            lambda *place: self.known[place],
            lambda *place: self.passed_over.append(place),
            room_bytes,
            PATIENCE_POLLS,
        )
        self.arrivals.begin(self.at)

    def fetch(self, place: tuple[str, int], at_most: int = 1 << 30) -> int:
        """Hand over so much of one input; its end is known then, and told where there is nothing."""
        log, at = self.logs[place], self.at[place]
        found = log[at : at + at_most]
        self.known[place] = len(log)
        if found:
            self.at[place] += len(found)
            self.arrivals.came(*place, found)
        elif (place, at) not in self.told:
            self.told.add((place, at))
            self.arrivals.ended(*place, at)
        return len(found)

    def take(self) -> int:
        runs, ends = self.arrivals.taken()
        for topic, number, messages in runs:
            assert messages, "a run of nothing"
            self.taken.extend((topic, number, message.offset(), message.timestamp()[1]) for message in messages)
        for place, end in ends.items():
            assert end == sum(1 for topic, number, _, _ in self.taken if (topic, number) == place), (
                "told before what lies before it"
            )
            self.ends[place] = end
        stop, go_on = self.arrivals.too_far_ahead()
        assert self.paused.isdisjoint(stop), "paused twice"
        assert self.paused.issuperset(go_on), "never paused"
        self.pauses += len(stop)
        self.paused = (self.paused | set(stop)) - set(go_on)
        assert self.paused == set(self.arrivals.paused)
        return sum(len(messages) for _, _, messages in runs)

    def poll(self) -> None:
        """Something of some inputs, as it comes."""
        for place in self._random.sample(sorted(self.logs), self._random.randint(1, len(self.logs))):
            if place not in self.paused:
                self.fetch(place, self._random.choice([1, 5, 300, 1_000]))
        self.take()

    @property
    def done(self) -> bool:
        return len(self.taken) == sum(map(len, self.logs.values())) and len(self.ends) == len(self.logs)


def some_logs(random: Random, partitions: int, longest: int) -> dict[tuple[str, int], list[Message]]:
    """Inputs of very unlike density, each in the order of its time; many arrive at one instant."""
    logs = {}
    for number in range(partitions):
        for topic in INPUTS:
            count = random.choice([0, 3, longest // 20, longest])
            logs[topic, number] = log(*sorted(random.randrange(longest) for _ in range(count)))
    return logs


def test_every_input_has_its_place_in_the_order() -> None:
    assert set(_ORDER) == set(INPUTS)


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("room_bytes", [1 << 30, 600_000], ids=["room for all", "little room"])
def test_a_backlog_of_all_inputs_is_taken_in_the_order_of_its_arrival(seed: int, room_bytes: int) -> None:
    logs = some_logs(Random(seed), partitions=2, longest=2_000)
    client = Client(logs, seed, room_bytes)
    for _ in range(10_000):
        client.poll()
        if client.done:
            break
    assert client.done, f"it stands still; seed {seed}"
    for number in range(2):
        of_partition = [(at, _ORDER.index(topic), offset) for topic, n, offset, at in client.taken if n == number]
        assert of_partition == sorted(of_partition)
    assert Counter((topic, number) for topic, number, _, _ in client.taken) == Counter(
        {place: len(found) for place, found in logs.items() if found}
    )
    assert client.passed_over == []


def test_what_waits_is_bounded_and_nothing_stands_still_for_it() -> None:
    sparse, dense = log(*range(0, 20_000, 2)), log(*range(20_000))
    client = Client({(REDEMPTIONS, 0): sparse, (PURCHASES, 0): dense}, room_bytes=1_000 * 1_024)
    most = 0
    while not client.done:
        for place in client.logs:
            if place not in client.paused:
                client.fetch(place, 2_000 if place[0] == REDEMPTIONS else 300)
        client.take()
        most = max(most, client.at[REDEMPTIONS, 0] - sum(1 for topic, *_ in client.taken if topic == REDEMPTIONS))
    assert client.pauses > 1
    assert most < 1_000 + 2_000 + 250


def test_what_waits_is_bounded_also_where_records_are_large() -> None:
    room_bytes, large = 8_000_000, b"x" * 100_000
    others = [topic for topic in INPUTS if topic != PURCHASES]
    client = Client({(PURCHASES, number): log(*range(3_000)) for number in range(4)}, room_bytes=room_bytes)
    client.logs |= {(topic, n): [Message(at, 10 * at, large) for at in range(300)] for topic in others for n in range(4)}
    client.at, client.known = dict.fromkeys(client.logs, 0), dict.fromkeys(client.logs, NEVER_FETCHED)
    client.arrivals.begin(client.at)
    most = 0
    while not client.done:
        for place in client.logs:
            if place not in client.paused:
                client.fetch(place, 20)
        client.take()
        taken = Counter(topic for topic, *_ in client.taken)
        most = max(most, sum(at for (topic, _), at in client.at.items() if topic != PURCHASES) - taken.total() + taken[PURCHASES])
    assert most * len(large) < room_bytes + len(others) * 4 * 20 * len(large), "the room, and one fetch of each"


def test_an_input_that_is_at_its_end_holds_nobody_up() -> None:
    client = Client({(PURCHASES, 0): log(5, 9), (REDEMPTIONS, 0): []})
    client.fetch((REDEMPTIONS, 0))
    client.fetch((PURCHASES, 0))
    assert client.take() == 2
    client.logs[PURCHASES, 0].append(Message(2, 11))
    client.fetch((PURCHASES, 0))
    assert client.take() == 1


def test_that_an_input_is_at_its_end_is_seen_without_being_told() -> None:
    client = Client({(PURCHASES, 0): log(5, 9), (REDEMPTIONS, 0): log(7)})
    client.fetch((REDEMPTIONS, 0))
    client.fetch((PURCHASES, 0))
    assert client.take() == 3
    assert [(topic, at) for topic, _, _, at in client.taken] == [(PURCHASES, 5), (REDEMPTIONS, 7), (PURCHASES, 9)]


def test_an_input_that_was_never_fetched_is_waited_for() -> None:
    client = Client({(PURCHASES, 0): log(5), (REDEMPTIONS, 0): log(7)})
    client.fetch((REDEMPTIONS, 0))
    assert client.take() == 0
    assert client.arrivals.waiting
    client.fetch((PURCHASES, 0))
    assert client.take() == 2
    assert not client.arrivals.waiting


def test_an_end_that_the_client_knows_of_an_assignment_before_is_none() -> None:
    client = Client({(PURCHASES, 0): log(1, 2, 5), (REDEMPTIONS, 0): log(3, 7)})
    client.at = {(PURCHASES, 0): 2, (REDEMPTIONS, 0): 1}
    client.known[PURCHASES, 0] = 2  # as of then: another worker may have had the partition meanwhile
    client.arrivals.begin(client.at)
    client.fetch((REDEMPTIONS, 0))
    assert client.take() == 0
    client.fetch((PURCHASES, 0))
    client.take()
    assert [(topic, at) for topic, _, _, at in client.taken] == [(PURCHASES, 5), (REDEMPTIONS, 7)]


def test_partitions_do_not_wait_for_each_other() -> None:
    client = Client({(PURCHASES, 0): log(5), (REDEMPTIONS, 0): log(7), (PURCHASES, 1): log(1), (REDEMPTIONS, 1): []})
    client.fetch((REDEMPTIONS, 0))
    client.fetch((REDEMPTIONS, 1))
    client.fetch((PURCHASES, 1))
    client.take()
    assert [(topic, number) for topic, number, _, _ in client.taken] == [(PURCHASES, 1)]


def test_an_input_that_cannot_be_read_is_waited_for_so_many_polls_and_no_longer() -> None:
    client = Client({(PURCHASES, 0): log(5), (REDEMPTIONS, 0): log(7)})
    client.fetch((REDEMPTIONS, 0))
    client.known[PURCHASES, 0] = 1
    assert [client.take() for _ in range(PATIENCE_POLLS)] == [0] * PATIENCE_POLLS
    assert client.take() == 1
    assert client.passed_over == [(PURCHASES, 0)]
    client.logs[REDEMPTIONS, 0].append(Message(1, 8))
    client.fetch((REDEMPTIONS, 0))
    assert client.take() == 1  # and not once more so long for each of them
    client.fetch((PURCHASES, 0))
    assert client.take() == 1
    client.logs[REDEMPTIONS, 0].append(Message(2, 9))
    client.known[PURCHASES, 0] = 2
    client.fetch((REDEMPTIONS, 0))
    assert client.take() == 0  # for it could be read again
    assert client.passed_over == [(PURCHASES, 0)]


def test_with_more_to_read_than_a_poll_brings_an_end_of_before_is_none() -> None:
    client = Client({(PURCHASES, 0): [], (REDEMPTIONS, 0): []})
    for place in client.logs:
        client.fetch(place)
    client.take()
    client.logs[PURCHASES, 0] += log(5)
    client.logs[REDEMPTIONS, 0] += log(7)
    client.fetch((REDEMPTIONS, 0))
    client.known[PURCHASES, 0] = 1
    client.arrivals.doubt()
    assert client.take() == 0
    client.fetch((PURCHASES, 0))
    client.take()
    assert [topic for topic, *_ in client.taken] == [PURCHASES, REDEMPTIONS]


def test_a_transaction_that_is_open_is_not_waited_for() -> None:
    client = Client({(PURCHASES, 0): [], (REDEMPTIONS, 0): log(7)})
    client.known[PURCHASES, 0] = 3  # of which nothing can be read yet
    client.arrivals.ended(PURCHASES, 0, 0)
    client.fetch((REDEMPTIONS, 0))
    client.arrivals.doubt()
    assert client.take() == 1


def test_a_transaction_that_is_opened_behind_an_end_is_asked_after_and_not_waited_for() -> None:
    client = Client({(PURCHASES, 0): [], (REDEMPTIONS, 0): []})
    for place in client.logs:
        client.fetch(place)
    client.take()
    client.logs[REDEMPTIONS, 0] += log(7)
    client.fetch((REDEMPTIONS, 0))
    client.known[PURCHASES, 0] = 3  # of which nothing can be read yet, and the client has told of the end before it already
    client.arrivals.doubt()
    asked = list[tuple[str, int, int]]()
    while not asked:
        assert client.take() == 0
        asked = client.arrivals.to_ask()
    assert client.passed_over == []
    assert asked == [(PURCHASES, 0, 0)]
    client.take()
    assert client.arrivals.to_ask() == [], "it would begin anew for ever"
    client.arrivals.ended(PURCHASES, 0, 0)
    assert client.take() == 1


def test_only_what_was_at_its_end_is_asked_after() -> None:
    client = Client({(PURCHASES, 0): log(5), (REDEMPTIONS, 0): log(7)})
    client.fetch((REDEMPTIONS, 0))
    client.known[PURCHASES, 0] = 1
    for _ in range(PATIENCE_POLLS):
        client.take()
        assert client.arrivals.to_ask() == []


def test_an_end_behind_which_more_has_come_is_none() -> None:
    client = Client({(PURCHASES, 0): log(5, 6), (REDEMPTIONS, 0): log(7)})
    client.fetch((REDEMPTIONS, 0))
    client.known[PURCHASES, 0] = 2
    client.arrivals.came(PURCHASES, 0, log(5))
    client.arrivals.ended(PURCHASES, 0, 0)
    assert client.take() == 1
    assert client.ends == {}


def test_what_partitions_ask_each_other_waits_for_nothing() -> None:
    client = Client({(PURCHASES, 0): log(5), (REDEMPTIONS, 0): log(7)})
    client.fetch((REDEMPTIONS, 0))
    for topic in MESSAGES:
        client.arrivals.came(topic, 0, log(100))
        client.arrivals.ended(topic, 0, 2)
    runs, ends = client.arrivals.taken()
    assert [run.topic for run in runs] == [*MESSAGES]
    assert ends == {(topic, 0): 2 for topic in MESSAGES}


def test_records_that_come_again_are_refused() -> None:
    client = Client({(PURCHASES, 0): log(5, 6)})
    client.fetch((PURCHASES, 0))
    with pytest.raises(AssertionError, match="purchases partition 0: offset 1 was fetched again"):
        client.arrivals.came(PURCHASES, 0, log(5, 6)[1:])


def test_what_is_dropped_is_never_taken() -> None:
    client = Client({(PURCHASES, 0): log(5), (REDEMPTIONS, 0): log(7)})
    client.fetch((REDEMPTIONS, 0))
    client.arrivals.came(REQUESTS, 0, log(1))
    client.arrivals.drop()
    assert client.arrivals.taken() == ([], {})
    assert not client.arrivals.waiting


@pytest.mark.parametrize(
    ("topic", "value", "at"),
    [
        (
            PURCHASES,
            b'{"receipt_id":"R","application":"pos","closed_at":"1970-01-01T00:00:01Z","currency":"EUR","lines":[]}',
            1_000_000,
        ),
        (PROFILES, b'{"profile_id":"p","updated_at":"1970-01-01T00:00:02Z"}', 2_000_000),
        (PURCHASES, b"not a record", 0),
    ],
    ids=["a sale", "a profile", "one that cannot be read, for which nobody waits"],
)
def test_when_a_record_says_that_it_happened(topic: str, value: bytes, at: int) -> None:
    assert happened(topic, Message(0, 17, value)) == at


def run(topic: str, number: int, first: int, count: int) -> Run:
    return Run(topic, number, list[Any](range(first, first + count)))


def test_slices_are_of_one_partition_in_order_and_no_longer_than_asked() -> None:
    runs = [
        run(PURCHASES, 0, 0, 7),
        run(REDEMPTIONS, 0, 0, 2),
        run(PURCHASES, 0, 7, 1),
        run(PURCHASES, 1, 0, 4),
        run(PURCHASES, 2, 0, 9),
    ]
    slices = [*Fetched(1, runs, {}).slices(lambda: 4)]
    assert all(sum(len(part.messages) for part in parts) <= 4 for _, parts in slices)
    assert all({part.number for part in parts} == {number} for number, parts in slices)
    assert all(part.messages for _, parts in slices for part in parts)
    said = [(part.topic, part.number, message) for _, parts in slices for part in parts for message in part.messages]
    assert said == [(each.topic, each.number, message) for each in runs for message in each.messages]
    assert len(slices) == 3 + 1 + 3

"""Headers: what is told of a record is a CloudEvent, and of the trace that its cause was of."""

import json
import time
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition

from agents.core import Core
from agents.outbox import Effect, Outbox
from schemas.instants import parse_instant
from schemas.program_file import build_catalog, read_document
from streams.embedded import embedded_broker
from streams.worker.cycle import Parcel, fill, pack, settle
from streams.worker.logic import LedgerReactions
from streams.worker.partition import Partition
from streams.worker.position import Position
from streams.worker.producing import Sender
from streams.worker.tracing import Traces, parent_of, traceparent
from tables.memory import MemoryStore
from tables.table import Table
from tests.unit.streams.raw_headers import produce

PARENT = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OTHER = PARENT[:-1] + b"0"
PROGRAM: dict[str, Any] = {
    "program": "club",
    "timezone": "UTC",
    "environment": "sandbox",
    "effective_from": "2020-01-01T00:00:00Z",
    "applications": ["pos"],
    "currency": "EUR",
    "points": [{"sid": "pts", "expiration": "1 day"}],
    "earning": [{"rule": "base", "rate": {"points": "1", "per": "1.00"}}],
}


class Message:
    """The part of `confluent_kafka.Message` that a partition asks for."""

    def __init__(self, offset: int, headers: list[tuple[str, bytes]] | None, receipt_id: str, profile_id: str = "p1") -> None:
        self._offset, self._headers = offset, headers
        self._sale = {
            "receipt_id": receipt_id,
            "application": "pos",
            "profile_id": profile_id,
            "closed_at": "2026-01-01T00:00:00Z",
            "currency": "EUR",
            "lines": [{"sku": "A", "quantity": 1, "unit_price": "5.00"}],
        }

    def offset(self) -> int:
        return self._offset

    def key(self) -> bytes:
        return str(self._sale["profile_id"]).encode()

    def value(self) -> bytes:
        return json.dumps(self._sale).encode()

    def timestamp(self) -> tuple[int, int]:
        return 2, parse_instant("2026-01-01T00:00:01Z") // 1000

    def headers(self) -> list[tuple[str, bytes]] | None:
        return self._headers


class Topics:
    """A producer that keeps what it is given."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def __len__(self) -> int:
        return 0

    def produce(
        self, topic: str, value: bytes, _key: bytes, _partition: int, _delivered: Any = None, headers: Any = None
    ) -> None:
        if topic != "balances":
            self.sent.append((topic, {"type": json.loads(value).get("type"), **dict(headers or [])}))


def sent(parcel: Parcel) -> list[tuple[str, dict[str, Any]]]:
    topics = Topics()
    Sender(topics).outputs(parcel)  # type: ignore[arg-type]  # as much of a producer as it asks for
    return topics.sent


def partition(**changes: Any) -> Partition:
    core = Core(build_catalog([read_document(json.dumps(PROGRAM | changes), "club.json")]), 1)
    return Partition(0, LedgerReactions(core, Table(MemoryStore())), Position(), backfill=False)


def test_what_a_record_causes_is_of_its_trace_and_nothing_else_is() -> None:
    one = partition()
    one.apply("purchases", [Message(0, [("traceparent", PARENT), ("till", b"7")], "R1"), Message(1, None, "R2")])
    one.apply("purchases", [Message(2, [("traceparent", OTHER)], "R3")])
    one.tick(parse_instant("2026-02-01T00:00:00Z"), 100)
    cycle = pack(one)
    told = [(headers["type"], headers.get("traceparent")) for _, headers in sent(cycle)]
    assert told == [
        ("membership.joined", PARENT),
        ("points.accrued", PARENT),
        ("points.accrued", None),
        ("points.accrued", OTHER),
        *[("points.expired", None)] * 3,
    ]
    fill(cycle)
    settle([cycle])
    one.apply("purchases", [Message(3, None, "R4")])
    assert "traceparent" not in sent(pack(one))[0][1]


def test_a_question_to_another_key_is_of_the_trace_as_well() -> None:
    one = partition(receipts="claimed")
    one.apply("purchases", [Message(0, None, "R1"), Message(1, [("traceparent", PARENT)], "R2", "p2")])
    asked = [headers.get("traceparent") for topic, headers in sent(pack(one)) if topic == "requests"]
    assert asked == [None, PARENT]


def test_a_record_with_a_header_whose_name_is_no_text_counts_like_any_other() -> None:
    class Unreadable(Message):
        def headers(self) -> list[tuple[str, bytes]] | None:
            """As confluent-kafka does where a name is no UTF-8."""
            raise SystemError("<method 'headers'> returned a result with an exception set")

    one = partition()
    one.apply("purchases", [Unreadable(0, None, "R1"), Message(1, [("traceparent", PARENT)], "R2")])
    told = [(headers["type"], headers.get("traceparent")) for _, headers in sent(pack(one))]
    assert told == [("membership.joined", None), ("points.accrued", None), ("points.accrued", PARENT)]


def test_names_that_are_no_text_are_survived_however_often_they_come() -> None:
    with embedded_broker(["purchases"], announce=lambda _: None) as broker:
        produce(broker.address, "purchases", b"{}", [[b"till"], [b"\xff"], [b"till", b"\xff\xfe"], [b"\xff", b"till"]] * 500)
        consumer = Consumer({"bootstrap.servers": broker.address, "group.id": "any", "auto.offset.reset": "earliest"})
        consumer.assign([TopicPartition("purchases", 0, 0)])
        seen, until = 0, time.monotonic() + 30
        while seen < 2_000 and time.monotonic() < until:
            messages = [message for message in consumer.consume(500, 0.5) if message.error() is None]
            assert [parent_of(message) for message in messages] == [None] * len(messages)
            seen += len(messages)
        consumer.close()
    assert seen == 2_000


def test_the_headers_of_an_entry_are_those_of_a_cloud_event() -> None:
    one = partition()
    one.apply("purchases", [Message(0, None, "R1")])
    parcel = pack(one)
    effect: Effect = parcel.effects[1]
    record: Any = effect.record
    assert sent(parcel)[1][1] == {
        "type": "points.accrued",
        "ce_specversion": "1.0",
        "ce_id": record.id,
        "ce_type": "points.accrued",
        "ce_source": "/pointstream/club",
        "ce_subject": "p1",
        "ce_time": "2026-01-01T00:00:00Z",
        "content-type": "application/json",
    }


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        (None, None),
        ([], None),
        ([("traceparent", PARENT)], PARENT),
        (
            [("a", b"\xff"), ("traceparent", None), ("traceparent", b"00-xyz"), ("traceparent", PARENT), ("traceparent", OTHER)],
            PARENT,
        ),
        ([("Traceparent", PARENT)], None),
        ([("traceparent", PARENT + b"-" + b"0" * 4_000_000)], None),
        ([("traceparent", PARENT + b"\n")], None),
    ],
    ids=["no headers", "none of them", "one", "the first that is one", "another name", "megabytes", "a line more"],
)
def test_only_what_is_of_the_standards_form_is_passed_on(headers: Any, found: bytes | None) -> None:
    assert traceparent(headers) == found


def test_what_was_said_before_is_not_of_the_trace() -> None:
    said, traces = Outbox(), Traces()
    said.effects += [Effect("ledger-entries", "p1", Position())] * 3
    traces.note(PARENT, said, 2, 0)
    assert (traces.effects, traces.messages) == ({2: PARENT}, {})

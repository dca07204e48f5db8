"""What `produce` makes of a line, and that a broker gets every record with the right key in the right partition."""

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition

from schemas.partitioner import partition_of
from streams.embedded import PARTITIONS, embedded_broker
from streams.errors import WrongUsage
from streams.produce import Result, produce, read_line
from streams.replay.lines import LINE_BYTES_MAX
from tests.unit.streams.shop import line, sale, write_lines

LINES = {
    "a record": (b'{"profile_id":"p1","n":1.50}', b"p1", b'{"profile_id":"p1","n":1.50}', 0),
    "a record with blanks around it": (b'  {"profile_id": "p1"}\r', b"p1", b'{"profile_id": "p1"}', 0),
    "an anonymous record": (b'{"receipt_id":"R"}', None, b'{"receipt_id":"R"}', 0),
    "a profile that is no text": (b'{"profile_id":7}', None, b'{"profile_id":7}', 0),
    "a profile in other letters": ('{"profile_id":"ä"}'.encode(), "ä".encode(), '{"profile_id":"ä"}'.encode(), 0),
    "an envelope": (b'{"topic":"purchases","value":{"profile_id":"p1"}}', b"p1", b'{"profile_id":"p1"}', 0),
    "an envelope with its time": (
        b'{"topic":"purchases","value":{"profile_id":"p1"},"timestamp":"1970-01-01T00:00:05Z"}',
        b"p1",
        b'{"profile_id":"p1"}',
        5000,
    ),
    "an envelope of what is no object": (b'{"topic":"purchases","value":"x"}', None, b'"x"', 0),
    "a record that has a topic of its own": (
        b'{"topic":"music","value":1,"profile_id":"p1"}',
        b"p1",
        b'{"topic":"music","value":1,"profile_id":"p1"}',
        0,
    ),
    "a record that has a tick of its own": (b'{"tick":5,"profile_id":"p1"}', b"p1", b'{"tick":5,"profile_id":"p1"}', 0),
}


@pytest.mark.parametrize(("text", "key", "value", "timestamp_ms"), LINES.values(), ids=LINES.keys())
def test_a_line_is_pushed_as_it_is_under_its_profile(text: bytes, key: bytes | None, value: bytes, timestamp_ms: int) -> None:
    assert read_line(text, "purchases") == (key, value, timestamp_ms)


def test_a_tick_is_left_out() -> None:
    assert read_line(b'{"tick":"2024-01-01T00:00:00Z"}', "purchases") is None


REFUSED = {
    "no JSON": (b"{nope", "is not a JSON object"),
    "no object": (b"[1]", "is not a JSON object"),
    "a record for another topic": (b'{"topic":"pixels","value":{}}', "is for the topic pixels"),
    "a time that is none": (b'{"topic":"purchases","value":{},"timestamp":"now"}', "RFC 3339"),
}


@pytest.mark.parametrize(("text", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_record_of_the_topic_is_not_pushed(text: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_line(text, "purchases")


def test_a_line_that_came_cut_is_told_to_be_too_long() -> None:
    with pytest.raises(ValueError, match="is too long: more than 16 MiB"):
        read_line(b'{"profile_id":"' + b"p" * LINE_BYTES_MAX, "purchases")


class Onlooker:
    """`interrupts`: presses Ctrl-C when so much has been read."""

    def __init__(self, interrupts: int | None = None) -> None:
        self.lines: list[tuple[int, str]] = []
        self.results: list[Result] = []
        self._left = interrupts

    def advanced(self, count: int) -> None:
        if self._left is not None:
            self._left -= count
            if self._left < 0:
                raise KeyboardInterrupt

    def refused(self, file: str, line: int, why: str) -> None:
        self.lines.append((line, why))

    def ended(self, result: Result) -> None:
        self.results.append(result)


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    with embedded_broker(["purchases"], announce=lambda _: None) as running:
        yield running.url


def everything_in(broker: str, count: int) -> list[Message]:
    consumer = Consumer({"bootstrap.servers": broker.partition("://")[2], "group.id": "test", "enable.auto.commit": False})
    consumer.assign([TopicPartition("purchases", number, OFFSET_BEGINNING) for number in range(PARTITIONS)])
    try:
        return consumer.consume(count, timeout=20)
    finally:
        consumer.close()


def test_every_record_lies_where_the_worker_looks_for_it_and_is_counted_when_the_broker_has_it(
    broker: str, tmp_path: Path
) -> None:
    records = [sale(f"R{n}", profile_id=f"profile-{n}") for n in range(50)] + [sale(f"A{n}", profile_id=None) for n in range(20)]
    texts = (
        [json.dumps(record) for record in records[:30]]
        + [line(record) for record in records[30:]]
        + ["nope", '{"tick":"2024-01-01T00:00:00Z"}']
    )
    watch = Onlooker()
    result = produce(broker, "purchases", (str(write_lines(tmp_path / "in.jsonl", *texts)),), None, watch)
    assert (result.sent, result.failed, result.refused, result.ticks) == (70, 0, 1, 1)
    assert [number for number, _ in watch.lines] == [71]
    found = everything_in(broker, 70)
    assert len(found) == 70
    for message in found:
        record, key = json.loads(message.value() or b"null"), message.key()
        assert record in records
        assert key == (record["profile_id"].encode() if "profile_id" in record else None)
        if isinstance(key, bytes):
            assert message.partition() == partition_of(key, PARTITIONS)


def test_a_rate_is_kept_to(broker: str, tmp_path: Path) -> None:
    file = write_lines(tmp_path / "in.jsonl", *[json.dumps(sale(f"R{n}")) for n in range(61)])
    assert produce(broker, "purchases", (str(file),), 100.0, Onlooker()).seconds > 0.55


def test_a_file_that_is_cut_off_is_sent_as_far_as_it_goes_and_that_is_waited_for_and_counted(broker: str, tmp_path: Path) -> None:
    texts = [json.dumps(sale(f"C{n}", profile_id=f"cut-{n}")) for n in range(500)]
    packed = gzip.compress("\n".join(texts).encode())
    whole = len(zlib.decompressobj(wbits=31).decompress(packed[:-200]).splitlines()) - 1
    file = tmp_path / "in.jsonl.gz"
    file.write_bytes(packed[:-200])
    watch = Onlooker()
    with pytest.raises(WrongUsage, match=r"damaged or cut off .*; what came before it has been sent"):
        produce(broker, "purchases", (str(file),), None, watch)
    ((sent, failed, refused, ticks, _),) = watch.results
    assert (sent, failed, refused, ticks) == (whole, 0, 0, 0)
    assert 100 < whole < 500


def test_whoever_interrupts_is_told_how_many_the_broker_has(broker: str, tmp_path: Path) -> None:
    file = write_lines(tmp_path / "in.jsonl", *[json.dumps(sale(f"I{n}")) for n in range(5_000)])
    watch = Onlooker(interrupts=300_000)
    with pytest.raises(KeyboardInterrupt):
        produce(broker, "purchases", (str(file),), None, watch)
    ((sent, failed, *_),) = watch.results
    assert 1_000 < sent < 5_000
    assert failed == 0


@pytest.mark.slow
def test_a_broker_that_is_not_there_is_a_sentence() -> None:
    with pytest.raises(WrongUsage, match="does not answer"):
        produce("kafka://127.0.0.1:1", "purchases", (), None, Onlooker())

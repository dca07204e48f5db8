"""`pointstream dead-letters` on a broker: what was refused is listed, and put back exactly as it came."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from agents.dead_letters import dead_letter
from agents.incoming import Incoming
from schemas.events import DeadLetter, encode
from schemas.instants import format_instant
from schemas.outcomes import Refused
from schemas.partitioner import partition_of
from schemas.topics import DEAD_LETTERS
from streams.cli.main import run
from streams.dead_letters.letters import Letter, record_of
from streams.dead_letters.put_back import why_not
from streams.embedded import PARTITIONS, EmbeddedBroker, embedded_broker

SALE = b'{"receipt_id": "R1",  "profile_id": "p1", "note": "as \\u0069t came"}'
NOT_UTF8 = b"\xff\xfe\x00caf\xe9"
Record = tuple[str, bytes | None, bytes | None]
REFUSED: list[tuple[Record, str]] = [
    (("purchases", b"p1", SALE), "unknown-application"),
    (("purchases", b"p1", SALE), "unknown-application"),
    (("purchases", b"p2", SALE), "internal-error"),
    (("pixels", NOT_UTF8, NOT_UTF8), "not-json"),
    (("purchases", None, b""), "not-json"),
    (("adjustments", b"p1", None), "not-json"),
]


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with embedded_broker(announce=lambda _: None) as started:
        yield started


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Any:
    def call(*arguments: object) -> tuple[int, str, str]:
        code = run(["dead-letters", *map(str, arguments)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def letter_of(record: Record, reason: str, offset: int = 7) -> DeadLetter:
    topic, key, value = record
    effect = dead_letter(Incoming(topic, 2, offset, key, value, 0), Refused(reason, f"it is {reason}", "application"))
    assert isinstance(effect.record, DeadLetter)
    return effect.record


def refuse(broker: EmbeddedBroker, refused: list[tuple[Record, str]]) -> None:
    producer = Producer({"bootstrap.servers": broker.address})
    for offset, (record, reason) in enumerate(refused):
        producer.produce(DEAD_LETTERS, encode(letter_of(record, reason, offset)), partition=2)
    assert producer.flush(10) == 0


def held(broker: EmbeddedBroker, *topics: str) -> list[tuple[int, Record]]:
    """Everything that the topics hold, with its partition."""
    settings = {
        "bootstrap.servers": broker.address,
        "group.id": "t",
        "enable.partition.eof": True,
        "auto.offset.reset": "earliest",
    }
    consumer = Consumer(settings)
    consumer.assign([TopicPartition(topic, number, 0) for topic in topics for number in range(PARTITIONS)])
    found, ended = [], 0
    while ended < len(topics) * PARTITIONS:
        for message in consumer.consume(100, 1.0):
            error = message.error()
            if error is None:
                found.append((message.partition() or 0, (message.topic() or "", message.key(), message.value())))
            else:
                assert error.code() == KafkaError._PARTITION_EOF, error.str()
                ended += 1
    consumer.close()
    return found


@pytest.mark.parametrize(("record", "reason"), REFUSED)
def test_a_letter_holds_its_record_exactly_as_it_came(record: Record, reason: str) -> None:
    letter = letter_of(record, reason)
    assert (letter.topic, *record_of(letter)) == record


@pytest.mark.parametrize(
    ("letter", "why"),
    [
        (letter_of(("purchases", b"p1", b"x" * 70_000), "too-large"), "fetch the original from purchases partition 2 offset 7"),
        (letter_of(("purchases", b"p1", SALE), "erased"), "a person who was erased"),
        (letter_of(("ledger-entries", b"p1", SALE), "not-json"), "ledger-entries is no input topic"),
    ],
    ids=["cut", "erased", "no input"],
)
def test_what_cannot_be_put_back_says_why(letter: DeadLetter, why: str) -> None:
    assert why in (why_not(Letter(0, 0, 0, letter)) or "")


def test_records_are_put_back_as_they_came_each_once_and_doing_it_again_is_safe(broker: EmbeddedBroker, say: Any) -> None:
    refuse(broker, REFUSED)
    code, _, err = say("replay", "--broker", broker.url, "--dry-run")
    assert code == 0
    assert err.startswith(
        "5 records would be put back (adjustments 1, pixels 1, purchases 3), 1 letters were of a record among them"
    )
    topics = ("purchases", "pixels", "adjustments")
    assert held(broker, *topics) == []
    assert say("replay", "--broker", broker.url)[0] == 0
    found = held(broker, *topics)
    assert Counter(record for _, record in found) == Counter({record for record, _ in REFUSED})
    assert all(number == partition_of(key, PARTITIONS) for number, (_, key, _) in found if key)
    assert say("replay", "--broker", broker.url, "--reason", "internal-error")[0] == 0
    assert Counter(record for _, record in held(broker, "purchases"))["purchases", b"p2", SALE] == 2


def test_what_is_asked_for_is_put_back_and_nothing_else(broker: EmbeddedBroker, say: Any) -> None:
    refuse(broker, REFUSED)
    time.sleep(0.01)
    between = format_instant(time.time_ns() // 1_000)
    time.sleep(0.01)
    refuse(broker, [(("purchases", b"p9", SALE), "unknown-application")])
    code, out, _ = say(
        "replay", "--broker", broker.url, "--reason", "unknown-application", "internal-error", "--since", between, "--json"
    )
    told = json.loads(out)
    assert (code, told["put_back"], told["reasons"]) == (0, 1, {"unknown-application": 1})
    assert [record for _, record in held(broker, "purchases")] == [("purchases", b"p9", SALE)]


def test_what_is_left_out_is_said_and_holds_nothing_up(broker: EmbeddedBroker, say: Any) -> None:
    refuse(broker, [(("purchases", b"p1", b"x" * 70_000), "too-large"), *REFUSED[2:3]])
    code, _, err = say("replay", "--broker", broker.url)
    first, *rest = err.splitlines()
    assert code == 1
    assert first.startswith(
        "pointstream: dead-letters replay: dead-letters partition 2 offset 0 (too-large) is left out: only its "
    )
    assert rest[0] == "1 records were put back (purchases 1), 1 left out"
    assert "profile release" in rest[1]


FOREIGN = {
    "no JSON": b"hello",
    "no value": None,
    "not UTF-8": b'{"topic": "\xff"}',
    "nested without an end": b'{"more": ' + b"[" * 100_000,
    "another record": b'{"receipt_id": "R1"}',
    "base64 that is none": encode(letter_of(("pixels", NOT_UTF8, NOT_UTF8), "not-json")).replace(b'"key":"', b'"key":"*'),
}


@pytest.mark.parametrize("value", FOREIGN.values(), ids=FOREIGN.keys())
def test_a_record_that_is_no_dead_letter_is_told_and_hides_none(broker: EmbeddedBroker, say: Any, value: bytes | None) -> None:
    refuse(broker, REFUSED[:1])
    producer = Producer({"bootstrap.servers": broker.address})
    producer.produce(DEAD_LETTERS, value, partition=2)
    assert producer.flush(10) == 0
    refuse(broker, REFUSED[2:3])
    sentence = "dead-letters partition 2 offset 1 is no dead letter, and is passed over: "
    code, out, err = say("list", "--broker", broker.url)
    assert (code, len(out.splitlines())) == (1, 3)
    assert f"pointstream: dead-letters list: {sentence}" in err
    code, _, err = say("replay", "--broker", broker.url)
    assert code == 1
    assert err.startswith("2 records were put back (purchases 2)\n")
    assert f"pointstream: dead-letters replay: {sentence}" in err
    for command in ("list", "replay"):
        code, out, _ = say(command, "--broker", broker.url, "--json")
        ((partition, offset),) = [(each["partition"], each["offset"]) for each in json.loads(out)["passed_over"]]
        assert (code, partition, offset) == (1, 2, 1)


def test_what_was_sent_before_it_was_broken_off_is_waited_for_and_told(say: Any) -> None:
    with embedded_broker([DEAD_LETTERS, "purchases"], announce=lambda _: None) as broker:
        refuse(broker, [REFUSED[0], REFUSED[3]])
        code, _, err = say("replay", "--broker", broker.url)
        assert code == 2
        assert err.splitlines()[0] == "1 records were put back (purchases 1)"
        assert "the topic pixels is not there" in err.splitlines()[1]
        assert len(held(broker, "purchases")) == 1


def test_they_are_listed_for_people_and_for_machines(broker: EmbeddedBroker, say: Any) -> None:
    refuse(broker, REFUSED)
    code, out, err = say("list", "--broker", broker.url, "--limit", 2)
    assert code == 0
    assert len(out.splitlines()) == 3
    assert err.startswith("6 dead letters, the newest 2 of them above; ")
    assert "not-json 3" in err
    code, out, _ = say("list", "--broker", broker.url, "--json", "--reason", "internal-error")
    told = json.loads(out)
    assert (told["count"], told["reasons"]) == (1, {"internal-error": 1})
    (letter,) = told["dead_letters"]
    assert (letter["topic"], letter["partition"], letter["offset"], letter["key"], letter["value"]) == (
        "purchases",
        2,
        2,
        "p2",
        SALE.decode(),
    )
    assert letter["dead_letter"] == {"partition": 2, "offset": 2}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["list"], "dead-letters list: Missing option '--broker'"),
        (["replay", "--broker", "kafka://127.0.0.1:1", "--reason", "bad-luck"], "'bad-luck' is not one of"),
        (["replay", "--broker", "kafka://127.0.0.1:1", "--since", "yesterday"], "is not a time with an offset"),
    ],
)
def test_wrong_usage_ends_with_2(say: Any, arguments: list[object], sentence: str) -> None:
    code, _, err = say(*arguments)
    assert code == 2
    assert sentence in err


def test_no_key_gives_orders_to_a_terminal_or_fills_it(broker: EmbeddedBroker, say: Any) -> None:
    ordering, bidi = b"\x1b]0;mine\x07\x1b[2Jp1", "\u202ep2".encode()
    refuse(
        broker,
        [
            (("pixels", ordering, b"x"), "not-json"),
            (("pixels", bidi, b"x"), "not-json"),
            (("pixels", b"k" * 60_000, b"x"), "not-json"),
        ],
    )
    code, out, _ = say("list", "--broker", broker.url)
    assert code == 0
    assert "]0;mine" in out
    assert not [sign for sign in out if sign != "\n" and not sign.isprintable()]
    assert out.count("k") < 200
    _, out, _ = say("list", "--broker", broker.url, "--json")
    assert [letter["key"].encode() for letter in json.loads(out)["dead_letters"]] == [ordering, bidi, b"k" * 60_000]

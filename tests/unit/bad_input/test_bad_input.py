"""Bad input, byte by byte: each a dead letter with reason, field and a sentence, and the stream goes on."""

import base64
import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agents.core import Core
from agents.incoming import Incoming
from agents.outbox import Outbox
from schemas.document import read_document
from schemas.events import encode
from schemas.instants import parse_instant
from schemas.outcomes import OUTCOMES, REASONS
from schemas.program import Catalog
from schemas.program_file import build_catalog
from schemas.topics import BY_NAME
from tables.memory import MemoryStore
from tables.table import Table
from tests.unit.bad_input.corpus import ARRIVED, CORPUS, GOOD, PARTITIONS, PROFILE, SALE, Bad

PROGRAM = {
    "program": "club",
    "timezone": "Europe/Berlin",
    "environment": "sandbox",
    "effective_from": "2020-01-01T00:00:00Z",
    "applications": ["pos"],
    "currency": "EUR",
    "points": [{"sid": "pts", "activation": "1 day", "expiration": "1 year"}],
    "earning": [{"rule": "base", "rate": {"points": "1", "per": "1.00"}}],
}
# murmur2 of "foobar" as Kafka's own tests have it
MURMUR2_OF_FOOBAR = -790332482
HOME = (MURMUR2_OF_FOOBAR & 0x7FFFFFFF) % PARTITIONS


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return build_catalog([read_document(json.dumps(PROGRAM), "club.json")])


class Stream:
    """One partition's input from its first record."""

    def __init__(self, catalog: Catalog, partitions: int | None = PARTITIONS) -> None:
        self.core = Core(catalog, partitions)
        self.table = Table(MemoryStore())
        self.offset = 0

    def deliver(self, bad: Bad) -> tuple[str, list[dict[str, Any]]]:
        outbox = Outbox()
        partition = (HOME + 1) % PARTITIONS if bad.elsewhere else HOME
        incoming = Incoming(bad.topic, partition, self.offset, bad.key, bad.value, parse_instant(ARRIVED))
        self.offset += 1
        outcome = self.core.apply(self.table, incoming, outbox)
        self.core.event_time(incoming)
        assert not outbox.errors, outbox.errors
        assert all(effect.topic != "dead-letters" or outcome == "dead-letter" for effect in outbox.effects)
        return outcome, [json.loads(encode(effect.record)) for effect in outbox.effects]


def test_the_corpus_is_large_and_its_names_are_unique() -> None:
    names = [bad.name for bad in CORPUS]
    assert len(set(names)) == len(names)
    assert len(names) >= 60


@pytest.mark.parametrize("bad", CORPUS, ids=lambda bad: bad.name)
def test_it_is_a_dead_letter_and_the_stream_goes_on(catalog: Catalog, bad: Bad) -> None:
    stream = Stream(catalog)
    outcome, said = stream.deliver(bad)
    assert outcome == "dead-letter"
    (letter,) = said
    assert letter["reason"] in bad.reasons, letter
    assert letter["reason"] in REASONS
    assert letter.get("field") == bad.field, letter
    assert len(letter["message"]) > 10
    assert "\n" not in letter["message"]
    assert (letter["topic"], letter["partition"], letter["offset"]) == (bad.topic, (HOME + bad.elsewhere) % PARTITIONS, 0)
    if letter.get("truncated"):
        assert bad.key is not None
        assert bad.key.startswith(came_back(letter, "key") or b"?")
    else:
        assert came_back(letter, "key") == bad.key
        assert came_back(letter, "value") == bad.value
    size = len(came_back(letter, "key") or b"") + len(json.dumps(letter, ensure_ascii=False).encode())
    assert size < BY_NAME["dead-letters"].max_message_bytes
    outcome, said = stream.deliver(Bad("good", GOOD, ()))
    assert outcome == "applied"
    assert [record["type"] for record in said] == ["membership.joined", "points.accrued"]
    assert said[1]["points"] == "10"


def came_back(letter: dict[str, Any], name: str) -> bytes | None:
    text = letter.get(name)
    if text is None:
        return None
    return base64.b64decode(text) if name in letter.get("base64", ()) else str(text).encode()


@pytest.mark.parametrize("name", ["a profile of 129 bytes", "a profile of 300 bytes"])
def test_a_profile_that_is_too_long_is_told_the_bound_that_holds_for_it(catalog: Catalog, name: str) -> None:
    (bad,) = [one for one in CORPUS if one.name == name]
    _, (letter,) = Stream(catalog).deliver(bad)
    assert letter["message"] == "profile_id has more than 128 bytes"


def test_a_misrouted_record_is_told_where_it_belongs(catalog: Catalog) -> None:
    for bad in (bad for bad in CORPUS if bad.reasons == ("misrouted",) and bad.topic == "purchases"):
        _, (letter,) = Stream(catalog).deliver(bad)
        assert f"partition {HOME}" in letter["message"], bad.name


def test_a_record_too_large_is_cut(catalog: Catalog) -> None:
    for bad in (bad for bad in CORPUS if bad.reasons == ("too-large",)):
        _, (letter,) = Stream(catalog).deliver(bad)
        assert letter["truncated"]
        assert len(letter["value"]) < 1024 * 1024


def test_a_conflicting_duplicate_keeps_the_first(catalog: Catalog) -> None:
    stream = Stream(catalog)
    assert stream.deliver(Bad("first", GOOD, ()))[0] == "applied"
    assert stream.deliver(Bad("the same", GOOD, ()))[0] == "duplicate"
    outcome, (letter,) = stream.deliver(Bad("other content", GOOD.replace(b"10.00", b"99.00"), ()))
    assert (outcome, letter["reason"]) == ("dead-letter", "conflicting-duplicate")
    assert stream.deliver(Bad("the same", GOOD, ()))[0] == "duplicate"


def test_the_same_content_in_another_order_of_fields_is_a_duplicate(catalog: Catalog) -> None:
    stream = Stream(catalog)
    assert stream.deliver(Bad("first", GOOD, ()))[0] == "applied"
    fields = json.loads(GOOD)
    shuffled = json.dumps({name: fields[name] for name in reversed(fields)}, indent=2).encode()
    assert stream.deliver(Bad("again", shuffled, ()))[0] == "duplicate"


def test_where_everything_is_bad_nothing_is_kept(catalog: Catalog) -> None:
    stream = Stream(catalog)
    for bad in CORPUS:
        assert stream.deliver(bad)[0] == "dead-letter", bad.name
    stream.table.freeze()
    assert stream.table.changes() == []


# -- any bytes at all

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
TOPICS = st.sampled_from(("purchases", "pixels", "profiles", "redemptions", "adjustments"))
FIELDS = ("kind", "revision", "discount", "tax", "shipping", "total", "paid_by_points", "promo_codes", "subledger", "attributes")


@st.composite
def nearly_sales(draw: st.DrawFn) -> bytes:
    """A sale with some of it replaced by anything."""
    record: dict[str, Any] = json.loads(json.dumps(SALE))
    for name in draw(st.lists(st.sampled_from((*SALE, *FIELDS)), max_size=2)):
        record[name] = draw(JSON)
    if draw(st.booleans()) and isinstance(record.get("lines"), list) and record["lines"] and isinstance(record["lines"][0], dict):
        record["lines"][0][draw(st.sampled_from(("sku", "quantity", "unit_price", "discount", "tax", "tags", "line_id")))] = draw(
            JSON
        )
    return json.dumps(record).encode("utf-8", "surrogatepass")


@st.composite
def broken_bytes(draw: st.DrawFn) -> bytes:
    """Good bytes with a few changed, cut or doubled."""
    good = bytearray(GOOD)
    for place in draw(st.lists(st.integers(0, len(good) - 1), max_size=4)):
        good[place] = draw(st.integers(0, 255))
    return bytes(good[: draw(st.integers(0, len(good)))]) if draw(st.booleans()) else bytes(good)


@given(
    TOPICS,
    st.none() | st.binary() | nearly_sales() | broken_bytes(),
    st.none() | st.binary(max_size=6) | st.just(PROFILE.encode()),
)
@settings(max_examples=600)
@example("purchases", json.dumps({**SALE, "closed_at": "9999-12-31T23:59:59Z"}).encode(), None)
@example("purchases", json.dumps({**SALE, "closed_at": "0001-01-01T00:00:00+23:59"}).encode(), None)
def test_no_bytes_raise(catalog: Catalog, topic: str, value: bytes | None, key: bytes | None) -> None:
    for partitions in (PARTITIONS, None):
        stream = Stream(catalog, partitions)
        outcome, said = stream.deliver(Bad("anything", value, (), key=key, topic=topic))
        assert outcome in OUTCOMES
        assert all(record.get("reason") != "internal-error" for record in said)
        stream.core.tick(stream.table, parse_instant("2200-01-01T00:00:00Z"), Outbox())


@given(st.sampled_from(("9999-12-31T23:59:59Z", "9999-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "2020-01-01T00:00:00Z")))
def test_the_ends_of_time_are_refused_or_fit(catalog: Catalog, closed_at: str) -> None:
    """A file may say that a record arrived when it happened; its lots' dates must still exist."""
    outbox, at = Outbox(), parse_instant("9999-12-31T23:59:59Z")
    value = json.dumps({**SALE, "closed_at": closed_at}).encode()
    for arrived in (at, parse_instant("2020-01-01T00:00:00Z")):
        Core(catalog).apply(Table(MemoryStore()), Incoming("purchases", 0, 0, None, value, arrived), outbox)
    assert not outbox.errors

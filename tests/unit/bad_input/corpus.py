"""A corpus of records that cannot be used, as the bytes that a broker would hand over, and what has to be said about each.

Written from the contract: a reason from its list, the field by its path, and nothing that stops the stream. `field` None: the
record as a whole. Where the contract leaves the reason open, either of two is right.
"""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

PROFILE = "foobar"
PARTITIONS = 4
ARRIVED = "2024-07-01T12:00:05Z"
SALE: dict[str, Any] = {
    "receipt_id": "BAD",
    "application": "pos",
    "profile_id": PROFILE,
    "closed_at": "2024-07-01T12:00:00Z",
    "currency": "EUR",
    "lines": [{"sku": "A", "quantity": 1, "unit_price": "10.00"}],
}


class Bad(NamedTuple):
    name: str
    value: bytes | None
    reasons: tuple[str, ...]
    field: str | None = None
    key: bytes | None = PROFILE.encode()
    topic: str = "purchases"
    elsewhere: bool = False  # delivered in a partition that is not its key's


def sale(**changed: Any) -> bytes:
    """The good sale with fields changed; a field that is `...` is left out."""
    return json.dumps({name: value for name, value in {**SALE, **changed}.items() if value is not ...}).encode()


def raw(field: str, literal: str) -> bytes:
    """The good sale with a field of it, or of its line, written as this literal."""
    text = json.dumps({**SALE, field: "@"} if field in {*SALE, "total", "revision"} else {**SALE, "lines": [line(field, "@")]})
    return text.replace('"@"', literal).encode()


def line(field: str, value: Any) -> dict[str, Any]:
    return {**SALE["lines"][0], field: value}


GOOD = sale(receipt_id="GOOD")
NOT_JSON = ("not-json",)
INVALID = ("invalid-field",)
MISSING = ("missing-field",)


def whole_records() -> Iterator[Bad]:
    for name, value in {
        "nothing at all": b"",
        "a blank": b" ",
        "words": b"hello",
        "half an object": b'{"receipt_id": "R1", ',
        "an object and more": GOOD + b"}",
        "two objects": GOOD + GOOD,
        "single quotes": GOOD.replace(b'"', b"'"),
        "a comma too many": GOOD.replace(b"}]}", b"},]}"),
        "a comment": b"/* till 4 */" + GOOD,
        "a byte order mark": b"\xef\xbb\xbf" + GOOD,
        "UTF-16": GOOD.decode().encode("utf-16"),
        "bytes that are no UTF-8": b"\xff\xfe\x00\x80",
        "a name that is no UTF-8": GOOD.replace(b'"A"', b'"\xc3\x28"'),
        "a control character in a text": GOOD.replace(b'"A"', b'"\x01"'),
        "half a surrogate pair": GOOD.replace(b'"A"', rb'"\ud800"'),
        "NaN written bare": raw("unit_price", "NaN"),
        "Infinity written bare": raw("unit_price", "-Infinity"),
        "a number with a leading zero": raw("unit_price", "010.00"),
        "a number with an underscore, bare": raw("unit_price", "1_0"),
        "XML": b"<receipt/>",
        "MessagePack": b"\x81\xa1a\x01",
    }.items():
        yield Bad(name, value, NOT_JSON)
    yield Bad("no value", None, ("not-json", "missing-field"))
    yield Bad("brackets a hundred thousand deep", b"[" * 100_000 + b"]" * 100_000, ("not-json", "invalid-field", "too-large"))
    deep = b'{"a":' * 50_000 + b"1" + b"}" * 50_000
    yield Bad(
        "attributes fifty thousand deep",
        raw("unit_price", '"1.00"')[:-1] + b', "attributes": ' + deep + b"}",
        ("not-json", "invalid-field"),
    )
    for name, value in {"a list": b"[]", "a text": b'"R1"', "a number": b"1", "null": b"null", "true": b"true"}.items():
        yield Bad(f"{name} for an object", value, ("not-json", "invalid-field"))
    yield Bad("no UTF-8 in a field that nobody reads", sale()[:-1] + b', "note": "\xc3\x28"}', ("not-json",))
    yield Bad("two mebibytes", sale(attributes={"note": "x" * 2 * 1024 * 1024}), ("too-large",))
    yield Bad("two mebibytes of nothing", b"\x00" * 2 * 1024 * 1024, ("too-large",))


def keys() -> Iterator[Bad]:
    yield Bad("no key", sale(), ("misrouted",), "profile_id", key=None)
    yield Bad("another key", sale(), ("misrouted",), "profile_id", key=b"someone-else")
    yield Bad("a key that is no UTF-8", sale(), ("misrouted",), "profile_id", key=b"\xff\xfe")
    yield Bad("a key with a blank more", sale(), ("misrouted",), "profile_id", key=b"foobar ")
    yield Bad("another partition", sale(), ("misrouted",), "profile_id", elsewhere=True)
    long, control = "p" * 129, "p\n1"
    yield Bad("a profile of 129 bytes", sale(profile_id=long), INVALID, "profile_id", key=long.encode())
    longer = "p" * 300  # past the bound of other ids, too
    yield Bad("a profile of 300 bytes", sale(profile_id=longer), INVALID, "profile_id", key=longer.encode())
    yield Bad("a profile with a control character", sale(profile_id=control), INVALID, "profile_id", key=control.encode())
    yield Bad("a profile like a position", sale(profile_id="__position__"), INVALID, "profile_id", key=b"__position__")
    yield Bad("a profile of nothing", sale(profile_id=""), INVALID, "profile_id", key=b"")
    yield Bad("a profile that is a number", sale(profile_id=17), INVALID, "profile_id", key=b"17")
    yield Bad("a profile that is a list", sale(profile_id=["p"]), INVALID, "profile_id")
    yield Bad("a key of megabytes", sale(), ("too-large",), key=b"\x01" * 2_000_000)
    yield Bad("a key of megabytes on a sale of nobody", sale(profile_id=...), ("too-large",), key=b"\xff" * 4_000_000)
    yield Bad("the longest key and value that are read, all escapes", b"\x01" * 1024 * 1024, ("not-json",), key=b"\x01" * 65_536)


def fields() -> Iterator[Bad]:
    for name in ("receipt_id", "application", "closed_at", "currency", "lines"):
        yield Bad(f"no {name}", sale(**{name: ...}), MISSING, name)
        yield Bad(f"{name} null", sale(**{name: None}), ("invalid-field", "missing-field"), name)
    for name in ("sku", "quantity", "unit_price"):
        short = {field: value for field, value in SALE["lines"][0].items() if field != name}
        yield Bad(f"a line without {name}", sale(lines=[short]), MISSING, f"lines.0.{name}")
    for name, value in {"receipt_id": 1, "application": [], "currency": {}, "lines": "A", "kind": 5, "promo_codes": "X"}.items():
        yield Bad(f"{name} of another type", sale(**{name: value}), INVALID, name)
    yield Bad("a kind that does not exist", sale(kind="gift"), INVALID, "kind")
    yield Bad("a revision of nothing", sale(revision=0), INVALID, "revision")
    yield Bad("a revision with a fraction", raw("revision", "1.5"), INVALID, "revision")
    yield Bad("a revision below zero", sale(revision=-1), INVALID, "revision")
    yield Bad("the second line is wrong", sale(lines=[SALE["lines"][0], line("quantity", "x")]), INVALID, "lines.1.quantity")
    yield Bad("a line that is null", sale(lines=[None]), INVALID, "lines.0")
    yield Bad("tags that are no list", sale(lines=[line("tags", "blue")]), INVALID, "lines.0.tags")


def times() -> Iterator[Bad]:
    for name, value in {
        "without offset": "2024-07-01T12:00:00",
        "without time": "2024-07-01",
        "of month 13": "2024-13-01T12:00:00Z",
        "of 30 February": "2024-02-30T12:00:00Z",
        "of hour 24": "2024-07-01T24:00:00Z",
        "with an offset of two days": "2024-07-01T12:00:00+48:00",
        "of year 0": "0000-07-01T12:00:00Z",
        "of year 10000": "10000-07-01T12:00:00Z",
        "in words": "now",
        "of nothing": "",
        "with a blank": " 2024-07-01T12:00:00Z",
    }.items():
        yield Bad(f"a time {name}", sale(closed_at=value), INVALID, "closed_at")
    yield Bad("a time that is a number", sale(closed_at=1719835200), INVALID, "closed_at")
    yield Bad("a clock ten years ahead", sale(closed_at="2034-07-01T12:00:00Z"), ("future-event-time",), "closed_at")
    yield Bad("a clock eleven minutes ahead", sale(closed_at="2024-07-01T12:11:05Z"), ("future-event-time",), "closed_at")
    yield Bad(
        "the last second there is", sale(closed_at="9999-12-31T23:59:59Z"), ("future-event-time", "invalid-field"), "closed_at"
    )
    yield Bad(
        "the first second there is",
        sale(closed_at="0001-01-01T00:00:00Z"),
        ("too-late", "before-program", "invalid-field"),
        "closed_at",
    )
    yield Bad("a clock 401 days behind", sale(closed_at="2023-05-27T12:00:00Z"), ("too-late",), "closed_at")


def amounts() -> Iterator[Bad]:
    for name, literal in {
        "1e400": "1e400",
        "1e2": "1e2",
        "1E-3": "1E-3",
        "ten decimals": "1.0123456789",
        "thirteen digits": "1234567890123",
        "an integer of a thousand digits": "9" * 1000,
        "true": "true",
        "null": "null",
        "a list": "[1]",
        "an object": '{"amount": 1}',
        "NaN as text": '"NaN"',
        "Infinity as text": '"Infinity"',
        "1e400 as text": '"1e400"',
        "1_0 as text": '"1_0"',
        "a comma": '"1,5"',
        "a plus": '"+1"',
        "a currency": '"10 EUR"',
        "a blank": '" 1"',
        "nothing": '""',
        "digits of another script": '"\u0661\u0660"',
        "a newline": '"1\\n"',
    }.items():
        yield Bad(f"a price of {name}", raw("unit_price", literal), ("invalid-field", "missing-field"), "lines.0.unit_price")
    yield Bad("a quantity below zero", sale(lines=[line("quantity", -1)]), ("negative-quantity",), "lines.0.quantity")
    yield Bad("a total of 1e400", raw("total", "1e400"), INVALID, "total")
    yield Bad("a discount in words", sale(discount="half"), INVALID, "discount")
    huge = "999999999999.999999999"
    beyond = sale(lines=[{"sku": "A", "quantity": huge, "unit_price": huge}])
    yield Bad("more points than a ledger can hold", beyond, INVALID, "lines")


def meaning() -> Iterator[Bad]:
    yield Bad("an unknown application", sale(application="kiosk"), ("unknown-application",), "application")
    yield Bad("an unknown program", sale(program="other"), ("unknown-program",), "program")
    yield Bad("another currency", sale(currency="USD"), ("wrong-currency",), "currency")
    yield Bad("an empty currency", sale(currency=""), ("wrong-currency", "invalid-field"), "currency")


def other_topics() -> Iterator[Bad]:
    """What the other inputs refuse by themselves, whatever becomes of the good ones."""
    pixel = {"event_id": "E1", "profile_id": PROFILE, "type": "app_install", "occurred_at": "2024-07-01T12:00:00Z"}
    profile = {"profile_id": PROFILE, "updated_at": "2024-07-01T12:00:00Z", "fields": {}}
    redemption = {
        "redemption_id": "X1",
        "profile_id": PROFILE,
        "program": "club",
        "requested_at": "2024-07-01T12:00:00Z",
        "points": "1",
    }
    adjustment = {
        "adjustment_id": "A1", "profile_id": PROFILE, "program": "club", "points": "1", "reason": "r", "actor": "a",
        "occurred_at": "2024-07-01T12:00:00Z",
    }  # fmt: skip
    for topic, good, time, number in (
        ("pixels", pixel, "occurred_at", None),
        ("profiles", profile, "updated_at", None),
        ("redemptions", redemption, "requested_at", "points"),
        ("adjustments", adjustment, "occurred_at", "points"),
    ):
        yield Bad(f"{topic}: words", b"hello", NOT_JSON, topic=topic)
        yield Bad(
            f"{topic}: a time without offset",
            json.dumps({**good, time: "2024-07-01T12:00:00"}).encode(),
            INVALID,
            time,
            topic=topic,
        )
        yield Bad(
            f"{topic}: no time", json.dumps({k: v for k, v in good.items() if k != time}).encode(), MISSING, time, topic=topic
        )
        yield Bad(f"{topic}: another key", json.dumps(good).encode(), ("misrouted",), "profile_id", key=b"x", topic=topic)
        yield Bad(
            f"{topic}: no profile",
            json.dumps({**good, "profile_id": ...}, default=lambda _: None).encode(),
            ("missing-field", "invalid-field", "profile-required"),
            "profile_id",
            topic=topic,
        )
        if number:
            yield Bad(
                f"{topic}: points of 1e400",
                json.dumps({**good, number: "@"}).replace('"@"', "1e400").encode(),
                INVALID,
                number,
                topic=topic,
            )
    yield Bad(
        "profiles: a merge", json.dumps({**profile, "kind": "merge"}).encode(), ("not-supported-yet",), None, topic="profiles"
    )


CORPUS = [
    *whole_records(), *keys(), *fields(), *times(), *amounts(), *meaning(), *other_topics(),
]  # fmt: skip

"""What goes wrong at a till, one way a function: each takes a good receipt and says for what reason it must be refused.

Pure. `SPOILS` is the whole table; a new way of going wrong is a new row. `before` is a receipt that was sent and accepted
a little earlier, for the faults that need one. The reasons are those of `schemas.outcomes.REASONS`, chosen from what the
contract says of such a record and not from what the core does with it.
"""

import json
from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

Receipt = dict[str, Any]


class Spoilt(NamedTuple):
    """The record as sent, and the reason for which it must be refused."""

    key: bytes | None
    value: bytes
    reason: str


def _spoilt(receipt: Receipt, reason: str, **changes: Any) -> Spoilt:
    return Spoilt(receipt["profile_id"].encode(), json.dumps(receipt | changes, separators=(",", ":")).encode(), reason)


def _first_line(receipt: Receipt, **changes: Any) -> list[dict[str, Any]]:
    return [receipt["lines"][0] | changes, *receipt["lines"][1:]]


def cut_off(receipt: Receipt, before: Receipt, random: Random) -> Spoilt:
    """The connection broke in the middle."""
    whole = json.dumps(receipt, separators=(",", ":")).encode()
    return Spoilt(receipt["profile_id"].encode(), whole[: random.randint(10, len(whole) - 10)], "not-json")


def xml(receipt: Receipt, before: Receipt, random: Random) -> Spoilt:
    """An old till that nobody has converted."""
    return Spoilt(receipt["profile_id"].encode(), f"<receipt id='{receipt['receipt_id']}'/>".encode(), "not-json")


def latin_1(receipt: Receipt, before: Receipt, random: Random) -> Spoilt:
    """A till that writes text in the code page of its printer."""
    whole = json.dumps(receipt | {"operator": "Café"}, ensure_ascii=False, separators=(",", ":"))
    return Spoilt(receipt["profile_id"].encode(), whole.encode("latin-1"), "not-json")


def without_time(receipt: Receipt, before: Receipt, random: Random) -> Spoilt:
    rest = {key: value for key, value in receipt.items() if key != "closed_at"}
    return _spoilt(rest, "missing-field")


def without_price(receipt: Receipt, before: Receipt, random: Random) -> Spoilt:
    line = {key: value for key, value in receipt["lines"][0].items() if key != "unit_price"}
    return _spoilt(receipt, "missing-field", lines=[line])


def local_time(receipt: Receipt, before: Receipt, random: Random) -> Spoilt:
    """A time without its offset: nobody can say which instant it is."""
    return _spoilt(receipt, "invalid-field", closed_at=receipt["closed_at"][:19])


def comma_price(receipt: Receipt, before: Receipt, random: Random) -> Spoilt:
    return _spoilt(receipt, "invalid-field", lines=_first_line(receipt, unit_price="12,50"))


def not_a_number(receipt: Receipt, before: Receipt, random: Random) -> Spoilt:
    return _spoilt(receipt, "invalid-field", lines=_first_line(receipt, quantity="NaN"))


def dollars(receipt: Receipt, before: Receipt, random: Random) -> Spoilt:
    return _spoilt(receipt, "wrong-currency", currency="USD")


def taken_back(receipt: Receipt, before: Receipt, random: Random) -> Spoilt:
    """A refund rung up as a negative quantity instead of a return."""
    return _spoilt(receipt, "negative-quantity", lines=_first_line(receipt, quantity=-1))


def training_till(receipt: Receipt, before: Receipt, random: Random) -> Spoilt:
    return _spoilt(receipt, "unknown-application", application="pos-training")


def flat_battery(receipt: Receipt, before: Receipt, random: Random) -> Spoilt:
    """A till whose clock went back to its maker's year."""
    return _spoilt(receipt, "too-late", closed_at="2021-01-01T00:00:12Z")


def forgotten_box(receipt: Receipt, before: Receipt, random: Random) -> Spoilt:
    """A store's journal found two years later."""
    return _spoilt(receipt, "too-late", closed_at="2022-11-05T15:31:00Z")


def wrong_key(receipt: Receipt, before: Receipt, random: Random) -> Spoilt:
    """A feed that keys its records by store."""
    return _spoilt(receipt, "misrouted")._replace(key=receipt["store"].encode())


def same_number(receipt: Receipt, before: Receipt, random: Random) -> Spoilt:
    """A till that gave a number twice."""
    return _spoilt(before, "conflicting-duplicate", lines=[*before["lines"], receipt["lines"][0] | {"sku": "added-later"}])


SPOILS: tuple[Callable[[Receipt, Receipt, Random], Spoilt], ...] = (
    cut_off,
    xml,
    latin_1,
    without_time,
    without_price,
    local_time,
    comma_price,
    not_a_number,
    dollars,
    taken_back,
    training_till,
    flat_battery,
    forgotten_box,
    wrong_key,
    same_number,
)

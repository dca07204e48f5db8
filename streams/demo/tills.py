"""A simulated till feed: five shops and a webshop, their members, and everything that goes wrong at a till.

Pure: the same seed gives the same records, byte for byte. Each record carries what ought to become of it (`Truth`), from
what the till did to it and not from asking the core, so that the closing summary can hold the worker to it.

Time is simulated: on average `per_day` records are spread over each day's opening hours, fewer on Mondays than on Saturdays.
Members come with Zipf-Mandelbrot frequency: a few are there every other day, most a handful of times.
"""

import json
from bisect import bisect
from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import accumulate, count
from random import Random
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from schemas.outcomes import ANONYMOUS, APPLIED, DEAD_LETTER, DUPLICATE
from streams.demo.spoil import SPOILS, Spoilt

ZONE: Final = ZoneInfo("Europe/London")
FIRST_DAY: Final = date(2024, 4, 29)
OPENS: Final = time(8, 0)
OPEN_SECONDS: Final = 13 * 3600
WEEK: Final = (0.80, 0.85, 0.90, 1.00, 1.20, 1.45, 0.80)  # how busy a day is, from Monday; on average 1
CURRENCY: Final = "GBP"

SHOPS: Final = ("High Street", "Market Hall", "Station", "Harbour", "Retail Park")
WEBSHOP: Final = "Webshop"

# category -> (sku, pence)
SHELVES: Final[dict[str, tuple[tuple[str, int], ...]]] = {
    "coffee": (("espresso-250", 695), ("filter-500", 1150), ("decaf-250", 725)),
    "kitchen": (("saucepan-18", 2499), ("whisk", 649), ("board-oak", 1899), ("mug", 550)),
    "garden": (("secateurs", 1795), ("compost-40", 699), ("lavender", 450), ("hose-20m", 2750)),
    "books": (("paperback", 899), ("cookbook", 2200), ("map", 899)),
    "toys": (("puzzle-500", 1299), ("blocks", 2450), ("kite", 1550)),
    "gift-cards": (("gift-card-10", 1000), ("gift-card-25", 2500)),
}
_CATEGORY_WEIGHTS: Final = (30, 22, 20, 16, 10, 2)

# What a till does, by share of all records in a thousand; the rest are plain sales to a member.
_ANONYMOUS, _DUPLICATE, _LATE, _CANCEL, _SPOILT = 115, 30, 25, 18, 22
_DAYS_BETWEEN_VISITS: Final = 8  # of a member, on average
_REMEMBERED: Final = 400  # recent receipts of which one may be sent again or cancelled


class Truth(NamedTuple):
    """What ought to become of a record: an outcome, for a dead letter its reason, and what the till did."""

    outcome: str
    reason: str | None
    deed: str  # sale, anonymous, duplicate, late, cancel, spoilt


class TillRecord(NamedTuple):
    """One record as a till sends it; `day` is when, in simulated days since the first opening, `at` the same as an instant."""

    day: float
    at: datetime
    key: bytes | None
    value: bytes | None
    truth: Truth


class _Sent(NamedTuple):
    receipt: dict[str, Any]
    value: bytes


class _Now(NamedTuple):
    day: float
    at: datetime


class Tills:
    """An endless feed. `records()` yields in order of sending and may be called once."""

    def __init__(self, seed: int, per_day: int) -> None:
        self._random = Random(seed)
        self._per_day = per_day
        members = max(100, per_day * _DAYS_BETWEEN_VISITS)
        self._cumulative = list(accumulate(1.0 / (rank + members / 40) for rank in range(members)))
        first = 10 ** len(str(members))  # numbers of equal length
        self._members = [f"m-{number}" for number in self._random.sample(range(first, 10 * first), members)]
        self._recent: deque[_Sent] = deque(maxlen=_REMEMBERED)
        self._cancelled: deque[str] = deque(maxlen=_REMEMBERED)
        self._receipts = 0

    def records(self) -> Iterator[TillRecord]:
        deeds: tuple[tuple[int, Callable[[_Now], TillRecord]], ...] = (
            (_ANONYMOUS, self._anonymous),
            (_DUPLICATE, self._duplicate),
            (_LATE, self._late),
            (_CANCEL, self._cancel),
            (_SPOILT, self._spoilt),
        )
        bounds = list(accumulate(share for share, _ in deeds))
        for now in self._moments():
            index = bisect(bounds, self._random.randrange(1000)) if len(self._recent) > 50 else len(deeds)
            yield deeds[index][1](now) if index < len(deeds) else self._sale(now)

    def _moments(self) -> Iterator[_Now]:
        for day in count():
            records = round(self._per_day * WEEK[day % 7])
            for number in range(records):
                yield _Now(day + number / records, simulated_time(day, number / records))

    def _sale(self, now: _Now) -> TillRecord:
        receipt = self._receipt(now.at, self._member())
        return self._send(now, receipt, Truth(APPLIED, None, "sale"))

    def _anonymous(self, now: _Now) -> TillRecord:
        receipt = self._receipt(now.at, None)
        value = _json(receipt)
        return TillRecord(now.day, now.at, receipt["receipt_id"].encode(), value, Truth(ANONYMOUS, None, "anonymous"))

    def _late(self, now: _Now) -> TillRecord:
        """A till that was offline for hours or days sends what it sold meanwhile."""
        hours = self._random.choice((3, 5, 9, 20, 26, 44, 70, 90))
        closed = max(now.at - timedelta(hours=hours), simulated_time(0, 0.0))
        receipt = self._receipt(closed, self._member())
        return self._send(now, receipt, Truth(APPLIED, None, "late"))

    def _duplicate(self, now: _Now) -> TillRecord:
        again = self._random.choice(self._recent)
        return TillRecord(now.day, now.at, again.receipt["profile_id"].encode(), again.value, Truth(DUPLICATE, None, "duplicate"))

    def _cancel(self, now: _Now) -> TillRecord:
        sold = self._random.choice(self._recent).receipt
        if sold["receipt_id"] in self._cancelled:
            return self._sale(now)
        self._cancelled.append(sold["receipt_id"])
        cancel = {key: sold[key] for key in ("receipt_id", "application", "profile_id", "store", "till")}
        cancel |= {"kind": "cancel", "closed_at": _rfc3339(now.at)}
        return TillRecord(now.day, now.at, sold["profile_id"].encode(), _json(cancel), Truth(APPLIED, None, "cancel"))

    def _spoilt(self, now: _Now) -> TillRecord:
        receipt = self._receipt(now.at, self._member())
        sent_before = self._random.choice(self._recent).receipt
        spoilt: Spoilt = self._random.choice(SPOILS)(receipt, sent_before, self._random)
        return TillRecord(now.day, now.at, spoilt.key, spoilt.value, Truth(DEAD_LETTER, spoilt.reason, "spoilt"))

    def _send(self, now: _Now, receipt: dict[str, Any], truth: Truth) -> TillRecord:
        value = _json(receipt)
        self._recent.append(_Sent(receipt, value))
        return TillRecord(now.day, now.at, receipt["profile_id"].encode(), value, truth)

    def _member(self) -> str:
        return self._members[bisect(self._cumulative, self._random.random() * self._cumulative[-1])]

    def _receipt(self, closed_at: datetime, member: str | None) -> dict[str, Any]:
        self._receipts += 1
        online = self._random.random() < 0.22
        store = WEBSHOP if online else self._random.choice(SHOPS)
        receipt: dict[str, Any] = {
            "receipt_id": f"{store[0]}{self._receipts:07d}",
            "application": "webshop" if online else "pos",
            "closed_at": _rfc3339(closed_at),
            "currency": CURRENCY,
            "channel": "online" if online else "in-store",
            "store": store,
            "till": str(self._random.randint(1, 6)),
            "lines": self._lines(),
        }
        if member is not None:
            receipt["profile_id"] = member
            if self._random.random() < 0.04:
                receipt["promo_codes"] = ["SPRING"]
        return receipt

    def _lines(self) -> list[dict[str, Any]]:
        lines: list[dict[str, Any]] = []
        total = 0
        for _ in range(self._random.choices((1, 2, 3, 4, 5, 6), (30, 27, 19, 12, 7, 5))[0]):
            category = self._random.choices(list(SHELVES), _CATEGORY_WEIGHTS)[0]
            sku, pence = self._random.choice(SHELVES[category])
            quantity = self._random.choices((1, 2, 3), (80, 15, 5))[0]
            total += quantity * pence
            lines.append({"sku": sku, "category": category, "quantity": quantity, "unit_price": _money(pence)})
        if total > 1500 and self._random.random() < 0.06:
            lines.append({"sku": "coupon-2", "category": "coupon", "quantity": 1, "unit_price": "-2.00"})
        return lines


def simulated_time(day: int, share_of_day: float) -> datetime:
    """The instant at which this share of a simulated day's opening hours has passed."""
    opening = datetime.combine(FIRST_DAY + timedelta(days=day), OPENS, ZONE).astimezone(UTC)
    return opening + timedelta(seconds=int(share_of_day * OPEN_SECONDS))


def _rfc3339(at: datetime) -> str:
    return at.astimezone(ZONE).isoformat(timespec="seconds")


def _money(pence: int) -> str:
    return f"{pence // 100}.{pence % 100:02d}"


def _json(record: dict[str, Any]) -> bytes:
    return json.dumps(record, separators=(",", ":")).encode()

"""The feed: what a chain of shops may say in two months, from a seed, and the thread that sends it.

The workers run with `--backfill`, so ticks follow event time, and the same seed means the same months on a slow machine. Two in a hundred
receipts are late, some records come twice, and some cannot be used. By which programs they count is in `programs`.
"""

import json
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from random import Random
from typing import Any, Final, NamedTuple

from confluent_kafka import KafkaError, Producer

from schemas.instants import format_instant, parse_instant
from schemas.topics import ADJUSTMENTS, PIXELS, PROFILES, PURCHASES, REDEMPTIONS
from tests.kafka import everything

_FIRST: Final = parse_instant("2024-03-01T08:00:00Z")
_LONG_US: Final = 60 * 24 * 3600 * 1_000_000
_DAY_US: Final = 24 * 3600 * 1_000_000
_LATE: Final = 0.02
_TWICE: Final = 0.01
_SPOILED: Final = 0.01
_DAYS: Final = tuple(f"{month}-{day:02}" for month in ("03", "04") for day in range(1, 31))
_DATES: Final = (*(f"{1960 + n}-{day}" for n, day in enumerate(_DAYS)), "1988-02-29", "1977-12-24")
_KINDS: Final = (
    ("sale", 56), ("return", 8), ("cancel", 1), ("reopen", 1), ("redeem", 8), ("reserve", 8), ("commit", 4), ("release", 2),
    ("rollback", 2), ("adjustment", 4), ("pixel", 3), ("profile", 3),
)  # fmt: skip


class Sent(NamedTuple):
    """A record. `reason`: it must become a dead letter, and by this reason."""

    topic: str
    key: str
    value: bytes
    reason: str | None = None


class Shop:
    """Makes the records of one seed, one after the other."""

    def __init__(self, records: int, profiles: int, seed: int) -> None:
        self._count = records
        self._profiles = profiles
        self._random = Random(seed)
        self._receipts: deque[tuple[str, str, str]] = deque(maxlen=2_000)  # id, application, buyer
        self._held: deque[tuple[str, str]] = deque(maxlen=300)  # redemption id, profile
        self._kinds, self._weights = zip(*_KINDS, strict=True)

    def records(self) -> Iterator[Sent]:
        random = self._random
        last: deque[Sent] = deque(maxlen=50)
        for n in range(self._count):
            if last and random.random() < _TWICE:
                yield random.choice(last)
                continue
            topic, record = self._one(n, _FIRST + n * (_LONG_US // self._count))
            made = Sent(topic, record["profile_id"], json.dumps(record).encode())
            if random.random() < _SPOILED:
                yield self._spoiled(made, record)
                continue
            last.append(made)
            yield made

    def _one(self, n: int, at_us: int) -> tuple[str, dict[str, Any]]:
        random = self._random
        kind = random.choices(self._kinds, self._weights)[0]
        who = f"p{int(self._profiles * random.random() ** 2)}"  # some come far more often than others
        at = format_instant(at_us)
        if kind == "sale":
            return PURCHASES, self._sale(n, who, at_us)
        if kind in ("return", "cancel", "reopen"):
            return PURCHASES, self._of_a_receipt(n, kind, who, at)
        if kind in ("redeem", "reserve", "commit", "release", "rollback"):
            return REDEMPTIONS, self._redemption(n, kind, at)
        if kind == "adjustment":
            told = {"adjustment_id": f"A{n}", "program": "club", "points": str(random.choice((5, 20, -5, -30)))}
            return ADJUSTMENTS, told | {"profile_id": who, "reason": "goodwill", "actor": "desk-1", "occurred_at": at}
        if kind == "pixel":
            return PIXELS, {
                "event_id": f"E{n}",
                "profile_id": who,
                "type": random.choice(("visit", "page_view")),
                "occurred_at": at,
            }
        return PROFILES, self._profile(n, who, at)

    def _profile(self, n: int, who: str, at: str) -> dict[str, Any]:
        """Most birthdays come in the course of the run, and now and then one is corrected."""
        random = self._random
        fields = {"friend": random.choice(("true", "false")), "first_name": f"N{n}"}
        fields["referral_code"] = f"code-{random.randrange(self._profiles // 4 + 1)}"
        fields["date_of_birth"] = random.choice(_DATES)
        if random.random() < 0.3:
            fields["timezone"] = random.choice(("Asia/Tokyo", "America/Los_Angeles", "Europe/London"))
        told = {"profile_id": who, "updated_at": at, "fields": fields}
        if random.random() < 0.5:
            told["registered_at"] = f"2023-{random.choice(_DAYS)}T20:00:00Z"
        return told

    def _sale(self, n: int, who: str, at_us: int) -> dict[str, Any]:
        random = self._random
        late = random.randint(_DAY_US // 24, 12 * _DAY_US) if random.random() < _LATE else 0
        application = "pos" if random.random() < 0.85 else "web"
        self._receipts.append((f"R{n}", application, who))
        sale: dict[str, Any] = {"receipt_id": f"R{n}", "application": application, "profile_id": who}
        sale["closed_at"] = format_instant(at_us - late)
        if random.random() < 0.2:
            sale["promo_codes"] = ["SPRING"]
        if random.random() < 0.2:
            sale["referral_code"] = f"code-{random.randrange(self._profiles // 4 + 1)}"
        if application == "web" and random.random() < 0.3:
            sale["attributes"] = {"delivery": format_instant(at_us + random.randrange(10) * _DAY_US)[:10]}
        return sale | {"currency": "EUR", "lines": everything.lines(random)}

    def _of_a_receipt(self, n: int, kind: str, who: str, at: str) -> dict[str, Any]:
        """Sometimes of one that nobody has sold: it waits a week and is a dead letter then."""
        random = self._random
        receipt, application, buyer = random.choice(self._receipts) if self._receipts and n % 50 else (f"X{n}", "pos", who)
        told = {"kind": kind, "receipt_id": receipt, "application": application, "profile_id": buyer, "closed_at": at}
        if kind != "return":
            return told
        back = random.choice(({"lines": [{"line_id": "1", "quantity": 1}]}, {"amount": "5.00"}))
        return told | {"return_id": f"B{n}"} | back

    def _redemption(self, n: int, kind: str, at: str) -> dict[str, Any]:
        random = self._random
        who = random.choice(self._receipts)[2] if self._receipts else "p0"
        told = {"redemption_id": f"D{n}", "profile_id": who, "program": "club", "requested_at": at, "kind": kind}
        if kind in ("redeem", "reserve"):
            self._held.append((f"D{n}", who))
            return told | random.choice(({"points": str(random.randint(1, 40))}, {"money": "2.50"}))
        held, holder = random.choice(self._held) if self._held else ("D-none", who)
        return told | {"redemption_id": held, "profile_id": holder}

    def _spoiled(self, made: Sent, record: dict[str, Any]) -> Sent:
        kind = self._random.choice(("not-json", "misrouted", "missing-field", "unknown-application"))
        if kind == "not-json":
            return Sent(made.topic, made.key, made.value[:-7], kind)
        if kind == "misrouted":
            return Sent(made.topic, f"{made.key}-of-another", made.value, kind)
        if kind == "missing-field" or made.topic != PURCHASES:
            mark = "closed_at" if made.topic == PURCHASES else "profile_id"
            value = {name: said for name, said in record.items() if name != mark}
            return Sent(made.topic, made.key, json.dumps(value).encode(), "missing-field")
        return Sent(made.topic, made.key, json.dumps(record | {"application": "nobody"}).encode(), kind)


class Feed(threading.Thread):
    """Sends all records, at most `ahead` more than have been applied, so that every moment finds some in flight."""

    def __init__(self, servers: str, shop: Shop, ahead: int, applied: Callable[[], int]) -> None:
        super().__init__(name="feed", daemon=True)
        self.sent: Counter[str] = Counter()
        self.spoiled: Counter[tuple[str, str, str]] = Counter()  # topic, key, reason
        self.failed: list[str] = []
        self._shop = shop
        self._ahead = ahead
        self._applied = applied
        self._ending = threading.Event()
        self._producer = Producer(
            {
                "bootstrap.servers": servers,
                "partitioner": "murmur2",
                "enable.idempotence": True,
                "linger.ms": 5,
                "delivery.timeout.ms": 600_000,
                "log_level": 0,
            }
        )

    def run(self) -> None:
        for record in self._shop.records():
            self.sent[record.topic] += 1
            if record.reason is not None:
                self.spoiled[record.topic, record.key, record.reason] += 1
            self._produce(record)
            while not self._ending.is_set() and self.sent.total() - self._applied() > self._ahead:
                self._producer.poll(0.05)
            if self._ending.is_set():
                return
        while not self._ending.is_set() and self._producer.flush(0.5):
            pass

    def _produce(self, record: Sent) -> None:
        while not self._ending.is_set():
            try:
                self._producer.produce(record.topic, record.value, record.key, on_delivery=self._delivered)
            except BufferError:
                self._producer.poll(0.1)
            else:
                self._producer.poll(0)
                return

    def _delivered(self, error: KafkaError | None, _message: Any) -> None:
        if error is not None:
            self.failed.append(error.str())

    def end(self) -> None:
        self._ending.set()
        self.join()

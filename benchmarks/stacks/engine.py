"""The workload *engine*: receipts of 150 bytes, and a counter for logic, so that what is measured is everything but logic.

Each stack reads a receipt as JSON, adds one to what it keeps for the profile, and says so in one record of the output topic, without
headers: `{"profile_id", "receipt_id", "count"}`.
"""

import json
from collections.abc import Iterator
from random import Random
from typing import Final

from benchmarks.receipts import Sent
from schemas.topics import SEGMENT_CHANGES

OUTPUT: Final = SEGMENT_CHANGES
"""A topic of the product whose records have no headers, so that no stack sends more than another."""
BYTES: Final = 150


def small_receipts(count: int, profiles: int = 10_000, seed: int = 1) -> Iterator[Sent]:
    """So many receipts of 150 bytes each, to members with an even chance of being next."""
    random = Random(seed)
    for number in range(count):
        member = f"member-{random.randrange(profiles):07d}"
        receipt = {"receipt_id": f"R-{number:09d}", "profile_id": member, "total": f"{random.randint(100, 9999) / 100:.2f}"}
        receipt["store"] = ""
        receipt["store"] = "x" * (BYTES - len(json.dumps(receipt, separators=(",", ":"))))
        yield Sent(member.encode(), json.dumps(receipt, separators=(",", ":")).encode())

"""Whatever figure of whatever entry is wrong by one, the auditor finds it; an untouched ledger it passes.

The entries are those of a shop in which everything happens: two programs, scales, holds, debt, returns, sliding expiry, subledgers.
"""

import json
import random
from functools import cache
from typing import Any

import pytest

from agents.core import Core
from agents.incoming import Incoming
from agents.outbox import Outbox
from schemas.document import read_document
from schemas.events import encode
from schemas.program_file import build_catalog
from schemas.topics import LEDGER_ENTRIES
from streams.audit.accounts import Accounts
from streams.audit.auditor import Auditor
from tables.memory import MemoryStore
from tables.table import Table
from tests.kafka import everything

RECORDS, TAMPERED = 3_000, 400


@cache
def entries(seed: int) -> tuple[bytes, ...]:
    programs = [read_document(text, f"{name}.yaml") for name, text in everything.PROGRAMS.items()]
    core, table, outbox = Core(build_catalog(programs)), Table(MemoryStore()), Outbox()
    now = 0
    for offset, (topic, key, value) in enumerate(everything.records(RECORDS, seed)):
        incoming = Incoming(topic, 0, offset, key.encode(), value, 0)
        now = max(now, core.event_time(incoming) or 0)
        incoming.arrived_at = now
        core.apply(table, incoming, outbox)
        if offset % 50 == 0:
            core.tick(table, now, outbox)
    core.tick(table, now, outbox)
    assert not outbox.errors
    return tuple(encode(effect.record) for effect in outbox.effects if effect.topic == LEDGER_ENTRIES)


def violations(told: list[bytes]) -> list[str]:
    auditor = Auditor(Accounts())
    return [str(found) for line in told if (found := auditor.check(line)) is not None]


def figures(entry: dict[str, Any]) -> list[tuple[dict[str, Any], str]]:
    """Every amount of the entry, and its number: where it stands, and under which name."""
    found = [(entry, name) for name in ("points", "withheld", "debt_added", "debt_paid", "entry") if name in entry]
    found += [(part, "points") for name in ("lots", "rules") for part in entry.get(name, [])]
    balance = entry.get("balance", {})
    return found + [(balance, term) for term in balance]


def off_by_one(value: str | int, by: int) -> str | int:
    """In the last place of an amount."""
    if isinstance(value, int):
        return value + by
    whole, point, fraction = value.partition(".")
    digits = int(whole + fraction) + by
    text = f"{abs(digits):0{len(fraction) + 1}}"
    sign = "-" if digits < 0 else ""
    return f"{sign}{text[: len(text) - len(fraction)]}{point}{fraction and text[-len(fraction) :]}"


@pytest.mark.parametrize("seed", [3, 4])
def test_an_untouched_ledger_passes(seed: int) -> None:
    told = [*entries(seed)]
    kinds = {json.loads(line)["type"] for line in told}
    assert len(kinds) >= 10, kinds
    assert violations(told) == []


def test_any_figure_that_is_wrong_by_one_is_found() -> None:
    told = [*entries(3)]
    rng = random.Random(11)
    for _ in range(TAMPERED):
        place = rng.randrange(len(told))
        entry = json.loads(told[place])
        holder, name = rng.choice(figures(entry))
        before, by = holder[name], rng.choice((-1, 1))
        holder[name] = off_by_one(before, by)
        owner = entry["profile_id"].encode()
        theirs = [line for line in told[:place] if owner in line] + [json.dumps(entry).encode()]
        theirs += [line for line in told[place + 1 :] if owner in line]
        assert violations(theirs), f"{name} {before} {by:+} of entry {entry['entry']}, {entry['type']} of {entry['profile_id']}"

"""The feed's own claims: the same seed says the same, and what it is said to hold it holds."""

import json
from collections import Counter
from pathlib import Path
from random import Random

from schemas.program_file import load_catalog
from tests.chaos.faults import BROKER, FREEZE, KILL, LOSS, schedule
from tests.chaos.feed import Shop
from tests.chaos.plan import Plan
from tests.chaos.programs import PROGRAMS


def test_a_seed_says_the_same_again_and_another_seed_does_not() -> None:
    one, again, other = (list(Shop(2_000, 300, seed).records()) for seed in (1, 1, 2))
    assert one == again
    assert one != other


def test_it_holds_every_kind_of_record_and_two_in_a_hundred_receipts_are_late() -> None:
    made = dict.fromkeys(record for record in Shop(20_000, 2_000, 3).records() if record.reason is None)
    assert {record.topic for record in made} == {"purchases", "pixels", "profiles", "redemptions", "adjustments"}
    kinds = Counter(json.loads(record.value).get("kind", "sale") for record in made)
    assert set(kinds) == {"sale", "return", "cancel", "reopen", "redeem", "reserve", "commit", "release", "rollback"}
    late, sales, newest = 0, 0, ""
    for record in made:
        said = json.loads(record.value)
        at = said.get("closed_at", "")
        if record.topic == "purchases" and "kind" not in said:
            sales += 1
            late += at < newest
        newest = max(newest, at)
    assert 0.015 < late / sales < 0.03


def test_its_programs_load(tmp_path: Path) -> None:
    for name, text in PROGRAMS.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    assert sorted(load_catalog([tmp_path]).programs) == ["club", "online"]


def test_faults_are_as_many_as_were_asked_for_and_at_the_same_moments_again() -> None:
    plan = Plan(seed=4, records=1_000)
    faults = schedule(plan, Random(4))
    assert Counter(fault.kind for fault in faults) == {KILL: 10, FREEZE: 3, LOSS: 2, BROKER: 1}
    assert faults == schedule(plan, Random(4))
    assert all(0 < fault.at < plan.records for fault in faults)

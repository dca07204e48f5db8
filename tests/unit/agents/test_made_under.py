"""What the ledgers of a state were made under: a sentence where a program file says something else once there are entries."""

from pathlib import Path
from typing import Any

import pytest

from agents import made_under
from schemas.program import Catalog
from streams.errors import WrongUsage
from streams.worker.logic import LedgerLogic
from tables.memory import MemoryStore
from tables.rocks import RocksStore
from tables.table import Table
from tests.unit.agents.scene import Scene

TIERS = {"tiers": {"definitions": [{"name": "Silver", "threshold": "100"}]}}


def used(*programs: dict[str, Any], entries: bool = True) -> MemoryStore:
    """A state that has been opened under these programs, and has entries of all of them."""
    store = MemoryStore()
    scene = Scene(*programs, store=store)
    made_under.check(scene.table, scene.catalog)
    if entries:
        scene.sell(2, "R")
    scene.table.flush({})
    return store


def opened(store: MemoryStore, *programs: dict[str, Any]) -> None:
    made_under.check(Table(store), Scene(*programs).catalog)


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ({}, {"timezone": "Europe/Paris"}, "timezone is Europe/Paris, and the ledgers of the state were made under UTC"),
        ({}, {"environment": "sandbox"}, "environment is sandbox"),
        ({}, {"subledgers": {"enabled": "true"}}, "subledgers.enabled is true"),
        ({}, {"membership": {"join": "explicit"}}, "membership.join is explicit"),
        ({}, {"points": [{"sid": "pts", "scale": "2"}]}, "points.pts.scale is 2"),
        ({}, {"points": [{"sid": "other"}]}, "points.pts.scale is gone"),
        ({}, TIERS, "tiers cannot be added once there are entries"),
        (TIERS, {}, "tiers cannot change once there are entries"),
        (TIERS, {"tiers": TIERS["tiers"] | {"downgrade": "soft"}}, "tiers cannot change"),
    ],
)
def test_what_cannot_change_any_more(before: dict[str, Any], after: dict[str, Any], says: str) -> None:
    with pytest.raises(made_under.ProgramChangedError, match=f"club: {says}"):
        opened(used(before), after)
    unused = used(before, entries=False)
    opened(unused, after)  # nothing was entered yet
    opened(unused, after)


def test_what_may_change_always() -> None:
    store = used({})
    opened(store, {"title": "New", "applications": ["pos", "web"], "points": [{"sid": "pts"}, {"sid": "more", "scale": "3"}]})
    opened(store, {"status": "ended", "points": [{"sid": "pts"}, {"sid": "more", "scale": "3"}]}, {"program": "another"})


def test_a_program_that_was_away_is_remembered() -> None:
    store = used({}, {"program": "other"})
    opened(store, {})
    with pytest.raises(made_under.ProgramChangedError, match="other: timezone"):
        opened(store, {}, {"program": "other", "timezone": "Europe/Paris"})


def test_drafts_are_free() -> None:
    store = used({}, {"program": "plan", "status": "draft"})
    opened(store, {}, {"program": "plan", "status": "draft", "timezone": "Europe/Paris"} | TIERS)
    opened(store, {}, {"program": "plan", "timezone": "Asia/Tokyo"})


def test_a_worker_refuses_and_lets_go_of_the_state(tmp_path: Path) -> None:
    def catalog(**changes: Any) -> Catalog:
        return Scene(changes).catalog

    table = Table(RocksStore(tmp_path))
    scene = Scene()
    made_under.check(table, scene.catalog)
    scene.table.close()
    scene.table = table
    scene.sell(2, "R")
    table.flush({})
    table.close()
    with pytest.raises(WrongUsage, match="timezone"):
        LedgerLogic(catalog(timezone="Europe/Paris"), 1 << 26).open(tmp_path, 1)
    reactions = LedgerLogic(catalog(), 1 << 26).open(tmp_path, 1)
    reactions.table.close()

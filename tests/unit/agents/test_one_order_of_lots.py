"""What happens to many lots at once is told in one order, whether or not some of them have lain in pages."""

from typing import Any

import pytest

from agents.core import Core
from schemas.events import encode
from tests.unit.agents.scene import Scene

WAITING = {"sid": "pts", "activation": "on event", "activate_on": {"pixel": "visit"}, "expiration": "20 days"}
RENEWED = {"sid": "pts", "expiration": "20 days", "renew_on": ["earning", "visit"], "returns": "allow-debt"}


def _told(point: dict[str, Any], head_lots: int) -> list[bytes]:
    scene = Scene({"points": [point]})
    scene.core = Core(scene.catalog, head_lots=head_lots)
    days = [3.5, 2.5, 6.5, 1.5, 5.5, 4.5, 2.25, 7.5, 1.25]
    for number, day in enumerate(days):
        scene.sell(day, f"R{number}")
        scene.table.flush({})
    scene.tell(8, "E1", "visit")
    scene.send("profiles", 9, kind="erase")
    return [encode(entry) for entry in scene.said]


@pytest.mark.parametrize("point", [WAITING, RENEWED], ids=["activated by an event", "renewed"])
def test_pages_do_not_show_in_the_order(point: dict[str, Any]) -> None:
    assert _told(point, head_lots=3) == _told(point, head_lots=1_000)

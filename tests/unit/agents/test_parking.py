"""A record waits for its time and no longer, whether or not anybody has looked at its profile since."""

import pytest

from tests.unit.agents.scene import Scene


@pytest.mark.parametrize("ticked", [False, True], ids=["in silence", "with a tick"])
def test_what_has_waited_too_long_is_in_nobodys_way(ticked: bool) -> None:
    scene = Scene({"park": "2 days", "points": [{"sid": "pts", "returns": "within-balance"}]})
    back = {"kind": "return", "return_id": "B1", "receipt_id": "R1", "application": "pos"}
    assert scene.send("purchases", 1, **back, lines=[{"sku": "A", "quantity": 1}]) == "parked"
    if ticked:
        scene.tick(4)
    assert scene.send("purchases", 4, **back, amount="3.00") == "parked"
    scene.sell(5, "R1")
    assert [letter.reason for letter in scene.letters] == ["unknown-receipt"]
    assert scene.books()["club", "pts"] == {"active": "7", "reversed": "3", "lifetime": "10"}

"""What comes back to a lot comes back to the lot as it last was."""

from tests.unit.agents.scene import Scene


def test_a_lot_that_was_renewed_and_then_emptied_by_a_return_has_its_newest_dates_when_it_is_open_again() -> None:
    scene = Scene({"points": [{"sid": "pts", "returns": "within-balance", "expiration": "9 days", "renew_on": ["earning"]}]})
    scene.sell(1, "R1", 10)
    scene.send("redemptions", 2, redemption_id="D1", program="club", points="4")
    scene.sell(6, "R2", 50)
    scene.send("purchases", 7, kind="cancel", receipt_id="R1", application="pos")
    scene.send("redemptions", 12, redemption_id="D1", program="club", kind="rollback")
    assert ("R1", "4", "2024-07-01T00:00:00Z", "2024-07-15T00:00:00Z") in scene.lots()

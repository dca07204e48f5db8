"""An id belongs to one thing that happened, and to no other."""

from schemas.events import TierChange, encode
from tests.unit.agents.scene import Scene


def test_a_late_lot_that_brings_a_tier_again_tells_another_change() -> None:
    scene = Scene(
        {
            "points": [{"sid": "pts", "activation": "12 hours", "expiration": "3 days"}],
            "tiers": {"measure": "active", "definitions": [{"name": "Gold", "threshold": "40"}], "review": {"every": "4 days"}},
        }
    )
    changes: list[TierChange] = []

    def collect() -> None:
        changes.extend(effect.record for effect in scene.outbox.effects if isinstance(effect.record, TierChange))
        type(scene)._collect(scene)

    scene._collect = collect  # type: ignore[method-assign]
    scene.sell(1, "R1", 50)
    scene.tick(6)
    scene.sell(1, "R2", 50)  # over before the review as well: it would not have kept the tier
    more = {"program": "club", "points": "50", "reason": "goodwill", "actor": "clerk", "expiration": "10 days"}
    scene.send("adjustments", 1, adjustment_id="A", **more)
    assert [(change.type, change.cause.get("due_at")) for change in changes] == [
        ("tier.joined", "2024-07-01T12:00:00Z"),
        ("tier.downgraded", "2024-07-05T00:00:00Z"),
        ("tier.upgraded", None),  # the fall is undone
    ]
    assert len({change.id for change in changes}) == len(changes), [encode(change) for change in changes]

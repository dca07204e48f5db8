"""Which programs count a record: by application, status, subledger and environment, each version at the record's own time."""

from typing import Any

import pytest

from tests.unit.agents.scene import Scene

ON_EVENT = {"points": [{"sid": "pts", "activation": "on event", "activate_on": {"pixel": "delivered"}, "expiration": "20 days"}]}


def version(day: int, **changes: Any) -> dict[str, Any]:
    return {"effective_from": f"2024-07-{day:02}T00:00:00Z", **changes}


def test_a_draft_counts_nothing_and_knows_nobody() -> None:
    scene = Scene({"status": "draft"} | ON_EVENT, version(10) | ON_EVENT)
    scene.sell(2, "R")
    scene.tell(3, "E", "delivered")
    scene.send("purchases", 3, kind="cancel", receipt_id="R", application="pos")
    scene.send("adjustments", 4, adjustment_id="A", program="club", points="5", reason="r", actor="a")
    assert [letter.reason for letter in scene.letters] == ["not-a-member"]
    assert scene.send("redemptions", 5, redemption_id="D", program="club", points="5") == "applied"  # declined
    assert scene.told() == []
    scene.sell(10, "R")
    assert scene.told() == [("club", "joined", None), ("club", "accrued", "10")]


def test_what_is_there_when_a_program_ends_is_settled_as_before() -> None:
    scene = Scene(ON_EVENT, version(10, status="ended") | ON_EVENT)
    scene.sell(8, "R1")
    scene.sell(9, "R2", 7)
    scene.sell(11, "R3")
    assert scene.letters == []
    scene.told()
    scene.send("purchases", 12, kind="cancel", receipt_id="R2", application="pos")
    scene.tell(12, "E", "delivered")
    scene.send("redemptions", 13, redemption_id="D", program="club", points="4")
    scene.sell(9.5, "late", 3)  # while it was active, so it earns, and the event has come since
    scene.tick(29)
    assert [(kind, points) for _, kind, points in scene.told()] == [
        ("reversed", "7"), ("activated", "10"), ("redeemed", "4"), ("accrued", "3"), ("activated", "3"), ("expired", "6"),
    ]  # fmt: skip


def test_an_ended_program_joins_nobody_any_more() -> None:
    joins = {"membership": {"join": "on-points-activated"}}
    scene = Scene(ON_EVENT | joins, version(10, status="ended") | ON_EVENT | joins)
    scene.sell(8, "R")
    scene.tell(12, "E", "delivered")
    assert scene.told() == [("club", "accrued", "10"), ("club", "activated", "10")]


@pytest.mark.parametrize(
    ("programs", "counted"),
    [
        ([{}, {"program": "lab", "environment": "sandbox", "applications": ["lab"]}], ["club"]),
        ([{"environment": "sandbox"}, {"program": "lab", "environment": "sandbox"}], ["club", "lab"]),
    ],
)
def test_what_no_application_says_it_sent_does_not_reach_sandboxes_beside_live_programs(
    programs: list[dict[str, Any]], counted: list[str]
) -> None:
    scene = Scene(*[each | ON_EVENT for each in programs])
    for each in programs:
        scene.sell(
            2, each.get("program", "club"), application=each.get("applications", ["pos"])[0], program=each.get("program", "club")
        )
    scene.told()
    scene.tell(3, "E", "delivered")
    assert [name for name, kind, _ in scene.told() if kind == "activated"] == counted


def test_an_application_that_a_later_version_connects() -> None:
    scene = Scene({}, version(10, applications=["pos", "web"]), {"program": "web-club", "applications": ["web"]})
    scene.sell(9, "R", application="web")
    assert {program for program, _, _ in scene.told()} == {"web-club"}
    scene.sell(10, "R2", application="web")
    assert {program for program, _, _ in scene.told()} == {"club", "web-club"}


def test_a_subledger_is_counted_by_the_programs_that_have_them() -> None:
    scene = Scene({}, {"program": "split", "subledgers": {"enabled": "true"}})
    scene.sell(2, "R", subledger="fuel")
    assert {entry.subledger for entry in scene.said if entry.type == "points.accrued"} == {"fuel"}
    assert {program for program, _, _ in scene.told()} == {"split"}
    for topic, record in (
        ("purchases", {"receipt_id": "R2", "program": "club", "application": "pos", "currency": "EUR", "lines": []}),
        ("redemptions", {"redemption_id": "D", "program": "club", "points": "1"}),
        ("adjustments", {"adjustment_id": "A", "program": "club", "points": "1", "reason": "r", "actor": "a"}),
    ):
        scene.send(topic, 3, subledger="fuel", **record)
    assert [(letter.reason, letter.field) for letter in scene.letters] == [("invalid-field", "subledger")] * 3


def test_points_of_a_date_of_activation_that_is_past_last_from_the_session() -> None:
    point = {"sid": "pts", "activation": "2024-07-01", "expiration": "5 days", "expires_from": "activation"}
    scene = Scene({"points": [point]})
    scene.sell(10, "R")
    assert scene.lots() == [("R", "10", "2024-07-01T00:00:00Z", "2024-07-15T00:00:00Z")]

"""Promotions, segments, scenarios, reminders, codes and referral as types: what each spelling in the file means."""

from typing import Any

import pytest

from schemas.amounts import NANO
from schemas.campaigns import (
    Award,
    Branch,
    Budget,
    Code,
    ControlGroup,
    InSegment,
    Join,
    Notify,
    OnAbandoned,
    OnDate,
    OnEntry,
    OnExpiring,
    OnFields,
    OnIdle,
    OnLines,
    OnMilestone,
    OnPixel,
    OnRecord,
    OnSchedule,
    OnSegment,
    OnTier,
    Places,
    Promotion,
    Quiet,
    Referral,
    Reminder,
    Rfm,
    Split,
    Step,
    Stop,
    Tag,
    Trigger,
    Wait,
    WaitUntil,
)
from schemas.conditions import parse_condition
from schemas.instants import DAY_US, parse_instant
from schemas.schedules import parse_schedule
from tests.unit.schemas.shop import SCENARIO, TIERS, program

HELLO = Award(promotion="hello", action="accrue", points_minor=5)
WHEN = {"attributes.form": "spring"}


@pytest.mark.parametrize(
    ("written", "trigger"),
    [
        ("receipt", OnRecord(kind="receipt")),
        ("registration", OnRecord(kind="registration")),
        ({"cancelled": {}}, OnRecord(kind="cancelled")),
        ({"receipt": None, "when": WHEN}, OnRecord(kind="receipt", when=parse_condition(WHEN))),
        ("item", OnLines(kind="item", names=frozenset())),
        ({"item": "AC-9"}, OnLines(kind="item", names=frozenset({"AC-9"}))),
        ({"category": ["units", "service"]}, OnLines(kind="category", names=frozenset({"units", "service"}))),
        ({"profile": ["email", "profile.phone"]}, OnFields(fields=frozenset({"email", "phone"}))),
        ({"pixel": "form_submit", "when": WHEN}, OnPixel(types=frozenset({"form_submit"}), when=parse_condition(WHEN))),
        ({"pixel": ["page_view", "app_open"]}, OnPixel(types=frozenset({"page_view", "app_open"}))),
        ({"entry": "points.expired"}, OnEntry(types=frozenset({"points.expired"}))),
        ({"entry": ["points.accrued", "points.redeemed"]}, OnEntry(types=frozenset({"points.accrued", "points.redeemed"}))),
        ({"date": "profile.date_of_birth"}, OnDate(field="profile.date_of_birth")),
        ({"date": "membership.joined_at"}, OnDate(field="membership.joined_at")),
        ({"date": "receipt.attributes.delivery"}, OnDate(field="receipt.attributes.delivery")),
        ({"date": "2026-12-24"}, OnDate(schedule=parse_schedule("2026-12-24"))),
        ({"date": "every 12-24"}, OnDate(schedule=parse_schedule("every 12-24"))),
        ({"every": "1 month, end of month"}, OnSchedule(every=parse_schedule("1 month, end of month"))),
        ({"idle": {"since": "visit", "for": "30 days"}}, OnIdle(since="visit", wait=parse_schedule("30 days"))),
        (
            {"abandoned": {"pixel": "basket_add", "without": "purchase", "for": "2 hours"}},
            OnAbandoned(pixel="basket_add", without="purchase", wait=parse_schedule("2 hours")),
        ),
        ({"expiring": {"within": "10 days"}}, OnExpiring(point="pts", within_us=10 * DAY_US)),
        ({"segment": "new"}, OnSegment(segment="new")),
        ({"tier": "any"}, OnTier(tier=None)),
        ({"tier": "A"}, OnTier(tier="A")),
        ({"milestone": {"point": "pts", "at": ["100", "50"]}}, OnMilestone(point="pts", at_minor=(50, 100))),
        ({"milestone": {"at": "50"}}, OnMilestone(point="pts", at_minor=(50,))),
    ],
)
def test_a_trigger_is_what_it_says(written: Any, trigger: Trigger) -> None:
    (scenario,) = program({"scenarios": [SCENARIO | {"trigger": written}], "tiers.definitions": TIERS}).campaigns.scenarios
    assert scenario.trigger == trigger


@pytest.mark.parametrize(
    ("written", "step"),
    [
        ("join", Join()),
        ({"join": {}}, Join()),
        ({"join": {"once": "hello"}}, Join(once="hello")),
        ({"award": {"promotion": "hello"}}, HELLO),
        ({"award": {"promotion": "hello", "points": "5"}}, HELLO),
        ({"award": {"promotion": "hello", "once": "x"}}, Award(promotion="hello", action="accrue", points_minor=5, once="x")),
        (
            {
                "notify": {
                    "channel": "sms",
                    "template": "thanks",
                    "category": "offers",
                    "quiet": {"from": "21:00", "until": "08:30"},
                }
            },
            Notify(
                channels=("sms",),
                template="thanks",
                category="offers",
                quiet=Quiet(from_minute=21 * 60, until_minute=8 * 60 + 30),
            ),
        ),
        ({"notify": {"channel": ["push", "sms"], "template": "thanks"}}, Notify(channels=("push", "sms"), template="thanks")),
        ({"wait": "1 month, end of month"}, Wait(schedule=parse_schedule("1 month, end of month"))),
        ({"wait_until": "10:05"}, WaitUntil(minute=605)),
        ({"wait_until": "2026-12-24"}, WaitUntil(day=parse_schedule("2026-12-24"))),
        ({"wait_until": "every 12-24"}, WaitUntil(day=parse_schedule("every 12-24"))),
        ({"wait_until": "2026-12-24T10:00:00+01:00"}, WaitUntil(at=parse_instant("2026-12-24T09:00:00Z"))),
        ({"wait_until": "profile.renewal"}, WaitUntil(field="renewal")),
        ({"tag": "vip"}, Tag(add=("vip",))),
        ({"tag": ["vip", "autumn"]}, Tag(add=("vip", "autumn"))),
        ({"tag": {"add": "vip", "remove": ["new"]}}, Tag(add=("vip",), remove=("new",))),
        ({"limit": "1000"}, Places(participants=1_000)),
        ({"limit": "1000", "else": ["stop"]}, Places(participants=1_000, otherwise=(Stop(),))),
        ({"limit": "9", "then": ["join"], "else": []}, Places(participants=9, then=(Join(),))),
        ({"limit": {"participants": "3"}, "else": [{"tag": "late"}]}, Places(participants=3, otherwise=(Tag(add=("late",)),))),
        (
            {"split": [{"name": "A", "weight": "3", "steps": [{"award": {"promotion": "hello"}}]}, {}]},
            Split(branches=(Branch(name="A", weight=3, steps=(HELLO,)), Branch(name="branch 2", weight=1, steps=()))),
        ),
        ({"control_group": "10%"}, ControlGroup(share_nano=NANO // 10)),
        ({"control_group": "2.5 %"}, ControlGroup(share_nano=NANO // 40)),
        ({"control_group": "0.1"}, ControlGroup(share_nano=NANO // 10)),
        ({"in_segment": "new"}, InSegment(segment="new", then=(), otherwise=None)),
        ({"in_segment": "new", "then": [{"tag": "x"}]}, InSegment(segment="new", then=(Tag(add=("x",)),), otherwise=())),
        ("stop", Stop()),
        ({"stop": {}}, Stop()),
    ],
)
def test_a_step_is_what_it_says(written: Any, step: Step) -> None:
    assert program({"scenarios": [SCENARIO | {"steps": [written]}]}).campaigns.scenarios[0].steps == (step,)


def test_a_promotion_has_a_range_or_one_amount() -> None:
    spring = {
        "promotion": "spring", "action": "redeem", "points": {"min": "0", "max": "500"}, "budget": {"points": "1000"},
        "legal_entity": "Shop Ltd", "description": "Spring",
    }  # fmt: skip
    found = program({"promotions.1": spring}).campaigns.promotions
    assert (found["hello"].min_minor, found["hello"].max_minor) == (5, 5)
    assert found["spring"] == Promotion(
        promotion="spring", action="redeem", point="pts", min_minor=0, max_minor=500, budget=Budget(points_minor=1_000),
        legal_entity="Shop Ltd", description="Spring",
    )  # fmt: skip


def test_a_step_says_how_much_of_a_range_in_the_scale_of_the_point_type() -> None:
    changes = {
        "points.0.scale": "2",
        "promotions.0.points": {"min": "0.50", "max": "5"},
        "scenarios": [SCENARIO | {"steps": [{"award": {"promotion": "hello", "points": "0.75"}}]}],
    }
    assert program(changes).campaigns.scenarios[0].steps == (Award(promotion="hello", action="accrue", points_minor=75),)


def test_a_reminder_and_its_defaults() -> None:
    written = [
        {"reminder": "r", "channel": "sms", "template": "thanks"},
        {"reminder": "q", "of": "tier-review", "channel": ["push", "sms"], "template": "thanks", "at": "08:15", "within": "2 weeks",
         "quiet": {"from": "21:00", "until": "08:00"}, "category": "service"},
    ]  # fmt: skip
    plain, quiet = program({"reminders": written}).campaigns.reminders
    assert plain == Reminder(
        reminder="r", of="expiry", point="pts", within_us=10 * DAY_US, minute=600, quiet=None, channel=("sms",), template="thanks"
    )
    assert (quiet.of, quiet.minute, quiet.within_us, quiet.channel) == ("tier-review", 495, 14 * DAY_US, ("push", "sms"))
    assert (quiet.quiet, quiet.category) == (Quiet(from_minute=1_260, until_minute=480), "service")


def test_codes_referral_and_rfm() -> None:
    campaigns = program(
        {
            "codes": [{"code": "SPRING", "uses": "1000", "per_profile": "1"}, {"code": "ONCE", "uses": "1"}],
            "referral": {"promotion": "hello", "minimum": "20.00"},
            "rfm": {"recency": ["30", "90"], "frequency": ["2", "5"], "monetary": ["50", "199.99"]},
        }
    ).campaigns
    assert campaigns.codes == (Code(code="SPRING", uses=1_000, per_profile=1), Code(code="ONCE", uses=1, per_profile=None))
    assert campaigns.referral == Referral(
        promotion="hello", points_minor=5, final_after=parse_schedule("14 days"), minimum_nano=20 * NANO, code="referral_code"
    )
    assert campaigns.rfm == Rfm(
        within_days=365, recency_days=(30, 90), frequency=(2, 5), monetary_nano=(50 * NANO, 199_990_000_000)
    )


def test_segments_may_build_on_each_other_in_any_order() -> None:
    changes = {
        "segments": [{"segment": "a", "where": {"segment": "b"}}, {"segment": "b", "where": {"tags": "vip", "tier": "Gold"}}]
    }
    assert list(program(changes).campaigns.segments) == ["a", "b"]


def test_what_any_condition_asks_of_the_past_is_gathered() -> None:
    changes = {
        "earning.0.when": {"purchases.count": {"within": "30 days", "at_least": "3"}},
        "segments": [],
        "scenarios": [SCENARIO | {"steps": [{"if": {"balance.active": {"at_least": "5"}}, "then": ["join"]}]}],
    }
    campaigns = program(changes).campaigns
    assert campaigns.figures == {"purchases.count[within=30 days]", "balance.active"}
    assert not program({"earning.0.when": changes["earning.0.when"], "segments": []}).campaigns.idle
    assert program({"segments": []}).campaigns.idle


# --- what is right and hardly meant -----------------------------------------------------------------------------------

AWARD = {"award": {"promotion": "hello"}}
TO_MEMBERS = {"if": {"member": "true"}, "then": [AWARD], "else": ["join"]}
TO_BOTH = {"if": {"member": "true"}, "then": [AWARD], "else": ["join", AWARD]}
ONCE = {"award": {"promotion": "hello", "once": "hello"}}
COMFORT: dict[str, Any] = {"scenario": "comfort", "reentry": "true", "trigger": {"entry": "points.expired"}, "steps": [AWARD]}


@pytest.mark.parametrize(
    ("changes", "paths"),
    [
        # C11: the initial balance and the award
        ({"points.0.initial_balance": "5", "scenarios": [SCENARIO | {"steps": [TO_BOTH]}]}, ["scenarios.0.steps.0.else.1.award"]),
        ({"points.0.initial_balance": "5", "scenarios": [SCENARIO | {"steps": [TO_MEMBERS]}]}, []),
        ({"points.0.initial_balance": "5", "scenarios": [SCENARIO | {"steps": [TO_MEMBERS, AWARD]}]}, ["scenarios.0.steps.1.award"]),
        (
            {"points.0.initial_balance": "5", "scenarios": [SCENARIO | {"steps": [
                {"if": {"member": "true"}, "then": [], "else": ["join", "stop"]}, AWARD]}]},
            [],
        ),
        (
            {"points.0.initial_balance": "5", "scenarios": [SCENARIO | {"steps": [{"join": {"once": "hello"}}, ONCE]}]},
            [],
        ),
        (
            {"points.0.initial_balance": "5", "scenarios": [SCENARIO | {"steps": [{"join": {"once": "other"}}, ONCE]}]},
            ["scenarios.0.steps.1.award"],
        ),
        # R023: joining brings nothing
        ({"scenarios": [SCENARIO | {"steps": [TO_BOTH]}]}, []),
        ({"scenarios": [SCENARIO | {"steps": [TO_MEMBERS]}]}, ["scenarios.0.steps.0.else.0"]),
        ({"scenarios": [SCENARIO | {"steps": [TO_MEMBERS, AWARD]}]}, []),
        ({"scenarios": [SCENARIO | {"steps": [TO_MEMBERS], "enabled": "false"}]}, []),
        # C15: two scenarios for one thing
        (
            {"scenarios": [{"scenario": "v1", "trigger": {"pixel": "form"}, "steps": [AWARD]},
                           {"scenario": "v2", "trigger": {"pixel": ["form", "visit"]}, "steps": [{"wait": "1 day"}, AWARD]}]},
            ["scenarios.1.steps.1.award"],
        ),
        (
            {"scenarios": [{"scenario": "v1", "trigger": {"pixel": "form"}, "steps": [ONCE]},
                           {"scenario": "v2", "trigger": {"pixel": "form"}, "steps": [ONCE]}]},
            [],
        ),
        (
            {"scenarios": [{"scenario": "v1", "trigger": {"pixel": "form"}, "steps": [AWARD]},
                           {"scenario": "v2", "trigger": {"pixel": "install"}, "steps": [AWARD]}]},
            [],
        ),
        # what hears of its own award again and again
        ({"points.0.expiration": "5 days", "scenarios": [COMFORT]}, ["scenarios.0.steps.0.award"]),
        ({"points.0.expiration": "never", "scenarios": [COMFORT]}, []),
        ({"points.0.expiration": "5 days", "scenarios": [COMFORT | {"reentry": "false"}]}, []),
        ({"points.0.expiration": "5 days", "scenarios": [COMFORT | {"steps": [ONCE]}]}, []),
        (
            {"points.0.expiration": "5 days", "scenarios": [COMFORT | {"trigger": COMFORT["trigger"] | {
                "when": {"trigger.entry.points": {"at_least": "100"}}}}]},
            [],
        ),
        (
            {"points.0.activation": "1 day", "scenarios": [COMFORT | {"trigger": {"entry": "points.activated"}}]},
            ["scenarios.0.steps.0.award"],
        ),
        ({"scenarios": [COMFORT | {"trigger": {"entry": "points.activated"}}]}, []),
    ],
)  # fmt: skip
def test_what_is_right_and_hardly_meant_is_warned_of(changes: dict[str, Any], paths: list[str]) -> None:
    assert [fault.path for fault in program(changes).warnings] == paths

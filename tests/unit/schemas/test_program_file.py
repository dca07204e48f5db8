"""The program file: what is read, what is not in force yet, versions and folders (CONTRACT 4)."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from schemas.amounts import NANO
from schemas.instants import DAY_US, HOUR_US, MINUTE_US, format_instant, parse_instant
from schemas.program import Ratio, Redeem
from schemas.program_file import Document, ProgramFileError, build_catalog, load_catalog, parse_program, read_document
from schemas.schedules import parse_schedule
from tests.unit.schemas.shop import SCENARIO, SHOP, TIERS, program, shop

# --- what is read -----------------------------------------------------------------------------------------------------


def test_what_is_left_out_has_its_default() -> None:
    found = program({})
    assert (found.title, found.status, found.basis, found.choose, found.receipts) == (
        "shop",
        "active",
        "gross",
        "sum",
        "per-profile",
    )
    assert (found.late_us, found.ahead_us, found.remember_us, found.park_us) == (None, 10 * MINUTE_US, 400 * DAY_US, 7 * DAY_US)
    assert (found.membership.join, found.membership.consent, found.leap_day) == ("on-points-earned", None, "feb-28")
    point = found.points[0]
    assert (point.name, point.scale, point.rounding, point.round, point.initial_balance_minor) == (
        "pts",
        0,
        "floor",
        "receipt",
        0,
    )
    assert (str(point.activation), str(point.expiration), point.expires_from) == ("immediately", "never", "session")
    assert point.redeem == Redeem(minimum_minor=0, multiple_minor=1, max_share_nano=NANO, partial=False)
    assert (point.ratio, point.limit, point.max_balance_minor) == (None, None, None)
    assert (found.tiers.point, found.tiers.definitions, found.tiers.window) == ("pts", (), "review")


def test_an_empty_section_counts_as_left_out() -> None:
    assert program({"membership": None, "tiers": None, "rates": None, "scenarios": None, "points.0.redeem": None}) == program({})


def test_amounts_are_in_the_point_types_units() -> None:
    found = program(
        {
            "points.0.scale": "2",
            "points.0.initial_balance": "1.5",
            "points.0.ratio": {"points": "100", "money": "1.00"},
            "points.0.limit": {"points": "10.25", "per": "month"},
            "tiers.definitions": TIERS,
            "currency": "JPY",
        }
    )
    point = found.points[0]
    assert point.initial_balance_minor == 150
    assert point.ratio == Ratio(points_minor=10_000, money_nano=NANO)
    assert point.limit is not None
    assert (point.limit.points_minor, point.limit.per, point.limit.on_cap) == (1_025, "month", "truncate")
    assert [tier.threshold_minor for tier in found.tiers.definitions] == [100, 200]
    assert found.currency_decimals == 0


def test_thresholds_are_money_where_spend_is_measured() -> None:
    found = program({"tiers.definitions": [{"name": "A", "threshold": "99.50"}], "tiers.measure": "spend"})
    assert found.tiers.definitions[0].threshold_minor == 99_500_000_000


def test_bare_dates_are_local_midnights() -> None:
    found = program({"effective_from": "2024-07-01", "earning.0.from": "2024-07-02", "earning.0.until": "2024-12-01"})
    assert format_instant(found.effective_from) == "2024-06-30T22:00:00Z"
    rule = found.earning[0]
    assert rule.starts_at is not None
    assert rule.ends_at is not None
    assert (format_instant(rule.starts_at), format_instant(rule.ends_at)) == ("2024-07-01T22:00:00Z", "2024-11-30T23:00:00Z")


@pytest.mark.parametrize(
    ("text", "late_us"), [("accept", None), ("reject after 30 days", 30 * DAY_US), ("reject after 2 hours", 2 * HOUR_US)]
)
def test_late_says_how_late(text: str, late_us: int | None) -> None:
    assert program({"late": text}).late_us == late_us


@pytest.mark.parametrize(
    "changes",
    [
        {"points.0.activation": "30 days", "points.0.expiration": "1 month"},  # longer in most months
        {"points.0.activation": "0 days, end of month", "points.0.expiration": "20 days"},  # late in the month it is later
        {"points.0.activation": "2030-01-01", "points.0.expiration": "2030-01-01"},  # through it
        {"points.0.activation": "1 month", "points.0.expiration": "10 minutes", "points.0.expires_from": "activation"},
        {"points.0.expiration": "2024-01-01"},  # through the very first day
        {"points.0.expiration": "0 days, end of day"},
        {"points.0.activation": "on event", "points.0.expiration": "1 day"},
        {"points.0.activation": "2040-01-01", "points.0.expiration": "1 year"},  # for those of 2039
    ],
)
def test_an_expiration_that_may_lie_after_the_activation_is_let_in(changes: dict[str, Any]) -> None:
    program(changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"tiers.definitions": [{"name": "A", "threshold": "0"}]},
        {"earning.0.when": {"tier": "Gold"}},  # a program without tiers
        {"earning.0.multiplier": None, "earning.0.rate.points": "0.333333333"},
        {"earning": None},
        {"earning.0.limit": {"times": "1", "per": "ever"}},
        {"earning.0.band": {"from": "50"}},
        {"tiers.review": {"relative_to": "cycle", "every": "2 years", "cycle_start": "2024-03-01"}},
        {"tiers.review.every": "every 12-31"},
        {"points.1": {"sid": "coins"}, "earning.0.point": "coins"},
        {"templates.x": '{{ profile.first_name | or("you") }}: {% for lot in lots %}{{ lot.points }}{% endfor %}'},
        {"scenarios": [SCENARIO | {"trigger": {"receipt": None, "when": {"total": {"at_least": "5"}}}, "audience": "new"}]},
        {"scenarios": [SCENARIO | {"trigger": {"pixel": "form"}, "steps": [{"if": {"trigger.x": "1"}, "else": ["stop"]}]}]},
        {"scenarios": [SCENARIO | {"trigger": {"tier": "any"}}]},
        {"scenarios": [SCENARIO | {"trigger": {"milestone": {"at": ["50", "100"]}}}]},
    ],
)  # fmt: skip
def test_what_is_right_is_let_in(changes: dict[str, Any]) -> None:
    program(changes)


# --- what is not in force yet -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"exclude": {"segment": "new"}},
        {"earning.0.when": {"segment": "new"}},
        {"earning.0.when": {"not": {"days_since_registration": "3"}}},
        {"scenarios": [SCENARIO], "reminders": [{"reminder": "r", "channel": "sms", "template": "thanks"}]},
    ],
)
def test_everything_that_a_file_can_say_is_in_force(changes: dict[str, Any]) -> None:
    assert program(changes).not_in_force == ()


def test_a_point_type_whose_returns_take_nothing_back_is_warned_of() -> None:
    text = SHOP.replace("within-balance", "pending-only")
    found = parse_program(read_document(text, "shop.yaml")).warnings
    assert [(fault.line, fault.path) for fault in found] == [(9, "points.0.returns")]
    assert program({}).warnings == ()
    assert program({"points.0.returns": "pending-only", "points.0.activation": "1 day"}).warnings == ()


# --- versions and folders ---------------------------------------------------------------------------------------------


def test_the_version_in_force_is_that_of_the_event_time() -> None:
    catalog = build_catalog([shop(effective_from="2024-06-01T00:00:00Z", title="new"), shop(title="old"), shop(program="other")])
    assert list(catalog.programs) == ["other", "shop"]
    titles = [
        found.title if (found := catalog.in_force("shop", parse_instant(at))) else None
        for at in ("2023-12-31T23:59:59Z", "2024-01-01T00:00:00Z", "2024-05-31T23:59:59.9Z", "2024-06-01T00:00:00Z")
    ]
    assert titles == [None, "old", "old", "new"]
    assert catalog.in_force("nobody", 0) is None


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"timezone": "Europe/Paris"}, "timezone"),
        ({"environment": "live"}, "environment"),
        ({"subledgers__enabled": "true"}, "subledgers.enabled"),
        ({"membership__join": "explicit"}, "membership.join"),
        ({"effective_from": "2024-01-01T01:00:00+01:00"}, "effective_from"),
    ],
)
def test_some_things_never_differ_between_versions(changes: dict[str, str], path: str) -> None:
    later = shop(**({"effective_from": "2024-06-01T00:00:00Z"} | changes))
    with pytest.raises(ProgramFileError) as caught:
        build_catalog([shop(), later])
    assert [fault.path for fault in caught.value.faults] == [path]


@pytest.mark.parametrize(
    ("before", "after", "refused"),
    [
        ([{"name": "A", "threshold": "1"}], [{"name": "A", "threshold": "1"}], False),
        ([{"name": "A", "threshold": "1"}], [{"name": "A", "threshold": "2"}], True),
        ([{"name": "A", "threshold": "1"}], [], True),
        ([], [{"name": "A", "threshold": "1"}], False),  # R108: "you can create the tiers later"
    ],
)
def test_tiers_never_change_between_versions(before: list[Any], after: list[Any], refused: bool) -> None:
    documents = [
        shop().overlay({"tiers.definitions": before}),
        shop(effective_from="2024-06-01T00:00:00Z").overlay({"tiers.definitions": after}),
    ]
    if not refused:
        build_catalog(documents)
        return
    with pytest.raises(ProgramFileError) as caught:
        build_catalog(documents)
    assert {fault.path for fault in caught.value.faults} == {"tiers", "tiers.definitions"}
    build_catalog([documents[0].overlay({"status": "draft"}), documents[1]])  # under which nothing can have been entered


def test_a_folder_is_read_whole_and_every_fault_of_every_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(SHOP, encoding="utf-8")
    (tmp_path / "b.yml").write_text(SHOP.replace("program: shop", "program: b"), encoding="utf-8-sig")
    (tmp_path / "c.json").write_text('{"program": "c"}'.replace("}", ', "timezone": "UTC"}'), encoding="utf-8")
    (tmp_path / "readme.txt").write_text("not read", encoding="utf-8")
    (tmp_path / ".hidden.yaml").write_text("not: read", encoding="utf-8")
    with pytest.raises(ProgramFileError) as caught:
        load_catalog([tmp_path])
    assert {Path(fault.file).name for fault in caught.value.faults} == {"c.json"}
    (tmp_path / "c.json").unlink()
    assert list(load_catalog([tmp_path, tmp_path / "a.yaml"]).programs) == ["b", "shop"]
    (tmp_path / "a.yaml").write_text(SHOP + "currency: GBP\ncheese: 1\n", encoding="utf-8")
    (tmp_path / "b.yml").write_bytes(b"a: 1\nb: \xff\n")
    with pytest.raises(ProgramFileError) as caught:
        load_catalog([tmp_path])
    assert [(Path(fault.file).name, fault.line, fault.path) for fault in caught.value.faults] == [
        ("a.yaml", 19, "currency"),
        ("a.yaml", 20, "cheese"),
        ("b.yml", 2, ""),
    ]


def test_what_is_not_there_is_a_fault_and_no_traceback(tmp_path: Path) -> None:
    with pytest.raises(ProgramFileError, match="cannot be read"):
        load_catalog([tmp_path / "nothing.yaml"])
    with pytest.raises(ProgramFileError, match="holds none"):
        load_catalog([tmp_path])
    (tmp_path / "big.yaml").write_bytes(b"x" * (1 << 21))
    with pytest.raises(ProgramFileError, match="must be at most 1 MiB"):
        load_catalog([tmp_path])


@pytest.mark.parametrize(
    ("changes", "paths"),
    [
        ({"points.0.activation": "on event"}, ["points.0.activate_on"]),
        ({"points.0.activate_on": {"pixel": "delivered"}}, ["points.0.activate_on"]),
        ({"points.0.activate_on": {"pixel": "delivered"}, "earning.0.activation": "on event"}, []),
        ({"points.0.renew_on": ["earning"]}, ["points.0.renew_on"]),
        ({"points.0.renew_on": ["earning"], "points.0.expiration": "1 year"}, []),
        ({"earning.0.band": {"from": "5"}}, []),
        ({"earning.1": {"rule": "f", "fixed": {"points": "5"}, "band": {"from": "5"}}}, ["earning.1.band"]),
        ({"earning.1": {"rule": "f", "fixed": {"points": "5"}, "exclusive": "true"}}, []),
        ({"earning.1": {"rule": "m", "multiplier": "2", "exclusive": "true"}}, ["earning.1.exclusive"]),
        ({"earning.1": {"rule": "m", "multiplier": "2", "band": {"from": "5"}}}, []),
    ],
)
def test_what_says_something_and_does_nothing_is_warned_of(changes: dict[str, Any], paths: list[str]) -> None:
    assert [fault.path for fault in program(changes).warnings] == paths


@pytest.mark.parametrize(
    ("second", "warned"),
    [
        ({"program": "shopp"}, True),
        ({"program": "shopp", "points.1": {"sid": "stamps", "returns": "within-balance"}}, True),  # a version may have more
        ({"program": "store"}, False),
        ({"program": "shopp", "effective_from": "2024-01-01T00:00:00Z"}, False),  # no two versions begin at once
        ({"program": "shopp", "applications": ["kiosk"]}, False),
        ({"program": "shopp", "timezone": "Europe/Riga"}, False),
        ({"program": "shopp", "environment": "live", "applications": ["kiosk"]}, False),
        ({"program": "shopp", "points.0.sid": "miles"}, False),
        ({"program": "shopp", "status": "draft"}, False),
    ],
)
def test_a_program_that_might_be_another_ones_version_with_its_name_mistyped_is_warned_of(
    second: dict[str, Any], warned: bool
) -> None:
    later = shop().overlay({"effective_from": "2024-06-01T00:00:00Z"} | second)
    found = [
        fault for versions in build_catalog([later, shop()]).programs.values() for each in versions for fault in each.warnings
    ]
    assert [fault.path for fault in found] == (["program"] if warned else [])


def test_a_program_that_comes_after_the_end_of_one_of_nearly_its_name_is_its_own() -> None:
    ended = shop(effective_from="2024-03-01T00:00:00Z", status="ended")
    later = [shop(program="shopp", effective_from=f"2024-0{month}-01T00:00:00Z") for month in (6, 7)]
    assert not any(each.warnings for each in build_catalog([shop(), ended, *later]).programs["shopp"])
    assert [len(each.warnings) for each in build_catalog([shop(), *later]).programs["shopp"]] == [1, 0]


# --- the files that state the contract --------------------------------------------------------------------------------


def test_settings_yaml_loads_and_every_value_in_it_is_the_default(shared_checks: Path) -> None:
    settings = load_catalog([shared_checks / "settings.yaml"]).programs["every-setting"][0]
    assert settings.not_in_force == ()
    bare = read_document((shared_checks / "settings.yaml").read_text(encoding="utf-8"), "settings.yaml")
    assert isinstance(bare.value, dict)
    required = ("program", "timezone", "environment", "effective_from", "applications", "currency")
    kept: dict[str, Any] = {key: bare.value[key] for key in required}
    kept |= {"title": settings.title, "points": [{"sid": "pts", "name": "Points"}]}
    defaults = parse_program(Document(kept, "settings.yaml"))
    for key in (
        "membership",
        "points",
        "tiers",
        "basis",
        "exclude",
        "choose",
        "receipts",
        "late_us",
        "ahead_us",
        "remember_us",
        "park_us",
    ):
        assert getattr(defaults, key) == getattr(settings, key), key
    base, five, double = settings.earning
    least = program({"earning": [{"rule": "base", "rate": {}}]}).earning[0]
    assert least == base
    assert (five.fixed is not None, double.multiplier_nano, five.enabled) == (True, 2 * NANO, False)


# What settings.yaml holds beside defaults: what it says has none, and what makes its examples what they are.
NO_DEFAULT = {
    *("program", "title", "timezone", "environment", "effective_from", "applications", "currency"),
    *("points", "points.sid", "points.name"),
    *("earning", "earning.rule", "earning.rate", "earning.fixed", "earning.fixed.points", "earning.multiplier"),
    *("promotions", "promotions.promotion", "promotions.points", "promotions.points.min", "promotions.points.max"),
    *("segments", "segments.segment", "segments.where"),
    *("scenarios", "scenarios.scenario", "scenarios.trigger", "scenarios.steps"),
    *("reminders", "reminders.reminder", "reminders.channel", "reminders.template", "templates", "templates.thanks"),
}


def test_what_is_left_out_of_settings_yaml_is_as_it_stands_there(shared_checks: Path) -> None:
    """One key after the other, down to those of rules and promotions; what a condition and a step hold is an example throughout."""
    text = (shared_checks / "settings.yaml").read_text(encoding="utf-8")
    written = read_document(text, "settings.yaml").value
    whole = parse_program(Document(written, "settings.yaml"))
    left_out = [path for path in keys_of(written) if ".".join(key for key in path if isinstance(key, str)) not in NO_DEFAULT]
    assert len(left_out) > 80
    for path in left_out:
        rest = copy.deepcopy(written)
        within: Any = rest
        for key in path[:-1]:
            within = within[key]
        del within[path[-1]]
        assert parse_program(Document(rest, "settings.yaml")) == whole, path


def keys_of(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every key of a program file with its path; none below `where`, `trigger` and `steps`, nor what switches an example off."""
    for key, below in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        if isinstance(key, str) and not (key == "enabled" and below == "false" and "earning" in path):
            yield (*path, key)
        if key not in ("where", "trigger", "steps"):
            yield from keys_of(below, (*path, key))


def test_club_yaml_loads(shared_checks: Path) -> None:
    club = load_catalog([shared_checks / "club.yaml"]).programs["acme-club"][0]
    assert (club.timezone.key, club.currency, club.currency_decimals) == ("Europe/London", "GBP", 2)
    assert [tier.threshold_minor for tier in club.tiers.definitions] == [500, 2_000, 5_000]
    assert club.points[0].ratio == Ratio(points_minor=100, money_nano=NANO)
    assert club.points[0].expiration == parse_schedule("never")
    assert club.not_in_force == ()
    assert [fault.path for fault in club.warnings] == ["scenarios.0.steps.0.else.0", "scenarios.1.steps.0.else.0"]  # R023

"""Versions of a program: rules, rates, limits and dates that change at an instant within the machine's time; before it perhaps a
draft, and some day an end. What never differs between versions (zone, tiers, who joins) stays.
"""

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from tests.properties.harness import Json
from tests.properties.streams import START

RATES = ({"points": "2", "per": "1.00"}, {"points": "1", "per": "3.00"}, {"points": "1", "per": "2.00", "steps": "whole"})


@st.composite
def of_versions(draw: st.DrawFn, programs: list[Json]) -> list[Json]:
    return [version for program in programs for version in draw(_of_versions(_that_goes_on(program)))]


def _that_goes_on(program: Json) -> Json:
    """No date that a later version would see behind it, and refuse."""

    def dated(lives: Json) -> Json:
        other = {"2024-03-12": "10 days", "every 03-20": "2 days"}
        return {**lives, **{name: other.get(lives[name], lives[name]) for name in ("activation", "expiration") if name in lives}}

    return {**program, **{part: [dated(lives) for lives in program[part]] for part in ("points", "earning")}}


@st.composite
def _of_versions(draw: st.DrawFn, program: Json) -> list[Json]:
    first, second, end = (
        START + timedelta(hours=draw(st.sampled_from(hours))) for hours in ((6, 24), (48, 72, 96), (120, 150, 200))
    )
    versions = [program]
    if draw(st.sampled_from((True, False, False))):
        versions = [{**draw(_changed(program)), "status": "draft"}, {**program, "effective_from": first.isoformat()}]
    versions.append({**draw(_changed(program)), "effective_from": second.isoformat()})
    if draw(st.sampled_from((True, True, False))):
        versions.append({**draw(_changed(program)), "effective_from": end.isoformat(), "status": "ended"})
    return versions


@st.composite
def _changed(draw: st.DrawFn, program: Json) -> Json:
    earning = [draw(_changed_rule(rule)) for rule in program["earning"]]
    if draw(st.booleans()):
        sid = program["points"][0]["sid"]
        earning.append({"rule": "of-late", "point": sid, "rate": {"points": "1", "per": "1.00"}, "lines": {"sku": "B"}})
    return {**program, "points": [draw(_changed_point(point)) for point in program["points"]], "earning": earning}


@st.composite
def _changed_rule(draw: st.DrawFn, rule: Json) -> Json:
    match draw(st.sampled_from(("same", "rate", "off"))):
        case "rate" if "rate" in rule:
            return {**rule, "rate": draw(st.sampled_from(RATES))}
        case "off" if not rule["rule"].endswith("base"):
            return {**rule, "enabled": "false"}
    return rule


@st.composite
def _changed_point(draw: st.DrawFn, point: Json) -> Json:
    changes: dict[str, tuple[Any, ...]] = {
        "expiration": ("never", "3 days", "60 hours", "1 week, end of week"),
        "activation": ("immediately", "12 hours", "2 days"),
        "returns": ("pending-only", "within-balance", "allow-debt"),
        "on_return": ("recompute", "proportional", "by-amount"),
        "initial_balance": ("0", "5"),
        "reinstate_expired": ("0 days", "3 days"),
        "hold": ("30 minutes", "1 day"),
        "ratio": ({"points": "2", "money": "1.00"}, {"points": "5", "money": "0.30"}),
        "redeem": ({"minimum": "3"}, {"multiple": "3"}, {"partial": "true"}),
    }
    if "max_balance" in point:
        changes["max_balance"] = ("30", "45")
    if "points" in point.get("limit", {}):
        changes["limit"] = tuple({**point["limit"], "points": points} for points in ("7", "30"))
    likely = ["returns", "ratio"] if "ratio" in point else ["returns"]
    names = [*likely, *draw(st.lists(st.sampled_from(sorted(changes)), max_size=3, unique=True))]
    return {**point, **{name: draw(st.sampled_from(changes[name])) for name in names}}

"""`promotions`: what a scenario's steps may give or take. A promotion does nothing by itself; a step names it and, where it has a
range, says how much (R007-R011).
"""

from typing import Literal

from schemas.amounts import format_points
from schemas.campaigns import Budget, Promotion
from schemas.program import PointType
from schemas.sections import values
from schemas.sections.points import Calendar, check_life, point_of
from schemas.sections.section import Section

Promotions = dict[str, tuple[Promotion, PointType]]


def read_promotions(top: Section, points: tuple[PointType, ...], calendar: Calendar) -> Promotions:
    """Each promotion by its name, with its point type. One with a fault that matters to steps is left out."""
    sections = top.sections("promotions")
    names = top.names("promotion", "promotion", sections, pattern=values.name)
    found: Promotions = {}
    for section, name in zip(sections, names, strict=True):
        point = point_of(section, points)
        if point is None:
            continue
        action: Literal["accrue", "redeem"] = section.choice("action", "accrue", "redeem")
        span = _read_amount(section, point.scale)
        activation = section.value_or_none("activation", values.activation)
        expiration = section.value_or_none("expiration", values.expiration)
        check_life(section, activation, expiration, point, calendar)
        if action == "redeem":
            for key in ("activation", "expiration"):
                if section.has(key):
                    section.fault(key, "goes only with action: accrue, not with redeem")
        promotion = Promotion(
            promotion=name,
            action=action,
            point=point.sid,
            min_minor=span[0] if span else 0,
            max_minor=span[1] if span else 0,
            activation=activation,
            expiration=expiration,
            budget=_read_budget(section, point.scale),
            legal_entity=section.value_or_none("legal_entity", values.name),
            description=section.value_or_none("description", values.prose),
        )
        section.done()
        if span:
            found.setdefault(name, (promotion, point))
    return found


def _read_amount(section: Section, scale: int) -> tuple[int, int] | None:
    """`points`: one amount, or `{min, max}`; None where it has a fault."""
    before = len(section.reading.faults)
    if isinstance(section.raw("points"), dict):
        span = section.section("points")
        low = span.required("min", values.points(scale, zero=True), 0)
        high = span.required("max", values.points(scale), 0)
        if high and high < low:
            span.fault("max", "must not be less than min")
        span.done()
    else:
        low = high = section.required("points", values.points(scale), 1)
    return (low, high) if len(section.reading.faults) == before else None


def _read_budget(owner: Section, scale: int) -> Budget | None:
    if not owner.has("budget"):
        owner.raw("budget")
        return None
    section = owner.section("budget")
    budget = Budget(
        points_minor=section.required("points", values.points(scale), 1), on_cap=section.choice("on_cap", "refuse", "truncate")
    )
    section.done()
    return budget


def read_use(section: Section, action: str, promotions: Promotions) -> tuple[str, int]:
    """What a step or a referral names: `promotion` and its `points`, which must lie in the promotion's range (R009)."""
    name = section.required("promotion", values.name, "")
    if name:
        section.reading.use((*section.path, "promotion"), "promotion", name)
    if name not in promotions:
        section.value_or_none("points", values.nano(more_than=0))
        return name, 1
    promotion, point = promotions[name]
    if promotion.action != action:
        section.fault("promotion", f"must be a promotion that can {action}: {name} has action: {promotion.action}")
    low, high = format_points(promotion.min_minor, point.scale), format_points(promotion.max_minor, point.scale)
    fixed = promotion.min_minor == promotion.max_minor

    def within(text: str) -> int:
        amount = values.points(point.scale)(text)
        if not promotion.min_minor <= amount <= promotion.max_minor:
            wanted = f"{low}, the fixed amount" if fixed else f"{low} to {high}, the range"
            raise ValueError(f"must be {wanted} of {name}, is {text}")
        return amount

    if fixed:
        given = section.value_or_none("points", within)
        return name, promotion.max_minor if given is None else given
    if not section.has("points"):
        section.raw("points")
        section.fault("points", f"must be given: {name} has a range, {low} to {high}")
        return name, promotion.max_minor
    return name, section.required("points", within, promotion.max_minor)

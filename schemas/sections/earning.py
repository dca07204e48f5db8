"""`earning`: the rules by which a receipt earns points."""

from schemas.amounts import NANO
from schemas.instants import Instant, parse_moment
from schemas.program import Band, Fixed, PointType, Rate, Rule
from schemas.sections import values
from schemas.sections.points import Calendar, check_life, point_of, read_limit
from schemas.sections.section import Section

_KINDS = ("rate", "fixed", "multiplier")


def read_earning(top: Section, points: tuple[PointType, ...], calendar: Calendar) -> tuple[Rule, ...]:
    sections = top.sections("earning")
    names = top.names("rule", "rule", sections, pattern=values.name)
    rules = [_read_rule(section, name, points, calendar) for section, name in zip(sections, names, strict=True)]
    return tuple(rule for rule in rules if rule is not None)


def _read_rule(section: Section, name: str, points: tuple[PointType, ...], calendar: Calendar) -> Rule | None:
    """None only where the file has no point type, which is a fault of its own."""
    point = point_of(section, points)
    if point is None:
        return None
    given = [kind for kind in _KINDS if section.has(kind)]
    if len(given) != 1:
        section.fault("", f"must have exactly one of rate, fixed and multiplier, has {' and '.join(given) or 'none'}")
    activation = section.value_or_none("activation", values.activation)
    expiration = section.value_or_none("expiration", values.expiration)
    starts_at, ends_at = _read_times(section, calendar)
    rule = Rule(
        rule=name,
        enabled=section.value("enabled", values.boolean, True),
        point=point.sid,
        rate=_read_rate(section),
        fixed=_read_fixed(section),
        multiplier_nano=section.value_or_none("multiplier", values.nano()),
        when=section.condition("when"),
        lines=section.condition("lines"),
        code=section.value_or_none("code", values.name),
        starts_at=starts_at,
        ends_at=ends_at,
        band=_read_band(section),
        limit=read_limit(section, point.scale),
        priority=section.value("priority", values.integer(-999_999_999, 999_999_999), 0),
        exclusive=section.value("exclusive", values.boolean, False),
        activation=activation,
        expiration=expiration,
        legal_entity=section.value_or_none("legal_entity", values.name),
        description=section.value_or_none("description", values.prose),
    )
    section.done()
    check_life(section, activation, expiration, point, calendar)
    if rule.fixed is not None and rule.band is not None:
        section.reading.warn(
            (*section.path, "band"), "means nothing here: fixed points are of no part of an amount; `when` can ask for one"
        )
    if rule.multiplier_nano is not None and rule.exclusive:
        section.reading.warn((*section.path, "exclusive"), "means nothing here: a multiplier never stands alone")
    return rule


def _read_rate(rule: Section) -> Rate | None:
    if not rule.has("rate"):
        rule.raw("rate")
        return None
    section = rule.section("rate")
    rate = Rate(
        points_nano=section.value("points", values.nano(), NANO),
        per_nano=section.value("per", values.nano(more_than=0), NANO),
        steps=section.choice("steps", "proportional", "whole"),
    )
    section.done()
    return rate


def _read_fixed(rule: Section) -> Fixed | None:
    if not rule.has("fixed"):
        rule.raw("fixed")
        return None
    section = rule.section("fixed")
    fixed = Fixed(
        points_nano=section.required("points", values.nano(), NANO),
        per=section.choice("per", "receipt", "line", "unit"),
    )
    section.done()
    return fixed


def _read_band(rule: Section) -> Band | None:
    if not rule.has("band"):
        rule.raw("band")
        return None
    section = rule.section("band")
    band = Band(
        from_nano=section.value_or_none("from", values.nano()),
        to_nano=section.value_or_none("to", values.nano(more_than=0)),
    )
    if section.given and not (section.has("from") or section.has("to")):
        section.fault("", "must have from, to or both")
    if band.from_nano is not None and band.to_nano is not None and band.from_nano >= band.to_nano:
        section.fault("to", "must be more than from")
    section.done()
    return band


def _read_times(section: Section, calendar: Calendar) -> tuple[Instant | None, Instant | None]:
    def moment(text: str) -> Instant:
        return parse_moment(text, calendar.zone)

    starts_at = section.value_or_none("from", moment)
    ends_at = section.value_or_none("until", moment)
    if starts_at is not None and ends_at is not None and ends_at <= starts_at:
        section.fault("until", "must be later than from")
    return starts_at, ends_at

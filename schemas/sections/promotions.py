"""`promotions`, `segments` and `reminders`: read and checked in full, kept nowhere yet, and named as not in force."""

from schemas.program import PointType
from schemas.sections import values
from schemas.sections.points import Calendar, check_life, point_of
from schemas.sections.section import Section


def read_promotions(top: Section, points: tuple[PointType, ...], calendar: Calendar) -> None:
    sections = top.sections("promotions")
    top.names("promotion", "promotion", sections, pattern=values.name)
    for section in sections:
        section.required("action", values.choice("accrue", "redeem"), "accrue")
        point = point_of(section, points)
        if point is None:
            continue
        _read_amount(section, point.scale)
        activation = section.value_or_none("activation", values.activation)
        expiration = section.value_or_none("expiration", values.expiration)
        check_life(section, activation, expiration, point, calendar)
        if section.has("budget"):
            budget = section.section("budget")
            budget.required("points", values.points(point.scale), 1)
            budget.choice("on_cap", "refuse", "truncate")
            budget.done()
        section.raw("budget")
        section.value_or_none("legal_entity", values.name)
        section.value_or_none("description", values.prose)
        section.done()
    if sections:
        top.reading.later(("promotions",))


def _read_amount(section: Section, scale: int) -> None:
    """`points`: one amount, or `{min, max}`."""
    if not isinstance(section.raw("points"), dict):
        section.required("points", values.points(scale), 1)
        return
    span = section.section("points")
    low = span.required("min", values.points(scale, zero=True), 0)
    high = span.required("max", values.points(scale), 0)
    if high and high < low:
        span.fault("max", "must not be less than min")
    span.done()


def read_segments(top: Section) -> None:
    sections = top.sections("segments")
    top.names("segment", "segment", sections, pattern=values.name)
    for section in sections:
        section.condition("where", required=True)
        section.value_or_none("description", values.prose)
        section.done()
    if sections:
        top.reading.later(("segments",))


def read_reminders(top: Section, points: tuple[PointType, ...]) -> None:
    sections = top.sections("reminders")
    top.names("reminder", "reminder", sections, pattern=values.name)
    for section in sections:
        section.choice("of", "expiry", "activation", "tier-review")
        point_of(section, points)
        section.value("within", values.positive_duration, 1)
        section.value("at", values.time_of_day, "10:00")
        if section.has("quiet"):
            quiet = section.section("quiet")
            quiet.required("from", values.time_of_day, "")
            quiet.required("until", values.time_of_day, "")
            quiet.done()
        section.raw("quiet")
        section.required("channel", values.name, "")
        template = section.required("template", values.name, "")
        if template:
            section.reading.use((*section.path, "template"), "template", template)
        section.done()
    if sections:
        top.reading.later(("reminders",))

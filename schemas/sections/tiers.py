"""`tiers`: their thresholds, what is measured, and when a tier is judged again."""

from typing import Any

from schemas.document import shown_value
from schemas.instants import Instant, parse_moment
from schemas.program import PointType, Review, TierDefinition, Tiers
from schemas.schedules import Schedule, parse_schedule
from schemas.sections import values
from schemas.sections.points import Calendar, point_of
from schemas.sections.section import Section

MAX_TIERS = 20  # R108
_COUNTS = ("earning", "promotions", "initial")
_YEARLY = parse_schedule("1 year")
_NO_GRACE = parse_schedule("0 days")


def read_tiers(top: Section, points: tuple[PointType, ...], calendar: Calendar) -> Tiers:
    section = top.section("tiers")
    point = point_of(section, points)
    measure = section.choice("measure", "earned", "spend", "active")
    tiers = Tiers(
        point=point.sid if point is not None else "",
        definitions=_read_definitions(section, None if measure == "spend" else point),
        measure=measure,
        window=section.value("window", _window, "review"),
        counts=section.texts("counts", values.choice(*_COUNTS, "adjustments"), _COUNTS),
        review=_read_review(section, calendar),
        review_grid_us=section.value_or_none("review_grid", values.positive_duration),
        lasts=section.choice("lasts", "next-period", "period"),
        downgrade=section.choice("downgrade", "hard", "soft"),
        grace=section.value("grace", values.wait, _NO_GRACE),
    )
    if section.raw("counts") == []:
        section.fault("counts", "must name at least one of earning, promotions, initial and adjustments")
    section.done()
    return tiers


def _read_definitions(tiers: Section, point: PointType | None) -> tuple[TierDefinition, ...]:
    """Thresholds are points of the measured type, or money where `spend` is measured (`point` None)."""
    sections = tiers.sections("definitions")
    names = tiers.names("tier", "name", sections, pattern=values.name)
    if len(sections) > MAX_TIERS:
        tiers.fault("definitions", f"must be at most {MAX_TIERS} tiers, are {len(sections)}")
    threshold = values.nano() if point is None else values.points(point.scale, zero=True)
    found: list[TierDefinition] = []
    faulty = -1
    for section, name in zip(sections, names, strict=True):
        amount = section.required("threshold", threshold, faulty)
        section.done()
        if found and faulty not in (amount, found[-1].threshold_minor) and amount <= found[-1].threshold_minor:
            tiers.reading.fault(
                section.path[:-1], f"must have rising thresholds, {name or 'one'} is not above {found[-1].name}", section.path
            )
            section.fault("threshold", f"must be above that of {found[-1].name or 'the tier before'}")
        found.append(TierDefinition(name=name, threshold_minor=amount))
    return tuple(found)


def _read_review(tiers: Section, calendar: Calendar) -> Review:
    def moment(text: str) -> Instant:
        return parse_moment(text, calendar.zone)

    section = tiers.section("review")
    review = Review(
        relative_to=section.choice("relative_to", "program-join", "tier-join", "cycle"),
        every=section.value("every", values.reset, _YEARLY),
        cycle_start=section.value_or_none("cycle_start", moment),
    )
    if review.relative_to == "cycle" and not section.has("cycle_start"):
        section.fault("cycle_start", "must be given where the review is relative to a cycle")
    if review.relative_to != "cycle" and section.has("cycle_start"):
        section.fault("cycle_start", f"goes only with relative_to: cycle, not with {review.relative_to}")
    section.done()
    return review


def _window(text: str) -> Any:
    """`review`, `lifetime` or so many days back."""
    if text in ("review", "lifetime"):
        return text
    schedule: Schedule | None
    try:
        schedule = parse_schedule(text)
    except ValueError:
        schedule = None
    if schedule is None or schedule.unit != "day" or schedule.edge or schedule.count < 1:
        raise ValueError(f"must be review, lifetime or a number of days like `365 days`, is {shown_value(text)}")
    return schedule

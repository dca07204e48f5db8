"""`segments` and `rfm`: who is meant, by condition, and the thresholds that make scores of purchases (R029-R035, R060).

A segment is judged with no record at hand, so its condition may name only what is known of a profile at any time. Segments may
name each other, never in a circle.
"""

from itertools import pairwise

from schemas.campaigns import Rfm, Segment
from schemas.condition_fields import SEGMENT
from schemas.conditions import Condition
from schemas.document import Path
from schemas.schedules import parse_duration
from schemas.sections import values
from schemas.sections.section import Reading, Section

_YEAR_DAYS = parse_duration("365 days") // parse_duration("1 day")
_MAX_THRESHOLDS = 9


def read_segments(top: Section) -> dict[str, Segment]:
    sections = top.sections("segments")
    names = top.names("segment", "segment", sections, pattern=values.name)
    found: dict[str, Segment] = {}
    places: dict[str, Path] = {}
    for section, name in zip(sections, names, strict=True):
        where = section.condition("where", only=SEGMENT, required=True)
        description = section.value_or_none("description", values.prose)
        section.done()
        if where is not None and name not in found:
            found[name] = Segment(segment=name, where=where, description=description)
            places[name] = section.path
    _refuse_circles(top.reading, found, places)
    return found


def mentioned(condition: Condition | None) -> list[str]:
    """The segments that a condition names."""
    return [] if condition is None else [mention.name for mention in condition.mentions if mention.what == "segment"]


def _refuse_circles(reading: Reading, segments: dict[str, Segment], places: dict[str, Path]) -> None:
    """Whoever can be reached from itself; told at the segment and at the name in it that leads on."""
    leads = {name: [other for other in mentioned(segment.where) if other in segments] for name, segment in segments.items()}
    for name, segment in segments.items():
        for mention in segment.where.mentions:
            if mention.what == "segment" and name in _reached(mention.name, leads):
                path = (*places[name], "where")
                reason = f"must not depend on itself: whether one is in {name} is asked by {mention.name}"
                reading.fault(path, reason)
                reading.fault((*path, *mention.path), reason)
                break


def _reached(start: str, leads: dict[str, list[str]]) -> set[str]:
    """Whatever a segment depends on, itself included."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += leads.get(name, [])
    return seen


def read_rfm(top: Section) -> Rfm | None:
    if not top.has("rfm"):
        top.raw("rfm")
        return None
    section = top.section("rfm")
    rfm = Rfm(
        within_days=section.value("within", values.days, _YEAR_DAYS),
        recency_days=_thresholds(section, "recency", values.integer(0, 9_999)),
        frequency=_thresholds(section, "frequency", values.integer(1, 10**9 - 1)),
        monetary_nano=_thresholds(section, "monetary", values.nano(more_than=0)),
    )
    section.done()
    return rfm


def _thresholds(section: Section, key: str, parser: values.ToInteger) -> tuple[int, ...]:
    """A rising list of at least one."""
    found: list[int] = []

    def parse(text: str) -> str:
        found.append(parser(text))
        return text

    section.texts(key, parse)
    if not section.has(key) or not section.items(key):
        section.fault(key, "must be given: a rising list of thresholds, like [30, 90]")
    elif len(found) > _MAX_THRESHOLDS:
        section.fault(key, f"must be at most {_MAX_THRESHOLDS} thresholds, are {len(found)}")
    elif any(after <= before for before, after in pairwise(found)):
        section.fault(key, "must rise")
    return tuple(found)

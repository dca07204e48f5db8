"""`reminders`: what is told before points expire or become active, or before a tier falls; and how a text is sent, for steps too."""

from schemas.campaigns import Quiet, Reminder
from schemas.program import PointType
from schemas.schedules import parse_duration
from schemas.sections import values
from schemas.sections.points import point_of
from schemas.sections.section import Section

_WITHIN_US = parse_duration("10 days")
_TEN = values.time_of_day("10:00")


def read_reminders(top: Section, points: tuple[PointType, ...]) -> tuple[Reminder, ...]:
    sections = top.sections("reminders")
    names = top.names("reminder", "reminder", sections, pattern=values.name)
    return tuple(_read_reminder(section, name, points) for section, name in zip(sections, names, strict=True))


def _read_reminder(section: Section, name: str, points: tuple[PointType, ...]) -> Reminder:
    point = point_of(section, points)
    reminder = Reminder(
        reminder=name,
        of=section.choice("of", "expiry", "activation", "tier-review"),
        point=point.sid if point is not None else "",
        within_us=section.value("within", values.positive_duration, _WITHIN_US),
        minute=section.value("at", values.time_of_day, _TEN),
        quiet=read_quiet(section),
        channel=read_names(section, "channel"),
        template=read_template(section),
        category=section.value_or_none("category", values.name),
    )
    section.done()
    return reminder


def read_names(section: Section, key: str) -> tuple[str, ...]:
    """One name, or a list of one or more, each only once."""
    if not isinstance(section.raw(key), list):
        name = section.required(key, values.name, "")
        return (name,) if name else ()
    names = section.texts(key, values.name)
    if not section.items(key):
        section.fault(key, "must name at least one, is an empty list")
    return names


def read_template(section: Section) -> str:
    name = section.required("template", values.name, "")
    if name:
        section.reading.use((*section.path, "template"), "template", name)
    return name


def read_quiet(owner: Section) -> Quiet | None:
    """`quiet: {from, until}`: times of day between which nothing is sent."""
    if not owner.has("quiet"):
        owner.raw("quiet")
        return None
    section = owner.section("quiet")
    quiet = Quiet(
        from_minute=section.required("from", values.time_of_day, 0), until_minute=section.required("until", values.time_of_day, 1)
    )
    if section.has("from") and section.has("until") and quiet.from_minute == quiet.until_minute:
        section.fault("until", "must be another time than from")
    section.done()
    return quiet

"""`points`: point types, and the limits and schedules that rules and promotions share with them."""

from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from schemas.amounts import MAX_SCALE, NANO
from schemas.instants import DAY_US, HOUR_US, Instant, end_of, start_of
from schemas.program import Limit, PointType, Ratio, Redeem, Rule
from schemas.schedules import IMMEDIATELY, NEVER, LeapDay, Schedule, parse_duration, parse_length
from schemas.sections import values
from schemas.sections.section import Section

DEFAULT_HOLD: Final = parse_length("30 minutes")
DEFAULT_MAX_HOLD: Final = parse_length("7 days")
_NO_DAYS: Final = parse_length("0 days")


@dataclass(frozen=True)
class Calendar:
    """What a schedule needs besides itself."""

    zone: ZoneInfo
    leap_day: LeapDay
    effective_from: Instant


def read_points(top: Section, calendar: Calendar) -> tuple[PointType, ...]:
    sections = top.sections("points")
    if not top.has("points"):
        top.fault("points", "must be given: a list of one or more point types")
    elif top.raw("points") == []:
        top.fault("points", "must hold at least one point type, is an empty list")
    sids = top.names("point type", "sid", sections, pattern=values.sid)
    return tuple(_read_point(section, sid, calendar) for section, sid in zip(sections, sids, strict=True))


def point_of(section: Section, points: tuple[PointType, ...], key: str = "point") -> PointType | None:
    """The point type that a section names, else the first; None only where the file has none at all."""
    sid = section.value_or_none(key, values.sid)
    if sid is not None:
        section.reading.use((*section.path, key), "point type", sid)
    return next((point for point in points if point.sid == sid), points[0] if points else None)


def _read_point(section: Section, sid: str, calendar: Calendar) -> PointType:
    scale = section.value("scale", values.integer(0, MAX_SCALE), 0)
    activation = section.value("activation", values.activation, IMMEDIATELY)
    expiration = section.value("expiration", values.expiration, NEVER)
    expires_from = section.choice("expires_from", "session", "activation")
    hold = section.value("hold", values.positive_length, DEFAULT_HOLD)
    max_hold = section.value("max_hold", values.positive_length, DEFAULT_MAX_HOLD)
    if parse_duration(str(hold)) > parse_duration(str(max_hold)):
        section.fault("hold", "must not be longer than max_hold")
    point = PointType(
        sid=sid,
        name=section.value_or_none("name", values.name) or sid,
        scale=scale,
        rounding=section.choice("rounding", "floor", "half-up", "half-even", "ceiling"),
        round=section.choice("round", "receipt", "line", "rule"),
        initial_balance_minor=section.value("initial_balance", values.points(scale, zero=True), 0),
        ratio=_read_ratio(section, scale),
        activation=activation,
        activate_on=_read_activate_on(section),
        expiration=expiration,
        expires_from=expires_from,
        renew_on=section.texts("renew_on", values.name),
        spend_order=section.choice("spend_order", "earliest-expiry", "earliest-earned"),
        returns=section.choice("returns", "pending-only", "within-balance", "allow-debt"),
        on_return=section.choice("on_return", "recompute", "proportional", "by-amount"),
        reinstate_expired=section.value("reinstate_expired", values.length, _NO_DAYS),
        redeem=_read_redeem(section, scale),
        hold=hold,
        max_hold=max_hold,
        max_balance_minor=section.value_or_none("max_balance", values.points(scale)),
        limit=read_limit(section, scale),
        legal_entity=section.value_or_none("legal_entity", values.name),
        description=section.value_or_none("description", values.prose),
    )
    section.done()
    check_life(section, activation, expiration, point, calendar)
    return point


def _read_ratio(point: Section, scale: int) -> Ratio | None:
    if not point.has("ratio"):
        point.raw("ratio")
        return None
    section = point.section("ratio")
    ratio = Ratio(
        points_minor=section.required("points", values.points(scale), 1),
        money_nano=section.required("money", values.nano(more_than=0), NANO),
    )
    section.done()
    return ratio


def _read_activate_on(point: Section) -> dict[str, str] | None:
    if not point.has("activate_on"):
        point.raw("activate_on")
        return None
    section = point.section("activate_on")
    found = {"pixel": section.required("pixel", values.name, "")}
    receipt = section.value_or_none("receipt", values.name)
    if receipt is not None:
        found["receipt"] = receipt
    section.done()
    return found


def _read_redeem(point: Section, scale: int) -> Redeem:
    section = point.section("redeem")
    redeem = Redeem(
        minimum_minor=section.value("minimum", values.points(scale, zero=True), 0),
        multiple_minor=section.value_or_none("multiple", values.points(scale)) or 1,
        max_share_nano=section.value("max_share", values.share, NANO),
        partial=section.value("partial", values.boolean, False),
    )
    section.done()
    return redeem


def read_limit(owner: Section, scale: int) -> Limit | None:
    """`{points | times, per, on_cap}` of a rule or a point type."""
    if not owner.has("limit"):
        owner.raw("limit")
        return None
    section = owner.section("limit")
    points_minor = section.value_or_none("points", values.points(scale))
    times = section.value_or_none("times", values.integer(1, 10**9 - 1))
    if section.given and section.has("points") == section.has("times"):
        section.fault("", f"must have exactly one of points and times, has {'both' if section.has('points') else 'neither'}")
    limit = Limit(
        points_minor=points_minor,
        times=times,
        per=section.required("per", values.choice("receipt", "day", "week", "month", "year", "ever"), "ever"),
        on_cap=section.choice("on_cap", "truncate", "refuse"),
    )
    section.done()
    return limit


def check_life(
    section: Section, activation: Schedule | None, expiration: Schedule | None, point: PointType, calendar: Calendar
) -> None:
    """Refuses an expiration that never lies after the activation (LEDGER, Time; C2). None: the point type's own schedule.

    A day in February may make `1 month` shorter than `29 days`, so a few years of anchors are tried, and the file is refused
    only if none of them gives points that can ever be used.
    """
    if activation is None and expiration is None:
        return
    activates, expires = activation or point.activation, expiration or point.expiration
    if expires.kind == "never" or any(
        _usable(activates, expires, point, calendar, at) for at in _anchors(activates, expires, calendar)
    ):
        return
    where = "expiration" if expiration is not None else "activation"
    before = "since effective_from" if activates.kind == "immediately" and expires.kind == "date" else f'"{activates}"'
    section.fault(where, f'must leave points a time to be used, but "{expires}" is never later than the activation ({before})')


def _usable(activates: Schedule, expires: Schedule, point: PointType, calendar: Calendar, at: Instant) -> bool:
    active_at = activates.activates_at(at, calendar.zone, calendar.leap_day)
    active_at = at if active_at is None else active_at  # on an event: no sooner than the session
    anchor = at if point.expires_from == "session" else max(active_at, at)
    expires_at = expires.expires_at(anchor, calendar.zone, calendar.leap_day)
    return expires_at is None or expires_at > max(active_at, at)


def _anchors(activates: Schedule, expires: Schedule, calendar: Calendar) -> list[Instant]:
    """Times at which a receipt may be closed: four years and a bit, at all hours, and around the dates that are named."""
    first = calendar.effective_from
    step = DAY_US + 7 * HOUR_US
    anchors = [first + step * index for index in range(1_200)]
    for day in (activates.day, expires.day):
        if day is not None:
            edges = (start_of("day", day, calendar.zone), end_of("day", day, calendar.zone))
            anchors += [at for edge in edges for at in (edge - 1, edge) if at >= first]
    return anchors


def warn_of(points: tuple[PointType, ...], earning: tuple[Rule, ...]) -> list[tuple[int, str, str]]:
    """What is right by the rules and hardly meant: the index of a point type, a key of it and a sentence."""
    found: list[tuple[int, str, str]] = []
    for index, point in enumerate(points):
        activations = [
            point.activation,
            *[rule.activation for rule in earning if rule.enabled and rule.point == point.sid and rule.activation],
        ]
        by_event = any(activation.kind == "on event" for activation in activations)
        if point.returns == "pending-only" and point.activation.kind == "immediately":
            found.append((index, "returns", _TAKES_NOTHING))
        if by_event and point.activate_on is None:
            found.append((index, "activate_on", "activates nothing: points wait for an event, and none is named here"))
        if not by_event and point.activate_on is not None:
            found.append((index, "activate_on", "activates nothing: no points of this type wait for an event"))
        if point.renew_on and point.expiration.kind in ("never", "date"):
            found.append((index, "renew_on", f'moves nothing: the expiration is "{point.expiration}"'))
    return found


_TAKES_NOTHING: Final = (
    'takes nothing back: "pending-only" meets points that are active at once; within-balance takes active ones too'
)

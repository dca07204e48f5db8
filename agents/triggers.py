"""Triggers: what has happened, and which scenarios it sets off.

A record, an entry, a tier change or a timer becomes a *happening*; each scenario of the version in force at its instant that waits for
such a thing is asked, in order of the file, and enters or not. Who may enter is decided here: consent, re-entry, audience, bounds. Every
refusal is counted by its name.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from agents import codes, consent, runs, segments
from agents.happenings import Happening
from agents.hearing import EVERYBODY, NOBODY, OTHERS, WHO_JOINS, Whom
from agents.plans import Plan, Playbook
from agents.programs import Version
from agents.trigger_facts import entry_facts, first_asker
from agents.visit import Visit
from schemas import campaigns
from schemas.amounts import format_points
from schemas.events import LedgerEntry, TierChange
from schemas.instants import Instant, format_instant, parse_instant
from schemas.records import Cancel, Pixel, Sale
from tables.basis import basis_of
from tables.facts import Facts, Situation, within
from tables.timelines import field_at, value_at

DEPTH_MAX: Final = 16
"""So deep may scenarios set each other off in one go, by the entries that they make."""
CHAIN_MAX: Final = 256
"""And so many of them altogether: three that make three entries each are forty million, sixteen deep."""


def happened(visit: Visit, version: Version, happening: Happening) -> bool:
    """Ask who waits for it. Returns whether anybody entered."""
    entered = False
    for plan in version.playbook.waiting.get(happening.key, ()):
        if plan.name != happening.maker and _WHOM[happening.whom](plan) and _hears(visit, version, plan, happening):
            entered = _enter(visit, version, plan, happening) or entered
    return entered


_WHOM: Final[dict[Whom, Callable[[Plan], bool]]] = {
    EVERYBODY: lambda _: True,
    WHO_JOINS: lambda plan: plan.joins,
    OTHERS: lambda plan: not plan.joins,
    NOBODY: lambda _: False,
}


def _hears(visit: Visit, version: Version, plan: Plan, happening: Happening) -> bool:
    """Whether it is what the scenario waits for, to the last detail."""
    trigger = plan.scenario.trigger
    test = _DETAILS.get(type(trigger))
    if test is not None and not test(trigger, happening):
        return False
    return plan.when is None or plan.when.matches(first_asker(visit, version, plan, happening))


def _enter(visit: Visit, version: Version, plan: Plan, happening: Happening) -> bool:
    why = _refusal(visit, version, plan, happening)
    if why is not None:
        visit.count(("scenario", *plan.counted, why))
        return False
    visit.count(("scenario", *plan.counted, "entered"))
    if happening.depth and visit.hearing is not None:
        visit.hearing.gone_off += 1
    runs.enter(visit, version, plan, happening)
    return True


def _refusal(visit: Visit, version: Version, plan: Plan, happening: Happening) -> str | None:
    """Why one may not enter, by its name in metrics."""
    engagement = visit.profile.engagements.get(version.program.program)
    if engagement is not None:
        if not plan.scenario.reentry and plan.name in engagement.entered:
            return "re-entry"
        if engagement.runs and runs.is_full(engagement, plan.name):
            return "too-many"
    if not consent.consents(visit.profile, version.program, happening.at):
        return "no-consent"
    if happening.depth >= DEPTH_MAX or (happening.depth and visit.hearing is not None and visit.hearing.gone_off >= CHAIN_MAX):
        return "too-deep"
    audience = plan.scenario.audience
    if audience is not None and not segments.inside(visit, version, audience, happening.at):
        return "audience"
    return None


# --- what a record tells ------------------------------------------------------------------------------------------------


def of_sale(visit: Visit, version: Version, sale: Sale, whom: Whom) -> bool:
    program = version.program
    facts: list[Facts] = []

    def known() -> Facts:
        if not facts:
            refused = codes.refused(visit, version, sale) if version.codes and sale.promo_codes else ()
            situation = Situation(sale.closed_at, None, False, refused_codes=refused)
            facts.append(Facts(sale, basis_of(sale, program), situation, program))
        return facts[0]

    def field(name: str) -> object:
        return known().of_receipt(name)

    def fact(name: str) -> object:
        return _spelled(known().lines() if name == "lines" else field(name), name, program.currency_decimals)

    sequence, points, entry = _last_accrual(visit, program.program)
    return happened(
        visit,
        version,
        Happening(
            key="receipt",
            at=sale.closed_at,
            field=field,
            fact=_record_facts("receipt", sale, sale.closed_at, fact),
            sequence=sequence,
            points=points,
            entry=entry,
            whom=whom,
        ),
    )


def of_cancel(visit: Visit, version: Version, record: Cancel) -> bool:
    if record.kind != "cancel" or "cancelled" not in version.playbook.waiting:
        return False

    def field(name: str) -> object:
        return getattr(record, name) if name in ("receipt_id", "application", "revision") else None

    fact = _record_facts("cancelled", record, record.closed_at, field)
    return happened(visit, version, Happening(key="cancelled", at=record.closed_at, field=field, fact=fact))


def of_pixel(visit: Visit, version: Version, record: Pixel, whom: Whom) -> bool:
    waiting = version.playbook.waiting
    key, entered = f"pixel:{record.type}", False

    def field(name: str) -> object:
        if name in ("type", "pixel", "event_id", "application"):
            value: object = getattr(record, name)
            return value
        return within(record.attributes, name) if name.startswith("attributes.") else None

    fact = _record_facts("pixel", record, record.occurred_at, field)
    if key in waiting:
        sequence, points, entry = _last_accrual(visit, version.program.program)
        happening = Happening(
            key=key, at=record.occurred_at, field=field, fact=fact, sequence=sequence, points=points, entry=entry, whom=whom
        )
        entered = happened(visit, version, happening)
    if record.type == "registration" and "registration" in waiting:
        happening = Happening(key="registration", at=record.occurred_at, field=field, fact=fact, whom=whom)
        entered = happened(visit, version, happening) or entered
    return entered


def of_fields(visit: Visit, version: Version, at: Instant) -> bool:
    """Profile fields may have changed in this visit, by a profile record or by a pixel that says something of consent."""
    playbook: Playbook = version.playbook
    if not playbook.on_fields:
        return False
    entered = False
    hearing = visit.hearing
    if hearing is None:
        return False
    if not hearing.registered_at and visit.profile.registered_at:
        registered_at = value_at(visit.profile.registered_at, at)
        told = {"registered_at": None if registered_at is None else format_instant(registered_at)}
        happening = Happening(key="registration", at=at, field=_none, fact=_told("registration", at, told))
        entered = "registration" in playbook.waiting and happened(visit, version, happening)
    before, after = hearing.fields, visit.profile.fields
    if before is after or "profile" not in playbook.waiting:
        return entered
    names = {name for plan in playbook.waiting["profile"] for name in _fields_of(plan)}
    changed = {
        name: field_at(after, name, at) for name in sorted(names) if field_at(before, name, at) != field_at(after, name, at)
    }
    if not changed:
        return entered
    happening = Happening(key="profile", at=at, field=_none, fact=_told("profile", at, {"fields": changed, "profile": changed}))
    return happened(visit, version, happening) or entered


def of_entry(visit: Visit, version: Version, entry: LedgerEntry, moved: tuple[int, int], maker: str | None, depth: int) -> None:
    """`moved`: what could be used of its ledger before it and after it (minor)."""
    waiting = version.playbook.waiting
    if f"entry:{entry.type}" in waiting:
        happened(visit, version, _of_entry(f"entry:{entry.type}", entry, maker, depth, {}))
    if version.playbook.milestones and moved[0] < moved[1]:
        _milestones(visit, version, entry, moved, maker, depth)


def of_tier(visit: Visit, version: Version, change: TierChange, maker: str | None, depth: int) -> None:
    if "tier" not in version.playbook.waiting or change.from_tier == change.to_tier:
        return
    at = parse_instant(change.occurred_at)
    facts = {"from": change.from_tier, "to": change.to_tier, "type": change.type, "reason": change.reason}
    tier = facts | {"subledger": change.subledger, "qualifying_points": change.qualifying_points}

    def field(name: str) -> object:
        return {"type": change.type, "subledger": change.subledger}.get(name)

    fact = _told("tier", at, {"tier": tier})
    happened(
        visit,
        version,
        Happening(
            key="tier", at=at, field=field, fact=fact, cause=change.cause, sequence=change.sequence, maker=maker, depth=depth
        ),
    )


def _of_entry(key: str, entry: LedgerEntry, maker: str | None, depth: int, more: Mapping[str, Any]) -> Happening:
    at = parse_instant(entry.occurred_at)
    told = entry_facts(entry)

    def field(name: str) -> object:
        return {"type": entry.type, "subledger": entry.subledger, "program": entry.program}.get(name)

    return Happening(
        key=key,
        at=at,
        field=field,
        fact=_told("entry", at, {"entry": told, **more}),
        cause=entry.cause,
        sequence=entry.sequence,
        points=entry.points,
        entry=entry,
        maker=maker,
        depth=depth,
    )


def _milestones(
    visit: Visit, version: Version, entry: LedgerEntry, moved: tuple[int, int], maker: str | None, depth: int
) -> None:
    """Active went from below to at least one of the balances that a scenario names: once, for the highest."""
    before, after = moved
    for plan in version.playbook.waiting["milestone"]:
        trigger = plan.scenario.trigger
        if not isinstance(trigger, campaigns.OnMilestone) or trigger.point != entry.point or plan.name == maker:
            continue
        crossed = [minor for minor in trigger.at_minor if before < minor <= after]
        if not crossed:
            continue
        milestone = format_points(crossed[-1], version.points[trigger.point].scale)
        happening = _of_entry("milestone", entry, maker, depth, {"milestone": milestone})
        if _hears(visit, version, plan, happening):
            _enter(visit, version, plan, happening)


def _last_accrual(visit: Visit, program: str) -> tuple[int | None, str | None, LedgerEntry | None]:
    """The record's own last accrual in the program."""
    for entry in reversed(visit.heard or ()):
        if isinstance(entry, LedgerEntry) and entry.type == "points.accrued" and entry.program == program:
            return entry.sequence, entry.points, entry
    return None, None, None


# --- details --------------------------------------------------------------------------------------------------------------


def _lines(trigger: Any, happening: Happening) -> bool:
    found = happening.field("sku" if trigger.kind == "item" else "category")
    return isinstance(found, list) and (not trigger.names or not trigger.names.isdisjoint(found))


def _fields(trigger: Any, happening: Happening) -> bool:
    changed = happening.fact("fields")
    return isinstance(changed, dict) and not trigger.fields.isdisjoint(changed)


def _tier(trigger: Any, happening: Happening) -> bool:
    return trigger.tier is None or happening.fact("tier.to") == trigger.tier


_DETAILS: Final[dict[type[Any], Callable[[Any, Happening], bool]]] = {
    campaigns.OnLines: _lines,
    campaigns.OnFields: _fields,
    campaigns.OnTier: _tier,
}


def _fields_of(plan: Plan) -> frozenset[str]:
    trigger = plan.scenario.trigger
    return trigger.fields if isinstance(trigger, campaigns.OnFields) else frozenset()


def _none(_: str) -> object:
    return None


def _told(kind: str, at: Instant, facts: Mapping[str, Any]) -> Callable[[str], object]:
    """`trigger.tier.to`, and by the trigger's name what has none of its own: `trigger.registration.registered_at`."""
    whole = {"kind": kind, "at": format_instant(at), kind: facts} | dict(facts)
    return lambda path: within(whole, path) if path else whole


def _record_facts(
    kind: str, record: Sale | Cancel | Pixel, at: Instant, field: Callable[[str], object]
) -> Callable[[str], object]:
    """`trigger.pixel.attributes.color` and the like; a path without the record's kind is the record's own field as well."""

    def fact(path: str) -> object:
        head, _, rest = path.partition(".")
        if path == "kind":
            return kind
        if path == "at":
            return format_instant(at)
        if head == kind and rest:
            return _field_of(record, rest, at, field)
        if head == kind or not path:
            whole = _whole(record, at)
            return whole if path else {"kind": kind, "at": format_instant(at), kind: whole}
        return _field_of(record, path, at, field)

    return fact


def _field_of(record: Sale | Cancel | Pixel, path: str, at: Instant, field: Callable[[str], object]) -> object:
    if path in ("closed_at", "occurred_at"):
        return format_instant(at)
    if path == "attributes":
        return getattr(record, "attributes", None)
    return field(path)


def _spelled(value: object, name: str, decimals: int) -> object:
    """Money as a person reads it: with the currency's decimals, and no zeros after them."""
    if isinstance(value, list):
        return [_spelled(each, name, decimals) for each in value]
    if isinstance(value, dict):
        return {key: _spelled(inner, key, decimals) for key, inner in value.items()}
    if not isinstance(value, Decimal):
        return value
    whole, _, rest = format(value, "f").partition(".")
    rest = rest.rstrip("0").ljust(0 if name == "quantity" else decimals, "0")
    return f"{whole}.{rest}" if rest else whole


def _whole(record: Sale | Cancel | Pixel, at: Instant) -> dict[str, Any]:
    """What is plain about a record, and its attributes."""
    names = [name for name in record.__struct_fields__ if name not in ("lines", "profile_id")]
    values = {name: getattr(record, name) for name in names}
    plain = {
        name: value for name, value in values.items() if isinstance(value, (str, bool, dict, list)) and value not in ([], {})
    }
    return plain | {"closed_at" if "closed_at" in values else "occurred_at": format_instant(at)}

"""Facts: what a run may still ask of what set it off, taken once when it is entered, as JSON of a few kilobytes.

Pure. A run may wait for months, and stands in its profile's record meanwhile; so it keeps those fields only that conditions and
templates of its scenario name (`plans`), and never more than `FACTS_BYTES_MAX`. Numbers are kept as text, every digit of them.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from agents import person, segments
from agents.happenings import Ask, Happening
from agents.plans import Plan
from agents.programs import Version
from agents.visit import Visit
from schemas.campaigns import OnLines
from schemas.condition_fields import DERIVED, FIELDS
from schemas.events import LedgerEntry
from schemas.instants import Instant
from schemas.templates import ENTRY
from tables.engagement import RunFacts

FACTS_BYTES_MAX: Final = 8 * 1024
_PERSONAL: Final = frozenset({"member", "tier", "tags", "segment", "weekday", "hour"})
_TRIGGER: Final = "trigger."
_ENCODER: Final = msgspec.json.Encoder()


_DECODER: Final = msgspec.json.Decoder(RunFacts, float_hook=str)


def taken(plan: Plan, happening: Happening) -> RunFacts:
    """What the plan asks of a happening."""
    fields = {name: _plain(happening.field(name)) for name in plan.fields if not is_personal(name)}
    fact = _fact_of(plan, happening)
    trigger = {path: _plain(fact(path)) for path in plan.facts}
    entry = entry_facts(happening.entry) if plan.asks_entry and happening.entry is not None else None
    facts = RunFacts(_there(fields), _there(trigger), entry)
    while len(_ENCODER.encode(facts)) > FACTS_BYTES_MAX:
        held = max([(len(_ENCODER.encode(value)), name) for name, value in (facts.fields | facts.trigger).items()], default=None)
        if held is None:
            return RunFacts()
        facts.fields.pop(held[1], None)
        facts.trigger.pop(held[1], None)
    return facts


def kept(facts: RunFacts) -> bytes:
    return _ENCODER.encode(facts)


def read(stored: bytes) -> RunFacts:
    return _DECODER.decode(stored) if stored else RunFacts()


def nested(facts: RunFacts) -> Mapping[str, Any]:
    """What a template calls `trigger`."""
    found: dict[str, Any] = {}
    for path, value in facts.trigger.items():
        *outer, last = path.split(".")
        inside = found
        for name in outer:
            inside = inside.setdefault(name, {})
            if not isinstance(inside, dict):
                break
        else:
            inside[last] = value
    return found


def is_personal(field: str) -> bool:
    """Whether a field is of the person at that instant, and not of what set the scenario off."""
    return field in _PERSONAL or field.startswith("profile.") or field.partition("[")[0] in DERIVED


def asker(visit: Visit, version: Version, plan: Plan, facts: RunFacts, at: Instant) -> Ask:
    """How a condition of a step looks up its fields, at the instant of the step."""

    def field(name: str) -> object:
        return _number(name, facts.fields.get(name))

    return _asker(visit, version, plan, at, field, facts.trigger.get)


def first_asker(visit: Visit, version: Version, plan: Plan, happening: Happening) -> Ask:
    """How the condition of a trigger does. Of a record itself, `tier` is the one before its own effect (CONTRACT, section 4)."""
    ask = _asker(visit, version, plan, happening.at, happening.field, _fact_of(plan, happening))
    if happening.cause is not None:
        return ask

    def of_record(name: str) -> object:
        if name == "tier":
            return person.tier_before(visit, version, happening.at, _subledger(happening.field))
        return ask(name)

    return of_record


def _subledger(field: Ask) -> str:
    """Of which ledger the tier is asked: of that which the record, the entry or the tier change names."""
    named = field("subledger")
    return named if isinstance(named, str) else ""


def _fact_of(plan: Plan, happening: Happening) -> Ask:
    """What `trigger.…` holds: what set off a scenario by its lines is told as `trigger.item` or `trigger.category`, a list where there are
    several.
    """
    trigger = plan.scenario.trigger
    if not isinstance(trigger, OnLines):
        return happening.fact

    def fact(path: str) -> object:
        if path != trigger.kind:
            return happening.fact(path)
        found = happening.field("sku" if path == "item" else path)
        named = dict.fromkeys(found if isinstance(found, list) else ())
        there = [name for name in named if not trigger.names or name in trigger.names]
        return there[0] if len(there) == 1 else there

    return fact


def _asker(visit: Visit, version: Version, plan: Plan, at: Instant, field: Ask, fact: Ask) -> Ask:
    def ask(name: str) -> object:
        if name.startswith(_TRIGGER):
            return fact(name.removeprefix(_TRIGGER))
        if name == "segment":
            return [found for found in plan.segments if segments.inside(visit, version, found, at)] or None
        if is_personal(name):
            return person.look_up(visit, version, name, at, _subledger(field) if name == "tier" else "")
        return field(name)

    return ask


def _number(field: str, value: Any) -> object:
    """A number that was kept as text is one again."""
    if value is None or FIELDS.get(field) != "number":
        return value
    if isinstance(value, list):
        return [Decimal(each) if isinstance(each, str) else each for each in value]
    return Decimal(value) if isinstance(value, str) else value


def _plain(value: object) -> Any:
    """As JSON holds it."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if value is None or isinstance(value, (str, bool, int)):
        return value
    return str(value)


def _there(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def entry_facts(entry: LedgerEntry) -> dict[str, Any]:
    """What a template may ask of an entry; a plain few of its fields."""
    told = {name: getattr(entry, name) for name in ENTRY}
    expiries = [lot.expires_at for lot in entry.lots if lot.expires_at is not None]
    told["expires_at"] = min(expiries, default=None)
    return _there(told)

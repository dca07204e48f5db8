"""What the happening of a timer tells: `trigger.…` in the templates and conditions of the scenario that it sets off.

Pure. Only what is known at the profile: the order whose date has come, the event that was not followed up.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from agents import figures
from agents.moments import day_named, idle_since, zone_of
from agents.programs import Version
from agents.visit import Visit
from schemas.campaigns import OnAbandoned, OnDate, OnIdle, OnSchedule, Scenario
from schemas.instants import Instant, format_instant
from tables.figures import day_of
from tables.keys import receipt_key
from tables.state import Receipt

RECEIPT: Final = "receipt."


def facts_of(visit: Visit, version: Version, scenario: Scenario, name: str, at: Instant) -> dict[str, Any]:
    """`name`: of the timer."""
    return _FACTS[type(scenario.trigger)](visit, version, scenario, name, at)


def _date_facts(visit: Visit, version: Version, scenario: Scenario, name: str, at: Instant) -> dict[str, Any]:
    """`date`: the day that has come; `years`: how many years after the date that is known; `receipt`: the order whose date it is."""
    trigger = scenario.trigger
    clock = zone_of(visit, version, at)
    today = day_of(at, clock)
    facts: dict[str, Any] = {"date": today.isoformat()}
    if not isinstance(trigger, OnDate) or trigger.field is None:
        return facts
    facts["field"] = trigger.field
    if trigger.field.startswith(RECEIPT):
        application, _, receipt_id = name.partition("/")[2].partition("\x1f")
        return facts | {"receipt": _order(visit, application, receipt_id)}
    known = day_named(visit, version, trigger.field, clock, at)
    return facts if known is None else facts | {"years": today.year - known.year}


def _order(visit: Visit, application: str, receipt_id: str) -> dict[str, Any]:
    facts: dict[str, Any] = {"receipt_id": receipt_id, "application": application}
    known = visit.recall(Receipt, receipt_key(visit.profile_id, application, receipt_id))
    sale = None if known is None or not known.sale else msgspec.json.decode(known.sale)
    return facts if sale is None else facts | {"attributes": sale.get("attributes"), "store": sale.get("store")}


def _no_facts(visit: Visit, version: Version, scenario: Scenario, name: str, at: Instant) -> dict[str, Any]:
    return {}


def _idle_facts(visit: Visit, version: Version, scenario: Scenario, name: str, at: Instant) -> dict[str, Any]:
    trigger = scenario.trigger
    since = None if not isinstance(trigger, OnIdle) else idle_since(visit, version, trigger, at)
    return {} if since is None else {"since": format_instant(since)}


def _abandoned_facts(visit: Visit, version: Version, scenario: Scenario, name: str, at: Instant) -> dict[str, Any]:
    trigger = scenario.trigger
    seen = figures.noted(visit.profile, version).pixels.get(trigger.pixel) if isinstance(trigger, OnAbandoned) else None
    return {} if seen is None or not seen[1] else {"since": format_instant(seen[0]), "pixel": msgspec.json.decode(seen[1])}


_FACTS: Final[dict[type[Any], Callable[[Visit, Version, Scenario, str, Instant], dict[str, Any]]]] = {
    OnDate: _date_facts,
    OnSchedule: _no_facts,
    OnIdle: _idle_facts,
    OnAbandoned: _abandoned_facts,
}

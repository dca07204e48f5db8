"""The published JSON Schema of the program file, for editors and other tools.

It says the shape: keys, kinds, words, patterns. What no JSON Schema can say (names that must be there, rising thresholds, an
expiration after the activation) only `pointstream validate` knows; a file that passes here may still be refused there, never
the other way round. Numbers and booleans may be written bare or as text, as in the file itself.

The committed copy is `schemas/published/program.json`; `python -m schemas.json_schema` prints it anew, a test compares them.
"""

import json
import sys
from importlib import resources
from typing import Any, Final

from schemas.condition_fields import FIELDS, FREE_PREFIXES, WORDS
from schemas.conditions import BOUNDS
from schemas.currencies import DECIMALS
from schemas.sections.scenarios import BARE_TRIGGERS, ENTRY_TYPES, STEPS, TRIGGERS

Schema = dict[str, Any]

SCHEMA_ID: Final = "urn:pointstream:schema:program"
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_UNIT: Final = "(minute|hour|day|week|month|quarter|year)s?"
_EDGE: Final = " *, *(start|end) +of +(day|week|month|quarter|year)"
_AFTER: Final = f"[0-9]{{1,6}} +{_UNIT}({_EDGE})?"
_DATE: Final = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_EVERY: Final = "every +[0-9]{2}-[0-9]{2}"
_TIME: Final = rf"{_DATE}[Tt][0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}(\.[0-9]+)?([Zz]|[+-][0-9]{{2}}:[0-9]{{2}})"


def published() -> bytes:
    """The committed schema, as `pointstream schema program` prints it."""
    return resources.files("schemas").joinpath("published", "program.json").read_bytes()


def encoded() -> bytes:
    """The schema as it is committed."""
    return (json.dumps(program_schema(), indent=2, ensure_ascii=False) + "\n").encode()


def program_schema() -> Schema:
    return {
        "$schema": _DIALECT,
        "$id": SCHEMA_ID,
        "title": "pointstream program file",
        "description": "One version of one loyalty program. Keys that are left out have their defaults.",
        **_mapping(
            {**_head(), **_sections()},
            required=["program", "timezone", "environment", "effective_from", "applications", "currency", "points"],
        ),
        "$defs": _definitions(),
    }


# --- words for shapes -------------------------------------------------------------------------------------------------


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _text(pattern: str) -> Schema:
    return {"type": "string", "pattern": f"^({pattern})$"}


def _choice(*words: str) -> Schema:
    """The first word is the default."""
    return {"enum": list(words), "default": words[0]}


def _one_of_words(*words: str) -> Schema:
    return {"enum": list(words)}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _list(items: Schema, *, least: int = 0, most: int | None = None) -> Schema:
    """An empty list may be left empty (null); one that needs items may not."""
    schema: Schema = {"type": "array" if least else ["array", "null"], "items": items}
    return schema | ({"minItems": least} if least else {}) | ({"maxItems": most} if most is not None else {})


def _mapping(properties: Schema, *, required: list[str] | None = None, null: bool = False, **more: Any) -> Schema:
    return {
        "type": ["object", "null"] if null else "object",
        "properties": properties,
        **({"required": required} if required else {}),
        "additionalProperties": False,
        **more,
    }


def _definitions() -> Schema:
    return {
        "name": {"type": "string", "minLength": 1, "maxLength": 128},
        "prose": {"type": ["string", "null"], "maxLength": 10_000},
        "decimal": {"type": ["string", "number"], "pattern": r"^-?[0-9]{1,12}(\.[0-9]{1,9})?$"},
        "amount": {"type": ["string", "number"], "pattern": r"^[0-9]{1,12}(\.[0-9]{1,9})?$", "minimum": 0},
        "integer": {"type": ["string", "integer"], "pattern": "^-?[0-9]{1,9}$"},
        "boolean": {"enum": [True, False, "true", "false"]},
        "duration": _text("[0-9]{1,6} +(minute|hour|day|week)s?"),
        "wait": _text(_AFTER),
        "activation": _text(f"immediately|on event|{_AFTER}|{_DATE}|{_EVERY}"),
        "expiration": _text(f"never|{_AFTER}|{_DATE}|{_EVERY}"),
        "recurring": _text(f"{_AFTER}|{_EVERY}"),
        "reset": _text(f"never|{_AFTER}|{_EVERY}"),
        "moment": _text(f"{_TIME}|{_DATE}"),
        "time_of_day": _text("([01][0-9]|2[0-3]):[0-5][0-9]"),
        "currency": {"enum": sorted(DECIMALS)},
        "limit": _limit(),
        "condition": _condition(),
        "comparison": _comparison(),
        "trigger": _trigger(),
        "steps": {"type": ["array", "null"], "items": _ref("step")},
        "step": _step(),
    }


# --- the top ----------------------------------------------------------------------------------------------------------


def _head() -> Schema:
    return {
        "program": {**_text("[a-z][a-z0-9-]{0,62}"), "description": "API name; never changes"},
        "title": _or_null(_ref("name")),
        "description": _ref("prose"),
        "timezone": {"type": "string", "description": "IANA; never changes"},
        "environment": {"enum": ["live", "sandbox"], "description": "never changes"},
        "effective_from": {**_ref("moment"), "description": "a bare date is its local midnight"},
        "status": _choice("active", "draft", "ended"),
        "applications": _list(_ref("name"), least=1),
        "currency": _ref("currency"),
        "rates": {"type": ["object", "null"], "propertyNames": _ref("currency"), "additionalProperties": _ref("amount")},
        "late": {**_text("accept|reject after [0-9]{1,6} +(minute|hour|day|week)s?"), "default": "accept"},
        "ahead": {**_ref("duration"), "default": "10 minutes"},
        "remember": {**_ref("duration"), "default": "400 days"},
        "park": {**_ref("duration"), "default": "7 days"},
        "receipts": _choice("per-profile", "claimed"),
        "leap_day": _choice("feb-28", "mar-1"),
        "membership": _mapping(
            {
                "join": _choice("on-points-earned", "explicit", "on-points-activated"),
                "consent": _or_null(_ref("name")),
                "before_join": _choice("refuse", "park"),
            },
            null=True,
        ),
        "basis": _choice("gross", "net", "total"),
        "exclude": _or_null(_ref("condition")),
        "earn_on_paid_by_points": {**_ref("boolean"), "default": False},
        "choose": _choice("sum", "best", "first"),
        "subledgers": _mapping({"enabled": {**_ref("boolean"), "default": False}}, null=True),
    }


def _sections() -> Schema:
    return {
        "points": _list(_point(), least=1),
        "tiers": _tiers(),
        "earning": _list(_rule()),
        "promotions": _list(_promotion()),
        "segments": _list(
            _mapping(
                {"segment": _ref("name"), "where": _ref("condition"), "description": _ref("prose")}, required=["segment", "where"]
            )
        ),
        "scenarios": _list(_scenario()),
        "reminders": _list(_reminder()),
        "templates": {"type": ["object", "null"], "additionalProperties": {"type": "string", "maxLength": 10_000}},
    }


def _point() -> Schema:
    properties = {
        "sid": _text("[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}"),
        "name": _or_null(_ref("name")),
        "scale": {"type": ["string", "integer"], "minimum": 0, "maximum": 7, "pattern": "^0*[0-7]$", "default": 0},
        "rounding": _choice("floor", "half-up", "half-even", "ceiling"),
        "round": _choice("receipt", "line", "rule"),
        "initial_balance": {**_ref("amount"), "default": "0"},
        "ratio": _mapping({"points": _ref("amount"), "money": _ref("amount")}, required=["points", "money"], null=True),
        "activation": {**_ref("activation"), "default": "immediately"},
        "activate_on": _mapping({"pixel": _ref("name"), "receipt": _or_null(_ref("name"))}, required=["pixel"], null=True),
        "expiration": {**_ref("expiration"), "default": "never"},
        "expires_from": _choice("session", "activation"),
        "renew_on": _list(_ref("name")),
        "spend_order": _choice("earliest-expiry", "earliest-earned"),
        "returns": _choice("pending-only", "within-balance", "allow-debt"),
        "on_return": _choice("recompute", "proportional", "by-amount"),
        "reinstate_expired": {**_ref("duration"), "default": "0 days"},
        "redeem": _mapping(
            {
                "minimum": {**_ref("amount"), "default": "0"},
                "multiple": _or_null(_ref("amount")),
                "max_share": {**_ref("amount"), "default": "1"},
                "partial": {**_ref("boolean"), "default": False},
            },
            null=True,
        ),
        "hold": {**_ref("duration"), "default": "30 minutes"},
        "max_hold": {**_ref("duration"), "default": "7 days"},
        "max_balance": _or_null(_ref("amount")),
        "limit": _or_null(_ref("limit")),
        "legal_entity": _or_null(_ref("name")),
        "description": _ref("prose"),
    }
    return _mapping(properties, required=["sid"])


def _limit() -> Schema:
    return _mapping(
        {
            "points": _or_null(_ref("amount")),
            "times": _or_null(_ref("integer")),
            "per": _one_of_words("receipt", "day", "week", "month", "year", "ever"),
            "on_cap": _choice("truncate", "refuse"),
        },
        required=["per"],
    )


def _tiers() -> Schema:
    definition = _mapping({"name": _ref("name"), "threshold": _ref("amount")}, required=["name", "threshold"])
    counts = _one_of_words("earning", "promotions", "initial", "adjustments")
    review = {
        "relative_to": _choice("program-join", "tier-join", "cycle"),
        "every": {**_ref("reset"), "default": "1 year"},
        "cycle_start": _or_null(_ref("moment")),
    }
    properties = {
        "point": _or_null(_ref("name")),
        "definitions": _list(definition, most=20),
        "measure": _choice("earned", "spend", "active"),
        "window": {**_text("review|lifetime|[0-9]{1,6} +days?"), "default": "review"},
        "counts": {**_list(counts), "default": ["earning", "promotions", "initial"]},
        "review": _mapping(review, null=True),
        "review_grid": _or_null(_ref("duration")),
        "lasts": _choice("next-period", "period"),
        "downgrade": _choice("hard", "soft"),
        "grace": {**_ref("wait"), "default": "0 days"},
    }
    return _mapping(properties, null=True)


def _rule() -> Schema:
    rate = {"points": _ref("amount"), "per": _ref("amount"), "steps": _choice("proportional", "whole")}
    fixed = {"points": _ref("amount"), "per": _one_of_words("receipt", "line", "unit")}
    properties = {
        "rule": _ref("name"),
        "enabled": {**_ref("boolean"), "default": True},
        "point": _or_null(_ref("name")),
        "rate": _mapping(rate, required=["points", "per"], null=True),
        "fixed": _mapping(fixed, required=["points", "per"], null=True),
        "multiplier": _or_null(_ref("amount")),
        "when": _or_null(_ref("condition")),
        "lines": _or_null(_ref("condition")),
        "code": _or_null(_ref("name")),
        "from": _or_null(_ref("moment")),
        "until": _or_null(_ref("moment")),
        "band": _mapping({"from": _or_null(_ref("amount")), "to": _or_null(_ref("amount"))}, null=True),
        "limit": _or_null(_ref("limit")),
        "priority": {**_ref("integer"), "default": 0},
        "exclusive": {**_ref("boolean"), "default": False},
        "activation": _or_null(_ref("activation")),
        "expiration": _or_null(_ref("expiration")),
        "legal_entity": _or_null(_ref("name")),
        "description": _ref("prose"),
    }
    return _mapping(properties, required=["rule"])


# --- conditions -------------------------------------------------------------------------------------------------------


def _condition() -> Schema:
    prefixes = "|".join(prefix.replace(".", r"\.") for prefix in (*FREE_PREFIXES, "trigger."))
    conditions = {"type": "array", "items": _ref("condition"), "minItems": 1}
    named = {field: _ref("comparison") for field in (*FIELDS, "type", "pixel", "event_id")}
    return _mapping(
        {"all": conditions, "any": conditions, "not": _ref("condition"), **named},
        minProperties=1,
        patternProperties={f"^({prefixes}).+$": _ref("comparison")},
    )


def _comparison() -> Schema:
    scalar = {"type": ["string", "number", "boolean"]}
    one_of = {"anyOf": [scalar, {"type": "array", "items": scalar, "minItems": 1}]}
    comparators = {
        **dict.fromkeys(BOUNDS, _ref("decimal")),
        "not": one_of,
        "exists": _ref("boolean"),
        "within": _ref("duration"),
        "point": _ref("name"),
    }
    weekdays = f"weekday: {', '.join(WORDS['weekday'])}"
    return {"anyOf": [*one_of["anyOf"], _mapping(comparators, minProperties=1)], "description": weekdays}


# --- what comes later -------------------------------------------------------------------------------------------------


def _promotion() -> Schema:
    span = _mapping({"min": _ref("amount"), "max": _ref("amount")}, required=["min", "max"])
    properties = {
        "promotion": _ref("name"),
        "action": _one_of_words("accrue", "redeem"),
        "point": _or_null(_ref("name")),
        "points": {"anyOf": [_ref("amount"), span]},
        "activation": _or_null(_ref("activation")),
        "expiration": _or_null(_ref("expiration")),
        "budget": _mapping({"points": _ref("amount"), "on_cap": _choice("refuse", "truncate")}, required=["points"], null=True),
        "legal_entity": _or_null(_ref("name")),
        "description": _ref("prose"),
    }
    return _mapping(properties, required=["promotion", "action", "points"])


def _scenario() -> Schema:
    properties = {
        "scenario": _ref("name"),
        "trigger": _ref("trigger"),
        "audience": _or_null(_ref("name")),
        "reentry": {**_ref("boolean"), "default": False},
        "enabled": {**_ref("boolean"), "default": True},
        "description": _ref("prose"),
        "steps": {"type": "array", "items": _ref("step"), "minItems": 1},
    }
    return _mapping(properties, required=["scenario", "trigger", "steps"])


def _trigger() -> Schema:
    names = {"anyOf": [_ref("name"), {"type": "array", "items": _ref("name"), "minItems": 1}]}
    span = {"for": _ref("wait")}
    kinds: Schema = {
        **{kind: {} for kind in TRIGGERS},
        **dict.fromkeys(("item", "category", "profile", "pixel"), names),
        "entry": _one_of_words(*ENTRY_TYPES),
        "date": _text(rf"profile\..+|{_DATE}|{_EVERY}"),
        "every": _ref("recurring"),
        "idle": _mapping({"since": _one_of_words("purchase", "visit", "registration"), **span}, required=["since", "for"]),
        "abandoned": _mapping({"pixel": _ref("name"), "without": _ref("name"), **span}, required=["pixel", "without", "for"]),
        "expiring": _mapping({"point": _or_null(_ref("name")), "within": _ref("duration")}, required=["within"]),
        "segment": _ref("name"),
        "tier": _ref("name"),
        "milestone": _mapping(
            {"point": _or_null(_ref("name")), "at": {"anyOf": [_ref("amount"), _list(_ref("amount"), least=1)]}}, required=["at"]
        ),
    }
    return {
        "anyOf": [_one_of_words(*BARE_TRIGGERS, "item", "category"), _mapping({**kinds, "when": _or_null(_ref("condition"))})]
    }


def _step() -> Schema:
    award = {"promotion": _ref("name"), "points": _or_null(_ref("amount")), "subledger": _or_null(_ref("name"))}
    once = {"once": _or_null(_ref("name"))}
    channels = {"anyOf": [_ref("name"), {"type": "array", "items": _ref("name"), "minItems": 1}]}
    kinds: Schema = {
        **{kind: {} for kind in STEPS},
        "if": _ref("condition"),
        "then": _ref("steps"),
        "else": _ref("steps"),
        "join": _mapping(once, null=True),
        "award": _mapping(award | once, required=["promotion"]),
        "redeem": _mapping(award, required=["promotion"]),
        "notify": _mapping(
            {"channel": channels, "template": _ref("name"), "category": _or_null(_ref("name"))}, required=["channel", "template"]
        ),
        "wait": _ref("wait"),
    }
    return {"anyOf": [_one_of_words("join", "stop"), _mapping(kinds, minProperties=1)]}


def _reminder() -> Schema:
    quiet = {"from": _ref("time_of_day"), "until": _ref("time_of_day")}
    properties = {
        "reminder": _ref("name"),
        "of": _choice("expiry", "activation", "tier-review"),
        "point": _or_null(_ref("name")),
        "within": {**_ref("duration"), "default": "10 days"},
        "at": {**_ref("time_of_day"), "default": "10:00"},
        "quiet": _mapping(quiet, required=["from", "until"], null=True),
        "channel": _ref("name"),
        "template": _ref("name"),
    }
    return _mapping(properties, required=["reminder", "channel", "template"])


if __name__ == "__main__":
    sys.stdout.buffer.write(encoded())

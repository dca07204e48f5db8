"""The published JSON Schema of the program file, for editors and other tools.

It says the shape: keys, kinds, words, patterns. What no JSON Schema can say (names that must be there, rising thresholds, an
expiration after the activation) only `pointstream validate` knows; a file that passes here may still be refused there, never
the other way round. Numbers and booleans may be written bare or as text, as in the file itself.

The committed copy is `schemas/published/program.json`; `python -m schemas.json_schema` prints it anew, a test compares them.
"""

import json
import sys
from importlib import resources
from typing import Final

from schemas.condition_fields import DERIVED, FIELDS, FREE_PREFIXES, WORDS
from schemas.conditions import BOUNDS
from schemas.currencies import DECIMALS
from schemas.json_campaigns import campaign_definitions, campaign_sections
from schemas.json_shapes import Schema, choice, list_of, mapping, one_of_words, or_null, ref, text

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
        **mapping(
            {**_head(), **_sections()},
            required=["program", "timezone", "environment", "effective_from", "applications", "currency", "points"],
        ),
        "$defs": _definitions(),
    }


def _definitions() -> Schema:
    return {
        "name": {"type": "string", "minLength": 1, "maxLength": 128},
        "prose": {"type": ["string", "null"], "maxLength": 10_000},
        "decimal": {"type": ["string", "number"], "pattern": r"^-?[0-9]{1,12}(\.[0-9]{1,9})?$"},
        "amount": {"type": ["string", "number"], "pattern": r"^[0-9]{1,12}(\.[0-9]{1,9})?$", "minimum": 0},
        "integer": {"type": ["string", "integer"], "pattern": "^-?[0-9]{1,9}$"},
        "boolean": {"enum": [True, False, "true", "false"]},
        "duration": text("[0-9]{1,6} +(minute|hour|day|week)s?"),
        "wait": text(_AFTER),
        "activation": text(f"immediately|on event|{_AFTER}|{_DATE}|{_EVERY}"),
        "expiration": text(f"never|{_AFTER}|{_DATE}|{_EVERY}"),
        "recurring": text(f"{_AFTER}|{_EVERY}"),
        "reset": text(f"never|{_AFTER}|{_EVERY}"),
        "moment": text(f"{_TIME}|{_DATE}"),
        "time_of_day": text("([01][0-9]|2[0-3]):[0-5][0-9]"),
        "currency": {"enum": sorted(DECIMALS)},
        "limit": _limit(),
        "condition": _condition(),
        "comparison": _comparison(),
        "figure": _comparison(least=0),
        **campaign_definitions(),
    }


# --- the top ----------------------------------------------------------------------------------------------------------


def _head() -> Schema:
    return {
        "program": {**text("[a-z][a-z0-9-]{0,62}"), "description": "API name; never changes"},
        "title": or_null(ref("name")),
        "description": ref("prose"),
        "timezone": {"type": "string", "description": "IANA; never changes"},
        "environment": {"enum": ["live", "sandbox"], "description": "never changes"},
        "effective_from": {**ref("moment"), "description": "a bare date is its local midnight"},
        "status": choice("active", "draft", "ended"),
        "applications": list_of(ref("name"), least=1),
        "currency": ref("currency"),
        "rates": {"type": ["object", "null"], "propertyNames": ref("currency"), "additionalProperties": ref("amount")},
        "late": {**text("accept|reject after [0-9]{1,6} +(minute|hour|day|week)s?"), "default": "accept"},
        "ahead": {**ref("duration"), "default": "10 minutes"},
        "remember": {**ref("duration"), "default": "400 days"},
        "park": {**ref("duration"), "default": "7 days"},
        "receipts": choice("per-profile", "claimed"),
        "leap_day": choice("feb-28", "mar-1"),
        "membership": mapping(
            {
                "join": choice("on-points-earned", "explicit", "on-points-activated"),
                "consent": or_null(ref("name")),
                "before_join": choice("refuse", "park"),
            },
            null=True,
        ),
        "basis": choice("gross", "net", "total"),
        "exclude": or_null(ref("condition")),
        "earn_on_paid_by_points": {**ref("boolean"), "default": False},
        "choose": choice("sum", "best", "first"),
        "subledgers": mapping({"enabled": {**ref("boolean"), "default": False}}, null=True),
    }


def _sections() -> Schema:
    return {
        "points": list_of(_point(), least=1),
        "tiers": _tiers(),
        "earning": list_of(_rule()),
        **campaign_sections(),
    }


def _point() -> Schema:
    properties = {
        "sid": text("[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}"),
        "name": or_null(ref("name")),
        "scale": {"type": ["string", "integer"], "minimum": 0, "maximum": 7, "pattern": "^0*[0-7]$", "default": 0},
        "rounding": choice("floor", "half-up", "half-even", "ceiling"),
        "round": choice("receipt", "line", "rule"),
        "initial_balance": {**ref("amount"), "default": "0"},
        "ratio": mapping({"points": ref("amount"), "money": ref("amount")}, required=["points", "money"], null=True),
        "activation": {**ref("activation"), "default": "immediately"},
        "activate_on": mapping({"pixel": ref("name"), "receipt": or_null(ref("name"))}, required=["pixel"], null=True),
        "expiration": {**ref("expiration"), "default": "never"},
        "expires_from": choice("session", "activation"),
        "renew_on": list_of(ref("name")),
        "spend_order": choice("earliest-expiry", "earliest-earned"),
        "returns": choice("pending-only", "within-balance", "allow-debt"),
        "on_return": choice("recompute", "proportional", "by-amount"),
        "reinstate_expired": {**ref("duration"), "default": "0 days"},
        "redeem": mapping(
            {
                "minimum": {**ref("amount"), "default": "0"},
                "multiple": or_null(ref("amount")),
                "max_share": {**ref("amount"), "default": "1"},
                "partial": {**ref("boolean"), "default": False},
            },
            null=True,
        ),
        "hold": {**ref("duration"), "default": "30 minutes"},
        "max_hold": {**ref("duration"), "default": "7 days"},
        "max_balance": or_null(ref("amount")),
        "limit": or_null(ref("limit")),
        "legal_entity": or_null(ref("name")),
        "description": ref("prose"),
    }
    return mapping(properties, required=["sid"])


def _limit() -> Schema:
    return mapping(
        {
            "points": or_null(ref("amount")),
            "times": or_null(ref("integer")),
            "per": one_of_words("receipt", "day", "week", "month", "year", "ever"),
            "on_cap": choice("truncate", "refuse"),
        },
        required=["per"],
    )


def _tiers() -> Schema:
    definition = mapping({"name": ref("name"), "threshold": ref("amount")}, required=["name", "threshold"])
    counts = one_of_words("earning", "promotions", "initial", "adjustments")
    review = {
        "relative_to": choice("program-join", "tier-join", "cycle"),
        "every": {**ref("reset"), "default": "1 year"},
        "cycle_start": or_null(ref("moment")),
    }
    properties = {
        "point": or_null(ref("name")),
        "definitions": list_of(definition, most=20),
        "measure": choice("earned", "spend", "active"),
        "window": {**text("review|lifetime|[0-9]{1,6} +days?"), "default": "review"},
        "counts": {**list_of(counts), "default": ["earning", "promotions", "initial"]},
        "review": mapping(review, null=True),
        "review_grid": or_null(ref("duration")),
        "lasts": choice("next-period", "period"),
        "downgrade": choice("hard", "soft"),
        "grace": {**ref("wait"), "default": "0 days"},
    }
    return mapping(properties, null=True)


def _rule() -> Schema:
    rate = {
        "points": {**ref("amount"), "default": "1"},
        "per": {**ref("amount"), "default": "1.00"},
        "steps": choice("proportional", "whole"),
    }
    fixed = {"points": ref("amount"), "per": choice("receipt", "line", "unit")}
    properties = {
        "rule": ref("name"),
        "enabled": {**ref("boolean"), "default": True},
        "point": or_null(ref("name")),
        "rate": mapping(rate, null=True),
        "fixed": mapping(fixed, required=["points"], null=True),
        "multiplier": or_null(ref("amount")),
        "when": or_null(ref("condition")),
        "lines": or_null(ref("condition")),
        "code": or_null(ref("name")),
        "from": or_null(ref("moment")),
        "until": or_null(ref("moment")),
        "band": mapping({"from": or_null(ref("amount")), "to": or_null(ref("amount"))}, null=True),
        "limit": or_null(ref("limit")),
        "priority": {**ref("integer"), "default": 0},
        "exclusive": {**ref("boolean"), "default": False},
        "activation": or_null(ref("activation")),
        "expiration": or_null(ref("expiration")),
        "legal_entity": or_null(ref("name")),
        "description": ref("prose"),
    }
    return mapping(properties, required=["rule"])


# --- conditions -------------------------------------------------------------------------------------------------------


def _condition() -> Schema:
    prefixes = "|".join(prefix.replace(".", r"\.") for prefix in (*FREE_PREFIXES, "trigger."))
    conditions = {"type": "array", "items": ref("condition"), "minItems": 1}
    named = {field: ref("figure" if field in DERIVED else "comparison") for field in (*FIELDS, "type", "pixel", "event_id")}
    return mapping(
        {"all": conditions, "any": conditions, "not": ref("condition"), **named},
        minProperties=1,
        patternProperties={f"^({prefixes}).+$": ref("comparison")},
    )


def _comparison(least: int = 1) -> Schema:
    """`least`: a derived figure may be compared with nothing, and is more than 0 then."""
    scalar = {"type": ["string", "number", "boolean"]}
    one_of = {"anyOf": [scalar, {"type": "array", "items": scalar, "minItems": 1}]}
    comparators = {
        **dict.fromkeys(BOUNDS, ref("decimal")),
        "not": one_of,
        "exists": ref("boolean"),
        "within": ref("duration"),
        "point": ref("name"),
    }
    weekdays = f"weekday: {', '.join(WORDS['weekday'])}"
    return {"anyOf": [*one_of["anyOf"], mapping(comparators, minProperties=least)], "description": weekdays}


if __name__ == "__main__":
    sys.stdout.buffer.write(encoded())

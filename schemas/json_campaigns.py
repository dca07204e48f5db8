"""The part of the published JSON Schema that says the shape of promotions, segments, scenarios, reminders, codes and templates."""

from schemas.json_shapes import Schema, choice, list_of, mapping, one_of_words, or_null, ref, text
from schemas.sections.scenarios import MAX_SCENARIOS
from schemas.sections.steps import BARE_STEPS, MAX_BRANCHES, STEPS
from schemas.sections.triggers import BARE_TRIGGERS, ENTRY_TYPES, LINE_TRIGGERS, RECORD_TRIGGERS

_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}|every +[0-9]{2}-[0-9]{2}"


def campaign_sections() -> Schema:
    segment = {"segment": ref("name"), "where": ref("condition"), "description": ref("prose")}
    code = {"code": ref("name"), "uses": or_null(ref("integer")), "per_profile": or_null(ref("integer"))}
    return {
        "promotions": list_of(_promotion()),
        "segments": list_of(mapping(segment, required=["segment", "where"])),
        "rfm": _rfm(),
        "scenarios": list_of(_scenario(), most=MAX_SCENARIOS),
        "reminders": list_of(_reminder()),
        "codes": list_of(mapping(code, required=["code"])),
        "referral": _referral(),
        "templates": {"type": ["object", "null"], "additionalProperties": {"type": "string", "maxLength": 10_000}},
    }


def campaign_definitions() -> Schema:
    quiet = {"from": ref("time_of_day"), "until": ref("time_of_day")}
    return {
        "names": _one_or_more(ref("name")),
        "quiet": mapping(quiet, required=["from", "until"], null=True),
        "trigger": _trigger(),
        "steps": {"type": ["array", "null"], "items": ref("step")},
        "step": {"anyOf": [one_of_words(*BARE_STEPS), *_steps()]},
    }


def _one_or_more(schema: Schema) -> Schema:
    return {"anyOf": [schema, list_of(schema, least=1)]}


def _promotion() -> Schema:
    span = mapping({"min": ref("amount"), "max": ref("amount")}, required=["min", "max"])
    properties = {
        "promotion": ref("name"),
        "action": choice("accrue", "redeem"),
        "point": or_null(ref("name")),
        "points": {"anyOf": [ref("amount"), span]},
        "activation": or_null(ref("activation")),
        "expiration": or_null(ref("expiration")),
        "budget": mapping({"points": ref("amount"), "on_cap": choice("refuse", "truncate")}, required=["points"], null=True),
        "legal_entity": or_null(ref("name")),
        "description": ref("prose"),
    }
    return mapping(properties, required=["promotion", "points"])


def _rfm() -> Schema:
    properties = {
        "within": {**text("[0-9]{1,6} +(hour|day|week)s?"), "default": "365 days"},
        "recency": list_of(ref("integer"), least=1, most=9),
        "frequency": list_of(ref("integer"), least=1, most=9),
        "monetary": list_of(ref("amount"), least=1, most=9),
    }
    return mapping(properties, required=["recency", "frequency", "monetary"], null=True)


def _referral() -> Schema:
    properties = {
        "promotion": ref("name"),
        "points": or_null(ref("amount")),
        "final_after": {**ref("wait"), "default": "14 days"},
        "minimum": {**ref("amount"), "default": "0"},
        "code": {**ref("name"), "default": "profile.referral_code"},
    }
    return mapping(properties, required=["promotion"], null=True)


def _reminder() -> Schema:
    properties = {
        "reminder": ref("name"),
        "of": choice("expiry", "activation", "tier-review"),
        "point": or_null(ref("name")),
        "within": {**ref("duration"), "default": "10 days"},
        "at": {**ref("time_of_day"), "default": "10:00"},
        "quiet": ref("quiet"),
        "channel": ref("names"),
        "template": ref("name"),
        "category": or_null(ref("name")),
    }
    return mapping(properties, required=["reminder", "channel", "template"])


# --- scenarios --------------------------------------------------------------------------------------------------------


def _scenario() -> Schema:
    properties = {
        "scenario": ref("name"),
        "trigger": ref("trigger"),
        "audience": or_null(ref("name")),
        "reentry": {**ref("boolean"), "default": False},
        "enabled": {**ref("boolean"), "default": True},
        "description": ref("prose"),
        "steps": {"type": "array", "items": ref("step"), "minItems": 1},
    }
    return mapping(properties, required=["scenario", "trigger", "steps"])


def _nothing() -> Schema:
    """What stands beside a word that says everything itself."""
    return {"anyOf": [{"enum": [None, True, "true"]}, {"type": "object", "maxProperties": 0}]}


def _trigger() -> Schema:
    wait = {"for": ref("wait")}
    point = {"point": or_null(ref("name"))}
    kinds: Schema = {
        **dict.fromkeys(RECORD_TRIGGERS, _nothing()),
        **{kind: {"anyOf": [_nothing(), ref("names")]} for kind in LINE_TRIGGERS},
        **dict.fromkeys(("profile", "pixel"), ref("names")),
        "entry": _one_or_more(one_of_words(*ENTRY_TYPES)),
        "date": text(rf"profile\..+|receipt\.attributes\..+|membership\.joined_at|{_DATE}"),
        "every": ref("recurring"),
        "idle": mapping({"since": one_of_words("purchase", "visit", "registration"), **wait}, required=["since", "for"]),
        "abandoned": mapping({"pixel": ref("name"), "without": ref("name"), **wait}, required=["pixel", "without", "for"]),
        "expiring": mapping({**point, "within": ref("duration")}, required=["within"]),
        "segment": ref("name"),
        "tier": ref("name"),
        "milestone": mapping({**point, "at": _one_or_more(ref("amount"))}, required=["at"]),
    }
    when = {"when": or_null(ref("condition"))}
    each = [mapping({kind: schema, **when}, required=[kind]) for kind, schema in kinds.items()]
    return {"anyOf": [one_of_words(*BARE_TRIGGERS), *each]}


def _steps() -> list[Schema]:
    award = {"promotion": ref("name"), "points": or_null(ref("amount")), "subledger": or_null(ref("name"))}
    once = {"once": or_null(ref("name"))}
    notify = {"channel": ref("names"), "template": ref("name"), "category": or_null(ref("name")), "quiet": ref("quiet")}
    tags = mapping({"add": ref("names"), "remove": ref("names")}, minProperties=1)
    places = mapping({"participants": ref("integer")}, required=["participants"])
    branch = mapping({"name": ref("name"), "weight": {**ref("integer"), "default": 1}, "steps": ref("steps")})
    kinds: Schema = {
        "if": ref("condition"),
        "join": mapping(once, null=True),
        "award": mapping(award | once, required=["promotion"]),
        "redeem": mapping(award, required=["promotion"]),
        "notify": mapping(notify, required=["channel", "template"]),
        "wait": ref("wait"),
        "wait_until": {"anyOf": [ref("time_of_day"), ref("moment"), text(rf"profile\..+|{_DATE}")]},
        "tag": {"anyOf": [ref("names"), tags]},
        "limit": {"anyOf": [ref("integer"), places]},
        "split": list_of(branch, least=1, most=MAX_BRANCHES),
        "control_group": {"anyOf": [ref("amount"), text(r"[0-9]{1,12}(\.[0-9]{1,9})? *%")]},
        "in_segment": ref("name"),
        "stop": _nothing(),
    }
    beside = {"if": ("then", "else"), "in_segment": ("then", "else"), "limit": ("then", "else")}
    return [
        mapping({kind: kinds[kind], **{key: ref("steps") for key in beside.get(kind, ())}}, required=[kind]) for kind in STEPS
    ]

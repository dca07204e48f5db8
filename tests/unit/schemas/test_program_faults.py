"""Wrong program files: each refused by path and reason, every fault at once (CONTRACT 4)."""

from typing import Any

import pytest

from schemas.program_file import Document, ProgramFileError, parse_program, read_document
from tests.unit.schemas.shop import RULE, SCENARIO, SHOP, TIERS, faults

RANGED: dict[str, Any] = {"promotions.0.points": {"min": "100", "max": "500"}, "scenarios": [SCENARIO]}
NESTED: dict[str, Any] = {"if": {"member": "true"}, "then": ["join"]}
for _ in range(16):
    NESTED = {"if": {"member": "true"}, "then": [NESTED]}

WRONG: list[tuple[dict[str, Any], str, str]] = [
    # the top
    ({"program": "Shop"}, "program", "must be 1 to 63 of a-z, 0-9 and -"),
    ({"program": "a" * 64}, "program", "must be 1 to 63"),
    ({"program": None}, "program", "must be given, is null"),
    ({"program": ["shop"]}, "program", "must be one value, is a list"),
    ({"title": " "}, "title", "must be a name"),
    ({"timezone": "Europe/Berln"}, "timezone", "did you mean Europe/Berlin?"),
    ({"timezone": "../../etc/passwd"}, "timezone", "must be an IANA time zone"),
    ({"environment": "production"}, "environment", "must be live or sandbox"),
    ({"effective_from": "2024-01-01T00:00:00"}, "effective_from", "must have an offset"),
    ({"effective_from": "soon"}, "effective_from", "must be an RFC 3339 time"),
    ({"status": "paused"}, "status", "must be active, draft or ended"),
    ({"applications": []}, "applications", "must name at least one application"),
    ({"applications": None}, "applications", "must be given"),
    ({"applications": "pos"}, "applications", "must be a list"),
    ({"applications": ["pos", "pos"]}, "applications", "only once"),
    ({"applications": ["pos", None]}, "applications.1", "must be one value, is null"),
    ({"currency": "eur"}, "currency", "must be an ISO 4217 currency code"),
    ({"currency": "XXX"}, "currency", "must be an ISO 4217 currency code"),
    ({"rates": {"USD": "0"}}, "rates.USD", "must be more than 0"),
    ({"rates": {"USD": "1e3"}}, "rates.USD", "must be a decimal"),
    ({"rates": {"DM": "2"}}, "rates.DM", "must be an ISO 4217 currency code"),
    ({"rates": {"EUR": "1"}}, "rates.EUR", "must be another currency"),
    ({"late": "reject"}, "late", "must be `accept` or like `reject after 30 days`"),
    ({"late": "reject after 1 month"}, "late", "has no fixed length"),
    ({"ahead": "10"}, "ahead", "must be a length of time"),
    ({"remember": "0 days"}, "remember", "must be longer than nothing"),
    ({"park": "1 year"}, "park", "has no fixed length"),
    ({"receipts": "shared"}, "receipts", "must be per-profile or claimed"),
    ({"leap_day": "mar-01"}, "leap_day", "did you mean mar-1?"),
    ({"membership.join": "never"}, "membership.join", "must be on-points-earned"),
    ({"membership": "explicit"}, "membership", "must be a mapping"),
    ({"membership.joins": "explicit"}, "membership.joins", "is not a key of membership; did you mean join?"),
    ({"basis": "revenue"}, "basis", "must be gross, net or total"),
    ({"choose": None}, "choose", "must have a value, is null"),
    ({"exclude": {"categry": "x"}}, "exclude.categry", "did you mean category?"),
    ({"earn_on_paid_by_points": "no"}, "earn_on_paid_by_points", "must be true or false"),
    ({"subledgers.enabled": "1"}, "subledgers.enabled", "must be true or false"),
    ({"curency": "EUR"}, "curency", "did you mean currency?"),
    # points
    ({"points": []}, "points", "must hold at least one point type"),
    ({"points": None}, "points", "must be given"),
    ({"points": {"sid": "a"}}, "points", "must be a list"),
    ({"points": ["a"]}, "points.0", "must be a mapping"),
    ({"points.0.sid": None}, "points.0.sid", "must be given"),
    ({"points.0.sid": "a b"}, "points.0.sid", "must be 1 to 63 letters"),
    ({"points.0.scale": "8"}, "points.0.scale", "must be a whole number, 0 to 7"),
    ({"points.0.scale": "1.0"}, "points.0.scale", "must be a whole number"),
    ({"points.0.rounding": "up"}, "points.0.rounding", "must be floor, half-up, half-even or ceiling"),
    ({"points.0.initial_balance": "-1"}, "points.0.initial_balance", "must be 0 or more"),
    ({"points.0.initial_balance": "0.5"}, "points.0.initial_balance", "must have whole points"),
    ({"points.0.scale": "1", "points.0.initial_balance": "0.55"}, "points.0.initial_balance", "must have at most 1 decimal,"),
    ({"points.0.ratio": {"points": "0", "money": "1"}}, "points.0.ratio.points", "must be more than 0"),
    ({"points.0.ratio": {"points": "100"}}, "points.0.ratio.money", "must be given"),
    ({"points.0.activation": "never"}, "points.0.activation", "must come some day"),
    ({"points.0.activation": "in 5 days"}, "points.0.activation", "must be a schedule"),
    ({"points.0.expiration": "immediately"}, "points.0.expiration", "must lie after the accrual"),
    ({"points.0.expiration": "on event"}, "points.0.expiration", "must lie after the accrual"),
    ({"points.0.activate_on": {"receipt": "attributes.r"}}, "points.0.activate_on.pixel", "must be given"),
    ({"points.0.expires_from": "purchase"}, "points.0.expires_from", "must be session or activation"),
    ({"points.0.redeem.minimum": "-1"}, "points.0.redeem.minimum", "must be 0 or more"),
    ({"points.0.redeem.multiple": "0"}, "points.0.redeem.multiple", "must be more than 0"),
    ({"points.0.redeem.max_share": "1.01"}, "points.0.redeem.max_share", "at most 1"),
    ({"points.0.redeem.max_share": "0"}, "points.0.redeem.max_share", "must be more than 0"),
    ({"points.0.hold": "8 days"}, "points.0.hold", "must not be longer than max_hold"),
    ({"points.0.max_balance": "0"}, "points.0.max_balance", "must be more than 0"),
    ({"points.0.limit": {"per": "day"}}, "points.0.limit", "must have exactly one of points and times, has neither"),
    ({"points.0.limit": {"points": "1", "times": "1", "per": "day"}}, "points.0.limit", "has both"),
    ({"points.0.limit": {"points": "1"}}, "points.0.limit.per", "must be given"),
    ({"points.0.limit": {"points": "1", "per": "hour"}}, "points.0.limit.per", "must be receipt, day"),
    ({"points.0.limit": {"times": "1.5", "per": "day"}}, "points.0.limit.times", "must be a whole number"),
    ({"points.0.limit": {"times": "0", "per": "day"}}, "points.0.limit.times", "must be a whole number, 1 to"),
    ({"points.0.description": []}, "points.0.description", "must be one value"),
    ({"points.0.expire": "never"}, "points.0.expire", "did you mean expires_from? There are activate_on, activation, "),
    ({"points.0.expires": "never"}, "points.0.expires", ", expiration, expires_from, hold, "),
    ({"points.0.expiraton": "never"}, "points.0.expiraton", "is not a key of points.0; did you mean expiration?"),
    ({"rules": []}, "rules", ", earning, "),
    # an expiration that never lies after the activation
    ({"points.0.activation": "1 month", "points.0.expiration": "10 minutes"}, "points.0.expiration", "is never later than"),
    ({"points.0.activation": "5 days", "points.0.expiration": "5 days"}, "points.0.expiration", "is never later than"),
    ({"points.0.activation": "31 days", "points.0.expiration": "1 month"}, "points.0.expiration", "is never later than"),
    ({"points.0.expiration": "0 days"}, "points.0.expiration", "is never later than"),
    ({"points.0.expiration": "0 days, start of day"}, "points.0.expiration", "is never later than"),
    ({"points.0.expiration": "2023-12-31"}, "points.0.expiration", "is never later than"),
    ({"points.0.activation": "2030-01-02", "points.0.expiration": "2030-01-01"}, "points.0.expiration", "is never later than"),
    ({"points.0.activation": "on event", "points.0.expiration": "0 days"}, "points.0.expiration", "is never later than"),
    ({"points.0.expiration": "1 day", "earning.0.activation": "2 days"}, "earning.0.activation", "is never later than"),
    ({"points.0.activation": "2 days", "earning.0.expiration": "1 day"}, "earning.0.expiration", "is never later than"),
    ({"points.0.activation": "2 days", "promotions.0.expiration": "1 day"}, "promotions.0.expiration", "is never later than"),
    # tiers
    ({"tiers.definitions": [{"name": "A", "threshold": "-1"}]}, "tiers.definitions.0.threshold", "must be 0 or more, is -1"),
    ({"tiers.definitions": [{"name": "A", "threshold": "0.5"}]}, "tiers.definitions.0.threshold", "must have whole points"),
    ({"tiers.definitions": [{"name": "A"}]}, "tiers.definitions.0.threshold", "must be given"),
    ({"tiers.definitions": [{"threshold": "1"}]}, "tiers.definitions.0.name", "must be given"),
    ({"tiers.definitions": [{"name": f"T{n}", "threshold": str(n)} for n in range(21)]}, "tiers.definitions", "at most 20 tiers, are 21"),
    ({"tiers.point": "bonus"}, "tiers.point", "must be a point type of this program"),
    ({"tiers.measure": "points"}, "tiers.measure", "must be earned, spend or active"),
    ({"tiers.window": "1 year"}, "tiers.window", "must be review, lifetime or a number of days"),
    ({"tiers.window": "0 days"}, "tiers.window", "must be review, lifetime or a number of days"),
    ({"tiers.counts": []}, "tiers.counts", "must name at least one"),
    ({"tiers.counts": ["gifts"]}, "tiers.counts.0", "must be earning"),
    ({"tiers.review.every": "immediately"}, "tiers.review.every", "must come again and again"),
    ({"tiers.review.every": "0 years, start of year"}, "tiers.review.every", "must come again and again"),
    ({"tiers.review.every": "0 days"}, "tiers.review.every", "must come again and again"),
    ({"tiers.review.relative_to": "cycle"}, "tiers.review.cycle_start", "must be given"),
    ({"tiers.review.cycle_start": "2024-03-01"}, "tiers.review.cycle_start", "goes only with relative_to: cycle"),
    ({"tiers.review_grid": "0 minutes"}, "tiers.review_grid", "must be longer than nothing"),
    ({"tiers.grace": "immediately"}, "tiers.grace", "must be a length of time"),
    # earning
    ({"earning": "base"}, "earning", "must be a list"),
    ({"earning": [{"rule": "r"}]}, "earning.0", "must have exactly one of rate, fixed and multiplier, has none"),
    ({"earning.0.multiplier": "2"}, "earning.0", "has rate and multiplier"),
    ({"earning.0.rule": None}, "earning.0.rule", "must be given"),
    ({"earning.0.enabled": "on"}, "earning.0.enabled", "must be true or false"),
    ({"earning.0.point": "pt"}, "earning.0.point", "did you mean pts?"),
    ({"earning.0.rate.per": "0"}, "earning.0.rate.per", "must be more than 0"),
    ({"earning.0.rate.points": "-1"}, "earning.0.rate.points", "must be 0 or more"),
    ({"earning.0.rate.steps": "full"}, "earning.0.rate.steps", "must be proportional or whole"),
    ({"earning": [{"rule": "r", "fixed": {"per": "line"}}]}, "earning.0.fixed.points", "must be given"),
    ({"earning": [{"rule": "r", "fixed": {"points": "1", "per": "basket"}}]}, "earning.0.fixed.per", "must be receipt, line or unit"),
    ({"earning": [{"rule": "r", "multiplier": "-2"}]}, "earning.0.multiplier", "must be 0 or more"),
    ({"earning.0.when": {"weekday": "mon"}}, "earning.0.when.weekday", "did you mean monday?"),
    ({"earning.0.when": {"segment": "old"}}, "earning.0.when.segment", "must be a segment of this program"),
    ({"tiers.definitions": TIERS, "earning.0.when": {"tier": "C"}}, "earning.0.when.tier", "must be a tier of this program"),
    ({"earning.0.lines": "all"}, "earning.0.lines", "must be a condition"),
    ({"earning.0.from": "2024-02-30"}, "earning.0.from", "must be a date that exists"),
    ({"earning.0.until": "2024-01-01T00:00:00"}, "earning.0.until", "must have an offset"),
    ({"earning.0.from": "2024-02-01", "earning.0.until": "2024-02-01"}, "earning.0.until", "must be later than from"),
    ({"earning.0.band": {"from": "100", "to": "100"}}, "earning.0.band.to", "must be more than from"),
    ({"earning.0.band": {}}, "earning.0.band", "must have from, to or both"),
    ({"earning.0.limit": {"points": "0.5", "per": "day"}}, "earning.0.limit.points", "must have whole points"),
    ({"earning.0.priority": "first"}, "earning.0.priority", "must be a whole number"),
    ({"earning.0.exclusive": "maybe"}, "earning.0.exclusive", "must be true or false"),
    # promotions, segments, scenarios, reminders, templates
    ({"promotions.0.action": "give"}, "promotions.0.action", "must be accrue or redeem"),
    ({"promotions.0.points": {"min": "5", "max": "1"}}, "promotions.0.points.max", "must not be less than min"),
    ({"promotions.0.points": "0"}, "promotions.0.points", "must be more than 0"),
    ({"promotions.0.points": None}, "promotions.0.points", "must be given"),
    ({"promotions.0.budget": {"on_cap": "refuse"}}, "promotions.0.budget.points", "must be given"),
    ({"segments.0.where": None}, "segments.0.where", "must be given"),
    ({"segments.0.where": {"points_expiring": {"point": "x"}}}, "segments.0.where.points_expiring.point", "must be a point type"),
    ({"scenarios": [SCENARIO | {"trigger": None}]}, "scenarios.0.trigger", "must be given"),
    ({"scenarios": [SCENARIO | {"trigger": "purchase"}]}, "scenarios.0.trigger", 'is "purchase"; there are receipt, '),
    ({"scenarios": [SCENARIO | {"trigger": "pixel"}]}, "scenarios.0.trigger", "which needs more: `pixel: …`"),
    ({"scenarios": [SCENARIO | {"steps": ["wait"]}]}, "scenarios.0.steps.0", "which needs more: `wait: …`"),
    ({"scenarios": [SCENARIO | {"steps": ["end"]}]}, "scenarios.0.steps.0", 'is "end"; there are if, '),
    ({"scenarios": [SCENARIO | {"trigger": {"pixl": "x"}}]}, "scenarios.0.trigger.pixl", "did you mean pixel?"),
    ({"scenarios": [SCENARIO | {"trigger": {"pixel": "x", "tier": "any"}}]}, "scenarios.0.trigger", "must be exactly one trigger"),
    ({"scenarios": [SCENARIO | {"trigger": {"entry": "points.given"}}]}, "scenarios.0.trigger.entry", "must be membership.joined"),
    ({"scenarios": [SCENARIO | {"trigger": {"date": "date_of_birth"}}]}, "scenarios.0.trigger.date", "must be a field"),
    ({"scenarios": [SCENARIO | {"trigger": {"idle": {"since": "x", "for": "1 day"}}}]}, "scenarios.0.trigger.idle.since", "must be"),
    ({"scenarios": [SCENARIO | {"trigger": {"segment": "old"}}]}, "scenarios.0.trigger.segment", "must be a segment"),
    ({"scenarios": [SCENARIO | {"trigger": {"milestone": {"at": []}}}]}, "scenarios.0.trigger.milestone.at", "at least one"),
    ({"scenarios": [SCENARIO | {"trigger": {"receipt": {}, "when": {"skus": "x"}}}]}, "scenarios.0.trigger.when.skus", "not a field"),
    ({"scenarios": [SCENARIO | {"audience": "old"}]}, "scenarios.0.audience", "must be a segment of this program"),
    ({"scenarios": [SCENARIO | {"steps": []}]}, "scenarios.0.steps", "must be given"),
    ({"scenarios": [SCENARIO | {"steps": [{"awrd": {}}]}]}, "scenarios.0.steps.0.awrd", "did you mean award?"),
    ({"scenarios": [SCENARIO | {"steps": [{"wait": "1 hour", "join": {}}]}]}, "scenarios.0.steps.0", "must be exactly one step"),
    ({"scenarios": [SCENARIO | {"steps": [{"wait": "soon"}]}]}, "scenarios.0.steps.0.wait", "must be a schedule"),
    ({"scenarios": [SCENARIO | {"steps": [{"if": {"member": "true"}}]}]}, "scenarios.0.steps.0", "must have then, else or both"),
    (
        {"scenarios": [SCENARIO | {"steps": [{"if": {"member": "true"}, "then": [{"award": {"promotion": "helo"}}]}]}]},
        "scenarios.0.steps.0.then.0.award.promotion",
        "did you mean hello?",
    ),
    (
        {"scenarios": [SCENARIO | {"steps": [{"notify": {"channel": ["sms"], "template": "thank"}}]}]},
        "scenarios.0.steps.0.notify.template",
        "did you mean thanks?",
    ),
    ({"reminders": [{"reminder": "r", "template": "thanks"}]}, "reminders.0.channel", "must be given"),
    ({"reminders": [{"reminder": "r", "channel": "sms", "template": "x"}]}, "reminders.0.template", "must be a template"),
    ({"reminders": [{"reminder": "r", "channel": "sms", "template": "thanks", "at": "24:00"}]}, "reminders.0.at", "must be a time of day"),
    ({"templates.x": "{{ profil.name }}"}, "templates.x", "none is called profil; did you mean profile?"),
    ({"templates.x": "{{ points | uper }}"}, "templates.x", "no filter is called uper; did you mean upper?"),
    ({"templates.x": "{{ [1, 2] | random }}"}, "templates.x", "no filter is called random"),
    ({"templates.x": "{{ points "}, "templates.x", "must be a Jinja template"),
    ({"templates.x": "{% include 'y' %}"}, "templates.x", "must stand alone"),
    (RANGED | {"scenarios.0.steps": [{"award": {"promotion": "hello", "points": "501"}}]}, "scenarios.0.steps.0.award.points", "must be 100 to 500, the range of hello, is 501"),
    (RANGED | {"scenarios.0.steps": [{"award": {"promotion": "hello", "points": "99"}}]}, "scenarios.0.steps.0.award.points", "must be 100 to 500"),
    (RANGED | {"scenarios.0.steps": [{"award": {"promotion": "hello"}}]}, "scenarios.0.steps.0.award.points", "must be given: hello has a range, 100 to 500"),
    (RANGED | {"scenarios.0.steps": [{"limit": "5", "else": [{"award": {"promotion": "hello"}}]}]}, "scenarios.0.steps.0.else.0.award.points", "must be given"),
    ({"scenarios": [SCENARIO | {"steps": [{"award": {"promotion": "hello", "points": "6"}}]}]}, "scenarios.0.steps.0.award.points", "must be 5, the fixed amount of hello, is 6"),
    ({"scenarios": [SCENARIO | {"steps": [{"award": {"promotion": "hello", "points": "5.5"}}]}]}, "scenarios.0.steps.0.award.points", "must have whole points"),
    ({"scenarios": [SCENARIO | {"steps": [{"redeem": {"promotion": "hello"}}]}]}, "scenarios.0.steps.0.redeem.promotion", "must be a promotion that can redeem: hello has action: accrue"),
    ({"promotions.0.action": "redeem", "scenarios": [SCENARIO | {"steps": [{"award": {"promotion": "hello"}}]}]}, "scenarios.0.steps.0.award.promotion", "must be a promotion that can accrue"),
    ({"promotions.0.action": "redeem", "scenarios": [SCENARIO | {"steps": [{"redeem": {"promotion": "hello", "once": "x"}}]}]}, "scenarios.0.steps.0.redeem.once", "is not a key"),
    ({"promotions.0.action": "redeem", "promotions.0.expiration": "30 days"}, "promotions.0.expiration", "goes only with action: accrue"),
    ({"scenarios": [SCENARIO | {"steps": [{"award": {"promotion": "hello", "subledger": "uk"}}]}]}, "scenarios.0.steps.0.award.subledger", "the program has no subledgers"),
    ({"scenarios": [SCENARIO | {"steps": ["jion"]}]}, "scenarios.0.steps.0", "did you mean join?"),
    ({"scenarios": [SCENARIO | {"steps": [{"wait": "1 day", "then": ["stop"]}]}]}, "scenarios.0.steps.0.then", "goes only with if, in_segment, limit, not with wait"),
    ({"scenarios": [SCENARIO | {"steps": [{"wait_until": "noon"}]}]}, "scenarios.0.steps.0.wait_until", "must be a time (10:00)"),
    ({"scenarios": [SCENARIO | {"steps": [{"wait_until": "24:00"}]}]}, "scenarios.0.steps.0.wait_until", "must be a time of day"),
    ({"scenarios": [SCENARIO | {"steps": [{"wait_until": "2026-02-30"}]}]}, "scenarios.0.steps.0.wait_until", "must be a date that exists"),
    ({"scenarios": [SCENARIO | {"steps": [{"wait_until": "2026-12-24T10:00:00"}]}]}, "scenarios.0.steps.0.wait_until", "must have an offset"),
    ({"scenarios": [SCENARIO | {"steps": [{"tag": []}]}]}, "scenarios.0.steps.0.tag", "must name at least one"),
    ({"scenarios": [SCENARIO | {"steps": [{"tag": {}}]}]}, "scenarios.0.steps.0.tag", "must have add, remove or both"),
    ({"scenarios": [SCENARIO | {"steps": [{"tag": {"add": "a", "remove": "a"}}]}]}, "scenarios.0.steps.0.tag.remove", "which add names"),
    ({"scenarios": [SCENARIO | {"steps": [{"limit": "0"}]}]}, "scenarios.0.steps.0.limit", "must be a whole number, 1 to"),
    ({"scenarios": [SCENARIO | {"steps": [{"split": []}]}]}, "scenarios.0.steps.0.split", "must list 1 to 100 branches"),
    ({"scenarios": [SCENARIO | {"steps": [{"split": [{"name": "A"}, {"name": "A"}]}]}]}, "scenarios.0.steps.0.split.1.name", "must be another name"),
    ({"scenarios": [SCENARIO | {"steps": [{"split": [{"name": "A", "weight": "0"}]}]}]}, "scenarios.0.steps.0.split.0.weight", "must be a whole number, 1 to"),
    ({"scenarios": [SCENARIO | {"steps": [{"control_group": "100%"}]}]}, "scenarios.0.steps.0.control_group", "must be more than 0 and less than 1"),
    ({"scenarios": [SCENARIO | {"steps": [{"control_group": "10"}]}]}, "scenarios.0.steps.0.control_group", "must be more than 0 and less than 1"),
    ({"scenarios": [SCENARIO | {"steps": [{"in_segment": "old"}]}]}, "scenarios.0.steps.0.in_segment", "must be a segment of this program"),
    ({"scenarios": [SCENARIO | {"steps": [{"in_segment": {"segment": "new"}}]}]}, "scenarios.0.steps.0.in_segment", "must be one value"),
    ({"scenarios": [SCENARIO | {"steps": [{"notify": {"channel": [], "template": "thanks"}}]}]}, "scenarios.0.steps.0.notify.channel", "must name at least one"),
    ({"scenarios": [SCENARIO | {"steps": [{"notify": {"channel": "sms", "template": "thanks", "quiet": {"from": "21:00", "until": "21:00"}}}]}]}, "scenarios.0.steps.0.notify.quiet.until", "must be another time than from"),
    ({"scenarios": [SCENARIO | {"steps": [NESTED]}]}, "scenarios.0.steps" + ".0.then" * 17, "must not be nested deeper than 16"),
    ({"scenarios": [SCENARIO | {"steps": ["join"] * 1_001}]}, "scenarios.0.steps", "must be at most 1000 steps"),
    ({"scenarios": [SCENARIO | {"scenario": f"s{n}"} for n in range(201)]}, "scenarios", "must be at most 200 scenarios"),
    ({"scenarios": [SCENARIO | {"trigger": "pixel"}]}, "scenarios.0.trigger", "which needs more"),
    ({"scenarios": [SCENARIO | {"trigger": {"date": "receipt.closed_at"}}]}, "scenarios.0.trigger.date", "must be a field of the receipt's own"),
    ({"scenarios": [SCENARIO | {"trigger": {"date": "12-24"}}]}, "scenarios.0.trigger.date", "must be"),
    ({"scenarios": [SCENARIO | {"trigger": {"idle": {"since": "visit", "for": "0 days"}}}]}, "scenarios.0.trigger.idle.for", "must be longer than nothing"),
    ({"scenarios": [SCENARIO | {"trigger": {"milestone": {"at": "0"}}}]}, "scenarios.0.trigger.milestone.at", "must be more than 0"),
    ({"scenarios": [SCENARIO | {"trigger": {"entry": []}}]}, "scenarios.0.trigger.entry", "must name at least one"),
    ({"tiers.definitions": TIERS, "scenarios": [SCENARIO | {"trigger": {"tier": "C"}}]}, "scenarios.0.trigger.tier", "must be a tier"),
    ({"segments.0.where": {"sku": "A"}}, "segments.0.where.sku", "is not known here"),
    ({"segments.0.where": {"attributes.color": "red"}}, "segments.0.where.attributes.color", "is not known here"),
    ({"segments.0.where": {"any": [{"segment": "old"}]}}, "segments.0.where.any.0.segment", "must be a segment of this program"),
    ({"reminders": [{"reminder": "r", "channel": "sms", "template": "thanks", "within": "0 days"}]}, "reminders.0.within", "must be longer than nothing"),
    ({"reminders": [{"reminder": "r", "channel": "sms", "template": "thanks", "quiet": {"from": "21:00"}}]}, "reminders.0.quiet.until", "must be given"),
    ({"codes": [{"code": "SPRING"}]}, "codes.0", "must have uses, per_profile or both"),
    ({"codes": [{"code": "SPRING", "uses": "0"}]}, "codes.0.uses", "must be a whole number, 1 to"),
    ({"referral": {"promotion": "hallo"}}, "referral.promotion", "must be a promotion of this program"),
    (RANGED | {"referral": {"promotion": "hello"}}, "referral.points", "must be given"),
    ({"referral": {"promotion": "hello", "final_after": "never"}}, "referral.final_after", "must be a length of time"),
    ({"rfm": {"recency": ["90", "30"], "frequency": ["2"], "monetary": ["50"]}}, "rfm.recency", "must rise"),
    ({"rfm": {"recency": ["90"], "frequency": ["2"]}}, "rfm.monetary", "must be given"),
    ({"rfm": {"within": "12 hours", "recency": ["90"], "frequency": ["2"], "monetary": ["50"]}}, "rfm.within", "must be in whole days"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "path", "reason"), WRONG, ids=[f"{path}-{n}" for n, (_, path, _) in enumerate(WRONG)])
def test_what_is_wrong_is_refused_by_path_and_reason_and_nothing_else_is(changes: dict[str, Any], path: str, reason: str) -> None:
    found = faults(changes)
    assert [fault.path for fault in found] == [path]
    assert reason in found[0].reason


@pytest.mark.parametrize(
    ("changes", "paths"),
    [
        (
            {"tiers.definitions": [*TIERS, {"name": "C", "threshold": "2"}]},
            {"tiers.definitions", "tiers.definitions.2.threshold"},
        ),
        ({"tiers.definitions": [*TIERS, {"name": "A", "threshold": "3"}]}, {"tiers.definitions", "tiers.definitions.2.name"}),
        ({"points.1": {"sid": "pts"}}, {"points", "points.1.sid"}),
        ({"earning": [RULE, RULE]}, {"earning", "earning.1.rule"}),
        ({"scenarios": [SCENARIO, SCENARIO]}, {"scenarios", "scenarios.1.scenario"}),
        ({"codes": [{"code": "A", "uses": "1"}, {"code": "A", "uses": "2"}]}, {"codes", "codes.1.code"}),
        (
            {"segments": [{"segment": "new", "where": {"segment": "old"}}, {"segment": "old", "where": {"segment": "new"}}]},
            {"segments.0.where", "segments.0.where.segment", "segments.1.where", "segments.1.where.segment"},
        ),
        (
            {"segments": [{"segment": "new", "where": {"all": [{"not": {"segment": "new"}}]}}]},
            {"segments.0.where", "segments.0.where.all.0.not.segment"},
        ),
    ],
)
def test_a_fault_of_a_whole_list_names_the_list_and_the_item_that_breaks_it(changes: dict[str, Any], paths: set[str]) -> None:
    assert {fault.path for fault in faults(changes)} == paths


def test_every_fault_is_told_at_once_with_its_line() -> None:
    text = (
        SHOP.replace("Berlin", "Berln").replace("sid: pts", "sid: pts\n    scale: 9").replace('per: "1.00"', 'per: "x"')
        + "curency: 1\n"
    )
    with pytest.raises(ProgramFileError) as caught:
        parse_program(read_document(text, "shop.yaml"))
    assert [str(fault) for fault in caught.value.faults] == [
        'shop.yaml:2: timezone: must be an IANA time zone like Europe/London, is "Europe/Berln"; did you mean Europe/Berlin?',
        'shop.yaml:9: points.0.scale: must be a whole number, 0 to 7, is "9"',
        'shop.yaml:13: earning.0.rate.per: must be a decimal like 12.50, is "x"',
        "shop.yaml:20: curency: is not a key of a program file; did you mean currency?",
    ]


def test_what_must_be_given_is_asked_for() -> None:
    with pytest.raises(ProgramFileError) as caught:
        parse_program(Document({}, "empty.yaml"))
    assert {fault.path for fault in caught.value.faults} == {
        "program", "timezone", "environment", "effective_from", "applications", "currency", "points"
    }  # fmt: skip


@pytest.mark.parametrize("value", [None, "text", ["a list"]])
def test_a_file_that_is_no_mapping_is_refused(value: object) -> None:
    with pytest.raises(ProgramFileError, match="must be a program file: a mapping"):
        parse_program(Document(value, "f"))


def test_a_check_file_is_told_from_a_program_file() -> None:
    with pytest.raises(ProgramFileError, match="is a check file"):
        parse_program(read_document("program: club.yaml\ntests: []", "f"))

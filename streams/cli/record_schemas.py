"""JSON Schemas of records, made from the types that decode and encode them, so that they cannot differ from what the code does.

What the types do not say is added here: how a decimal and a time are spelled, and how long a profile's id may be. What several fields
say together (a return without lines and amount), or only the program (its currency, its applications), no schema says.
"""

from typing import Any, Final

import msgspec

from schemas import events, records, scalars

Schema = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
DECIMAL: Final = "^-?[0-9]{1,12}(\\.[0-9]{1,9})?$"
_MONEY_OR_POINTS: Final[Schema] = {"type": "string", "pattern": "^-?[0-9]+(\\.[0-9]{1,9})?$"}
_TIME: Final[Schema] = {"type": "string", "format": "date-time"}

NAMES: Final[dict[str, tuple[str, tuple[type, ...]]]] = {
    "purchases": ("input: a sale, return, cancel or reopen", (records.Sale, records.Return, records.Cancel)),
    "sale": ("input: a closed receipt", (records.Sale,)),
    "return": ("input: goods brought back", (records.Return,)),
    "cancel": ("input: a receipt that counts no more", (records.Cancel,)),
    "reopen": ("input: a receipt that is open again", (records.Cancel,)),
    "pixels": ("input: something that somebody did", (records.Pixel,)),
    "profiles": ("input: who somebody is", (records.ProfileRecord,)),
    "redemptions": ("input: points to be spent", (records.Redemption,)),
    "adjustments": ("input: points given or taken by hand", (records.Adjustment,)),
    "ledger-entries": ("output: how a balance changed", (events.LedgerEntry,)),
    "tier-changes": ("output: a tier was entered or left", (events.TierChange,)),
    "segment-changes": ("output: a segment was entered or left", (events.SegmentChange,)),
    "notifications": ("output: something to be said to somebody", (events.Notification,)),
    "redemption-decisions": ("output: what a redemption request got", (events.RedemptionDecision,)),
    "balances": (
        "output: everything of one profile; or a partition's position",
        (events.ProfileBalances, events.BalancesPosition),
    ),
    "dead-letters": ("output: a record that could not be used", (events.DeadLetter,)),
    "balances.jsonl": ("a line of the file that `replay` writes", (events.BalanceRow,)),
}
_AMOUNTS: Final = frozenset(
    {
        *events.BalanceView.__struct_fields__,
        "money",
        "points",
        "remaining",
        "withheld",
        "debt_added",
        "qualifying_points",
        "points_to_next",
        "points_to_keep",
    }
)


def record_schema(name: str) -> Schema:
    """The schema of a name in `NAMES`."""
    about, types = NAMES[name]
    found, components = shapes(types, "#/$defs/{name}")
    body: Schema = found[0] if len(found) == 1 else {"anyOf": found}
    schema = {"$schema": DIALECT, "$id": f"urn:pointstream:schema:{name}", "title": f"pointstream {name}", "description": about}
    if name in {"cancel", "reopen"}:
        components["Cancel"]["properties"]["kind"] = {"enum": [name]}
    return {**schema, **body, "$defs": components}


def shapes(types: tuple[type, ...], place: str) -> tuple[list[Schema], dict[str, Schema]]:
    """References to these types, and the schemas that they refer to. `place`: where these are to be found, with `{name}` in it."""
    found, components = msgspec.json.schema_components(types, schema_hook=_of_our_own, ref_template=place)
    outputs = types[0].__module__ == events.__name__
    for component in components.values():
        if outputs:
            _spell(component)
        else:
            _bound_profile_id(component)
    return list(found), components


def _of_our_own(kind: type) -> Schema:
    """How decimals and times come in."""
    if kind is scalars.Nano:
        return {"anyOf": [{"type": "string", "pattern": DECIMAL}, {"type": "number"}]}
    if kind is scalars.At:
        return _TIME
    raise NotImplementedError(f"no schema for {kind}")


def _bound_profile_id(component: Schema) -> None:
    """An id like any other is longer, and bytes are no characters: what has fewer of these may still be too long."""
    schema = component["properties"].get("profile_id", {})
    for choice in schema.get("anyOf", [schema]):
        if choice.get("type") == "string":
            choice["maxLength"] = records.PROFILE_ID_BYTES_MAX


def _spell(component: Schema) -> None:
    """How amounts and times go out; the types only say that they are text."""
    for field, schema in component.get("properties", {}).items():
        spelling = _MONEY_OR_POINTS if field in _AMOUNTS else _TIME if field.endswith("_at") else None
        if spelling is None:
            continue
        choices = schema.get("anyOf", [schema])
        for choice in choices:
            if choice.get("type") == "string":
                choice.update(spelling)

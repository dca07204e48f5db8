"""What a condition may name: the fields of receipts, lines and events, and what is reckoned from them.

A table, so that a field is added in one place. `Kind` says how a value is compared: as a number, as text, as one of a few
words, or freely (numbers where both sides spell one). `gross`, `net` and `total` are what LEDGER calls so, of the line in a
condition on lines. A derived figure of segments may carry parameters (`point`, `within`).
"""

from collections.abc import Mapping
from typing import Final, Literal

Kind = Literal["text", "number", "boolean", "weekday", "hour", "free"]

RECEIPT: Final[Mapping[str, Kind]] = {
    "receipt_id": "text",
    "application": "text",
    "currency": "text",
    "channel": "text",
    "activity": "text",
    "store": "text",
    "till": "text",
    "operator": "text",
    "promo_codes": "text",
    "referral_code": "text",
    "subledger": "text",
    "program": "text",
    "revision": "number",
    "shipping": "number",
    "discount": "number",
    "tax": "number",
    "paid_by_points": "number",
}
LINE: Final[Mapping[str, Kind]] = {
    "sku": "text",
    "quantity": "number",
    "unit_price": "number",
    "line_id": "text",
    "discount": "number",
    "tax": "number",
    "category": "text",
    "tags": "text",
}
RECKONED: Final[Mapping[str, Kind]] = {
    "gross": "number",
    "net": "number",
    "total": "number",
    "weekday": "weekday",
    "hour": "hour",
    "tier": "text",
    "segment": "text",
    "member": "boolean",
}
DERIVED: Final[Mapping[str, tuple[str, ...]]] = {  # with their parameters
    "days_since_registration": (),
    "days_since_last_purchase": (),
    "days_since_last_visit": (),
    "purchases.count": ("within",),
    "purchases.total": ("within",),
    "balance.active": ("point",),
    "points_expiring": ("point", "within"),
    "rfm.recency": (),
    "rfm.frequency": (),
    "rfm.monetary": (),
}
FIELDS: Final[Mapping[str, Kind]] = {**RECEIPT, **LINE, **RECKONED, **dict.fromkeys(DERIVED, "number")}
FREE_PREFIXES: Final = ("attributes.", "profile.")

WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
WORDS: Final[Mapping[str, tuple[str, ...]]] = {  # by field or by kind
    "channel": ("in-store", "online"),
    "activity": ("purchase", "service"),
    "weekday": WEEKDAYS,
    "hour": tuple(str(hour) for hour in range(24)),
    "boolean": ("true", "false"),
}


SEGMENT: Final = frozenset({"tier", "member", "segment", "tags", *DERIVED})  # what is known of a profile with no record at hand


def is_derived(field: str) -> bool:
    """Whether a field, as a lookup gets it (`purchases.count[within=30 days]`), is a derived figure."""
    return field.partition("[")[0] in DERIVED

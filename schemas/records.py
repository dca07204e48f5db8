"""The records that feeds send: what a till, a site or a person may say, and the checks that need nothing but the record.

Pure. `decode` turns the bytes of a record into a typed struct or raises `Refused` with the reason, the
field and a sentence. Decimals arrive as integers times 10^9, instants as microseconds: both are converted while msgspec
decodes, so that a wrong one names its path, and no number ever passes through a binary float. Unknown fields are ignored.
"""

import re
from collections.abc import Callable
from hashlib import sha256
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from schemas.instants import Instant
from schemas.messages import Grant, Granted, Order, Reply, Request, read_reply, read_request
from schemas.nesting import NESTED_MAX, too_deep
from schemas.outcomes import Refused
from schemas.reading import read_scalar
from schemas.scalars import At, Nano
from schemas.sections import values
from schemas.topics import MESSAGES, POSITION

RECORD_BYTES_MAX: Final = 1024 * 1024
KEY_BYTES_MAX: Final = 64 * 1024  # of records of nobody; that of a profile is its id
PROFILE_ID_BYTES_MAX: Final = 128
LINES_MAX: Final = 2_000
DEPTH_MAX: Final = 32

Id = Annotated[str, Meta(min_length=1, max_length=256)]
Text = Annotated[str, Meta(max_length=1024)]
Count = Annotated[int, Meta(ge=0, le=1_000_000_000)]
Attributes = dict[str, Any]


class Line(Struct, kw_only=True, gc=False, omit_defaults=True):
    """One line of a receipt. Prices include tax."""

    sku: Id
    quantity: Nano
    unit_price: Nano
    line_id: Id | None = None
    discount: Nano | None = None
    tax: Nano | None = None
    category: Text | None = None
    tags: Annotated[list[Text], Meta(max_length=100)] = []
    attributes: Attributes | None = None


class Sale(Struct, kw_only=True, gc=False, omit_defaults=True):
    """A closed receipt."""

    receipt_id: Id
    application: Id
    closed_at: At
    currency: Text
    lines: Annotated[list[Line], Meta(max_length=LINES_MAX)]
    kind: Literal["sale"] = "sale"
    profile_id: Id | None = None
    revision: Annotated[int, Meta(ge=1, le=1_000_000_000)] = 1
    discount: Nano | None = None
    tax: Nano | None = None
    shipping: Nano | None = None
    total: Nano | None = None
    paid_by_points: Nano | None = None
    channel: Text | None = None
    activity: Text | None = None
    promo_codes: Annotated[list[Text], Meta(max_length=100)] = []
    referral_code: Text | None = None
    subledger: Id | None = None
    program: Id | None = None
    store: Text | None = None
    till: Text | None = None
    operator: Text | None = None
    attributes: Attributes | None = None


class Cancel(Struct, kw_only=True, gc=False, omit_defaults=True):
    """A receipt that counts no more (`cancel`), or is open again until a higher revision closes it (`reopen`).

    Without `profile_id` it is sent on to the receipt's owner, where receipts are claimed.
    """

    kind: Literal["cancel", "reopen"]
    receipt_id: Id
    application: Id
    closed_at: At
    profile_id: Id | None = None
    revision: Annotated[int, Meta(ge=1, le=1_000_000_000)] | None = None


class ReturnedLine(Struct, kw_only=True, gc=False, omit_defaults=True):
    quantity: Nano
    line_id: Id | None = None
    sku: Id | None = None


class Return(Struct, kw_only=True, gc=False, omit_defaults=True):
    """Without `profile_id` it is sent on to the receipt's owner, where receipts are claimed."""

    kind: Literal["return"]
    return_id: Id
    receipt_id: Id
    application: Id
    closed_at: At
    profile_id: Id | None = None
    lines: Annotated[list[ReturnedLine], Meta(max_length=LINES_MAX)] | None = None
    amount: Nano | None = None


class Pixel(Struct, kw_only=True, gc=False, omit_defaults=True):
    event_id: Id
    profile_id: Id
    type: Id
    occurred_at: At
    pixel: Text | None = None
    application: Id | None = None
    attributes: Attributes | None = None


class ProfileRecord(Struct, kw_only=True, gc=False, omit_defaults=True):
    profile_id: Id
    updated_at: At
    kind: Literal["upsert", "erase", "merge", "alias"] = "upsert"
    fields: Attributes = {}
    registered_at: At | None = None
    application: Id | None = None


class Redemption(Struct, kw_only=True, gc=False, omit_defaults=True):
    redemption_id: Id
    profile_id: Id
    program: Id
    requested_at: At
    kind: Literal["redeem", "reserve", "commit", "release", "rollback"] = "redeem"
    points: Nano | None = None
    money: Nano | None = None
    point: Id | None = None
    subledger: Id | None = None
    receipt_id: Id | None = None
    hold: Text | None = None
    order_total: Nano | None = None
    part: Id | None = None


class Adjustment(Struct, kw_only=True, gc=False, omit_defaults=True):
    adjustment_id: Id
    profile_id: Id
    program: Id
    points: Nano
    reason: Text
    actor: Text
    occurred_at: At
    point: Id | None = None
    subledger: Id | None = None
    activation: Text | None = None
    expiration: Text | None = None
    legal_entity: Text | None = None
    description: Text | None = None


Purchase = Sale | Cancel | Return
Record = Sale | Cancel | Return | Pixel | ProfileRecord | Redemption | Adjustment
Message = Request | Reply | Grant | Granted | Order


def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind, dec_hook=read_scalar, float_hook=str)


class _Kind(Struct):
    kind: Any = "sale"


_SALE: Final = _decoder(Sale)
_KIND: Final = msgspec.json.Decoder(_Kind)
_PURCHASES: Final = {"sale": _SALE, "return": _decoder(Return), "cancel": _decoder(Cancel), "reopen": _decoder(Cancel)}
_OTHERS: Final = {
    "pixels": _decoder(Pixel),
    "profiles": _decoder(ProfileRecord),
    "redemptions": _decoder(Redemption),
    "adjustments": _decoder(Adjustment),
}
_PROFILE_ID_TOO_LONG: Final = f"profile_id has more than {PROFILE_ID_BYTES_MAX} bytes"
_SEPARATOR: Final = "\x1f"  # it separates the parts that ids are made of
_CONTROL: Final = re.compile(r"[\x00-\x1f]")
_MISSING: Final = re.compile(r"missing required field `([^`]*)`(?: - at `\$\.?(.*)`)?$")
_AT: Final = re.compile(r"^(.*) - at `\$\.?(.*)`$", re.DOTALL)


def check_key(key: bytes | None) -> None:
    """Raises `Refused` with `too-large` for a key that no dead letter and no message between keys could carry."""
    if key is not None and len(key) > KEY_BYTES_MAX:
        raise Refused("too-large", f"the record's key has {len(key):,} bytes; at most {KEY_BYTES_MAX:,} are read")


def decode(topic: str, value: bytes | None) -> Record | Message:
    """The record in a value of an input topic.

    Raises `Refused` with `not-json`, `too-large`, `missing-field`, `invalid-field` or `negative-quantity`.
    """
    if value is None:
        raise Refused("not-json", "the record has no value (null)")
    if len(value) > RECORD_BYTES_MAX and topic not in MESSAGES:  # a message may carry a record, as text
        raise Refused("too-large", f"the record has {len(value):,} bytes; at most {RECORD_BYTES_MAX:,} are read")
    if too_deep(value):
        raise Refused("not-json", f"the value is nested deeper than {NESTED_MAX}")
    try:
        if not value.isascii():
            value.decode()  # the decoder passes over what it ignores, and whoever carries a record on needs it as text
        if topic == "purchases":
            return _purchase(value)
        if topic == "requests":
            return read_request(value)
        if topic == "replies":
            return read_reply(value)
        record: Record | Message = _OTHERS[topic].decode(value)
        if isinstance(record, Pixel):
            _check_pixel(record)
        elif isinstance(record, ProfileRecord):
            _check_depth(record.fields, "fields")
        if isinstance(record, Redemption):
            _check_redemption(record)
        elif isinstance(record, Adjustment):
            _check_adjustment(record)
        return record
    except msgspec.ValidationError as error:
        raise _refusal(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused("not-json", f"the value is not a JSON object in UTF-8: {error}") from None


def _purchase(value: bytes) -> Purchase:
    try:
        sale: Sale = _SALE.decode(value)
    except msgspec.ValidationError:
        kind = _KIND.decode(value).kind  # an object that is no sale: which kind does it say that it is?
        decoder = _PURCHASES.get(kind) if isinstance(kind, str) else None
        if decoder is None:
            raise Refused("invalid-field", "kind must be one of sale, return, cancel, reopen", "kind") from None
        other: Purchase = decoder.decode(value)
        if isinstance(other, Return):
            _check_return(other)
        return other
    for line in sale.lines:
        if line.quantity < 0:
            number = sale.lines.index(line)
            raise Refused("negative-quantity", "a quantity below 0 is not a sale; send a return", f"lines.{number}.quantity")
        if line.attributes is not None:
            _check_depth(line.attributes)
    if sale.attributes is not None:
        _check_depth(sale.attributes)
    if sale.paid_by_points is not None and sale.paid_by_points < 0:
        raise Refused("invalid-field", "paid_by_points is not below 0", "paid_by_points")
    if _SEPARATOR in sale.receipt_id or (sale.subledger is not None and _SEPARATOR in sale.subledger):
        _check_ids({"receipt_id": sale.receipt_id, "subledger": sale.subledger})
    return sale


def _check_pixel(record: Pixel) -> None:
    for field in ("event_id", "type", "application"):
        if _CONTROL.search(getattr(record, field) or ""):
            raise Refused("invalid-field", f"{field} holds a control character", field)
    if record.attributes is not None:
        _check_depth(record.attributes)


def _check_depth(attributes: Attributes, field: str = "attributes") -> None:
    """Free attributes are bounded in depth by us, not by how deep the caller's stack is."""
    level: list[Any] = [attributes]
    for _ in range(DEPTH_MAX):
        inner = [value for holder in level for value in (holder.values() if isinstance(holder, dict) else holder)]
        level = [value for value in inner if isinstance(value, (dict, list))]
        if not level:
            return
    raise Refused("invalid-field", f"{field} are nested deeper than {DEPTH_MAX}", field)


def _check_return(record: Return) -> None:
    if record.lines is None and record.amount is None:
        raise Refused("missing-field", "a return names its lines or an amount", "lines")
    if record.lines is not None and record.amount is not None:
        raise Refused("invalid-field", "a return names its lines or an amount, not both", "amount")
    if record.amount is not None and record.amount < 0:
        raise Refused("invalid-field", "a returned amount is not below 0", "amount")
    for number, line in enumerate(record.lines or ()):
        if line.quantity < 0:
            raise Refused("negative-quantity", "a returned quantity is not below 0", f"lines.{number}.quantity")
        if line.line_id is None and line.sku is None:
            raise Refused("missing-field", "a returned line names its line_id or its sku", f"lines.{number}.line_id")


def _check_redemption(record: Redemption) -> None:
    for field, amount in (("points", record.points), ("money", record.money)):
        if amount is not None and amount <= 0:
            raise Refused("invalid-field", f"{field} is more than 0", field)
    if record.order_total is not None and record.order_total < 0:
        raise Refused("invalid-field", "order_total is not below 0", "order_total")
    if record.kind in ("redeem", "reserve") and record.points is None and record.money is None:
        raise Refused("missing-field", f"a {record.kind} names its points or its money", "points")
    if record.kind in ("redeem", "reserve", "rollback") and record.points is not None and record.money is not None:
        raise Refused("invalid-field", f"a {record.kind} names its points or its money, not both", "money")
    _check_text("hold", record.hold, values.positive_duration)
    _check_ids({"redemption_id": record.redemption_id, "subledger": record.subledger, "part": record.part})


def _check_adjustment(record: Adjustment) -> None:
    if record.points == 0:
        raise Refused("invalid-field", "points are more or less than 0", "points")
    _check_text("activation", record.activation, values.activation)
    _check_text("expiration", record.expiration, values.expiration)
    _check_ids({"adjustment_id": record.adjustment_id, "subledger": record.subledger})


def _check_text(field: str, text: str | None, parse: Callable[[str], object]) -> None:
    """Whether a text is what the program file would accept in its place."""
    try:
        if text is not None:
            parse(text)
    except ValueError as error:
        raise Refused("invalid-field", f"{field} {error}", field) from None


def _check_ids(ids: dict[str, str | None]) -> None:
    for field, text in ids.items():
        if text is not None and _SEPARATOR in text:
            raise Refused("invalid-field", f"{field} holds a control character", field)


def _refusal(message: str) -> Refused:
    """A msgspec sentence as a refusal with its field. `Expected ...` sentences read well once the path is taken off."""
    if missing := _MISSING.search(message):
        name, parent = missing.group(1), _dotted(missing.group(2))
        field = f"{parent}.{name}" if parent else name
        return Refused("missing-field", f"the field {field} is missing", field)
    if found := _AT.match(message):
        sentence, field = found.group(1), _dotted(found.group(2))
        if field == "profile_id" and "length <=" in sentence:  # refused as an id among others, and its own bound is nearer
            return Refused("invalid-field", _PROFILE_ID_TOO_LONG, field)
        return Refused("invalid-field", f"{field or 'the record'}: {sentence.replace('`', '')}", field or None)
    if message.startswith("Expected `object`"):
        return Refused("not-json", f"the value must be a JSON object: {message.replace('`', '')}")
    return Refused("invalid-field", message.replace("`", ""))


def _dotted(path: str | None) -> str:
    """msgspec's `lines[0].sku` as `lines.0.sku`, the way that every path is written here."""
    return (path or "").replace("[", ".").replace("]", "")


_CANONICAL: Final = msgspec.json.Encoder(order="deterministic")  # JSON, for its integers have no end


def fingerprint(record: Record) -> bytes:
    """Eight bytes that stand for a record's content: equal for equal values, however they were spelled."""
    return sha256(_CANONICAL.encode(record)).digest()[:8]


def check_profile_id(profile_id: str) -> str | None:
    """What is wrong with a profile id, or None: not empty, at most 128 bytes of UTF-8, no control characters, and not a position's key."""
    if not profile_id:
        return "profile_id is empty"
    if len(profile_id.encode()) > PROFILE_ID_BYTES_MAX:
        return _PROFILE_ID_TOO_LONG
    if any(character < " " or "\x7f" <= character <= "\x9f" for character in profile_id):
        return "profile_id holds a control character"
    return f"profile_id is the key {POSITION}, by which partitions tell their positions" if profile_id == POSITION else None


def event_time(record: Record | Request | Reply | Grant | Granted) -> Instant:
    """When it happened, by the record's own word; of a message, when what it speaks of did."""
    if isinstance(record, (Sale, Cancel, Return)):
        return record.closed_at
    if isinstance(record, ProfileRecord):
        return record.updated_at
    if isinstance(record, Redemption):
        return record.requested_at
    if isinstance(record, (Request, Reply, Grant, Granted)):
        return record.at
    return record.occurred_at

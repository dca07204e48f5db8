"""Messages from one key to another and back: what counts across profiles is asked of the key that owns the count.

Internal: `requests` is keyed by what is asked about, `replies` by the profile that is answered. A request carries all that its
answer needs, so asking again is answered alike. By `requests` comes also what an operator asks of a profile.

A receipt's owner is asked for by a `Request` and told by a `Reply`; what is counted, or belongs to one profile for good, by a `Grant`
and a `Granted`.
"""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from schemas.amounts import POINTS_MINOR_MAX
from schemas.instants import EARLIEST, LATEST

# Numbers have an end here, too: what a stranger writes into the topics must not get into a state that cannot be stored then.
Whole = Annotated[int, Meta(ge=-(1 << 63), le=(1 << 63) - 1)]
At = Annotated[int, Meta(ge=EARLIEST, le=LATEST)]
Amount = Annotated[int, Meta(ge=0, le=POINTS_MINOR_MAX)]
Cause = dict[str, str | Whole]
Answer = Literal["granted", "refused", "forwarded"]


class Carried(Struct, kw_only=True, gc=False, omit_defaults=True):
    """A record on its way to the profile that it belongs to, as it came."""

    topic: str
    partition: Whole
    offset: Whole
    arrived_at: At
    value: str
    key: str | None = None


class Request(Struct, kw_only=True, gc=False, omit_defaults=True):
    """`claim`: may this profile have the receipt? `carried` comes back with the answer, where it could not wait at the profile.
    `forward`: whose receipt is it? Then `carried` is sent on to that profile.
    """

    kind: Literal["claim", "forward"]
    application: str
    receipt_id: str
    at: At
    profile_id: str | None = None
    carried: Carried | None = None

    @property
    def key(self) -> str:
        return f"{self.application}/{self.receipt_id}"


class Reply(Struct, kw_only=True, gc=False, omit_defaults=True):
    """To a profile: the receipt is its own (`granted`) or another's (`refused`), or a record that belongs to it (`forwarded`)."""

    kind: Answer
    application: str
    receipt_id: str
    at: At
    profile_id: str
    carried: Carried | None = None


class Grant(Struct, kw_only=True, gc=False, omit_defaults=True):
    """`grant`: may this profile have `amount` more of what is counted at the subject (`limit/PROGRAM/SCENARIO/N`,
    `budget/PROGRAM/PROMOTION`, `code/PROGRAM/CODE`)? `give-back`: so much of what it was granted was not used, or is free again.
    `own`: the subject (`referral/PROGRAM/CODE`) is this profile's, if nobody's yet; `disown`: nobody's any more. `refer`: its owner has
    referred this profile.

    `entry` tells this grant from every other one of the profile. At most `cap` altogether and `per_profile` for one profile (None: without
    end); less than what is asked only where `truncate`. `keeps`: what the profile has once it has for good, and takes no more of by asking
    again. `at`: the event time, at which the answer has its effect, and `cause` what it says about itself then. `carried` comes back.
    """

    kind: Literal["grant", "give-back", "own", "disown", "refer"]
    subject: str
    program: str
    profile_id: str
    entry: str
    at: At
    amount: Amount = 1
    cap: Amount | None = None
    per_profile: Amount | None = None
    truncate: bool = False
    keeps: bool = False
    cause: Cause | None = None
    carried: Carried | None = None

    @property
    def key(self) -> str:
        return self.subject


class Granted(Struct, kw_only=True, gc=False, omit_defaults=True):
    """To a profile: so much it was granted (`counted`; 0: refused), or it has referred another one (`referred`)."""

    kind: Literal["counted", "referred"]
    subject: str
    program: str
    profile_id: str
    entry: str
    at: At
    amount: Amount = 0
    cause: Cause | None = None
    carried: Carried | None = None


class Order(Struct, kw_only=True, gc=False, omit_defaults=True):
    """To a profile, from an operator or an auditor: `stop`, and `release`: go on. It says no time, for it happens where it stands among the
    records.
    """

    kind: Literal["stop", "release"]
    profile_id: str


class _Kind(Struct):
    kind: Any = None


_REQUEST: Final = msgspec.json.Decoder(Request)
_REPLY: Final = msgspec.json.Decoder(Reply)
_GRANT: Final = msgspec.json.Decoder(Grant)
_GRANTED: Final = msgspec.json.Decoder(Granted)
_ORDER: Final = msgspec.json.Decoder(Order)
_GRANTS: Final = ("grant", "give-back", "own", "disown", "refer")
_ORDERS: Final = ("stop", "release")
_KIND: Final = msgspec.json.Decoder(_Kind)


def read_request(value: bytes) -> Request | Grant | Order:
    """A record of `requests`. Raises `msgspec.MsgspecError`."""
    try:
        return _REQUEST.decode(value)
    except msgspec.ValidationError:
        kind = _KIND.decode(value).kind
        if kind in _GRANTS:
            return _GRANT.decode(value)
        if kind not in _ORDERS:
            raise
        return _ORDER.decode(value)


def read_reply(value: bytes) -> Reply | Granted:
    """A record of `replies`. Raises `msgspec.MsgspecError`."""
    try:
        return _REPLY.decode(value)
    except msgspec.ValidationError:
        if _KIND.decode(value).kind not in ("counted", "referred"):
            raise
        return _GRANTED.decode(value)

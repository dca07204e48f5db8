"""Messages from one key to another and back: what counts across profiles is asked of the key that owns the count.

Internal: `requests` is keyed by what is asked about, `replies` by the profile that is answered. A request carries all that its
answer needs, so asking again is answered alike. By `requests` comes also what an operator asks of a profile.
"""

from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from schemas.instants import Instant

Answer = Literal["granted", "refused", "forwarded"]


class Carried(Struct, kw_only=True, gc=False, omit_defaults=True):
    """A record on its way to the profile that it belongs to, as it came."""

    topic: str
    partition: int
    offset: int
    arrived_at: Instant
    value: str
    key: str | None = None


class Request(Struct, kw_only=True, gc=False, omit_defaults=True):
    """`claim`: may this profile have the receipt? `carried` comes back with the answer, where it could not wait at the profile.
    `forward`: whose receipt is it? Then `carried` is sent on to that profile.
    """

    kind: Literal["claim", "forward"]
    application: str
    receipt_id: str
    at: Instant
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
    at: Instant
    profile_id: str
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
_ORDER: Final = msgspec.json.Decoder(Order)
_ORDERS: Final = ("stop", "release")
_KIND: Final = msgspec.json.Decoder(_Kind)


def read_request(value: bytes) -> Request | Order:
    """A record of `requests`. Raises `msgspec.MsgspecError`."""
    try:
        return _REQUEST.decode(value)
    except msgspec.ValidationError:
        if _KIND.decode(value).kind not in _ORDERS:
            raise
        return _ORDER.decode(value)

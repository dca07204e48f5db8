"""What is remembered: a profile with its memberships, ledgers and open lots; a receipt; a redemption; a lot that is used up.

Pure values; how they are stored is `stored.py`. A profile record holds only what every update needs; what a receipt earned and
lots that are used up live under keys of their own, so the hot record stays small. Nothing here decides anything: how a balance
may change is `ledger.py`.

Whoever changes a profile works on a draft (`drafts.py`) and puts it back whole, so that an exception half-way changes nothing.
"""

from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from schemas.events import RedemptionDecision
from schemas.instants import LATEST, Instant
from tables import packed_lots
from tables.counted import Count, Given
from tables.engagement import Engagement


class Lot(Struct, gc=False, array_like=True, frozen=True):
    """Points from one cause. Half-open life: usable from `activates_at` up to, not including, `expires_at`.

    Points are minor units. `active` says whether the activation has fired; `activates_at` None waits for an event, and where the
    expiry counts from that, `expiration` is its schedule. `line_id`: the line of the receipt, where all of it came from one.
    `expired`: what has expired of it, and counts as given back by no return yet.
    """

    lot_id: str
    issued: int
    remaining: int
    active: bool
    earned_at: Instant
    activates_at: Instant | None
    expires_at: Instant | None
    reserved: int = 0
    expired: int = 0
    application: str | None = None
    receipt_id: str | None = None
    legal_entity: str | None = None
    description: str | None = None
    expiration: str | None = None
    line_id: str | None = None


_LOT_LISTS: Final = msgspec.msgpack.Decoder(list[Lot])


def unpack_lots(packed: bytes | Raw) -> list[Lot]:
    return _LOT_LISTS.decode(packed)


class PageRef(Struct, gc=False, array_like=True, frozen=True):
    """What a ledger knows of a page of its lots (`pages.py`): how many, their sums (minor), when the first of them is due, bounds.

    The first of its lots is due at `due_at`, activates at `first_activation` (None: none will by time) and expires at `first_expiry`;
    none expires after `last_expiry` (None: that is not known, or one never expires) or was earned outside `earned_from` to
    `earned_to`. `renewed`: all of them expire at `first_expiry`, whatever stands in the page.
    """

    number: int
    count: int
    active: int
    pending: int
    due_at: Instant | None
    first_expiry: Instant
    earned_from: Instant
    earned_to: Instant
    first_activation: Instant | None = None
    last_expiry: Instant | None = None
    renewed: bool = False


class Ledger(Struct, gc=False, array_like=True):
    """The totals of one point type and subledger, minor units, and the open lots: in `lots` what is asked for next, and in pages.

    A ledger of few open lots has no pages. `pages` and `renewed` are never changed in place; `renewed` are the times in which
    something renewed it again and again (sliding expiry, `timelines.py`).

    The lots lie here as they are stored (`packed`) until somebody looks at them: most records only add one (`drafts.add`), and that
    costs the same whatever lies there already. `opened` are the lots of a draft that somebody has looked at; a table holds none of these.
    """

    active: int = 0
    pending: int = 0
    reserved: int = 0
    redeemed: int = 0
    expired: int = 0
    reversed: int = 0
    written_off: int = 0
    debt_paid: int = 0
    debt: int = 0
    issued: int = 0
    packed: Raw = packed_lots.EMPTY
    pages: tuple[PageRef, ...] = ()
    pages_made: int = 0
    renewed: tuple[tuple[Instant, Instant], ...] = ()
    opened: list[Lot] | None = None

    @property
    def lots(self) -> list[Lot]:
        """The open lots, for a draft: what is changed in this list is changed in the ledger."""
        if self.opened is None:
            self.opened = _LOT_LISTS.decode(self.packed)
        return self.opened

    @lots.setter
    def lots(self, lots: list[Lot]) -> None:
        self.opened = lots

    @property
    def lots_count(self) -> int:
        """How many lots lie here, without a look at them."""
        return packed_lots.count(bytes(self.packed)) if self.opened is None else len(self.opened)

    def look(self) -> list[Lot]:
        """The open lots, for those who change nothing."""
        return _LOT_LISTS.decode(self.packed) if self.opened is None else self.opened.copy()


class Past(Struct, gc=False, array_like=True, frozen=True):
    """A time that was reviewed: what counted from `since` (None: the beginning) up to, not including, `until`.

    `held` is the tier at its end, `became` the one after it. `review` False: no review ended it, but a rise (under `tier-join`).
    """

    since: Instant | None
    until: Instant
    amount: int
    held: str | None = None
    became: str | None = None
    review: bool = True


class TierState(Struct, gc=False, array_like=True, frozen=True):
    """The standing in one subledger: the tier held (None: none), and all that is needed to judge it again.

    `qualifying`: what counts now (points minor, or money nano), from `since` on (None: the beginning), or the sum of `recent`.
    `history`: since when each tier was held, oldest first. `review_at`: the next review; `fall_at`: when the fall that the last
    review decided takes place, where there is grace. `past`: what earlier reviews judged. `recent`: what counts, by instant, where
    only the last days do. `latest`: the newest instant that counted, and how much did then (kept under `tier-join` only).
    """

    tier: str | None = None
    qualifying: int = 0
    history: tuple[tuple[Instant, str | None], ...] = ()
    since: Instant | None = None
    review_at: Instant | None = None
    fall_at: Instant | None = None
    past: tuple[Past, ...] = ()
    recent: tuple[tuple[Instant, int], ...] = ()
    latest: tuple[Instant, int] | None = None


class Membership(Struct, gc=False, array_like=True):
    """One profile in one program. `joined_at` None: points may be pending, but it is no member yet.

    `sequence` numbers all output of the profile in the program, `entry` its ledger entries; `usage` is what limits have used,
    by limit and period; ledgers and tiers are keyed by `ledger_key` and subledger ("" for none). `holds`: until when each
    redemption that reserved points holds them; never changed in place.
    """

    joined_at: Instant | None = None
    sequence: int = 0
    entry: int = 0
    ledgers: dict[str, Ledger] = {}
    tiers: dict[str, TierState] = {}
    usage: dict[str, int] = {}
    holds: dict[str, Instant] = {}


class Parked(Struct, gc=False, array_like=True, frozen=True):
    """A record that waits, as it came, until `until`, for `waits_for` (a receipt's key, or what its reaction says).

    `identity` and `content` recognise the same record when it comes again meanwhile.
    """

    until: Instant
    waits_for: bytes
    identity: bytes
    content: bytes
    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes
    arrived_at: Instant


TimeLine = tuple[tuple[Instant, Any], ...]
"""The values of one profile field, each from its instant on, oldest first; None: removed."""


class Profile(Struct, gc=False, array_like=True):
    """Everything about one profile that an update needs. `due_at`: no thing of it is due before this instant.

    `parked` and `fields` are never changed in place: a change puts a new one there. `engagements`: by program.
    """

    settled_at: Instant
    due_at: Instant | None = None
    stopped: str | None = None
    programs: dict[str, Membership] = {}
    parked: tuple[Parked, ...] = ()
    fields: dict[str, TimeLine] = {}
    registered_at: TimeLine = ()
    erased_at: Instant | None = None
    engagements: dict[str, Engagement] = {}

    def is_in(self, program: str) -> bool:
        """Whether anybody is there in a program: who was erased left totals, which are nobody's until there is a member or points again."""
        membership = self.programs.get(program)
        if membership is None or self.erased_at is None or membership.joined_at is not None:
            return membership is not None
        return any([each.active or each.pending or each.reserved for each in membership.ledgers.values()])


class Earned(Struct, gc=False, array_like=True, frozen=True):
    """What a receipt earned in one ledger and has not given back: `points` minor, the lots it made, the limits it used.

    `given`: `points` as they were before any return; `kept`: what could not be taken back, and is not asked for again; `kept_before`: what
    of that earlier revisions kept, beyond which this one earned. `gone`: how much of what has expired of these lots counts as given back,
    where a return of before the lots told it said so.
    """

    program: str
    point: str
    subledger: str
    points: int
    lots: tuple[str, ...] = ()
    usage: tuple[tuple[str, int], ...] = ()
    gone: int = 0
    given: int = 0
    kept: int = 0
    kept_before: int = 0


class Saw(Struct, gc=False, array_like=True, frozen=True):
    """What a receipt saw of one program, to reckon again what its rest would have earned.

    `room`: of each limit that it met, what was used before (its counter), and of each balance with a maximum what was held
    (the point type's sid); `fields`: the profile fields that the program's conditions ask for; `figures`: likewise segments and
    derived figures. `refused_codes`: promo codes that the receipt carries and might not use, for they were used up.
    """

    program: str
    tier: str | None = None
    member: bool = False
    room: tuple[tuple[str, int], ...] = ()
    fields: dict[str, Any] = {}
    refused_codes: tuple[str, ...] = ()
    figures: dict[str, Any] = {}


SALE: Final = b""
"""The content of a receipt's record where that is the sale itself, which stands beside it: no fingerprint is needed before it goes."""


class Receipt(Struct, gc=False, array_like=True, frozen=True):
    """A receipt as it is remembered: which records of it were seen, by kind and revision, and what it earned.

    `revision` is the highest one applied; `last_at` the latest event time, from which `remember` counts. `sale` is the record as
    it came, empty where the receipt counts no more (cancelled, or open again); `returned` is what came back: quantities (nano) by
    position of the line; `refunded`: what came back as an amount (nano). Of a receipt that counts no more, `closed_at` is when it was
    closed last, and `saw` what it saw then: closed again at that instant, it sees no effect of its own.
    """

    revision: int
    last_at: Instant
    seen: dict[str, bytes]
    earned: tuple[Earned, ...] = ()
    sale: bytes = b""
    saw: tuple[Saw, ...] = ()
    returned: dict[int, int] = {}
    refunded: int = 0
    closed_at: Instant | None = None


class LotPage(Struct, gc=False, array_like=True, frozen=True):
    """Open lots of one ledger, out of its own record. Never forgotten by age."""

    lots: tuple[Lot, ...]

    @property
    def last_at(self) -> Instant:
        return LATEST


class UsedLot(Struct, gc=False, array_like=True, frozen=True):
    """A lot that has left the open lots, and when it did."""

    lot: Lot
    last_at: Instant


class Seen(Struct, gc=False, array_like=True, frozen=True):
    """The identity of a record of any other kind, and its event time, from which `remember` counts."""

    content: bytes
    last_at: Instant


class Claim(Struct, gc=False, array_like=True, frozen=True):
    """Whose receipt it is, at the key application/receipt; `last_at` from which `remember` counts."""

    owner: str
    last_at: Instant


class Decision(Struct, gc=False, array_like=True, frozen=True):
    """What one request of a redemption got, as it was told, to be told again when it comes again."""

    content: bytes
    told: RedemptionDecision


class Redemption(Struct, gc=False, array_like=True, frozen=True):
    """A redemption: what it took or holds, lot by lot as they stood then, in the order of spending, and its decisions.

    `status`: `declined`, `reserved`, `redeemed` (also by a commit), `released`, `hold-over`. `taken_at`: by whose ratio its worth is
    told; `reinstated`: how much of it was rolled back (minor); `decisions`: by kind, those of a rollback by kind and part.
    `last_at`: the latest event time, and no earlier than its hold runs out; from it `remember` counts.
    """

    program: str
    point: str
    subledger: str
    last_at: Instant
    status: str
    taken_at: Instant
    parts: tuple[tuple[Lot, int], ...] = ()
    reinstated: int = 0
    decisions: dict[str, Decision] = {}

    @property
    def points(self) -> int:
        """What it took or holds (minor), before anything was rolled back."""
        return sum(points for _, points in self.parts)


class Planned(Struct, gc=False, array_like=True, frozen=True):
    """How far a version of a program, which began at `begins`, has been made known to the profiles: up to and including `after` by the
    order of their ids, or (`done`) to all. `plan` is what it plans by.
    """

    begins: Instant
    plan: int
    after: str | None = None
    done: bool = False

    @property
    def last_at(self) -> Instant:
        return LATEST


Remembered = Receipt | LotPage | UsedLot | Seen | Redemption | Claim | Given | Count | Planned
"""What has a key of its own beside the profile."""

"""Standing: what a profile's tier learns from everything else that happens, and the tier changes that follow at once.

The seam: whoever changes what tiers measure calls one function here, right after the entry that tells of it, so that a tier change
follows the entry that brought it.

- `credited`: after every `points.accrued` (crediting does it, whatever the source).
- `earned`: with points below zero after every reversal, at the time of the receipt it belongs to, so that they come off the period
  of the receipt. It asks `tiers.counts` for the source.
- `spent`: after a sale with its gross, and after a return, cancel, reopen or revision with what that takes off, as nano of the
  program's currency, both at the time of the receipt. It does nothing where the measure is not `spend`.
- `active_changed`: after every move that makes points active (activation, release, reinstatement), and after late ones were made to
  last longer. It does nothing where the measure is not `active`; what makes the balance smaller need not call it, for falling is for reviews.
- `joined`: on becoming a member.

Each costs one comparison where the program has no tiers. Falling is in `reviews.py`; the rules are in `tables/tiers.py`.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from agents.due import REVIEW, Due
from agents.entries import say_tier
from agents.programs import Version
from agents.visit import Visit
from schemas.amounts import COUNTED_MAX, NANO, format_nano, format_points
from schemas.events import Cause
from schemas.instants import Instant, format_instant
from schemas.outcomes import Refused
from tables import tiers
from tables.basis import Basis
from tables.ladder import Ladder
from tables.ledger_keys import ledger_key
from tables.state import Lot, Membership, TierState

_LARGE: Final = COUNTED_MAX // 10
"""Of so large amounts at one instant, several may be put together."""


class TierView(NamedTuple):
    """A standing as records, balances and templates tell it."""

    name: str | None
    qualifying_points: str
    next_review_at: str | None
    points_to_next: str | None
    points_to_keep: str | None


def view(
    version: Version, membership: Membership, subledger: str, at: Instant, over_by: Instant | None = None
) -> TierView | None:
    """The standing in a subledger at an instant; None where the program has no tiers. `over_by`: as in `_active`."""
    ladder = version.ladder
    if ladder is None:
        return None
    state = membership.tiers.get(subledger) or TierState()
    amount = tiers.measured(ladder, state, _active(ladder, membership, subledger, over_by), at)
    missing, keep = tiers.to_next(ladder, state, amount), tiers.to_keep(ladder, state, amount)
    return TierView(
        state.tier,
        shown(version, amount),
        None if state.review_at is None else format_instant(state.review_at),
        None if missing is None else shown(version, missing, up=True),
        None if keep is None else shown(version, keep, up=True),
    )


def shown(version: Version, amount: int, *, up: bool = False) -> str:
    """An amount of what the tiers measure: points in their scale, or money in the currency's minor unit: rounded down, and `up` what is missing
    yet, so that whoever spends it has reached the threshold.
    """
    tiers_of = version.program.tiers
    if tiers_of.measure == "spend":
        decimals = version.program.currency_decimals
        unit = NANO // 10**decimals
        return format_nano((-(-amount // unit) if up else amount // unit) * unit, decimals)
    return format_points(amount, version.points[tiers_of.point].scale)


def gross_nano(basis: Basis) -> int:
    """What a sale adds to `spend`: its gross in the program's currency, rounded down."""
    return int(basis.gross // NANO)


def joined(visit: Visit, version: Version, cause: Cause | None) -> None:
    """A member has a standing in the main ledger, and in the subledgers where something has counted already; a tier at 0 is entered."""
    ladder = version.ladder
    if ladder is None:
        return
    membership = visit.membership(version.program.program)
    for subledger in dict.fromkeys(("", *membership.tiers)):
        _begin(visit, ladder, version, membership, subledger, membership.tiers.get(subledger) or TierState())
        _rise(visit, ladder, version, membership, subledger, None, cause)


def credited(
    visit: Visit,
    version: Version,
    point: str,
    subledger: str,
    points: int,
    at: Instant,
    source: str,
    lots: Iterable[Lot],
    cause: Cause | None = None,
) -> None:
    """Points (minor) were credited for something that happened at an instant; `lots` as they were born."""
    ladder = version.ladder
    if ladder is None or point != ladder.point:
        return
    if ladder.measure == "earned":
        earned(visit, version, point, subledger, points, at, source, cause)
    elif ladder.measure == "active":
        membership = visit.membership(version.program.program)
        state = membership.tiers.get(subledger)
        late = state is not None and bool(state.past) and at < state.past[-1].until
        if state is not None and late:
            membership.tiers[subledger] = tiers.counted_active(state, lots, at)
        active_changed(visit, version, point, subledger, at, cause)


def earned(
    visit: Visit,
    version: Version,
    point: str,
    subledger: str,
    points: int,
    at: Instant,
    source: str,
    cause: Cause | None = None,
) -> None:
    """So many points (minor; below zero: a reversal) count as earned at an instant, from this source."""
    ladder = version.ladder
    if ladder is not None and ladder.measure == "earned" and point == ladder.point and source in ladder.counts:
        _count(visit, ladder, version, subledger, points, at, cause, comes_off=points < 0)


def spent(visit: Visit, version: Version, subledger: str, amount_nano: int, at: Instant, *, comes_off: bool = False) -> None:
    """So much was spent (below zero: it came to less than nothing) on a receipt of an instant; or (`comes_off`) is taken off that now."""
    ladder = version.ladder
    if ladder is not None and ladder.measure == "spend" and amount_nano:
        _count(visit, ladder, version, subledger, amount_nano, at, None, comes_off=comes_off)


def active_changed(visit: Visit, version: Version, point: str, subledger: str, at: Instant, cause: Cause | None = None) -> None:
    """Points have become active at an instant; of one before the last review earlier reviews would have seen them."""
    ladder = version.ladder
    if ladder is None or ladder.measure != "active" or point != ladder.point:
        return
    membership = visit.membership(version.program.program)
    if membership.joined_at is not None:
        if subledger not in membership.tiers:
            _begin(visit, ladder, version, membership, subledger, TierState())
        past = membership.tiers[subledger].past
        _rise(visit, ladder, version, membership, subledger, at if past and at < past[-1].until else None, cause)


def _count(
    visit: Visit,
    ladder: Ladder,
    version: Version,
    subledger: str,
    amount: int,
    at: Instant,
    cause: Cause | None,
    *,
    comes_off: bool,
) -> None:
    membership = visit.membership(version.program.program)
    state = membership.tiers.get(subledger)
    member = membership.joined_at is not None
    begins = state is None
    if state is None:
        state = TierState()
        if member:
            state = _begin(visit, ladder, version, membership, subledger, state)
    late = bool(state.past) and at < state.past[-1].until
    state = membership.tiers[subledger] = tiers.counted(ladder, state, amount, at, visit.profile.settled_at, comes_off=comes_off)
    if not -COUNTED_MAX < state.qualifying < COUNTED_MAX or not -_LARGE < amount < _LARGE or late:
        _check_counted(state)
    if member and (amount > 0 or begins):
        _rise(visit, ladder, version, membership, subledger, at if late else None, cause)


def _check_counted(state: TierState) -> None:
    """Raises `Refused` where a sum is more than what can be stored: a coupon of a billion billions goes below zero as well."""
    sums = [state.qualifying, *[period.amount for period in state.past], *[amount for _, amount in state.recent]]
    if not -COUNTED_MAX < min(sums) <= max(sums) < COUNTED_MAX:
        raise Refused("invalid-field", "this is more than a standing can count", "lines")


def _begin(visit: Visit, ladder: Ladder, version: Version, membership: Membership, subledger: str, state: TierState) -> TierState:
    joined_at = visit.profile.settled_at if membership.joined_at is None else membership.joined_at
    state = membership.tiers[subledger] = tiers.begun(ladder, state, joined_at, visit.profile.settled_at)
    remind(visit, version, subledger, state)
    return state


def _rise(
    visit: Visit,
    ladder: Ladder,
    version: Version,
    membership: Membership,
    subledger: str,
    late_at: Instant | None,
    cause: Cause | None,
) -> None:
    """Enter or rise to what counts now, or to what late points mend.

    Of a balance, late points that were over by the last review count for the reviews that saw them, and not for now: it would have ended what
    they had brought.
    """
    state = membership.tiers[subledger]
    if state.tier == ladder.top:
        return
    now = visit.profile.settled_at
    over_by = None if late_at is None else state.past[-1].until
    amount = tiers.measured(ladder, state, _active(ladder, membership, subledger, over_by), now)
    change = None if late_at is None else tiers.mended(ladder, state, amount, late_at, now)
    change = change or tiers.risen(ladder, state, amount, now)
    if change is not None:
        tell(visit, version, subledger, change, now, cause, over_by)


def tell(
    visit: Visit,
    version: Version,
    subledger: str,
    change: tiers.Change,
    at: Instant,
    cause: Cause | None,
    over_by: Instant | None = None,
) -> None:
    """The standing is changed, and a tier change says so: by what was judged, and what is missing from now on."""
    membership = visit.membership(version.program.program)
    membership.tiers[subledger] = change.state
    remind(visit, version, subledger, change.state)
    after = view(version, membership, subledger, at, over_by)
    if after is not None:
        say_tier(
            visit,
            version.program.program,
            change.type,
            at,
            subledger,
            from_tier=change.was,
            to_tier=change.state.tier,
            reason=change.reason,
            qualifying_points=shown(version, change.amount),
            next_review_at=after.next_review_at,
            points_to_next=after.points_to_next,
            points_to_keep=after.points_to_keep,
            cause=cause,
        )


def remind(visit: Visit, version: Version, subledger: str, state: TierState) -> None:
    """The timers of a standing: its next review, and a fall that waits for its grace."""
    program = version.program.program
    if state.fall_at is not None:
        visit.bring(Due(state.fall_at, REVIEW, 0, subledger, program, "fall"))
    if state.review_at is not None:
        visit.bring(Due(state.review_at, REVIEW, 0, subledger, program, "review"))


def _active(ladder: Ladder, membership: Membership, subledger: str, over_by: Instant | None = None) -> int:
    """The active balance, where it is measured. `over_by`: without late lots that had expired by then, and are about to."""
    if ladder.measure != "active":
        return 0
    ledger = membership.ledgers.get(ledger_key(ladder.point, subledger))
    if ledger is None:
        return 0
    if over_by is None:
        return ledger.active
    over = [lot.remaining for lot in ledger.lots if lot.active and lot.expires_at is not None and lot.expires_at <= over_by]
    return ledger.active - sum(over)


def active_balance(version: Version, membership: Membership, subledger: str) -> int:
    """The active balance, where the tiers measure it; else 0."""
    return 0 if version.ladder is None else _active(version.ladder, membership, subledger)

"""Balances: a profile as the world may read it, from its state alone."""

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Raw

from agents import standing
from agents.programs import Programs
from agents.shown_lots import ShownLots, lot_balance, open_lots
from schemas.amounts import format_points
from schemas.events import BalanceRow, LotBalance, ProfileBalances, ProgramBalances, encode
from schemas.instants import format_instant
from schemas.program import PointType
from tables.ledger_keys import ledger_key, split_ledger_key
from tables.state import Ledger, Membership, Profile
from tables.table import Table

_LOTS: Final = b'"lots":['
"""Where the lots of a row begin, and nowhere else: in a JSON string a quote has a backslash before it."""


def balances_record(programs: Programs, profile_id: str, profile: Profile, shown: ShownLots) -> bytes:
    """The record of the topic `balances`, as it is sent. `shown`: what was told of lots before, to go on from.

    The lots are most of it, and are text already: they are put into what is encoded without them.
    """
    texts: list[bytes] = []
    parts = encode(_profile_balances(programs, profile_id, profile, shown, texts)).split(_LOTS)
    whole = [parts[0]]
    for text, part in zip(texts, parts[1:], strict=True):
        whole += (_LOTS, text, part)
    return b"".join(whole)


def profile_balances(programs: Programs, profile_id: str, profile: Profile) -> ProfileBalances:
    """The same as a type: of a ledger with many open lots those that come first, and how many more there are."""
    return _profile_balances(programs, profile_id, profile, ShownLots(), None)


def _profile_balances(
    programs: Programs, profile_id: str, profile: Profile, shown: ShownLots, texts: list[bytes] | None
) -> ProfileBalances:
    return ProfileBalances(
        profile_id=profile_id,
        programs=tuple(
            [
                ProgramBalances(
                    program=name,
                    sequence=membership.sequence,
                    joined_at=None if membership.joined_at is None else format_instant(membership.joined_at),
                    balances=tuple(_rows(programs, profile_id, name, membership, profile, shown, texts)),
                )
                for name, membership in sorted(profile.programs.items())
            ]
        ),
    )


def balance_rows(programs: Programs, profile_id: str, profile: Profile, table: Table) -> Iterator[BalanceRow]:
    """The rows of `balances.jsonl`: one a ledger with all of its open lots, sorted by program, point and subledger."""
    for name, membership in sorted(profile.programs.items()):
        yield from _rows(programs, profile_id, name, membership, profile, table, None)


def _rows(
    programs: Programs,
    profile_id: str,
    name: str,
    membership: Membership,
    profile: Profile,
    lots_from: Table | ShownLots,
    texts: list[bytes] | None,
) -> list[BalanceRow]:
    """`texts`: where the shown lots are put, in order of the rows, which have none then."""
    version = programs.version(name, profile.settled_at) if name in programs else None
    ladder = None if version is None else version.ladder
    keys = set(membership.ledgers)
    if ladder is not None:  # a tier may be held where no points ever were
        keys |= {ledger_key(ladder.point, subledger) for subledger, state in membership.tiers.items() if state.tier}
    rows: list[BalanceRow] = []
    for sid, subledger, key in sorted([(*split_ledger_key(key), key) for key in keys]):
        point = None if version is None else version.points.get(sid)
        if point is None:
            point = programs.point(name, sid, profile.settled_at)
        ledger = membership.ledgers.get(key) or Ledger()
        lots: Sequence[LotBalance] | Raw = ()
        omitted = 0
        if isinstance(lots_from, ShownLots):
            text, omitted = lots_from.show((profile_id, name, key), ledger, point)
            if ledger.pages:
                omitted += sum([page.count for page in ledger.pages])
            if texts is None:
                lots = Raw(b"[%b]" % text)
            else:
                texts.append(text)
        else:
            every = lots_from.lots_of(profile_id, name, key, ledger) if ledger.pages else ledger.look()
            lots = tuple([lot_balance(lot, point.scale) for lot in open_lots(every, point.spend_order)])
        tier = membership.tiers.get(subledger)
        held = None if tier is None else tier.tier
        view = None
        if version is not None and ladder is not None and ladder.point == sid:
            view = standing.view(version, membership, subledger, profile.settled_at)
        rows.append(_row(profile_id, name, point, subledger, ledger, held, view, lots, omitted))
    return rows


def _row(
    profile_id: str,
    program: str,
    point: PointType,
    subledger: str,
    ledger: Ledger,
    tier: str | None,
    view: standing.TierView | None,
    lots: Sequence[LotBalance] | Raw,
    omitted: int,
) -> BalanceRow:
    scale = point.scale
    return BalanceRow(
        profile_id=profile_id,
        program=program,
        point=point.sid,
        subledger=subledger or None,
        active=format_points(ledger.active, scale),
        pending=format_points(ledger.pending, scale),
        reserved=format_points(ledger.reserved, scale),
        redeemed=format_points(ledger.redeemed, scale),
        expired=format_points(ledger.expired, scale),
        reversed=format_points(ledger.reversed, scale),
        written_off=format_points(ledger.written_off, scale),
        debt_paid=format_points(ledger.debt_paid, scale),
        debt=format_points(ledger.debt, scale),
        lifetime=format_points(ledger.issued, scale),
        tier=tier,
        qualifying_points=None if view is None else view.qualifying_points,
        next_review_at=None if view is None else view.next_review_at,
        points_to_next=None if view is None else view.points_to_next,
        points_to_keep=None if view is None else view.points_to_keep,
        lots=lots,  # type: ignore[arg-type]  # or what is JSON already
        lots_omitted=omitted,
    )

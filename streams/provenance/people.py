"""A profile's ledger for people: what happened, in order, and then every lot with where its points came from and went. Pure."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from streams.provenance.entries import Balance, Entry
from streams.provenance.select import Shown
from streams.provenance.trace import GAINS, Ledger, Lot, Move, told, word
from streams.provenance.words import origin, source, when, why

_SIGNS: Final = {
    "reinstated": "+",
    "redeemed": "−",
    "committed": "−",
    "expired": "−",
    "taken back": "−",
    "debited": "−",
    "cancelled": "−",
}
_STYLES: Final = {"+": "green", "−": "red"}
_ALSO: Final = ("pending", "reserved", "debt")  # columns beside `active`, where they are ever anything but zero
_LOTS_IN_A_ROW: Final = 3


def draw(profile_id: str, shown: list[Shown]) -> RenderableType:
    """Everything that was selected, program by program."""
    parts: list[RenderableType] = []
    before = None
    for part in shown:
        if part.program is not before:
            before = part.program
            joined = part.program.joined
            since = f"a member since {when(joined.occurred_at)}" if joined else "not a member"
            parts += [Text.assemble((profile_id, "bold"), " in ", (part.program.program, "bold"), f", {since}; times are UTC")]
        parts += [Text(), _table(part), Text(), _tree(part), *_proof(part.ledger)]
    return Group(*parts)


def _table(part: Shown) -> Table:
    """Entries in order with the running balance."""
    balances = [entry.balance for entry in part.ledger.entries if entry.balance is not None]
    also = [term for term in _ALSO if any(getattr(balance, term) for balance in balances)]
    table = Table(title=f"Entries of {part.ledger.name}", title_justify="left", title_style="bold", box=SIMPLE_HEAD, padding=0)
    table.add_column("entry", justify="right", style="dim")
    table.add_column("when", no_wrap=True)
    table.add_column("what", no_wrap=True)
    for name in ("points", "active", *also):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("because of", overflow="fold")
    for entry in part.entries:
        what = word(entry)
        sign = _sign(what) if entry.points else ""
        running = [_term(entry.balance, term) for term in ("active", *also)]
        points = Text(f"{sign}{entry.points:,f}", style=_STYLES.get(sign, ""))
        told_why = Text(why(entry) + _out_of(part.ledger, entry) + _beside(entry))
        table.add_row(str(entry.entry), when(entry.occurred_at), what, points, *running, told_why)
    return table


def _sign(what: str) -> str:
    return "+" if what in GAINS else _SIGNS.get(what, "")


def _term(balance: Balance | None, term: str) -> str:
    return "" if balance is None else f"{getattr(balance, term):,f}"


def _beside(entry: Entry) -> str:
    parts = [
        f"{points:,f} {what}"
        for points, what in (
            (entry.debt_added, "left as debt"),
            (entry.debt_paid, "paid debt"),
            (entry.withheld, "withheld by a limit"),
        )
        if points
    ]
    return f"; {', '.join(parts)}" if parts else ""


def _out_of(ledger: Ledger, entry: Entry) -> str:
    """For points that were in lots before: which receipts (or what else) gave them; nothing where that has been said."""
    if entry.extended is not None:
        rule = entry.extended
        lots = f"{rule.lots_omitted:,} {'lot' if rule.lots_omitted == 1 else 'lots'}"
        return f"; {lots} that expired after {when(rule.expires_after)} and before {when(rule.expires_at)}"
    if word(entry) in GAINS or not entry.lots:
        return ""
    parts = []
    for part in entry.lots[:_LOTS_IN_A_ROW]:
        lot = ledger.lots.get(part.lot_id)
        if lot is not None and len(entry.lots) == 1 and why(entry).endswith(f" of {why(lot.born)}"):
            return ""
        gave = part.lot_id if lot is None else source(lot)
        parts.append(f"of {gave}" if len(entry.lots) == 1 else f"{part.points:,f} of {gave}")
    more = len(entry.lots) - _LOTS_IN_A_ROW
    if more > 0:
        parts.append(f"{more} more {'lot' if more == 1 else 'lots'} (--entry {entry.entry})")
    return f"; {', '.join(parts)}"


def _tree(part: Shown) -> Tree:
    """Lots in order of birth: where each came from and where it went."""
    tree = Tree(Text(f"Lots of {part.ledger.name}", style="bold"), guide_style="dim")
    for lot in part.lots:
        head = Text.assemble(("lot ", "dim"), lot.lot_id, f"  {lot.issued:,f} = ", (told(lot.held), "bold"))
        branch = tree.add(head)
        branch.add(Text(f"from {origin(lot)}; {when(lot.born.occurred_at)}, entry {lot.born.entry}"))
        branch.add(Text(_dates(lot), style="dim"))
        for move in lot.moves:
            branch.add(_moved(move))
    return tree


def _dates(lot: Lot) -> str:
    if lot.part.state == "active":
        begins = "active at once"
    else:
        begins = f"active from {when(lot.activates_at)}" if lot.activates_at else "active when an event comes"
    return f"{begins}, {f'expires {when(lot.expires_at)}' if lot.expires_at else 'never expires'}"


def _moved(move: Move) -> Text:
    """`40 redeemed 2026-03-01 12:00, redemption D1, entry 5`."""
    style = _STYLES.get(_SIGNS.get(move.what, ""), "")
    until = f", now expires {when(move.expires_at)}" if move.expires_at else ""
    times = f" {move.times:,} times, last" if move.times > 1 else ""
    what = (f"{move.points:,f} {move.what}{times}", style)
    return Text.assemble(what, f" {when(move.entry.occurred_at)}{until}, {why(move.entry)}, entry {move.entry.entry}")


def _proof(ledger: Ledger) -> Iterator[RenderableType]:
    """The sums over all lots, shown or not, and whether the last entry states the same."""
    sums = ledger.sums()
    count = len(ledger.lots)
    terms = {term: points for term, points in sums.items() if term not in {"debt", "lifetime"}}
    sum_of_lots = f"{count:,} {'lot' if count == 1 else 'lots'}: {sums['lifetime']:,f} issued = {told(terms)}"
    owed = f"; {ledger.debt:,f} owed" if ledger.debt != Decimal(0) else ""
    yield Text()
    if not ledger.faults:
        yield Text.assemble(
            sum_of_lots + owed, (" ✓", "green"), f" nothing is missing: so states entry {ledger.entries[-1].entry}, too"
        )
        return
    yield Text(sum_of_lots + owed)
    yield from (Text(f"wrong: {fault}", style="bold red") for fault in ledger.faults)

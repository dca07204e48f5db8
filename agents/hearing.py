"""Hearing: what scenarios need to know of a visit beside the entries that it says: who made which, and what was there before.

One a visit, and none where no program campaigns. It decides nothing.
"""

from typing import Final, Literal

from schemas.amounts import minor_of
from schemas.events import LedgerEntry, TierChange
from schemas.instants import Instant, parse_instant
from tables.ledger_keys import ledger_key
from tables.lots import past_their_date
from tables.state import Ledger, Profile, TimeLine
from tables.table import Table

Whom = Literal["everybody", "who-joins", "others", "nobody"]
EVERYBODY: Final = "everybody"
WHO_JOINS: Final = "who-joins"
"""Scenarios with a step that joins: they hear at once of what waits for its profile to join, for how else would it."""
OTHERS: Final = "others"
NOBODY: Final = "nobody"
_OF_TIME: Final = frozenset({"activation", "expiry"})


class Hearing:
    """`fields`, `registered_at`: as they were when the visit began.

    `heard`: the visit's own list of what it says. `sets_off`: for which programs the record sets scenarios off, and which of theirs; None: all
    of all. `held_back`: likewise, of those for which it waits. `gone_off`: how many scenarios the entries of this visit have set off in one go. `moved`: a timer may
    have changed what segments and timers are reckoned from. `reckoned`: by program what these were reckoned from, figures, tags, and timers themselves, when the
    visit began.
    """

    __slots__ = (
        "fields",
        "gone_off",
        "heard",
        "held_back",
        "moved",
        "reckoned",
        "registered_at",
        "sets_off",
        "_actives",
        "_made",
        "_past",
        "_profile_id",
        "_replaced",
        "_table",
    )

    def __init__(self, profile: Profile, table: Table, profile_id: str) -> None:
        self.fields: dict[str, TimeLine] = profile.fields
        self.registered_at: TimeLine = profile.registered_at
        self.heard: list[LedgerEntry | TierChange] = []
        self.sets_off: dict[str, Whom] | None = None
        self.held_back: dict[str, Whom] = {}
        self.gone_off = 0
        self.moved = False
        self.reckoned = {name: (known.figures, known.tags, known.timers) for name, known in profile.engagements.items()}
        self._table = table
        self._profile_id = profile_id
        self._actives: dict[tuple[str, str], int] = {}
        self._past: dict[tuple[str, str], dict[str, int]] = {}
        self._replaced: dict[tuple[str, str], int] = {}
        self._made: dict[tuple[str, int], tuple[str | None, int]] = {}

    @property
    def stored(self) -> Profile | None:
        """The profile as it was before this visit, None where it is new."""
        return self._table.profile(self._profile_id)

    def whom(self, program: str) -> Whom:
        """Which scenarios of a program hear of the record."""
        waits = self.held_back.get(program, EVERYBODY)
        hears = EVERYBODY if self.sets_off is None else self.sets_off.get(program, NOBODY)
        if EVERYBODY in (waits, hears):
            return hears if waits == EVERYBODY else waits
        return waits if waits == hears else NOBODY

    def mark(self, begun: int, scenario: str, depth: int) -> None:
        """What has been heard from a place on was made by a scenario, so deep in what others set off; or by time, of lots that came late to it:
        by none then, and as deep.
        """
        for entry in self.heard[begun:]:
            by_time = entry.cause.get("timer") in _OF_TIME and "scenario" not in entry.cause
            self._made[entry.program, entry.sequence] = (None if by_time else scenario, depth)

    def maker_of(self, entry: LedgerEntry | TierChange) -> tuple[str | None, int]:
        """The scenario that made an entry, None where none did, and how deep that stood."""
        return self._made.get((entry.program, entry.sequence), (None, 0))

    def usable(self, entry: LedgerEntry, profile: Profile) -> tuple[int, int]:
        """What was active in an entry's ledger before it and after it (minor), without what is past its date by now: that expires at once,
        also where it is another lot's expiry that stands behind an activation of the same instant.

        Asked of each entry in their order: so before is what the last one left. But a sale that replaces its receipt takes all of it back, and
        then gives it anew: before that is what was there before both.
        """
        if entry.point is None or entry.balance is None:
            return 0, 0
        key = (entry.program, ledger_key(entry.point, entry.subledger or ""))
        was, past = self._actives.get(key), self._past.get(key)
        if was is None:
            stored = self.stored
            membership = None if stored is None else stored.programs.get(entry.program)
            held = None if membership is None else membership.ledgers.get(key[1])
            was = 0 if held is None else held.active
        active = self._actives[key] = minor_of(entry.balance.active)
        before = was - sum(past.values()) if past else was
        if active > was or past:
            now = profile.settled_at
            if active > was:
                past = self._over(entry, profile.programs[entry.program].ledgers[key[1]], now) | (past or {})
            past = self._past[key] = _past_its_date(entry, past or {}, active > was, now)
        if entry.type == "points.reversed" and entry.cause.get("kind") == "sale":
            self._replaced[key] = max(before, self._replaced.get(key, before))
        elif self._replaced:
            before = max(before, self._replaced.pop(key, before))
        return before, active - sum(past.values()) if past else active

    def _over(self, entry: LedgerEntry, held: Ledger, now: Instant) -> dict[str, int]:
        """What lots that were active before an entry hold past their date. Of those that it names, or that are said behind it, their entries tell."""
        over = past_their_date(held.look(), now)
        if over:
            for said in reversed(self.heard):
                if isinstance(said, LedgerEntry):
                    for lot in said.lots:
                        over.pop(lot.lot_id, None)
                if said is entry:
                    break
        return over


def _past_its_date(entry: LedgerEntry, past: dict[str, int], rises: bool, now: Instant) -> dict[str, int]:
    """What is active by lots whose date has passed, after an entry that made more of them active, took some, or gave them a later date."""
    after = dict(past)
    paid = 0 if entry.debt_paid is None else minor_of(entry.debt_paid)
    for lot in entry.lots:
        if lot.state != "active":
            continue
        points = minor_of(lot.points)
        owed = min(paid, points)  # debt is paid lot by lot, in the order of the entry
        paid -= owed
        if lot.expires_at is None or parse_instant(lot.expires_at) > now:
            after.pop(lot.lot_id, None)
        else:
            after[lot.lot_id] = max(after.get(lot.lot_id, 0) + (points - owed if rises else -points), 0)
    return after

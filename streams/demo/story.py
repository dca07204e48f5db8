"""What the output topics tell, folded into the figures that the screen shows and the audit checks.

Pure: bytes in, figures kept; no broker and no clock. It reads records by their published shape with types of its own, and has
the auditor (`streams.audit`) add up every entry: neither shares code with the ledger, so that a wrong one cannot hide behind its own
arithmetic. A record that was announced again after a crash is counted and otherwise ignored.
"""

from collections import Counter, deque
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from msgspec import Struct, field
from msgspec.json import Decoder

from streams.audit.accounts import Accounts
from streams.audit.auditor import Auditor

TERMS: Final = ("active", "pending", "reserved", "redeemed", "expired", "reversed", "written_off", "debt_paid")
_LATEST: Final = 24
ZERO: Final = Decimal(0)

Ledger = tuple[str, str, str, str | None]  # program, profile, point, subledger


class Lot(Struct, frozen=True):
    points: Decimal
    state: str
    activates_at: str | None = None
    expires_at: str | None = None


class Balance(Struct, frozen=True):
    """The balance after an entry; `lifetime` is what was ever issued."""

    active: Decimal
    pending: Decimal
    reserved: Decimal
    redeemed: Decimal
    expired: Decimal
    reversed: Decimal
    written_off: Decimal
    debt_paid: Decimal
    debt: Decimal
    lifetime: Decimal


class Entry(Struct, frozen=True):
    """A record of `ledger-entries`, as far as the demo reads it."""

    type: str
    program: str
    profile_id: str
    occurred_at: str
    entry: int
    cause: dict[str, Any]
    point: str = ""
    subledger: str | None = None
    points: Decimal = ZERO
    lots: tuple[Lot, ...] = ()
    direction: str = ""
    balance: Balance | None = None


class TierChange(Struct, frozen=True, rename={"from_": "from"}):
    type: str
    profile_id: str
    occurred_at: str
    to: str | None = None
    from_: str | None = None


class DeadLetter(Struct, frozen=True):
    reason: str
    message: str = ""
    field: str | None = None


class Cycle(Struct, frozen=True):
    """A record of `cycles`: how many input records of the cycle came to which outcome, and how many that had waited."""

    outcomes: dict[str, int] = field(default_factory=dict)
    parked: dict[str, int] = field(default_factory=dict)
    tick: str | None = None


class BalanceRow(Struct, frozen=True):
    profile_id: str
    program: str
    point: str
    active: Decimal
    pending: Decimal
    reserved: Decimal
    redeemed: Decimal
    expired: Decimal
    reversed: Decimal
    written_off: Decimal
    debt_paid: Decimal
    lifetime: Decimal
    subledger: str | None = None
    tier: str | None = None


class ProgramBalances(Struct, frozen=True):
    balances: tuple[BalanceRow, ...]


class ProfileBalances(Struct, frozen=True):
    programs: tuple[ProgramBalances, ...]


class Story:
    """Everything the demo has read so far. `read` takes one record of an output topic."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.parked: Counter[str] = Counter()  # what became of records that had waited
        self.cycles = 0
        self.entries: Counter[str] = Counter()
        self.points: Counter[str] = Counter()  # entry type -> points, in whole points of every point type together
        self.last: dict[Ledger, Balance] = {}  # what the last entry of each ledger states
        self.balances: dict[Ledger, BalanceRow] = {}
        self.tiers: dict[str, str | None] = {}
        self.tier_changes: Counter[str] = Counter()
        self.dead_letters: Counter[str] = Counter()
        self.latest_entries: deque[Entry] = deque(maxlen=_LATEST)
        self._newest: dict[str, Entry] = {}  # of each type, since it was last told
        self._told_types: list[str] = []  # the one told longest ago first
        self.latest_tiers: deque[TierChange] = deque(maxlen=_LATEST)
        self.latest_dead_letters: deque[DeadLetter] = deque(maxlen=_LATEST)
        self.totals: Counter[str] = Counter()  # term -> points over all ledgers
        self.clock = ""  # the greatest event time that an entry told of
        self.announced_again = 0
        self.violations: list[str] = []
        self._auditor = Auditor(Accounts())
        self._readers: Mapping[str, Callable[[bytes], None]] = {
            "ledger-entries": self._read_entry,
            "tier-changes": self._read_tier_change,
            "dead-letters": self._read_dead_letter,
            "balances": self._read_balances,
            "cycles": self._read_cycle,
        }

    @property
    def accounted(self) -> int:
        """How many input records have come to an outcome."""
        return self.outcomes.total()

    def tell(self, lines: int = 1) -> None:
        """Let at most so many entries into `latest_entries`, the types in turn: nobody reads two thousand lines a second."""
        for _ in range(min(lines, len(self._newest))):
            never = [kind for kind in self._newest if kind not in self._told_types]
            kind = never[0] if never else next(kind for kind in self._told_types if kind in self._newest)
            self.latest_entries.append(self._newest.pop(kind))
            self._told_types = [other for other in self._told_types if other != kind] + [kind]

    def read(self, topic: str, key: bytes | None, value: bytes | None) -> None:
        if value is None or (key is not None and key.startswith(b"__")):
            return  # a tombstone, or the `__position__` record of a compacted topic
        self._readers[topic](value)

    def _read_entry(self, value: bytes) -> None:
        entry = _ENTRY.decode(value)
        repeated = self._auditor.repeated
        found = self._auditor.check(value)
        if self._auditor.repeated > repeated:
            self.announced_again += 1
            return
        if found is not None:
            self.violations.append(str(found))
        self.entries[entry.type] += 1
        self.clock = max(self.clock, entry.occurred_at)
        self._newest[entry.type] = entry
        if entry.balance is not None:
            self._post(entry, entry.balance)

    def _post(self, entry: Entry, balance: Balance) -> None:
        ledger = entry.program, entry.profile_id, entry.point, entry.subledger
        self.points[entry.type] += int(entry.points)
        before = self.last.get(ledger)
        for term in (*TERMS, "lifetime"):
            self.totals[term] += int(getattr(balance, term)) - (int(getattr(before, term)) if before else 0)
        self.last[ledger] = balance

    def _read_tier_change(self, value: bytes) -> None:
        change = _TIER_CHANGE.decode(value)
        self.tiers[change.profile_id] = change.to
        self.tier_changes[change.to or "none"] += 1
        self.latest_tiers.append(change)

    def _read_dead_letter(self, value: bytes) -> None:
        letter = _DEAD_LETTER.decode(value)
        self.dead_letters[letter.reason] += 1
        self.latest_dead_letters.append(letter)

    def _read_cycle(self, value: bytes) -> None:
        cycle = _CYCLE.decode(value)
        self.cycles += 1
        self.outcomes.update(cycle.outcomes)
        self.parked.update(cycle.parked)

    def _read_balances(self, value: bytes) -> None:
        for program in _PROFILE_BALANCES.decode(value).programs:
            for row in program.balances:
                self.balances[row.program, row.profile_id, row.point, row.subledger] = row


_ENTRY: Final = Decoder(Entry)
_TIER_CHANGE: Final = Decoder(TierChange)
_DEAD_LETTER: Final = Decoder(DeadLetter)
_CYCLE: Final = Decoder(Cycle)
_PROFILE_BALANCES: Final = Decoder(ProfileBalances)

"""The auditor: one entry after the other, each against what is known of its profile and program.

Pure but for where its accounts are kept. Entries of one profile and program are numbered without a gap and their `sequence` only
rises; an id comes once. The same record told again (a worker without transactions does so after a crash) is counted and changes nothing; the same number
or id with other content is a violation. Of each account the last `RECENT` entries are remembered for that.

After a violation the account goes on from what the entry states, so one mistake is told once and the next one is found, too.
"""

import re
from typing import Final
from zlib import crc32

from msgspec import UNSET, Struct, UnsetType

from streams.audit import booking, books
from streams.audit.accounts import Account, Accounts
from streams.audit.entries import Entry, Violation, read

RECENT: Final = 128
_ID_BYTES: Final = 8
_SLOT: Final = _ID_BYTES + 4
_ID: Final = re.compile("[0-9a-f]{32}")


class Found(Struct, frozen=True):
    """A violation, told without a word about the person: what is wrong with which entry. Where the entry lies is for the reader to say."""

    what: str
    entry: int | None = None
    type: str | None = None
    id: str | None = None
    program: str | None = None
    point: str | None = None

    def __str__(self) -> str:
        if self.entry is None:
            return self.what
        ledger = self.program if self.point is None else f"{self.program} {self.point}"
        return f"entry {self.entry} of {ledger} ({self.type} {self.id}) {self.what}"


class Auditor:
    def __init__(self, accounts: Accounts) -> None:
        self.entries = 0
        self.repeated = 0
        self.violations = 0
        self._accounts = accounts

    def check(self, value: bytes | None, key: bytes | UnsetType | None = UNSET) -> Found | None:
        """Check one record of `ledger-entries`. `key`: the record's in the topic; lines of a file have none."""
        self.entries += 1
        try:
            entry = read(value)
        except Violation as violation:
            self.violations += 1
            return Found(str(violation))
        account = self._accounts.of(entry.profile_id, entry.program)
        try:
            if key is not UNSET and key != entry.profile_id.encode():
                raise Violation("lies under no key" if key is None else "lies under a key that is not its profile")
            if self._is_told_again(account, entry, value or b""):
                return None
            self._book(account, entry)
        except Violation as violation:
            self.violations += 1
            self._resume(account, entry, value or b"")
            return Found(str(violation), entry.entry, entry.type, entry.id, entry.program, entry.point)
        return None

    def _is_told_again(self, account: Account, entry: Entry, value: bytes) -> bool:
        """Take the entry's number and id, or recognise an entry that was here before."""
        recent, last, number = account.recent, account.entry, entry.entry
        slot = _slot(entry.id, value)
        if _ID.fullmatch(entry.id) is None:
            raise Violation("has an id that is not 32 hex digits")
        if number <= last:
            start = len(recent) - (last - number + 1) * _SLOT
            if start < 0:
                raise Violation(f"comes when entry {last} was here: too late to know whether it is the same as before")
            if recent[start : start + _SLOT] == slot:
                self.repeated += 1
                return True
            same = recent[start : start + _ID_BYTES] == slot[:_ID_BYTES]
            raise Violation("was here before with other content" if same else "was here before under another id")
        if number != last + 1:
            raise Violation(f"follows entry {last}: what is between is missing" if last else "is the first of its numbers")
        place = recent.find(slot[:_ID_BYTES])
        while place >= 0:
            if place % _SLOT == 0:
                raise Violation(f"has the id of entry {last - (len(recent) - place) // _SLOT + 1}")
            place = recent.find(slot[:_ID_BYTES], place + 1)
        if entry.sequence <= account.sequence:
            raise Violation(f"has sequence {entry.sequence} behind {account.sequence}")
        account.entry, account.sequence = number, entry.sequence
        account.recent = (recent + slot)[-RECENT * _SLOT :]
        return False

    def _book(self, account: Account, entry: Entry) -> None:
        if entry.point is None:
            if entry.type != "membership.joined":
                raise Violation("is about points and names no point type")
            return
        if entry.balance is None:
            raise Violation("states no balance")
        key = entry.point if entry.subledger is None else f"{entry.point}\x00{entry.subledger}"
        ledger = account.ledgers.get(key)
        if ledger is None:
            ledger = account.ledgers[key] = books.of_scale_of(entry.balance)
        booking.book(ledger, entry, entry.balance)

    def _resume(self, account: Account, entry: Entry, value: bytes) -> None:
        """Go on behind the entry. One that came late, or again, is passed over: what was known is newer."""
        if entry.entry < account.entry or (entry.entry == account.entry and account.recent[-_SLOT:] != _slot(entry.id, value)):
            return
        if entry.entry > account.entry:
            account.entry, account.sequence = entry.entry, max(entry.sequence, account.sequence)
            account.recent = _slot(entry.id, value)  # the slots stand for numbers without a gap
        if entry.point is not None and entry.balance is not None:
            key = entry.point if entry.subledger is None else f"{entry.point}\x00{entry.subledger}"
            ledger = account.ledgers.setdefault(key, books.of_scale_of(entry.balance))
            books.resume(ledger, entry.balance)


def _slot(entry_id: str, value: bytes) -> bytes:
    """The beginning of an id, and a checksum of the record."""
    try:
        beginning = bytes.fromhex(entry_id[: 2 * _ID_BYTES])
    except ValueError:
        beginning = b""
    return beginning.ljust(_ID_BYTES, b"\x00") + crc32(value).to_bytes(4, "big")

"""A partition's table: decoded states in front of a store, changed in memory and flushed as one.

One writer. What is read stays decoded in a bounded cache of two generations; what is changed is kept until `flush`, coalesced to one value a key.
The store never holds what has not been committed, so the changes of a cycle go through three hands:

    freeze     they are what is to be kept; whatever changes from here on is the next cycle's, and still sees them
    changes    what goes to the changelog; then, when that is committed, `write`: both of what is frozen alone, so in any thread
    settle     they are in the store, and what has been read of the store meanwhile is looked at again

or `drop_changes`, which forgets what is frozen and all that was built on it, and goes on from the store. `flush` is all of it at once.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Final, TypeVar

from schemas.instants import Instant
from tables.counted import Count, Given
from tables.drafts import close
from tables.due_keys import due_keys
from tables.dues import Dues
from tables.keys import KINDS, PROFILE, page_key, profile_key
from tables.pages import as_renewed, missing
from tables.state import (
    Claim,
    Ledger,
    Lot,
    LotPage,
    Planned,
    Profile,
    Receipt,
    Redemption,
    Remembered,
    Seen,
    UsedLot,
)
from tables.store import Store
from tables.stored import decode, due_of, encode, last_at
from tables.sweep import Sweep
from tables.unseen import Unseen

Change = tuple[bytes, bytes | None]

_DUE_PAGE: Final = 1_000
_SWEPT: Final = b"swept"  # where the sweep stands
_SWEPT_A_PUT: Final = 2  # keys are looked at for each that is put: then no more than twice what may be asked for lies here
_SWEEP_PAGE: Final = 4_096
_SLOTS_A_KEY: Final = 32  # then one lookup in sixty is needless; more slots would lie farther from the processor
_ENTRY_BYTES: Final = 2_560  # what a decoded profile takes at least, and
_DECODED_PER_STORED: Final = 3  # so many for a stored byte: measured over profiles of 0 to 80 lots


Kept = TypeVar("Kept", Receipt, LotPage, UsedLot, Seen, Redemption, Claim, Given, Count, Planned)


class Table:
    def __init__(self, store: Store, cache_bytes: int = 64 * 1024 * 1024) -> None:
        """`cache_bytes`: about what the decoded states may take, however many open lots each of them has."""
        self._store = store
        self._cache_bytes = cache_bytes
        self._generation_bytes = cache_bytes // 2
        self._young: dict[str, Profile] = {}
        self._old: dict[str, Profile] = {}
        self._sizes: dict[str, int] = {}  # of the young generation, as stored
        self._old_sizes: dict[str, int] = {}
        self._young_bytes = 0
        self._profiles: dict[str, Profile] = {}  # changed since the last flush
        self._others: dict[bytes, Remembered | None] = {}  # likewise, None: forgotten; seldom read again, so not cached
        self._frozen = False
        self._frozen_profiles: dict[str, Profile] = {}
        self._frozen_others: dict[bytes, Remembered | None] = {}
        self._frozen_dues = Dues()
        self._sweep = Sweep()
        self._swept: bytes | None = None  # as it stands in the store, empty where nothing does; None: not asked for yet
        self._frozen_sweep: bytes | None = None
        self._puts = 0  # since something was swept
        self.forgotten: Instant | None = None  # the latest instant that a sweep was told: nothing younger has been swept
        self._dues = Dues()
        self.lookups = 0  # of profiles, and how many of them the store was asked for: figures, for whoever watches
        self.misses = 0
        self._due_page: deque[tuple[Instant, str]] = deque()  # a window on the store's index, which only a flush changes
        self._due_after: tuple[Instant, str] | None = None
        self._unseen: Unseen | None = None  # while a store that was empty is being restored

    # reading

    def profile(self, profile_id: str) -> Profile | None:
        """The profile as it stands. It is not to be changed in place: change a `draft` and put it."""
        self.lookups += 1
        found = self._profiles.get(profile_id) or self._frozen_profiles.get(profile_id) or self._young.get(profile_id)
        if found is None:
            found = self._old.get(profile_id)
            if found is not None:
                self._remember(profile_id, found, self._old_sizes[profile_id])
            else:
                self.misses += 1
                stored = self._store.get(profile_key(profile_id))
                if stored is None:
                    return None
                found = decode(Profile, stored)
                self._remember(profile_id, found, len(stored))
        return found

    def find(self, kind: type[Kept], key: bytes) -> Kept | None:
        """What is remembered under a key; of a type that goes with the key."""
        if key in self._others:
            found = self._others[key]
        elif key in self._frozen_others:
            found = self._frozen_others[key]
        else:
            stored = self._store.get(key)
            return None if stored is None else decode(kind, stored)
        if found is not None and not isinstance(found, kind):
            raise TypeError(f"{key!r} is no key of a {kind.__name__}")
        return found

    def _remember(self, profile_id: str, profile: Profile, stored_bytes: int) -> None:
        known = self._sizes.get(profile_id)
        grown = stored_bytes if known is None else stored_bytes - known
        self._young[profile_id] = profile
        self._sizes[profile_id] = stored_bytes
        self._young_bytes += grown * _DECODED_PER_STORED + (_ENTRY_BYTES if known is None else 0)
        if self._young_bytes > self._generation_bytes:
            self._age()

    def _age(self) -> None:
        """The young generation becomes the old one, which is forgotten: what is used again in time stays."""
        self._old, self._young = self._young, {}
        self._old_sizes, self._sizes = self._sizes, {}
        self._young_bytes = 0

    def profiles(self) -> Iterator[tuple[str, Profile]]:
        """Every profile that was flushed, sorted by the bytes of its id, read past the cache."""
        for key, stored in self._store.states(PROFILE):
            yield key[1:].decode(), decode(Profile, stored)

    def meta(self, name: bytes) -> bytes | None:
        return self._store.meta(name)

    # for whoever watches

    def profile_ids(self, after: str | None, at_most: int) -> list[str]:
        """So many profiles that were flushed, sorted by the bytes of their ids, behind one of them."""
        start = PROFILE if after is None else profile_key(after) + b"\x00"
        return [key[1:].decode() for key in islice(self._store.keys(start, PROFILE + b"\xff"), at_most)]

    def next_profiles(self, after: str | None, at_most: int) -> list[str]:
        """So many profiles behind one of them as they stand, sorted by the bytes of their ids; those not flushed yet are among them."""
        found = set(self.profile_ids(after, at_most))
        waiting = (*self._frozen_profiles, *self._profiles)
        found.update([profile_id for profile_id in waiting if after is None or profile_id.encode() > after.encode()])
        return sorted(found, key=str.encode)[:at_most]

    def glance(self, profile_ids: Sequence[str]) -> list[tuple[str, Profile]]:
        """These profiles as they stand, past the cache; those that are gone are left out."""
        stored = self._store.get_many([profile_key(profile_id) for profile_id in profile_ids]) if profile_ids else []
        found = []
        for profile_id, value in zip(profile_ids, stored, strict=True):
            profile = self._profiles.get(profile_id) or self._frozen_profiles.get(profile_id)
            if profile is None and value is not None:
                profile = decode(Profile, value)
            if profile is not None:
                found.append((profile_id, profile))
        return found

    def overdue(self, until: Instant, at_most: int) -> list[Instant]:
        """When profiles had something due up to an instant, as of the last flush, the first of them."""
        return [at for at, _ in islice(self._store.due(until, None), at_most)]

    def size(self) -> tuple[int, int]:
        """Bytes in the store, and states there: about so many."""
        return self._store.size()

    # changing

    def put_profile(self, profile_id: str, profile: Profile) -> None:
        dues = self._dues
        if profile_id not in dues.now:  # from now on the index is not asked about it; what is frozen will be in there by then
            dues.stored[profile_id] = _due_at(self.profile(profile_id))
        close(profile)
        self._profiles[profile_id] = profile
        dues.put(profile_id, _due_at(profile))

    def put(self, key: bytes, state: Remembered | None) -> None:
        """Remember, or (None) forget."""
        self._others[key] = state
        if state is not None:
            self._sweep.saw(state.last_at)
            self._puts += 1

    def lots_of(self, profile_id: str, program: str, ledger_key: str, ledger: Ledger) -> list[Lot]:
        """All open lots of a ledger, those in pages too. Raises `DamagedError` where one of these is not there."""
        lots = ledger.look()
        for page in ledger.pages:
            found = self.find(LotPage, page_key(profile_id, program, ledger_key, page.number))
            if found is None:
                raise missing(program, ledger_key, page)
            lots += as_renewed(page, found.lots)
        return lots

    def keys_of(self, profile_id: str) -> Iterator[bytes]:
        """The keys of all that is remembered of a profile beside itself, in order within each kind. Claims and grants are of no profile."""
        for letter, _ in [entry for entry in KINDS if entry[1] not in (Claim, Given)]:
            prefix = letter + profile_id.encode() + b"\x00"
            changed = (*self._frozen_others.items(), *self._others.items())
            waiting = {key: state for key, state in changed if key.startswith(prefix)}
            stored = [key for key in self._store.keys(prefix, prefix[:-1] + b"\x01") if key not in waiting]
            yield from sorted(stored + [key for key, state in waiting.items() if state is not None])

    def sweep(self, before: Instant, at_least: int) -> None:
        """Forget some of what is older than an instant: nobody can ask for it any more (`Visit.find`). Looks at so many keys, and at more
        where more have been put since the last time.
        """
        self._take_up_sweep()
        if self.forgotten is None or before > self.forgotten:
            self.forgotten = before
        self._sweep_pages(before, max(at_least, self._puts * _SWEPT_A_PUT))

    def sweep_on(self) -> None:
        """Likewise, by the instant that was told last, for what timers have put."""
        if self._puts:
            self._take_up_sweep()
        if self._puts and self.forgotten is not None:
            self._sweep_pages(self.forgotten, self._puts * _SWEPT_A_PUT)

    def _take_up_sweep(self) -> None:
        """Go on where the hand stood when this was written last."""
        if self._swept is None:
            self._swept = self._store.meta(_SWEPT) or b""
            if self._swept:
                told = self._sweep.go_on(self._swept)
                self.forgotten = told if self.forgotten is None else max(told, self.forgotten)

    def _sweep_pages(self, before: Instant, keys: int) -> None:
        self._puts = 0
        while keys > 0 and self._sweep.has_work(before):
            self._sweep_page(before, min(keys, _SWEEP_PAGE))
            keys -= _SWEEP_PAGE

    def _sweep_page(self, before: Instant, at_most: int) -> None:
        for letter, kind in self._sweep.kinds(KINDS):
            start = self._sweep.start(letter)
            page = list(islice(self._store.keys(start, letter + b"\xff"), at_most))
            for key, stored in zip(page, self._store.get_many(page) if page else [], strict=True):
                if stored is None or key in self._others or key in self._frozen_others:
                    continue
                at = last_at(kind, stored)
                if at < before:
                    self._others[key] = None
                else:
                    self._sweep.saw(at)
            at_most -= len(page)
            if not at_most:
                self._sweep.rest(letter, page[-1] + b"\x00")
                return
        self._sweep.done()

    # what is due

    def next_due(self, until: Instant) -> tuple[Instant, str] | None:
        """The first (due instant, profile id) up to and including `until`, over what is stored, what is frozen and what has changed."""
        newer = self._dues.now
        found = (self._dues.first(until, {}), self._frozen_dues.first(until, newer), self._next_stored_due(until))
        return min([entry for entry in found if entry is not None], default=None)

    def _next_stored_due(self, until: Instant) -> tuple[Instant, str] | None:
        """The store's first entry whose profile has not changed since what was written last; those passed over stay passed over."""
        while True:
            while self._due_page:
                entry = self._due_page[0]
                if entry[1] not in self._dues.now and entry[1] not in self._frozen_dues.now:
                    return entry if entry[0] <= until else None
                self._due_page.popleft()
            self._due_page.extend(islice(self._store.due(until, self._due_after), _DUE_PAGE))
            if not self._due_page:
                return None
            self._due_after = self._due_page[-1]

    # the end of a cycle

    def freeze(self) -> None:
        """What has changed is what is to be kept now; what was frozen before has to be settled."""
        if self._frozen:
            raise RuntimeError("the cycle before is neither settled nor dropped")
        self._frozen, self._unseen = True, None
        self._frozen_profiles, self._profiles = self._profiles, {}
        self._frozen_others, self._others = self._others, {}
        self._frozen_dues, self._dues = self._dues, Dues()
        self._frozen_sweep = None if self.forgotten is None or self._swept is None else self._sweep.kept(self.forgotten)

    def changes(self) -> list[Change]:
        """What is frozen, encoded: one value a key; None where it is to be forgotten. Any thread."""
        frozen = self._frozen_profiles
        changed: list[Change] = [(profile_key(profile_id), encode(profile)) for profile_id, profile in frozen.items()]
        changed += [(key, None if state is None else encode(state)) for key, state in self._frozen_others.items()]
        return changed

    def changed_profiles(self) -> list[str]:
        """Those that have changed since something was frozen last."""
        return list(self._profiles)

    @property
    def changed(self) -> int:
        """How many profiles have changed since the last flush, or since what is frozen was."""
        return len(self._profiles)

    def frozen_profiles(self) -> list[tuple[str, Profile]]:
        """Those that are frozen, as they are there. Any thread."""
        return list(self._frozen_profiles.items())

    def write(self, meta: Mapping[bytes, bytes], changes: Sequence[Change]) -> None:
        """Write what is frozen (`changes`), its due things and the named values, all or nothing. Any thread."""
        if self._frozen_sweep not in (None, self._swept):
            meta = {**meta, _SWEPT: self._frozen_sweep or b""}
        self._store.write(changes, self._frozen_dues.moved(), meta)

    def settle(self, changes: Sequence[Change]) -> None:
        """What was frozen has been written."""
        for (profile_id, profile), (_, value) in zip(self._frozen_profiles.items(), changes, strict=False):  # profiles come first
            self._remember(profile_id, profile, len(value or b""))
        self._swept = self._frozen_sweep or self._swept
        self._forget_frozen()

    def flush(self, meta: Mapping[bytes, bytes]) -> int:
        """Everything that changed is written, the due index and the named values with it. Returns the bytes of the states."""
        self.freeze()
        changes = self.changes()
        self.write(meta, changes)
        self.settle(changes)
        return sum([len(value) for _, value in changes if value is not None])

    def drop_changes(self) -> None:
        """What was not written never was. Readers see the store again."""
        self._sweep, self._swept = Sweep(), None
        self._profiles.clear()
        self._others.clear()
        self._dues = Dues()
        self._forget_frozen()

    def _forget_frozen(self) -> None:
        self._frozen = False
        self._frozen_profiles, self._frozen_others = {}, {}
        self._frozen_dues, self._frozen_sweep = Dues(), None
        self._due_page.clear()  # the store's index is another now
        self._due_after = None

    def restore(self, newest: Mapping[bytes, bytes | None], meta: Mapping[bytes, bytes], at_most: int | None = None) -> None:
        """The changelog's newest values of so many keys, in bulk. Nothing may be waiting to be flushed.

        `at_most`: how many the whole restore can bring, where that is known.
        """
        profiles = [key for key in newest if key.startswith(PROFILE)]  # as they came: so they lie in memory, and are near
        if self._unseen is None and not self.profile_ids(None, 1):
            slots = self._cache_bytes // 4
            self._unseen = Unseen(slots if at_most is None else min(slots, at_most * _SLOTS_A_KEY))
        known = profiles if self._unseen is None else self._unseen.but(profiles)
        moved: list[tuple[str, Instant | None, Instant | None]] = []
        if known:
            for key, stored in zip(known, self._store.get_many(known), strict=True):
                old, new = due_of(stored), due_of(newest[key])
                if old != new:
                    moved.append((key[1:].decode(), old, new))
            asked = set(known)
            profiles = [key for key in profiles if key not in asked]
        new_due = due_keys(profiles, newest)
        keys = sorted(newest)  # a store takes what comes in order with less work
        states = zip(keys, [newest[key] for key in keys], strict=True)
        self._store.write(states, moved, meta, new_due)
        self._age()
        self._old, self._old_sizes = {}, {}
        self._due_page.clear()
        self._due_after = None

    def close(self) -> None:
        self._store.close()


def _due_at(profile: Profile | None) -> Instant | None:
    """What the due index holds for a profile; one that is stopped waits for nothing."""
    return None if profile is None or profile.stopped is not None else profile.due_at

"""A store in RocksDB, one database a partition, through rocksdict in raw mode.

It knows bytes only. States, the due index and named values live in column families of one database, and `write` is one
WriteBatch over all three: after a crash either all of a cycle is there or none of it. All partitions of a process share one
block cache and one write-buffer budget, so memory is bounded by a setting and not by the number of profiles. Handles are closed
explicitly, and no iterator outlives the call that made it, for a live one would keep RocksDB's lock.
"""

import re
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from rocksdict import BlockBasedOptions, Cache, DBCompressionType, Options, Rdict, WriteBatch, WriteBufferManager, WriteOptions

from schemas.instants import Instant
from tables.due_keys import due_key, split_due_key
from tables.store import DamagedError

_DUE: Final = "due"
_META: Final = "meta"
_PAGE: Final = 1_000
_MIB: Final = 1024 * 1024
_BYTES: Final = ("rocksdb.live-sst-files-size", "rocksdb.cur-size-all-mem-tables")
_STATES: Final = "rocksdb.estimate-num-keys"
_STOPPED: Final = "rocksdb.is-write-stopped"
_SLOWED: Final = "rocksdb.actual-delayed-write-rate"
_FAILED: Final = "rocksdb.background-errors"
_STALL: Final = "Write stall"
_ADVICE: Final = {
    "Permission denied": "give this user the right to read and write there, then start again",
    "Too many open files": "let this process have more files open (`ulimit -n`), then start again",
    "": "look at the disk's space and health, then start again",
}
_LOOK_SECONDS: Final = 0.01
_SECTOR: Final = re.compile(r"While (?:pread|reading) .*Input/output error", re.DOTALL)


class StoreLockedError(Exception):
    """Another process, or another table of this one, has the directory open."""


class RocksShared:
    """What all partitions of a process share: the block cache and the budget of write buffers, in bytes."""

    def __init__(self, cache_bytes: int = 64 * _MIB, write_buffer_bytes: int = 64 * _MIB) -> None:
        self.cache = Cache(cache_bytes)
        self.write_buffers = WriteBufferManager(write_buffer_bytes, False)


class RocksStore:
    def __init__(self, path: Path, shared: RocksShared | None = None, *, logged: bool = True) -> None:
        """Open or create.

        `logged` False: nothing is written ahead. A store that is not closed is then as it was some writes ago, each of them there whole
        or not at all, in every column family: enough where there is another log to go on from, or where the directory goes anyway.
        Raises `StoreLockedError`, `DamagedError`, or `OSError` with what to do about it.
        """
        shared = shared or RocksShared()
        self._logged = logged
        self._at_once, self._slowly = _write_options(logged, wait=False), _write_options(logged, wait=True)
        self._failed: int | None = 0  # flushes, as of the last write
        path.mkdir(parents=True, exist_ok=True)
        options = _options(shared)
        families = {_DUE: _options(shared, asked_by_key=False), _META: _options(shared)}
        try:
            self._db = Rdict(str(path), options, column_families=families)
        except Exception as error:
            if _is_damage(error):
                raise DamagedError(f"the state directory {path} is damaged: {error}") from error
            if _is_lock(error):
                raise StoreLockedError(
                    f"the state directory {path} is in use by another process: stop that one, or give this one a directory of its own"
                ) from None
            raise OSError(f"the state directory {path} cannot be opened: {error}; {_advice(error)}") from error
        self._due = self._db.get_column_family(_DUE)
        self._meta = self._db.get_column_family(_META)
        self._due_handle = self._db.get_column_family_handle(_DUE)
        self._meta_handle = self._db.get_column_family_handle(_META)

    def get(self, key: bytes) -> bytes | None:
        try:
            found: bytes | None = self._db.get(key)
        except Exception as error:
            raise _broken(error) from error
        return found

    def get_many(self, keys: list[bytes]) -> list[bytes | None]:
        try:
            found: Any = self._db.get(keys)  # type: ignore[arg-type]  # its list type is invariant
        except Exception as error:
            raise _broken(error) from error
        return list(found)

    def write(
        self,
        states: Iterable[tuple[bytes, bytes | None]],
        due: Iterable[tuple[str, Instant | None, Instant | None]],
        meta: Mapping[bytes, bytes],
        new_due: Iterable[bytes] = (),
    ) -> None:
        kept, coming, gone = [*states], [*new_due], list[bytes]()
        for profile_id, old, new in due:
            if old is not None:
                gone.append(due_key(old, profile_id.encode()))
            if new is not None:
                coming.append(due_key(new, profile_id.encode()))
        coming.sort()  # RocksDB takes what comes in order with less work
        while not self._takes(self._batch(kept, gone, coming, meta), self._room()):
            pass
        self._failed = self._db.property_int_value(_FAILED)

    def _batch(
        self, states: list[tuple[bytes, bytes | None]], gone: list[bytes], coming: list[bytes], meta: Mapping[bytes, bytes]
    ) -> WriteBatch:
        batch = WriteBatch(raw_mode=True)
        put = batch.put
        for key, value in states:
            if value is None:
                batch.delete(key)
            else:
                put(key, value)
        for key in gone:
            batch.delete(key, self._due_handle)
        handle = self._due_handle
        for key in coming:
            put(key, b"", handle)
        for name, value in meta.items():
            batch.put(name, value, self._meta_handle)
        return batch

    def _takes(self, batch: WriteBatch, options: WriteOptions) -> bool:
        """Whether there is room now; the batch is gone in either case."""
        try:
            self._db.write(batch, options)
        except Exception as error:
            if _STALL in str(error):
                return False
            raise _broken(error) from error
        return True

    def _room(self) -> WriteOptions:
        """How to write now. RocksDB takes nothing while too much of what it has is in no file yet. That is waited for here, for whoever waits in there
        keeps the interpreter, and RocksDB itself from going on after a flush that has failed: on a full disk both would wait for ever.
        """
        while self._db.property_int_value(_STOPPED):
            if self._db.property_int_value(_FAILED) != self._failed:
                raise _broken(Exception("what was written before cannot be brought to the disk, which may be full"))
            time.sleep(_LOOK_SECONDS)
        return self._slowly if self._db.property_int_value(_SLOWED) else self._at_once

    def due(self, until: Instant, after: tuple[Instant, str] | None) -> Iterator[tuple[Instant, str]]:
        start = b"" if after is None else due_key(after[0], after[1].encode()) + b"\x00"
        end = due_key(until + 1, b"")
        while page := _page(self._due, start, end):
            for key in page:
                yield split_due_key(key)
            start = page[-1] + b"\x00"

    def states(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        start, end = prefix, prefix + b"\xff"
        while page := _page(self._db, start, end):
            for key, value in zip(page, self.get_many(page), strict=True):
                if value is not None:
                    yield key, value
            start = page[-1] + b"\x00"

    def keys(self, start: bytes, end: bytes) -> Iterator[bytes]:
        while page := _page(self._db, start, end):
            yield from page
            start = page[-1] + b"\x00"

    def meta(self, name: bytes) -> bytes | None:
        try:
            found: bytes | None = self._meta.get(name)
        except Exception as error:
            raise _broken(error) from error
        return found

    def size(self) -> tuple[int, int]:
        """Of the states, as RocksDB estimates them, those included that are not in a file yet."""
        return sum([self._db.property_int_value(name) or 0 for name in _BYTES]), self._db.property_int_value(_STATES) or 0

    def close(self) -> None:
        """Release the directory. The store is unusable afterwards, also where the disk takes no more: then `OSError`."""
        del self._due_handle, self._meta_handle
        if not self._logged:
            # All column families at once, or none where the disk takes no more; `Rdict.close` writes them one after another, and a position
            # that is written before its states are would have them passed over.
            self._db.cancel_all_background(True)
            del self._due, self._meta, self._db
            return
        failed: Exception | None = None
        for part in (self._due, self._meta, self._db):
            try:
                part.close()
            except Exception as error:  # noqa: BLE001  # rocksdict raises plain exceptions
                failed = error
        if failed is not None:
            raise _broken(failed) from failed


def _broken(error: Exception) -> OSError:
    """rocksdict raises plain exceptions; to us they are the disk's."""
    if _is_damage(error):
        return DamagedError(f"the state is damaged: {error}")
    return OSError(f"the state cannot be read or written: {error}; {_advice(error)}")


def _advice(error: Exception) -> str:
    """What somebody is to do about it: RocksDB has the system's words in its own."""
    return next(advice for said, advice in _ADVICE.items() if said in str(error))


def _is_damage(error: Exception) -> bool:
    """A sector that gives nothing back is damage as much as one that gives back something else; what cannot be written is the disk's."""
    text = str(error)
    return "Corruption" in text or "No such file or directory" in text or _SECTOR.search(text) is not None


def _is_lock(error: Exception) -> bool:
    """RocksDB's words for a lock that is held, by this process or by another. Much else has "lock" in it: a path, a block, a disk that locks
    nothing.
    """
    text = str(error)
    another = text.startswith("IO error: While lock file:") and text.endswith("Resource temporarily unavailable")
    return another or text.startswith("IO error: lock hold by current process")


def _write_options(logged: bool, *, wait: bool) -> WriteOptions:
    """`wait` False: it raises where it would have to wait for room."""
    options = WriteOptions()
    options.disable_wal = not logged  # type: ignore[assignment,method-assign]  # a property; its stub says method
    options.no_slowdown = not wait
    return options


def _options(shared: RocksShared, *, asked_by_key: bool = True) -> Options:
    """`asked_by_key` False: what is there is only walked through, and filters would never be asked."""
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.create_missing_column_families(True)
    table = BlockBasedOptions()
    table.set_block_cache(shared.cache)
    if asked_by_key:
        table.set_bloom_filter(10, False)
        options.set_memtable_prefix_bloom_ratio(0.1)  # most receipts are asked for once, and are not there
        options.set_memtable_whole_key_filtering(True)
    table.set_cache_index_and_filter_blocks(True)
    options.set_block_based_table_factory(table)
    options.set_compression_type(DBCompressionType.lz4())
    options.set_write_buffer_size(16 * _MIB)
    options.set_write_buffer_manager(shared.write_buffers)
    options.set_max_background_jobs(2)
    options.set_atomic_flush(True)  # a position is never in a file before the states that it speaks of
    options.set_keep_log_file_num(2)
    return options


def _page(family: Any, start: bytes, end: bytes) -> list[bytes]:
    """Up to so many keys from `start` to before `end`, read at once so that no iterator stays open.

    By the bare iterator, for only that says whether it ended behind the last key or at a block that cannot be read. Python's own, over
    `keys()`, ends alike at both, and what lies behind such a block would never come due, without a word. Raises as `get`.
    """
    page: list[bytes] = []
    place = family.iter()
    try:
        place.seek(start)
        while place.valid() and len(page) < _PAGE and (key := place.key()) < end:
            page.append(key)
            place.next()
        place.status()
    except Exception as error:
        raise _broken(error) from error
    finally:
        del place, family  # an error that is still looked at would keep them, and with them RocksDB's lock
    return page

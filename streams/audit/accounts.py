"""Accounts: what the auditor knows of each profile and program, in memory and, where there are many, on disk.

An account holds its open lots and a little memory of what came last: a few hundred bytes as stored, whatever the number of its entries. All of
them lie in RocksDB (a directory that is kept, or a temporary one), and as many as fit into the memory that is allowed are held as objects, so
the number of profiles is bounded by the disk alone. `keep` writes what has changed together with the positions in the topic: a run
goes on where the one before has kept.
"""

from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct, field
from rocksdict import AccessType, Options, Rdict, WriteBatch, WriteOptions

from streams.audit.books import Ledger
from streams.errors import WrongUsage

FORMAT: Final = b"\x01"
DEFAULT_MEMORY_BYTES: Final = 256 * 1024 * 1024
_OBJECTS_PER_STORED: Final = 10  # an account as objects takes about so many times its stored bytes
_STORED_LEAST: Final = 150
_POSITIONS: Final = b"\x00positions"
_NOT_OURS: Final = ("partition-*", "process-*", "worker-id")
_BUFFER_BYTES: Final = 16 * 1024 * 1024


class Account(Struct, array_like=True):
    """The last `entry` and `sequence` of a profile in a program; ids and checksums of the `recent` ones; its ledgers."""

    entry: int = 0
    sequence: int = 0
    recent: bytes = b""
    ledgers: dict[str, Ledger] = field(default_factory=dict)


class Kept(Struct):
    """How far a kept auditor has come: its cluster, the next offset by partition, its figures, and the first violation that it has told."""

    cluster: str | None = None
    offsets: dict[int, int] = field(default_factory=dict)
    entries: int = 0
    repeated: int = 0
    violations: int = 0
    first: str | None = None


_ENCODER: Final = msgspec.msgpack.Encoder()
_ACCOUNT: Final = msgspec.msgpack.Decoder(Account)
_KEPT: Final = msgspec.json.Decoder(Kept)


class Accounts:
    """`folder` None: in memory alone, for a few."""

    def __init__(self, folder: Path | None = None, memory_bytes: int = DEFAULT_MEMORY_BYTES, *, logged: bool = True) -> None:
        """`logged` False: the folder is a temporary one, so nothing is logged ahead.

        Raises `WrongUsage` where it cannot be opened; whatever else is asked of it, where the disk does not do it.
        """
        self._folder = folder
        self._failed = False
        self._objects_bytes = max(memory_bytes - 2 * _BUFFER_BYTES, memory_bytes // 2)
        self._most = self._objects_bytes // (_STORED_LEAST * _OBJECTS_PER_STORED)
        self._cached: dict[str, Account] = {}
        self._changed: set[str] = set()
        self._disk = None if folder is None else _open(folder)
        self._logged = logged

    def of(self, profile_id: str, program: str) -> Account:
        """The account, an empty one where there was none; whoever asks changes it in place."""
        key = f"{program}\x00{profile_id}"
        account = self._cached.get(key)
        if account is None:
            stored = self._get(key.encode())
            account = Account() if stored is None else _decode(stored)
            self._cached[key] = account
        self._changed.add(key)
        return account

    @property
    def full(self) -> bool:
        """Whether as many are in memory as may be: then they are to be kept."""
        return self._disk is not None and len(self._cached) >= self._most

    def kept(self) -> Kept:
        stored = self._get(_POSITIONS)
        return Kept() if stored is None else _KEPT.decode(stored)

    def keep(self, kept: Kept) -> None:
        """Write what has changed, and how far the auditor has come, as one."""
        if self._disk is None:
            return
        batch, size = WriteBatch(raw_mode=True), 0
        for key in self._changed:
            stored = FORMAT + _ENCODER.encode(self._cached[key])
            size += len(stored)
            batch.put(key.encode(), stored)
        batch.put(_POSITIONS, msgspec.json.encode(kept))
        options = WriteOptions()
        options.disable_wal = not self._logged  # type: ignore[assignment,method-assign]  # a property; its stub says method
        try:
            self._disk.write(batch, options)
        except Exception as error:  # rocksdict raises plain exceptions
            raise self._broken(error) from error
        if self._changed:
            stored_bytes = max(size // len(self._changed), _STORED_LEAST)
            self._most = max(self._objects_bytes // (stored_bytes * _OBJECTS_PER_STORED), 1)
        self._changed.clear()
        if len(self._cached) >= self._most:
            self._cached.clear()

    def close(self) -> None:
        if self._disk is None:
            return
        try:
            self._disk.close()
        except Exception as error:
            if not self._failed:  # else that has been told
                raise self._broken(error) from error

    def _get(self, key: bytes) -> bytes | None:
        if self._disk is None:
            return None
        try:
            found: bytes | None = self._disk.get(key)
        except Exception as error:
            raise self._broken(error) from error
        return found

    def _broken(self, error: Exception) -> WrongUsage:
        self._failed = True
        return WrongUsage(
            f"what is known cannot be read or written in {self._folder}: {error}; look at the disk's space and health, then start again"
        )


def _open(folder: Path) -> Rdict:
    if _is_a_ledgers(folder):
        raise WrongUsage(f"--state {folder}: is the state of a worker or a replay; give the auditor a directory of its own")
    folder.mkdir(parents=True, exist_ok=True)
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_write_buffer_size(_BUFFER_BYTES)
    options.set_keep_log_file_num(2)
    try:
        return Rdict(str(folder), options)
    except Exception as error:  # rocksdict raises plain exceptions
        if _is_lock(str(error)):
            raise WrongUsage(f"--state {folder}: another process uses it; give this one a directory of its own") from None
        raise WrongUsage(f"--state {folder}: cannot be opened: {error}") from error


def _is_lock(said: str) -> bool:
    """RocksDB's words for a lock that is held, by this process or by another. That a lock cannot be had, or "lock" in a path, is something else."""
    another = said.startswith("IO error: While lock file:") and said.endswith("Resource temporarily unavailable")
    return another or said.startswith("IO error: lock hold by current process")


def _is_a_ledgers(folder: Path) -> bool:
    """Whether a worker or a replay keeps its state there. An auditor's has its positions, or nothing at all.

    Looked at without opening it for writing: that alone would change it.
    """
    if any(next(folder.glob(name), None) for name in _NOT_OURS):
        return True
    if not (folder / "CURRENT").exists():
        return False
    try:
        found = Rdict(str(folder), Options(raw_mode=True), access_type=AccessType.read_only())
    except Exception as error:  # rocksdict raises plain exceptions
        raise WrongUsage(f"--state {folder}: cannot be opened: {error}") from error
    try:
        return found.get(_POSITIONS) is None and next(iter(found.keys()), None) is not None
    finally:
        found.close()


def _decode(stored: bytes) -> Account:
    if stored[:1] != FORMAT:
        raise WrongUsage("the auditor's state was written by a newer version: upgrade, or begin with a new directory")
    return _ACCOUNT.decode(stored[1:])

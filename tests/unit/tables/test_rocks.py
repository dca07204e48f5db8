"""The store of a process that is killed: with a log it has all that was written, without one a beginning of it, and that whole."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tables.rocks import RocksShared, RocksStore, StoreLockedError, _broken
from tables.store import DamagedError
from tests.conftest import ROOT

WRITES = 400
KILLED = """
import os, signal, sys
from pathlib import Path
from tables.rocks import RocksShared, RocksStore, StoreLockedError

store = RocksStore(Path(sys.argv[1]), RocksShared(1 << 20, 1 << 20), logged=sys.argv[2] == "logged")
for number in range(int(sys.argv[3])):
    states = [(b"p%d" % (number % 7), b"%d" % number + os.urandom(9_000)), (b"newest", b"%d" % number)]
    store.write(states, [(f"p{number}", None, number)], {b"position": b"%d" % number})
os.kill(os.getpid(), signal.SIGKILL)
"""


def after_a_kill(folder: Path, how: str) -> RocksStore:
    done = subprocess.run([sys.executable, "-c", KILLED, folder, how, str(WRITES)], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    return RocksStore(folder, RocksShared())


def test_with_a_log_nothing_that_was_written_is_lost(tmp_path: Path) -> None:
    store = after_a_kill(tmp_path, "logged")
    assert store.meta(b"position") == b"%d" % (WRITES - 1)
    store.close()


def test_without_a_log_it_is_as_it_was_after_one_of_the_writes_in_every_part(tmp_path: Path) -> None:
    store = after_a_kill(tmp_path, "not logged")
    position = store.meta(b"position")
    assert position is not None, "of so much, something has gone to a file before the kill"
    assert store.get(b"newest") == position
    assert [at for at, _ in store.due(WRITES, None)] == [*range(int(position) + 1)]
    store.close()


FULL = """
import os, resource, sys
from pathlib import Path
from tables.rocks import RocksStore

store = RocksStore(Path(sys.argv[1]), logged=sys.argv[2] == "logged")
for number in (1, 2):
    states = [(b"p%d" % profile, os.urandom(3_000)) for profile in range(50)] + [(b"newest", b"%d" % number)]
    store.write(states, [(f"p{number}", None, number)], {b"position": b"%d" % number})
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
try:
    store.close()
except OSError:
    pass
"""


@pytest.mark.parametrize("how", ["logged", "not logged"])
def test_a_disk_that_is_full_when_it_is_closed_tears_nothing_apart(tmp_path: Path, how: str) -> None:
    subprocess.run([sys.executable, "-c", FULL, tmp_path, how], cwd=ROOT, check=True)
    store = RocksStore(tmp_path)
    position = store.meta(b"position")
    assert store.get(b"newest") == position
    assert [at for at, _ in store.due(9, None)] == [*range(1, int(position or 0) + 1)]
    store.close()


NO_ROOM = """
import os, sys
from pathlib import Path
from tables.rocks import RocksShared, RocksStore

for attempt in range(5):
    folder = Path(sys.argv[1]) / str(attempt)
    store = RocksStore(folder, RocksShared(1 << 20, 1 << 20), logged=False)
    for number in range(6, 400):
        if not (file := folder / f"{number:06}.sst").exists():
            file.symlink_to("/dev/full")
    try:
        for number in range(400):
            store.write([(b"p%d-%d" % (number, one), os.urandom(200)) for one in range(500)], [], {})
    except OSError as error:
        print(error, flush=True)
    store.close()
"""


def test_a_disk_that_gets_full_while_no_more_may_wait_is_told_and_holds_nobody_up(tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-c", NO_ROOM, tmp_path], cwd=ROOT, check=True, capture_output=True, text=True, timeout=40
    )
    assert told.stdout.count("the state cannot be read or written") == 5
    assert told.stdout.count("look at the disk's space") == 5


@pytest.mark.parametrize("logged", [True, False])
def test_what_is_closed_is_all_there(tmp_path: Path, logged: bool) -> None:
    store = RocksStore(tmp_path, logged=logged)
    store.write([(b"p1", os.urandom(100))], [("p1", None, 5)], {b"position": b"7"})
    store.close()
    again = RocksStore(tmp_path, logged=logged)
    assert again.get(b"p1") is not None
    assert (again.meta(b"position"), [*again.due(9, None)]) == (b"7", [(5, "p1")])
    again.close()


OPENED = """
import sys
from pathlib import Path
from tables.rocks import RocksStore, StoreLockedError

try:
    RocksStore(Path(sys.argv[1]))
except StoreLockedError as error:
    print(error)
"""


def test_a_directory_that_is_open_is_in_use_whoever_opens_it_again(tmp_path: Path) -> None:
    store = RocksStore(tmp_path)
    done = subprocess.run([sys.executable, "-c", OPENED, tmp_path], cwd=ROOT, check=True, capture_output=True, text=True)
    assert f"{tmp_path} is in use by another process" in done.stdout
    with pytest.raises(StoreLockedError, match="is in use by another process"):
        RocksStore(tmp_path)
    store.close()


def test_what_else_goes_wrong_in_a_directory_with_lock_in_its_name_is_told_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "blocks-and-locks"
    (folder / "LOCK").mkdir(parents=True)
    with pytest.raises(
        OSError, match=r"cannot be opened: IO error: while open a file for lock: .*: Is a directory; look at the disk"
    ):
        RocksStore(folder)


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        (
            "IO error: While open a file for appending: 000015.sst: Permission denied",
            "give this user the right to read and write there",
        ),
        ("IO error: While open a file for random read: 000015.sst: Too many open files", "let this process have more files open"),
        ("IO error: No space left on device: While appending to file: 000015.sst", "look at the disk's space and health"),
    ],
)
def test_what_is_to_be_done_is_what_mends_it(said: str, advice: str) -> None:
    assert f"{said}; {advice}" in str(_broken(Exception(said)))


@pytest.mark.parametrize("file", ["CURRENT", "MANIFEST-*"])
def test_a_sector_that_gives_nothing_back_is_damage(tmp_path: Path, file: str) -> None:
    RocksStore(tmp_path).close()
    [bad] = tmp_path.glob(file)
    bad.unlink()
    bad.symlink_to("/proc/self/mem")  # nothing is there at its beginning: a read is an error of input and output
    with pytest.raises(DamagedError, match="Input/output error"):
        RocksStore(tmp_path)


WAYS = {
    "what is due": lambda store: [*store.due(20_000, None)],
    "what is due from somewhere on": lambda store: [*store.due(20_000, (1_000, "p1000"))],
    "states": lambda store: [*store.states(b"p")],
    "keys": lambda store: [*store.keys(b"p", b"q")],
}


@pytest.mark.parametrize("way", WAYS)
def test_walking_over_a_block_that_cannot_be_read_is_damage_and_not_the_end(tmp_path: Path, way: str) -> None:
    store = RocksStore(tmp_path, logged=False)
    store.write([(b"p%d" % n, os.urandom(40)) for n in range(10_000)], [(f"p{n}", None, n) for n in range(10_000)], {})
    store.close()
    for file in tmp_path.glob("*.sst"):
        data = bytearray(file.read_bytes())
        for at in range(0, len(data) * 3 // 4, 1_000):  # in its blocks of data, all of them; what lists them stays as it is
            data[at] ^= 1
        file.write_bytes(data)
    store = RocksStore(tmp_path, logged=False)
    with pytest.raises(DamagedError, match="block checksum mismatch") as damage:
        WAYS[way](store)
    store.close()
    RocksStore(tmp_path, logged=False).close()  # nothing of it is open any more, though the error is still there
    assert damage.value.args

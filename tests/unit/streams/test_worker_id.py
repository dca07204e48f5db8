"""The name that a worker keeps in its state directory: found again by every start, never empty, never another's."""

import subprocess
import sys
from pathlib import Path

import pytest

from streams.worker.run import _state_id
from streams.worker.settings import WorkerSettings
from tests.conftest import ROOT


def settings(state: Path) -> WorkerSettings:
    return WorkerSettings(broker="kafka://127.0.0.1:1", state=state)


def test_a_name_is_made_once_and_kept(tmp_path: Path) -> None:
    name = _state_id(settings(tmp_path))
    assert name.startswith("worker-")
    assert _state_id(settings(tmp_path)) == name
    assert [path.name for path in tmp_path.iterdir()] == ["worker-id"]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(bytes(19), id="the zeros that a machine without power leaves"),
        pytest.param(b"worker-\xb03a1b2c4d5e6", id="a bit that a disk has turned"),
        pytest.param(b"w" * 40_000, id="longer than any name"),
    ],
)
def test_a_file_that_holds_no_name_is_none_and_a_name_is_made(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "worker-id").write_bytes(content)
    name = _state_id(settings(tmp_path))
    assert name.startswith("worker-")
    assert _state_id(settings(tmp_path)) == name


def test_a_name_of_an_earlier_version_is_kept(tmp_path: Path) -> None:
    (tmp_path / "worker-id").write_text("worker-of-old\n")
    assert _state_id(settings(tmp_path)) == "worker-of-old"


ON_A_FULL_DISK = """
import resource, sys
from pathlib import Path
from streams.errors import WrongUsage
from streams.health.ends import note_end
from streams.worker.run import _state_id
from streams.worker.settings import WorkerSettings

state = Path(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
note_end(state, "stuck")
try:
    _state_id(WorkerSettings(broker="kafka://127.0.0.1:1", state=state))
except WrongUsage as error:
    print(error)
"""


def test_a_full_disk_leaves_no_empty_name_and_takes_no_figures_away(tmp_path: Path) -> None:
    (tmp_path / "ends.json").write_text('{"frozen": 3}')
    done = subprocess.run(
        [sys.executable, "-c", ON_A_FULL_DISK, tmp_path], cwd=ROOT, check=True, capture_output=True, text=True, timeout=60
    )
    assert done.stdout == f"the state directory {tmp_path} takes nothing: File too large\n"
    assert not (tmp_path / "worker-id").exists()
    assert (tmp_path / "ends.json").read_text() == '{"frozen": 3}'

"""What a newer version has written is refused with a sentence, before anything of it is touched: in a state directory and in a changelog."""

from pathlib import Path

import msgspec
import pytest

from streams.errors import WRONG_USAGE, WrongUsage
from streams.worker.changelog import restore
from streams.worker.position import META_CHANGELOG, META_POSITION, POSITION_KEY, Position, decode_position
from tables.keys import profile_key
from tables.state import Profile
from tables.stored import FORMAT, NewerFormatError, encode
from tests.unit.streams.recovering import Quiet, opened, recover

WAY_OUT = "run that version again, or a newer one"


def position(states: int) -> bytes:
    return msgspec.json.encode(Position(cycle=1, states=states))


def test_a_state_directory_of_a_newer_version_is_refused_and_says_what_to_do(tmp_path: Path) -> None:
    reactions = opened(tmp_path)
    reactions.table.restore({}, {META_CHANGELOG: b"7", META_POSITION: position(FORMAT + 1)})
    reactions.table.close()
    with pytest.raises(WrongUsage, match=f"^partition 1: .*format {FORMAT + 1}.*{WAY_OUT}$") as refused:
        recover(tmp_path, Quiet(), [1])
    assert refused.value.exit_code == WRONG_USAGE
    opened(tmp_path).table.close()  # nothing was left open


def test_one_of_this_version_and_of_those_before_goes_on(tmp_path: Path) -> None:
    for states in (FORMAT - 1, FORMAT):
        reactions = opened(tmp_path)
        reactions.table.restore({}, {META_CHANGELOG: b"7", META_POSITION: position(states)})
        reactions.table.close()
        found = recover(tmp_path, Quiet(), [1])
        assert found[1].position.states == FORMAT, "what it writes is of its own format"
        found[1].table.close()


@pytest.mark.parametrize(
    ("states", "told"),
    [
        pytest.param([(profile_key("p1"), bytes([FORMAT + 1]) + b"?")], WrongUsage, id="states of a newer format"),
        pytest.param([], WrongUsage, id="a cycle of a newer version that changed no state"),
    ],
)
def test_a_changelog_of_a_newer_version_is_refused_before_any_of_it_is_written(
    tmp_path: Path, states: list[tuple[bytes, bytes | None]], told: type[Exception]
) -> None:
    reactions = opened(tmp_path)
    before = (profile_key("p0"), encode(Profile(1)))
    with pytest.raises(told, match=WAY_OUT):
        restore(reactions, [before, *states, (POSITION_KEY, position(FORMAT + 1))], 9, last=True)
    assert reactions.table.meta(META_POSITION) is None
    assert list(reactions.table.profiles()) == []  # type: ignore[attr-defined]  # a real table
    reactions.table.close()


def test_a_single_state_of_a_newer_version_is_refused_too(tmp_path: Path) -> None:
    reactions = opened(tmp_path)
    states: list[tuple[bytes, bytes | None]] = [(profile_key("p1"), bytes([FORMAT + 1]) + b"?"), (POSITION_KEY, position(FORMAT))]
    with pytest.raises(NewerFormatError, match="or a newer one"):
        restore(reactions, states, 9, last=True)
    reactions.table.close()


def test_a_position_of_before_formats_stood_in_it_is_read() -> None:
    assert decode_position(b'{"format":1,"cycle":4,"inputs":{"purchases":9}}').states == FORMAT

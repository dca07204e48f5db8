"""Lines come out whole, in order and numbered, however the file is cut into chunks."""

import gzip
import os
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.errors import WrongUsage
from streams.replay.lines import LINE_BYTES_MAX, DamagedFileError, check_readable, read_blocks, total_bytes


def lines_of(path: Path, chunk_bytes: int = 1024) -> list[tuple[int, bytes]]:
    blocks = list(read_blocks([str(path)], lambda _: None, chunk_bytes))
    return [(number, line) for block in blocks for number, line in enumerate(block.lines, block.first)]


@given(
    content=st.lists(st.binary(max_size=20).map(lambda line: line.replace(b"\n", b""))),
    chunk=st.integers(1, 50),
    ended=st.booleans(),
)
def test_chunks_do_not_show(tmp_path_factory: pytest.TempPathFactory, content: list[bytes], chunk: int, ended: bool) -> None:
    path = tmp_path_factory.mktemp("lines") / "in.jsonl"
    text = b"\n".join([b"first", *content, b"last"]) + (b"\n" if ended else b"")
    path.write_bytes(text)
    assert lines_of(path, chunk) == list(enumerate([b"first", *content, b"last"], 1))
    path.write_bytes(gzip.compress(text))
    assert lines_of(path, chunk) == list(enumerate([b"first", *content, b"last"], 1))


def test_a_line_that_is_far_too_long_comes_cut_and_the_next_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(b"one\n" + b"x" * (3 * LINE_BYTES_MAX) + b"\nthree\nfour")
    found = lines_of(path, 256 * 1024)
    assert [number for number, _ in found] == [1, 2, 3, 4]
    assert LINE_BYTES_MAX < len(found[1][1]) < LINE_BYTES_MAX + 512 * 1024
    assert [line for _, line in found[2:]] == [b"three", b"four"]


@pytest.mark.timeout(30)
def test_a_line_of_a_pipe_comes_when_it_is_written_and_not_when_there_are_many() -> None:
    read, write = os.pipe()
    blocks = read_blocks([f"/dev/fd/{read}"], lambda _: None)
    for written, lines in [(b"one\ntw", [b"one"]), (b"o\nthree\n", [b"two", b"three"]), (b"four\nfi", [b"four"])]:
        os.write(write, written)
        assert next(blocks).lines == lines
    os.write(write, b"ve")
    os.close(write)
    assert [block.lines for block in blocks] == [[b"five"]]
    os.close(read)


@pytest.mark.timeout(30)
def test_a_compressed_pipe_is_known_by_its_beginning_though_that_comes_in_pieces() -> None:
    read, write = os.pipe()
    packed = gzip.compress(b"one\ntwo\n")
    os.write(write, packed[:1])

    def rest() -> None:
        time.sleep(0.3)
        os.write(write, packed[1:])
        os.close(write)

    writer = threading.Thread(target=rest)
    writer.start()
    assert [block.lines for block in read_blocks([f"/dev/fd/{read}"], lambda _: None)] == [[b"one", b"two"]]
    writer.join()
    os.close(read)


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(b"\xef\xbb\xbf{}\n\xef\xbb\xbf{}")
    assert lines_of(path) == [(1, b"{}"), (2, b"\xef\xbb\xbf{}")]


def test_an_empty_file_has_no_lines(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(b"")
    assert lines_of(path) == []


def test_what_is_read_is_counted_as_it_lies_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl.gz"
    path.write_bytes(gzip.compress(b"line\n" * 10_000))
    counted: list[int] = []
    assert sum(len(block.lines) for block in read_blocks([str(path)], counted.append, 100)) == 10_000
    assert sum(counted) == total_bytes([str(path)]) == path.stat().st_size


def test_a_gzip_file_that_is_cut_off_gives_its_whole_lines_first(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl.gz"
    path.write_bytes(gzip.compress(b"".join(b"%d\n" % number for number in range(20_000)))[:-300])
    found: list[bytes] = []
    whole = (line for block in read_blocks([str(path)], lambda _: None) for line in block.lines)
    with pytest.raises(DamagedFileError, match=r"in\.jsonl\.gz: the gzip file is damaged or cut off \([^)]*\)$"):
        found.extend(whole)
    assert 10_000 < len(found) < 20_000
    assert found == [b"%d" % number for number in range(len(found))]


def test_standard_input_has_no_size() -> None:
    assert total_bytes(["-"]) is None


def test_a_folder_is_no_input(tmp_path: Path) -> None:
    with pytest.raises(WrongUsage, match=f"^{tmp_path}: is a folder; name the files in it$"):
        check_readable([str(tmp_path)])


def test_standard_input_that_is_closed_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(WrongUsage, match="standard input, which is closed"):
        check_readable(["-"])

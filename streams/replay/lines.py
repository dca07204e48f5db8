"""Lines of input files, read in large chunks: plain or gzip, a path or standard input.

Knows nothing of what a line means. It hands out blocks of lines, because a call for each line would cost as much as
applying it, and keeps no more in memory than a block and one line: a line longer than `LINE_BYTES_MAX` comes back cut, and
is too long to be a record anyway.
"""

import gzip
import io
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Protocol, cast

from streams.errors import WrongUsage

CHUNK_BYTES: Final = 256 * 1024
LINE_BYTES_MAX: Final = 16 * 1024 * 1024  # the largest record that is taken has 1 MiB
STANDARD_INPUT: Final = "-"
_GZIP_MAGIC: Final = b"\x1f\x8b"  # no JSON text begins so
_DAMAGE: Final = (EOFError, zlib.error, gzip.BadGzipFile)
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class DamagedFileError(WrongUsage):
    """A gzip file ends before its end, or is broken. What stands before that has been handed out, but for a line that is not whole."""


class _Content(Protocol):
    """A stream of bytes, compressed or not, that gives what it has."""

    def read1(self, size: int, /) -> bytes: ...


class Block(NamedTuple):
    """Some whole lines of one file, without their line ends; `first` is the number of the first one, from 1."""

    file: str
    first: int
    lines: list[bytes]


def total_bytes(paths: Sequence[str]) -> int | None:
    """What there is to read, as it lies on disk; None where standard input is among it."""
    if STANDARD_INPUT in paths:
        return None
    return sum(Path(path).stat().st_size for path in paths)


def check_readable(paths: Sequence[str]) -> None:
    """Say at the start, not after an hour, that the last file is missing."""
    for path in paths:
        if path == STANDARD_INPUT:
            if sys.stdin is None:
                raise WrongUsage("- is standard input, which is closed; name a file")
            continue
        if Path(path).is_dir():
            raise WrongUsage(f"{path}: is a folder; name the files in it")
        with Path(path).open("rb"):
            pass


def read_blocks(paths: Sequence[str], advanced: Callable[[int], None], chunk_bytes: int = CHUNK_BYTES) -> Iterator[Block]:
    """All lines of all files, in order. `advanced` is told how many bytes (as on disk) have been read since the last call.

    Raises `DamagedFileError`.
    """
    for path in paths:
        if path == STANDARD_INPUT:
            yield from _blocks_of("standard input", cast("io.BufferedIOBase", sys.stdin.buffer), advanced, chunk_bytes)
            continue
        with Path(path).open("rb") as raw:
            yield from _blocks_of(path, raw, advanced, chunk_bytes)


def _blocks_of(file: str, raw: io.BufferedIOBase, advanced: Callable[[int], None], chunk_bytes: int) -> Iterator[Block]:
    counted = _Counted(raw)
    stream = io.BufferedReader(counted, max(chunk_bytes, 1024))
    content: _Content = stream
    if stream.peek(2)[:2] == _GZIP_MAGIC:
        content = gzip.GzipFile(fileobj=stream)
    try:
        chunks = _as_it_comes(stream, chunk_bytes) if content is stream else _chunks(content, chunk_bytes)
        for first, lines in _split(chunks):
            advanced(counted.take())
            yield Block(file, first, lines)
    except _DAMAGE as error:
        raise DamagedFileError(f"{file}: the gzip file is damaged or cut off ({error})") from None


def _split(chunks: Iterator[bytes]) -> Iterator[tuple[int, list[bytes]]]:
    number = 1
    rest = b""
    skipping = False  # inside a line that has already been handed out, cut
    for chunk in chunks:
        lines = (rest + chunk).split(b"\n")
        rest = lines.pop()
        if number == 1 and lines and not skipping:
            lines[0] = lines[0].removeprefix(_BYTE_ORDER_MARK)
        if skipping and lines:
            del lines[0]
            skipping = False
        elif skipping:
            rest = b""
        if len(rest) > LINE_BYTES_MAX:
            lines.append(rest)
            rest, skipping = b"", True
        if lines:
            yield number, lines
            number += len(lines)
    if rest and not skipping:
        yield number, [rest.removeprefix(_BYTE_ORDER_MARK) if number == 1 else rest]


def _as_it_comes(content: _Content, chunk_bytes: int) -> Iterator[bytes]:
    """The content in pieces of at most so many bytes. Of a pipe they are as they were written: whoever writes a line now and then does not
    wait until the lines are many.
    """
    while part := content.read1(chunk_bytes):
        yield part


def _chunks(content: _Content, chunk_bytes: int) -> Iterator[bytes]:
    """The content in pieces of so many bytes; of a damaged file the bytes before the damage come first, and its error then."""
    while True:
        parts: list[bytes] = []
        left = chunk_bytes
        damage: Exception | None = None
        try:
            while left and (part := content.read1(left)):
                parts.append(part)
                left -= len(part)
        except _DAMAGE as error:
            damage = error
        if parts:
            yield b"".join(parts)
        if damage is not None:
            raise damage
        if left:
            return


class _Counted(io.RawIOBase):
    """Counts what is read through it, so that a progress bar speaks of the file on disk, compressed or not."""

    def __init__(self, raw: io.BufferedIOBase) -> None:
        super().__init__()
        self._raw = raw
        self._begun = False
        self._count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """What there is, without waiting for more; but of the first two bytes, which say whether it is compressed, never one alone."""
        data = self._raw.read1(len(buffer)) if self._begun else self._raw.read(2)
        self._begun = True
        buffer[: len(data)] = data
        self._count += len(data)
        return len(data)

    def take(self) -> int:
        count, self._count = self._count, 0
        return count

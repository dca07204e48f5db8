"""Faults of a file: errors as data. A wrong file is refused whole, with every fault at once."""

from collections.abc import Iterable
from difflib import SequenceMatcher, get_close_matches
from typing import NamedTuple

from schemas.instants import printable


class Fault(NamedTuple):
    """One thing that is wrong. `line` is 0 where the value was laid over the file; `path` is empty for the whole file.

    `reason` goes on from the path as a sentence does: "points.0.scale: must be 0 to 7, is 9".
    """

    file: str
    line: int
    path: str
    reason: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {printable(self.path)}: {self.reason}" if self.path else f"{where}: {self.reason}"


class ProgramFileError(ValueError):
    """A file that is refused, with every fault in it."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(faults, key=lambda fault: (fault.file, fault.line)))
        super().__init__("\n".join(str(fault) for fault in self.faults))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean scale?`, or nothing."""
    near = get_close_matches(word, list(known), 1)
    return f"; did you mean {near[0]}?" if near else ""


def is_mistyped(word: str, other: str) -> bool:
    """Whether it shares four fifths of its letters with another: `pionts` with `points`, but not `expires` with `expires_from`."""
    return SequenceMatcher(None, word, other).ratio() * 5 >= 4


def known_instead(word: str, known: Iterable[str]) -> str:
    """What may stand in the place of a word: the one that was mistyped, or all of them, where the nearest may well not be meant."""
    names = list(known)
    near = get_close_matches(word, names, 1)
    if near and is_mistyped(word, near[0]):
        return did_you_mean(word, names)
    if not names:
        return ""
    listed = ", ".join(names)
    return f"; did you mean {near[0]}? There are {listed}" if near else f"; there are {listed}"

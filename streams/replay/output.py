"""What a replay writes: one `.jsonl` a topic, every one of them also where it is empty, and `balances.jsonl`.

Each file is written beside its place and moved there at the end, so a run that was broken off never looks like a whole one, and
a second run replaces the first. Bytes depend on the records alone: no time of writing, no path, no order of a dictionary.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

from agents.outbox import Effect
from schemas.events import encode
from schemas.topics import BALANCES, OUTPUTS
from streams.errors import WrongUsage

BUFFER_BYTES: Final = 1024 * 1024
_UNFINISHED: Final = ".unfinished"
_TOPICS: Final = tuple(topic for topic in OUTPUTS if topic != BALANCES)


class Output:
    """The files of one run, in one folder. Leaving the block without `finish` takes the unfinished ones away."""

    def __init__(self, folder: Path) -> None:
        if folder.exists() and not folder.is_dir():
            raise WrongUsage(f"--output {folder}: is a file; name a folder")
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._files: dict[str, BinaryIO] = {}
        self._lines: dict[str, list[bytes]] = {topic: [] for topic in _TOPICS}
        try:
            for topic in (*_TOPICS, BALANCES):
                self._files[topic] = self._path(topic).open("wb", buffering=BUFFER_BYTES)
        except OSError:
            self._discard()
            raise

    def keep(self, inputs: Sequence[str]) -> None:
        """Raises `WrongUsage` where one of the files that are read would be replaced by one of these."""
        written = [place for topic in self._files if (place := self._place(topic)).exists()]
        for name in inputs:
            if any(place.samefile(name) for place in written if Path(name).exists()):
                raise WrongUsage(
                    f"--output {self._folder}: the input {name} is in it, and would be replaced; name another folder"
                )

    def _place(self, topic: str) -> Path:
        return self._folder / f"{topic}.jsonl"

    def _path(self, topic: str) -> Path:
        return self._folder / f".{topic}.jsonl{_UNFINISHED}"

    def write(self, effects: Iterable[Effect]) -> None:
        """Records, each to its topic's file, in order."""
        lines = self._lines
        for effect in effects:
            lines[effect.topic].append(encode(effect.record))
        for topic, waiting in lines.items():
            if waiting:
                waiting.append(b"")
                self._files[topic].write(b"\n".join(waiting))
                waiting.clear()

    def write_balances(self, rows: Iterable[bytes]) -> None:
        file = self._files[BALANCES]
        for row in rows:
            file.write(row)
            file.write(b"\n")

    def finish(self) -> None:
        """Everything is there: give the files their names."""
        for file in self._files.values():
            file.close()
        for topic in self._files:
            self._path(topic).replace(self._place(topic))
        self._files.clear()

    def _discard(self) -> None:
        for topic, file in self._files.items():
            with suppress(OSError):
                file.close()
            self._path(topic).unlink(missing_ok=True)
        self._files.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._discard()

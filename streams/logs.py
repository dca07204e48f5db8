"""What a worker says, on standard error: sentences for a person (`text`), or a JSON object a line for a machine (`json`).

Everything takes one way out: our own words, those of libraries through `logging`, librdkafka's through its logger. None of it holds
personal data: nobody logs a record, a key or a value, and of an exception the type and the place are told and never the message, for
that may quote what was being read. Whoever needs the record finds it as a dead letter.

Speaking never raises. Where standard error is on a full disk, or its reader has gone, the line is lost and nothing else: those who speak
are the pulse and the timers, too, and a worker must end, or go on, whether or not it can say so.
"""

import logging
import sys
import time
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal

import msgspec
import structlog
from confluent_kafka import KafkaException

from schemas.instants import printable

Format = Literal["text", "json"]
CLIENT: Final = logging.getLogger("librdkafka")
"""For clients of the broker: what they have to say comes the same way."""
_AGAIN_SECONDS: Final = 10.0
_KNOWN_MAX: Final = 1_000
_SPEAKS_SAFELY: Final = frozenset(
    {
        "FencedError",
        "MissingProgramError",
        "NewerFormatError",
        "RefusedError",
        "StateFormatError",
        "Stop",
        "StoreLockedError",
        "WrongUsage",
    }
)
"""Exceptions whose message is a sentence of ours that names no person."""

_PACKAGES: Final = frozenset({"streams", "agents", "tables", "schemas"})
_logger: Final = structlog.get_logger()


def configure(form: Format, process: str | None = None) -> None:
    """Once a process, before anything is said. `process`: which of several it is that share one standard error."""

    def of_whom(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return event if process is None else {**event, "process": process}

    structlog.configure(
        processors=[
            of_whom,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _as_json if form == "json" else _as_text,
        ],
        logger_factory=structlog.WriteLoggerFactory(
            sys.stderr
        ),  # a line and its end in one piece, where several processes share it
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [_Bridge()]
    root.setLevel(logging.WARNING)
    logging.getLogger("streams").setLevel(logging.INFO)
    logging.getLogger("streams.worker.app").setLevel(logging.WARNING)  # Faust's words about its own life, under our name


def say(event: str, sentence: str, level: str = "info", **facts: object) -> None:
    """`event` is a stable name for a machine, `sentence` for a person; `facts` stand beside them in JSON. Raises nothing."""
    with suppress(Exception):
        if not structlog.is_configured():
            configure("text")
        getattr(_logger, level)(event, message=sentence, **facts)


def told(error: BaseException) -> str:
    """An exception as it may be told: its own sentence where that is ours, else its type and where it was raised."""
    if isinstance(error, (OSError, KafkaException)) or type(error).__name__ in _SPEAKS_SAFELY:
        return f"{type(error).__name__}: {error}"
    return f"{type(error).__name__} at {place(error.__traceback__)}"


def place(trace: TracebackType | None) -> str:
    """`file:line in function`, of the innermost frame in our packages."""
    found = "an unknown place"
    while trace is not None:
        path = Path(trace.tb_frame.f_code.co_filename)
        if not _PACKAGES.isdisjoint(path.parts[-4:-1]):
            found = f"{'/'.join(path.parts[-2:])}:{trace.tb_lineno} in {trace.tb_frame.f_code.co_name}"
        trace = trace.tb_next
    return found


class _Bridge(logging.Handler):
    """`logging` into the one way out. The same line again within ten seconds is left out, and counted when it comes again."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, str, str], tuple[float, int]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._tell(record)
        except Exception:  # noqa: BLE001  # words and values that do not go together: whoever logs them is not to suffer for it
            say("log", "a line that could not be put into words", "warning", logger=record.name)

    def _tell(self, record: logging.LogRecord) -> None:
        message = _said_by(record)
        error = told(record.exc_info[1]) if record.exc_info and record.exc_info[1] is not None else ""
        known, now = (record.name, message[:80], error), time.monotonic()  # another error is no line that has been said
        at, left_out = self._said.get(known, (0.0, 0))
        if at and now - at < _AGAIN_SECONDS:
            self._said[known] = at, left_out + 1
            return
        if len(self._said) > _KNOWN_MAX:
            self._said.clear()
        self._said[known] = now, 0
        facts: dict[str, object] = {"left_out": left_out} if left_out else {}
        if error:
            facts["error"] = error
        level = "error" if record.levelno >= logging.ERROR else "warning" if record.levelno >= logging.WARNING else "info"
        say("log", message, level, logger=record.name, **facts)


def _said_by(record: logging.LogRecord) -> str:
    """A library that tells of an exception puts it into its sentence, too (`Crashed reason=%r`): then only the words around it are told."""
    if record.exc_info and record.name.partition(".")[0] not in _PACKAGES:
        return str(record.msg).partition("\n")[0]
    return record.getMessage()


def _as_text(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    error = f": {event['error']}" if "error" in event else ""
    whose = f"process {event['process']}: " if "process" in event else ""
    return printable(f"worker: {whose}{event['message']}{error}")  # a line, whatever somebody put into a name


def _as_json(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    first: Mapping[str, Any] = {key: event.pop(key) for key in ("timestamp", "level", "event", "message") if key in event}
    return msgspec.json.encode({**first, **event}).decode()

"""`pointstream demo`: start everything, show it, end everything, and say whether the figures add up.

Three processes: this one (till feed, reader, screen), the embedded broker, and the real worker with `--backfill`, whose ticks
follow event time, so that a simulated day can take a second. They end in this order, worker, feed, broker, whatever happens.
"""

import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from types import FrameType
from typing import Final, NamedTuple

from rich.console import Console

from streams.demo.audit import audit
from streams.demo.child import Child, child
from streams.demo.closing import Closing, close
from streams.demo.display import Display, NoDisplay, PlainDisplay, live_display
from streams.demo.feeder import Feeder
from streams.demo.reader import Reader
from streams.demo.screen import Frame, Rates
from streams.demo.story import Story
from streams.demo.tills import FIRST_DAY, Tills
from streams.embedded import embedded_broker
from streams.errors import FOUND_WRONG, Stop, WrongUsage

PROGRAM_FILE: Final = Path(__file__).with_name("club.yaml")
DAYS: Final = 42  # six weeks, a day a second
DEFAULT_RECEIPTS: Final = 42_000
_FEED_UNTIL_SECONDS: Final = 60.0  # after the start; a slow machine shows fewer days
_DRAIN_SECONDS: Final = 20.0
_FRAME_SECONDS: Final = 0.125
_SAMPLE_SECONDS: Final = 0.75
_QUIET_SECONDS: Final = 0.6
_STUCK_SECONDS: Final = 25.0
_SILENT_SECONDS: Final = 1.0
_KILLS_MAX: Final = 10


class DemoSettings(NamedTuple):
    """`receipts` None: as many as a minute holds. `plain`: lines instead of a picture, as where there is no terminal."""

    seed: int = 7
    receipts: int | None = None
    forever: bool = False
    plain: bool = False
    svg: Path | None = None
    as_json: bool = False
    crash: bool = False  # kill -9 the worker half-way


class DemoFailed(Stop):
    """One of the demo's own processes broke."""

    exit_code = FOUND_WRONG


def run_demo(settings: DemoSettings) -> int:
    """Run the demo; 0 if everything adds up, 1 if something does not. Ctrl-C and SIGTERM end the feed, not the summary."""
    if settings.svg is not None and not os.access(settings.svg if settings.svg.exists() else settings.svg.parent, os.W_OK):
        raise WrongUsage(f"--svg {settings.svg}: cannot be written there")
    console = Console(stderr=settings.as_json)
    with ExitStack() as stack:
        demo = _Demo(settings, console, stack)
        with _asked_to_end(demo.end):
            demo.run()
        frame, seconds = demo.frame("done"), demo.worked_seconds
    sent, story = demo.feeder.sent, demo.story
    return close(
        console, settings.as_json, settings.svg, Closing(frame, sent, story, audit(sent, story), seconds, demo.kills, demo.live)
    )


@contextmanager
def _asked_to_end(end: Callable[[], None]) -> Iterator[None]:
    """The first Ctrl-C or SIGTERM calls `end`, between two steps of whatever runs, so that no record is half read; the next interrupts."""
    asked = False

    def handle(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        end()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Demo:
    def __init__(self, settings: DemoSettings, console: Console, stack: ExitStack) -> None:
        self.live = console.is_terminal and not settings.plain and not settings.as_json
        self.story = Story()
        self.worked_seconds = 0.0
        self._settings = settings
        self._console = console
        self._started = self._moved = time.monotonic()
        self._first_outcome: float | None = None
        self._rates, self._sampled = Rates(), 0.0
        self._notice = ""
        self._ending = False
        self.kills = 0  # how often the worker was, by us (`crash`) or by whoever watches
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pointstream-demo-")))
        broker = stack.enter_context(embedded_broker(announce=self._announce))
        self._reader = Reader(broker.address, self.story)
        stack.callback(self._reader.close)
        receipts = settings.receipts or DEFAULT_RECEIPTS
        self._count = None if settings.forever else receipts
        per_day = -(-receipts // DAYS)
        tills = Tills(settings.seed, per_day)
        self.feeder = Feeder(broker.address, tills.records(), per_day, self._count, lambda: self.story.accounted)
        stack.callback(self.feeder.stop)
        arguments = [
            "worker",
            "--broker",
            broker.url,
            "--program",
            str(PROGRAM_FILE),
            "--state",
            str(folder / "state"),
            "--backfill",
        ]
        self._worker: Child = stack.enter_context(child(arguments, folder / "worker.log"))

    def end(self) -> None:
        """No more receipts; `run` goes on to the summary of those that were sent."""
        self._ending = True
        self.feeder.stop()

    def run(self) -> None:
        """Feed to the end, then wait for the last outcome."""
        with live_display(self._console) if self.live else nullcontext(self._lines()) as display:
            self.feeder.start()
            while self.feeder.is_alive():
                self._step(display, self._phase())
                if self._ends_by_itself() and time.monotonic() - self._started > _FEED_UNTIL_SECONDS:
                    self.feeder.stop()
            self._drain(display)

    def _drain(self, display: Display) -> None:
        """Until every record sent has come to an outcome and all that was published is read; not longer than is sensible."""
        self.feeder.join(_DRAIN_SECONDS)
        now = quiet_since = time.monotonic()
        until = now + _DRAIN_SECONDS
        while now < until:
            read = self._step(display, "waiting for the last receipts", sample=False)
            now = time.monotonic()
            if read:
                quiet_since = now
            elif (
                self.story.accounted >= self.feeder.sent.records and now - quiet_since > _QUIET_SECONDS and self._reader.at_end()
            ):
                return

    def frame(self, phase: str) -> Frame:
        clock = self.feeder.clock
        return Frame(
            title="High Street Club",
            subtitle="five shops and a webshop",
            clock=clock,
            day=(clock.date() - FIRST_DAY).days + 1 if clock else 0,
            days=DAYS if self._count else None,
            progress=self.feeder.produced / self._count if self._count else None,
            rates=self._rates.values,
            backlog=max(0, self.feeder.sent.records - self.story.accounted),
            phase=phase,
            notice=self._notice,
        )

    def _step(self, display: Display, phase: str, *, sample: bool = True) -> int:
        """Read for the time of one frame, then draw it; how many records were read."""
        read, until = 0, time.monotonic() + _FRAME_SECONDS
        while (left := until - time.monotonic()) > 0:
            read += self._reader.read(left)
        now = time.monotonic()
        if self.story.accounted and self._first_outcome is None:
            self._first_outcome = now
        if read:
            self._moved = now
        if read and self._first_outcome is not None:
            self.worked_seconds = now - self._first_outcome
        if sample and now - self._sampled >= _SAMPLE_SECONDS:
            self._rates.add(now, self.story.accounted)
            self._sampled = now
        self.story.tell()
        display.show(self.frame(phase), self.story)
        self._check_processes()
        return read

    def _check_processes(self) -> None:
        if self.story.accounted < self.feeder.sent.records and time.monotonic() - self._moved > _STUCK_SECONDS:
            raise DemoFailed(
                f"nothing has come from the worker for {_STUCK_SECONDS:.0f} s; it said last: {self._worker.last_words()}"
            )
        if self._settings.crash and not self.kills and self._half_way():
            self._worker.kill()
        code = self._worker.exit_code()
        if code == -signal.SIGKILL and self.kills < _KILLS_MAX:
            self.kills += 1
            self._worker.start_again()
        elif code is not None:
            raise DemoFailed(f"the worker ended with {code}; it said last: {self._worker.last_words()}")
        if self.feeder.error is not None:
            raise DemoFailed(f"the till feed failed: {self.feeder.error}")

    def _phase(self) -> str:
        if self._ending:
            return "ending"
        if self._first_outcome is None:
            return "starting the worker"
        if time.monotonic() - self._moved > _SILENT_SECONDS:
            return "the worker was killed; another takes over" if self.kills else "waiting for the worker"
        return f"running; Ctrl-C ends it, kill -9 {self._worker.pid} tests it"

    def _half_way(self) -> bool:
        return self.feeder.produced >= (self._count or DEFAULT_RECEIPTS) // 2

    def _ends_by_itself(self) -> bool:
        return self._settings.receipts is None and not self._settings.forever

    def _lines(self) -> Display:
        return NoDisplay() if self._settings.as_json else PlainDisplay(self._console)

    def _announce(self, line: str) -> None:
        self._notice = line
        if not self.live:
            self._console.print(line, style="dim", highlight=False, soft_wrap=True)

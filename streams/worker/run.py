"""Where a worker starts: settings in, exit code out. The one module that puts the parts together.

Exit codes: 0 asked to end and all is committed; 2 something must be put right first (a sentence on standard error says what);
75 it ended itself so as to do no harm, and starting it again is the cure.
"""

import asyncio
import gc
import os
import re
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from types import FrameType
from typing import Final

from confluent_kafka import KafkaException

from schemas.program import Catalog
from streams.brokers import reason
from streams.errors import BrokerAway, Stop, WrongFiles, WrongUsage
from streams.health.ends import note_end
from streams.health.server import serve
from streams.logs import configure, say
from streams.metrics.watching import Watching
from streams.programs import programs_in_force
from streams.topics import verify
from streams.worker.alone import InUseError, alone_in
from streams.worker.broker import Broker
from streams.worker.cycle import Publish
from streams.worker.engine import Engine
from streams.worker.fleet import MEMBER
from streams.worker.logic import LedgerLogic, Logic
from streams.worker.planned import Planned
from streams.worker.programs import FollowedPrograms
from streams.worker.pulse import TRY_AGAIN
from streams.worker.settings import WorkerSettings
from streams.worker.transactional import Transactional
from streams.worker.watch import Watch

_NAME: Final = re.compile(rb"[!-~]{1,200}")
_ASKING: Final = (signal.SIGTERM, signal.SIGINT)


def run_worker(settings: WorkerSettings, logic: Logic | None = None) -> int:
    """Run until SIGTERM or SIGINT, or until it must not go on. `logic`: what it runs instead of the ledger (tests)."""
    configure(settings.log_format, os.environ.get(MEMBER))
    try:
        with _asked_like_ctrl_c():
            if MEMBER in os.environ:
                _end_with_the_fleet(sys.stdin.fileno())
            if settings.programs and logic is None:
                programs_in_force(settings.programs, settings.without)  # what is wrong with them is said before a broker is asked
            settings.state.mkdir(0o700, parents=True, exist_ok=True)  # what lies there is about people
            with alone_in(settings.state):
                if settings.metrics_port is None:
                    said = _work(settings, logic, None)
                else:
                    watching = Watching(settings, Catalog([]))
                    with serve(settings.metrics_port, settings.metrics_address, watching.registry, watching.health):
                        said = _work(settings, logic, watching)
    except InUseError as used:  # no end of a worker that lives here, and not to be counted as one
        say("refused", used.message, "error")
        return used.exit_code
    except BrokerAway as away:
        _count(settings, "other")
        say("ended", away.message, "error")
        return TRY_AGAIN
    except Stop as stop:
        _count(settings, "refused")
        say("refused", stop.message, "error")
        return stop.exit_code
    except KafkaException as error:  # it answered, and then a broker of it went away, or a coordinator moved
        _count(settings, "other")
        say("ended", f"{settings.broker} failed while the worker was starting: {reason(error)}", "error")
        return TRY_AGAIN
    except KeyboardInterrupt:
        say("ended", "it was asked to end before it had begun")
        return 0
    except Exception:
        _count(settings, "other")
        raise
    if said[0] is None:
        say("ended", "it was asked to end, and has left its group")
    else:
        say("ended", said[0], "error")
    return said[1]


def _count(settings: WorkerSettings, why: str) -> None:
    """An end that came before there was an engine to tell it, for `worker_ends_total`: where nobody looks nothing is counted, as ever."""
    if settings.metrics_port is not None:
        note_end(settings.state, why)


@contextmanager
def _asked_like_ctrl_c() -> Iterator[None]:
    """Whoever is asked to end while it starts has nothing under way: it ends at once and well, and not as one whom a signal killed."""

    def end(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, end) for number in _ASKING}
    try:
        yield
    except KeyboardInterrupt:
        _is_ending()
        raise
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, handler)


def _is_ending() -> None:
    """Whoever asks from here on asks for what is being done: it ends as well as if it had been asked once."""
    for number in _ASKING:
        signal.signal(number, signal.SIG_IGN)


def _end_with_the_fleet(pipe: int) -> None:
    """Whoever started this process holds the other end. Where that is closed nobody is left to ask this one to end, and it asks itself: from
    its first moment on, for while it waits for a broker it has no loop that could look.
    """

    def wait() -> None:
        while os.read(pipe, 1):
            pass  # nothing is ever written there
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="fleet", daemon=True).start()


def _work(settings: WorkerSettings, logic: Logic | None, watch: Watch | None) -> tuple[str | None, int]:
    """Why it ended, if not because it was asked to, and the exit code."""
    if not settings.embedded:
        settings = replace(settings, instance_id=settings.instance_id or _state_id(settings))
    broker = Broker(settings)
    broker.wait()
    partitions = broker.partitions()
    if not settings.embedded:
        verify(settings.cluster)
    if watch is not None:
        watch.topics(partitions)
    programs = None
    if logic is None:
        logic = ledger = LedgerLogic(Catalog([]), settings.state_bytes, logged=settings.embedded)
        if settings.programs:
            _publish(settings)
        patience_seconds = settings.stuck_ms * 3 / 4000
        programs = FollowedPrograms(settings.cluster, settings.without, ledger, broker, partitions, watch, patience_seconds)
        programs.follow()
    publish: Publish = Planned(settings) if settings.embedded else Transactional(settings, settings.instance_id or "", broker)
    with suppress(KafkaException):  # at once, for others wait for what a predecessor left open; else with the first recovery
        publish.renew()
    _collect_garbage_rarely()
    say("started", f"group {settings.app_id} on {settings.broker}, {partitions} partitions, state in {settings.state}")
    try:
        return asyncio.run(_run(Engine(settings, logic, broker, publish, partitions, watch, programs)))
    finally:
        if programs is not None:
            programs.end()


def _publish(settings: WorkerSettings) -> None:
    """A worker that is given a folder publishes what of it is not in the topic yet; what it runs comes from the topic, as everywhere."""
    from streams.published.run import publish, sources

    try:
        planned = publish(settings.cluster, sources(settings.programs), without=settings.without, may_replace=False)
    except WrongFiles as wrong:
        for line in wrong.lines:
            say("wrong-program", line, "error")
        raise
    for offer in planned.new:
        say("published", f"published {offer.key} ({offer.published.file})")


async def _run(engine: Engine) -> tuple[str | None, int]:
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _ASKING:
        loop.add_signal_handler(number, asked.set)
    await engine.run(asked)
    for number in _ASKING:
        loop.remove_signal_handler(number)  # the loop's end would do so, too, and have the next signal kill
    _is_ending()
    return engine.said, engine.exit_code


def _collect_garbage_rarely() -> None:
    """Nothing here makes circles in numbers, and looking for them would cost a tenth of the speed: a cycle ends before there is a look."""
    gc.freeze()
    gc.set_threshold(1_000_000, 20, 100)


def _state_id(settings: WorkerSettings) -> str:
    """A name that stays with the state directory: two workers never share one, and a restart finds it again, on another machine too.

    What is no name, such as the zeros that a machine without power leaves of a file, counts as none: of those all would be alike.
    """
    path = settings.state / "worker-id"
    with suppress(FileNotFoundError):
        if _NAME.fullmatch(found := path.read_bytes().strip()):
            return found.decode()
    name = f"worker-{os.urandom(6).hex()}"
    unfinished = path.with_suffix(".unfinished")
    try:
        unfinished.write_text(name)
        unfinished.replace(
            path
        )  # there whole or not at all: an empty name would be no member's, and one transactional id for all
    except OSError as error:
        raise WrongUsage(f"the state directory {settings.state} takes nothing: {error.strerror or error}") from None
    return name

"""Several worker processes under one command: Python uses one core a process, so a machine with more needs more of them.

Each process is a whole worker, as if it had been started by hand: a member of the group with a state directory and a transactional id
of its own, so nothing that one of them does depends on the others. This file starts them, passes on what it is asked, and ends all where
one ends: whoever supervises a worker sees one process that runs, or one that has ended with a reason. Each of them holds one end of a
pipe; where this process is killed, they find the other end closed, commit and leave.

Whoever supervises asks one port, the first one's. So where processes have ports this one asks them all whether they live, and one that
hangs is killed and is the reason why all end. Without ports nobody looks.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Final

from streams.health.asking import Asked, keep_asking, lives
from streams.health.ends import note_end
from streams.logs import say
from streams.worker.pulse import TRY_AGAIN
from streams.worker.settings import WorkerSettings

MEMBER: Final = "POINTSTREAM_MEMBER"
"""Set for a process of a fleet, to its number: its standard input is the pipe."""
_HOME: Final = str(Path(__file__).resolve().parents[2])
_LOOK_SECONDS: Final = 0.1
_BEFORE_IT_BEGAN: Final = -signal.SIGTERM  # our own, while Python was still loading it: nothing had been taken on
_LET_GO_SECONDS: Final = 55.0  # a worker ends by itself sooner, whatever its broker does


def run_fleet(settings: WorkerSettings, processes: int) -> int:
    """Run so many workers until SIGTERM or SIGINT, or until one of them ends. Returns the exit code of the first
    that ended, or 75 where one hung.
    """
    asked: list[int] = []

    def ask(number: int, _frame: FrameType | None) -> None:
        asked.append(number)

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    environment = os.environ | settings.security.environment()
    fleet = [
        subprocess.Popen(_command(settings, number, processes), stdin=subprocess.PIPE, env=environment | {MEMBER: str(number)})
        for number in range(processes)
    ]
    answers = _ask(settings, processes)
    try:
        hung = None
        while not asked and hung is None and all([worker.poll() is None for worker in fleet]):
            time.sleep(_LOOK_SECONDS)
            hung = next((number for number, asked_of in enumerate(answers) if asked_of.hangs), None)
        codes = [worker.returncode for worker in fleet if worker.returncode is not None]
        if hung is not None and not codes:
            _kill(fleet[hung], settings, hung, processes)
            codes = [TRY_AGAIN]
        elif codes:
            say("process-ended", f"one of {processes} processes ended with {codes[0]}; the others are asked to end, too", "error")
    finally:
        _end(fleet)
        for number, handler in before.items():
            signal.signal(number, signal.SIG_IGN if asked else handler)  # to be asked twice is no more than once
    codes = [*codes, *[worker.returncode for worker in fleet if worker.returncode != _BEFORE_IT_BEGAN]]
    return next((_exit_code(code) for code in codes if code), 0)


def _ask(settings: WorkerSettings, processes: int) -> list[Asked]:
    """What each says of itself from now on; none where they have no ports."""
    if settings.metrics_port is None:
        return []
    answers = [Asked(settings.stuck_ms / 1000) for _ in range(processes)]
    for number, asked in enumerate(answers):
        keep_asking(asked, partial(lives, settings.metrics_address, settings.metrics_port + number))
    return answers


def _kill(worker: "subprocess.Popen[bytes]", settings: WorkerSettings, number: int, processes: int) -> None:
    """It can neither be asked to end nor tell why it did."""
    say(
        "process-hangs",
        f"one of {processes} processes (pid {worker.pid}) no longer says that it lives, and is killed; the others are asked to end, too",
        "error",
    )
    worker.kill()
    worker.wait()
    note_end(_state(settings, number), "stuck")


def _state(settings: WorkerSettings, number: int) -> Path:
    return settings.state / f"process-{number}"


def _command(settings: WorkerSettings, number: int, processes: int) -> list[str]:
    """One worker: all that is set, as flags, so that the environment decides nothing anew."""
    flags = {
        "broker": settings.broker,
        "state": _state(settings, number),
        "app-id": settings.app_id,
        "cycle-ms": settings.cycle_ms,
        "cycle-records": settings.cycle_records,
        "session-timeout-ms": settings.session_timeout_ms,
        "transaction-timeout-ms": settings.transaction_timeout_ms,
        "stuck-ms": settings.stuck_ms,
        "log-format": settings.log_format,
        "memory": settings.memory_bytes // processes,
        "standby-replicas": settings.standby_replicas,
        "processes": 1,
        **settings.security.flags(),
    }
    if settings.metrics_port is not None:
        flags |= {"metrics-port": settings.metrics_port + number, "metrics-address": settings.metrics_address}
    if settings.instance_id is not None:
        flags["instance-id"] = f"{settings.instance_id}-{number}"
    parts = [f"--{name}={value}" for name, value in flags.items()]
    parts += [f"--program={path}" for path in settings.programs] + [f"--without={path}" for path in settings.without]
    parts += ["--backfill"] if settings.backfill else []
    run = f"import sys; sys.path.insert(0, {_HOME!r}); from streams.cli.entry import main; main()"  # whatever this process runs from
    return [sys.executable, "-P", "-c", run, "worker", *parts]


def _end(fleet: Sequence["subprocess.Popen[bytes]"]) -> None:
    """All at once, so that they let go of their partitions together; whoever does not end in time is killed."""
    for worker in fleet:
        if worker.poll() is None:
            worker.terminate()
    until = time.monotonic() + _LET_GO_SECONDS
    for worker in fleet:
        try:
            worker.wait(max(until - time.monotonic(), 0))
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()


def _exit_code(code: int) -> int:
    """As a shell tells it, where a signal ended the process."""
    return code if code >= 0 else 128 - code

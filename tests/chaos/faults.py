"""Faults: when which one strikes and whom, from the seed, and the fleet that they strike.

A fault's moment is a share of the records applied, not a time: so the same seed strikes the same work on a slow machine. Which worker
it is, and how long it stays away, the same dice say. Processes are ended by their pid.
"""

import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

from streams.worker.pulse import TRY_AGAIN
from tests.chaos.plan import Plan
from tests.kafka.help import Process

SESSION_SECONDS: Final = 6.0
_BEYOND_SECONDS: Final = 2.0
_EARLIEST, _LATEST = 0.02, 0.95
COMMAND: Final = "import sys; from streams.cli.main import run; sys.exit(run(sys.argv[1:]))"
_BEFORE_IT_BEGAN: Final = -signal.SIGTERM  # asked to end while Python was still loading it: nothing had been taken on
_ENDING_AS_ASKED: Final = "the client is stuck, ending as asked"  # the broker's restart was too much for it
KILL, FREEZE, LOSS, BROKER = "kill -9", "freeze", "loss of state", "broker restart"


class Fault(NamedTuple):
    at: int  # records applied
    kind: str


def schedule(plan: Plan, dice: Random) -> list[Fault]:
    kinds = [KILL] * plan.kills + [FREEZE] * plan.freezes + [LOSS] * plan.losses + [BROKER] * plan.broker_restarts
    return sorted(Fault(int(plan.records * dice.uniform(_EARLIEST, _LATEST)), kind) for kind in kinds)


class Member:
    """One place in the fleet: the process that has it now, and when it is started again or thawed."""

    def __init__(self, number: int, folder: Path) -> None:
        self.name = f"worker-{number}"
        self.state = folder / self.name
        self.log = folder / f"{self.name}.log"
        self.process: Process | None = None
        self.start_at = 0.0
        self.thaw_at: float | None = None
        self.woken = False


class Fleet:
    """Keeps its members running as a supervisor would, and has faults done to them. Call `turn` often."""

    def __init__(self, plan: Plan, servers: str, programs: Path, folder: Path, say: Callable[[str], None], dice: Random) -> None:
        self.members = [Member(number, folder) for number in range(1, plan.workers + 1)]
        self.done: list[Fault] = []
        self.wrong: list[str] = []  # ends that no fault explains
        self.by_themselves = 0  # ended so as to do no harm, to be started again
        self._say = say
        self._dice = dice
        self._arguments = (
            f"worker --backfill --session-timeout-ms {SESSION_SECONDS * 1000:.0f} --transaction-timeout-ms 10000 --memory 96MiB "
            f"--broker kafka://{servers} --program {programs}"
        ).split()

    def turn(self) -> None:
        now = time.monotonic()
        for member in self.members:
            process = member.process
            if process is None:
                if now >= member.start_at:
                    member.process = Process(["-c", COMMAND, *self._arguments, "--state", str(member.state)], member.log)
            elif member.thaw_at is not None:
                if now >= member.thaw_at:
                    process.thaw()
                    member.thaw_at, member.woken = None, True
            elif process.ended() is not None:
                self._ended(member, process)

    def _ended(self, member: Member, process: Process) -> None:
        code = process.ended()
        last = process.said().strip().splitlines()[-1:]
        if code == TRY_AGAIN:
            self.by_themselves += not member.woken
            self._say(f"{member.name} ended itself: {' '.join(last)}")
        else:
            self.wrong.append(f"{member.name} ended with {code}:\n{process.said()}")
            self._say(f"{member.name} ended with {code}, which no fault explains")
        member.woken = False
        self._away(member)

    def _away(self, member: Member) -> None:
        member.process = None
        member.start_at = time.monotonic() + self._dice.uniform(0.0, 2.0)

    def told(self) -> str:
        """Who is there, in a word each."""
        words = []
        for member in self.members:
            frozen = member.thaw_at is not None
            words.append("frozen" if frozen else "away" if member.process is None else "up")
        return " ".join(words)

    def strike(self, fault: Fault) -> bool:
        """Do it to somebody who is there; False: nobody is, try again in a moment."""
        there = [one for one in self.members if one.process is not None and one.thaw_at is None and one.process.ended() is None]
        if not there:
            return False
        member = self._dice.choice(there)
        process = member.process
        assert process is not None
        self._say(f"{fault.kind}: {member.name}")
        if fault.kind == KILL:
            process.kill()
            self._away(member)
        elif fault.kind == FREEZE:
            process.freeze()
            member.thaw_at = time.monotonic() + SESSION_SECONDS + _BEYOND_SECONDS
        else:
            self._stop(member, process)
            shutil.rmtree(member.state, ignore_errors=True)
            self._away(member)
        self.done.append(fault)
        return True

    def _stop(self, member: Member, process: Process) -> None:
        started = time.monotonic()
        code = process.end(60.0)
        if code == TRY_AGAIN and _ENDING_AS_ASKED in process.said():
            self.by_themselves += 1
        elif code not in (0, _BEFORE_IT_BEGAN) and not (code == TRY_AGAIN and member.woken):
            self.wrong.append(f"{member.name} was asked to end, and ended with {code}:\n{process.said()}")
        self._say(f"{member.name} ended {time.monotonic() - started:.1f} s after it was asked to")

    def stop(self) -> None:
        """All of them, orderly."""
        for member in self.members:
            process = member.process
            if process is not None and process.ended() is None:
                self._stop(member, process)
            member.process = None

    def kill(self) -> None:
        """Whatever is left of them."""
        for member in self.members:
            if member.process is not None and member.process.ended() is None:
                member.process.thaw()
                member.process.kill()

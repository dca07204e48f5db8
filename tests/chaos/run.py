"""A run of chaos from beginning to end: a broker of its own, the feed, the fleet, the faults, then the claims, one line each.

Bounded in time and in what it leaves behind: every process that it starts it also ends, by its pid. Where a claim does not hold, the folder
with logs, states and the exported run stays, and its place is told.
"""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random
from typing import Final, Self

from tests.chaos.applied import Applied
from tests.chaos.comparison import CHECKS
from tests.chaos.evidence import Evidence, Wrong
from tests.chaos.faults import BROKER, Fault, Fleet, schedule
from tests.chaos.feed import Feed, Shop
from tests.chaos.plan import Plan
from tests.chaos.programs import PROGRAMS
from tests.kafka.help import COMMAND, create_topics, free_ports

_TOLD_EVERY_SECONDS: Final = 5.0
_SETTLE_SECONDS: Final = 4.0


class Chaos:
    def __init__(self, plan: Plan, folder: Path | None = None) -> None:
        """`folder`: where everything lies; else a temporary one that goes away with a good end."""
        self.passed = self.failed = 0
        self._plan = plan
        self._own = folder is None
        self.folder = folder or Path(tempfile.mkdtemp(prefix="pointstream-chaos-"))
        self._began = time.monotonic()

    def say(self, text: str) -> None:
        print(f"{time.monotonic() - self._began:7.1f} s  {text}", flush=True)

    def run(self) -> int:
        """0 if every claim holds. The last line says how many did."""
        plan = self._plan
        self.say(f"seed {plan.seed}: {plan}")
        try:
            with OwnBroker(self.folder / "kafka") as broker:
                create_topics(broker.servers, plan.partitions)
                evidence = self._under_faults(broker)
                for check in CHECKS:
                    self._check(check.__name__.replace("_", " "), partial(check, evidence))
        finally:
            if self._own and not self.failed and self.passed:
                shutil.rmtree(self.folder, ignore_errors=True)
            else:
                self.say(f"logs, states and the run are in {self.folder}")
            print(f"{self.passed} passed, {self.failed} failed", flush=True)
        return 1 if self.failed else 0

    def _check(self, claim: str, holds: Callable[[], str]) -> None:
        started = time.monotonic()
        try:
            said = holds()
        except (Wrong, OSError, ValueError) as error:
            self.failed += 1
            self.say(f"FAILED  {claim}: {error}")
        else:
            self.passed += 1
            self.say(f"passed  {claim} ({time.monotonic() - started:.0f} s): {said}")

    # while it runs

    def _under_faults(self, broker: "OwnBroker") -> Evidence:
        plan, folder = self._plan, self.folder
        programs = folder / "programs"
        programs.mkdir(exist_ok=True)
        for name, text in PROGRAMS.items():
            (programs / f"{name}.yaml").write_text(text)
        faults = schedule(plan, Random(f"faults {plan.seed}"))
        for fault in faults:
            self.say(f"planned at {fault.at:>9,}: {fault.kind}")
        applied = Applied(broker.servers, plan.partitions)
        feed = Feed(broker.servers, Shop(plan.records, plan.profiles, plan.seed), plan.ahead, lambda: applied.total)
        fleet = Fleet(plan, broker.servers, programs, folder, self.say, Random(f"victims {plan.seed}"))
        try:
            feed.start()
            in_time = self._until_all_is_applied(feed, fleet, applied, broker, list(faults))
            fleet.stop()
        finally:
            feed.end()
            applied.close()
            fleet.kill()
        self.say(f"outcomes {dict(applied.outcomes)}")
        self._check("everything was applied in time", lambda: _true(in_time, f"{applied.total:,} of {feed.sent.total():,}"))
        self._check("every fault struck", lambda: _true(len(fleet.done) == len(faults), f"{len(fleet.done)} of {len(faults)}"))
        told = f"{fleet.by_themselves} ended themselves besides, to be started again"
        self._check("no worker ended without a reason", lambda: _true(not fleet.wrong, "\n".join(fleet.wrong) or told))
        self._check("the feed lost nothing", lambda: _true(not feed.failed, str(feed.failed[:3] or f"{feed.sent.total():,}")))
        states = [member.state for member in fleet.members]
        return Evidence(broker.servers, plan.partitions, folder, programs, states, feed.sent, feed.spoiled)

    def _until_all_is_applied(self, feed: Feed, fleet: Fleet, applied: Applied, broker: "OwnBroker", faults: list[Fault]) -> bool:
        """Then a little longer, for the last tick and for whoever is still frozen."""
        plan, told_at, done_at = self._plan, 0.0, None
        while True:
            now = time.monotonic()
            fleet.turn()
            applied.look(0.1)
            while faults and applied.total >= faults[0].at:
                if faults[0].kind == BROKER:
                    self.say(BROKER)
                    broker.restart()
                    fleet.done.append(faults[0])
                    self.say("the broker is back")
                elif not fleet.strike(faults[0]):
                    break
                faults.pop(0)
            if now - told_at > _TOLD_EVERY_SECONDS:
                told_at = now
                self.say(f"sent {feed.sent.total():>9,}, applied {applied.total:>9,} of {plan.records:,}; {fleet.told()}")
            if applied.total >= plan.records and not faults and not any(one.thaw_at for one in fleet.members):
                done_at = done_at or now
                if now - done_at > _SETTLE_SECONDS:
                    return True
            if now - self._began > plan.most_seconds:
                return False


class OwnBroker:
    """A real Kafka of this run alone."""

    def __init__(self, data: Path) -> None:
        self._data = data
        port, controller_port = free_ports()
        self.servers = f"127.0.0.1:{port}"
        self._start = ["start", "--port", str(port), "--controller-port", str(controller_port), "--timeout", "120"]

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:  # asked to end meanwhile: nothing that it has started stays
            self.__exit__()
            raise
        return self

    def start(self) -> None:
        self._kafka(*self._start)

    def stop(self) -> None:
        self._kafka("stop")

    def __exit__(self, *_: object) -> None:
        self._kafka("stop")
        shutil.rmtree(self._data, ignore_errors=True)

    def restart(self, away_seconds: float = 0.0) -> None:
        self.stop()
        time.sleep(away_seconds)
        self.start()

    def _kafka(self, *arguments: str) -> None:
        done = subprocess.run([COMMAND, *arguments, "--data", str(self._data)], check=False, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr)


def _true(holds: bool, told: str) -> str:
    if not holds:
        raise Wrong(told)
    return told

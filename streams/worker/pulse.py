"""The pulse: a process that was frozen, or that no longer gets on, ends itself.

A worker that slept beyond its session timeout has lost its partitions without knowing it. A transaction would be refused, but
that is the second line of defence: here monotonic time is compared with the last beat before every cycle, and a gap of more than
half the session timeout ends the process at once, without a word to the broker.
"""

import os
import sys
import time
from collections.abc import Callable
from typing import Final

from streams.logs import say

TRY_AGAIN: Final = 75  # exit code for a supervisor: nothing is lost, start me again (EX_TEMPFAIL)


class Pulse:
    def __init__(
        self,
        session_ms: int,
        stuck_ms: int,
        ending: Callable[[str, str], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        end: Callable[[str], None] | None = None,
        afresh: Callable[[str], None] | None = None,
    ) -> None:
        """`ending` is told the kind of the end and the sentence, before it comes; `end` makes it come, or `afresh` a new beginning."""
        self._ending = ending
        self._clock = clock
        self._end = end or end_now
        self._afresh = afresh or start_afresh
        self._limit = session_ms / 2000
        self._stuck = stuck_ms / 1000
        self._last = self._progress_at = self._clock()
        self._progress = -1
        self._tried = False

    def beat(self) -> None:
        """Every turn of the event loop's timer."""
        self.check()
        self._last = self._clock()

    def check(self) -> None:
        """Before anything is published."""
        gap = self._clock() - self._last
        if gap > self._limit:
            self.end(
                "frozen", f"this process stood still for {gap:.1f} s, and its partitions may belong to another by now: ending"
            )

    def watch(self, applied: int, *, behind: bool) -> bool:
        """Progress: `applied` rises, or nothing is `behind`. True, once, when a quarter of the patience is over: try to mend it."""
        now = self._clock()
        if applied != self._progress or not behind:
            self._progress, self._progress_at, self._tried = applied, now, False
        elif now - self._progress_at > self._stuck:
            self.end("stuck", f"nothing was applied for {now - self._progress_at:.0f} s although records wait: ending")
        elif now - self._progress_at > self._stuck / 4 and not self._tried:
            self._tried = True
            return True
        return False

    def unanswered(self) -> None:
        """The broker does not say what waits: nobody can tell whether things stand still, and patience begins anew when it does."""
        self._progress_at, self._tried = self._clock(), False

    def again(self, why: str, *, asked_to_end: bool) -> None:
        """At once, what is stuck is left behind and this process begins anew; one that was asked to end ends, for nobody asks twice.

        Who was frozen has seen no call return either, and ends.
        """
        self.check()
        if asked_to_end:
            self.end("stuck", f"{why}, ending as asked: what was not committed will be done again")
            return
        if self._ending is not None:
            self._ending("stuck", why)
        self._afresh(f"{why}, starting afresh")

    def end(self, kind: str, why: str) -> None:
        """At once, telling whoever watches."""
        if self._ending is not None:
            self._ending(kind, why)
        self._end(why)


def start_afresh(why: str) -> None:
    """As `end_now`, and the same process begins anew: same pid, same arguments, nothing of before. For whoever supervises it nothing ended."""
    try:
        say("starts-afresh", why, "error")
    finally:
        try:
            os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606  # itself, as it was started
        except OSError:
            os._exit(TRY_AGAIN)


def end_now(why: str) -> None:
    """End without committing, closing or asking anybody."""
    try:
        say("ended", why, "error")
    finally:
        os._exit(TRY_AGAIN)

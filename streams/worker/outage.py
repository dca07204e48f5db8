"""An outage: the broker is away, or does not take what it is given. The worker waits, says so once, and says when it goes on.

What is over before a second try is not worth a word. A broker that answers questions may still take nothing: where a cycle has failed, one
that is kept ends the outage, or answers for so long that no cycle can have failed meanwhile: others have the work now, or there is none.

Only words and pauses: what is done again, and from where, is the engine's affair. Waiting costs nothing but time, for whatever was not
committed does not count; ending the process would only have a supervisor wait instead, with less to say.
"""

import time
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from confluent_kafka import KafkaError

from streams.errors import WrongUsage

_FIRST_SECONDS: Final = 0.5
_LONGEST_SECONDS: Final = 10.0
_SAY_AFTER_SECONDS: Final = 2.0
_SAID_EVERY_SECONDS: Final = 60.0
_ANSWERS_SECONDS: Final = 120.0
_SHUT_OUT_SECONDS: Final = 60.0
_REFUSED_SECONDS: Final = 30.0  # a client that is not let in tries again every ten
_FOR_GOOD: Final = {
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    KafkaError.UNSUPPORTED_VERSION,
}


_RIGHTS: Final = {
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "something of the cluster",
    KafkaError.GROUP_AUTHORIZATION_FAILED: "its group",
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "a topic",
}


def not_allowed(error: KafkaError, topic: str | None = None) -> WrongUsage | None:
    """The sentence to end with where it is a right that the worker's user lacks. `topic`: of which one it is, where that is known."""
    what = _RIGHTS.get(error.code())
    if what is None:
        return None
    return WrongUsage(
        f"the broker does not allow this worker {topic or what} ({error.str()}): give its user the rights of a worker "
        "(docs/deployment.md, least privilege), then start again"
    )


def is_passing(error: KafkaError) -> bool:
    """Whether waiting may help. What is not allowed stays so until somebody changes it."""
    return error.code() not in _FOR_GOOD


class Say(Protocol):
    """As `streams.logs.say`."""

    def __call__(self, event: str, sentence: str, level: str = "info") -> None: ...


class Refused(NamedTuple):
    """A connection is not let in: since when, when last, and why."""

    since: float
    last: float
    why: str


class Outage:
    """`address` is the broker's. Time is monotonic."""

    def __init__(self, address: str, say: Say, clock: Callable[[], float] = time.monotonic) -> None:
        self._address = address
        self._say = say
        self._clock = clock
        self._since: float | None = None
        self._said_at: float | None = None
        self._why = ""
        self._cycle_failed_at: float | None = None
        self._pause = _FIRST_SECONDS
        self._refused: Refused | None = None

    @property
    def seconds(self) -> float:
        """For how long it has lasted; 0 where there is none."""
        return 0.0 if self._since is None else self._clock() - self._since

    def not_kept(self, why: str) -> float:
        """A cycle failed; seconds to wait before the next try."""
        self._cycle_failed_at = self._clock()
        return self.not_taken_over(why)

    def not_taken_over(self, why: str) -> float:
        """Partitions could not be taken over; seconds to wait before the next try."""
        self.unanswered(why)
        pause, self._pause = self._pause, min(self._pause * 2, _LONGEST_SECONDS)
        return pause

    def unanswered(self, why: str) -> None:
        """A question was not answered; it is asked again at its next time."""
        if self._since is None:
            self._since = self._clock()
        self._why = why
        self._tell(self._since, _SAY_AFTER_SECONDS)

    def goes_on(self) -> None:
        """Nothing has been asked since, as where the session is over and nothing is held: where it lasts, that is told as ever."""
        if self._since is not None:
            self._tell(self._since, _LONGEST_SECONDS)

    def refused(self, why: str) -> None:
        """Any thread: a connection was not let in. Where nothing is answered besides, that is why."""
        now, before = self._clock(), self._refused_lately
        self._refused = Refused(now if before is None else before.since, now, why)

    @property
    def shut_out(self) -> str | None:
        """The sentence to end with, where we have not been let in for so long: another password is read at another start."""
        refused = self._refused_lately
        lasted_seconds = 0.0 if refused is None or self._since is None else self._clock() - max(refused.since, self._since)
        if refused is None or lasted_seconds < _SHUT_OUT_SECONDS:
            return None
        return f"{refused.why}, for {lasted_seconds:.0f} s: ending, for passwords and certificates are read at a start"

    @property
    def _refused_lately(self) -> Refused | None:
        """One broker of several may refuse while the others do what they are asked, so it has to be of now."""
        refused = self._refused
        return None if refused is None or self._clock() - refused.last > _REFUSED_SECONDS else refused

    def _tell(self, since: float, after_seconds: float) -> None:
        now, refused = self._clock(), self._refused_lately
        why = self._why if refused is None else refused.why
        lasted_seconds = now - since
        if self._said_at is None and lasted_seconds >= after_seconds:
            self._said_at = now
            sentence = f"{self._address} does not do what it is asked ({why}); nothing is lost, trying again until it does"
            self._say("broker-away", sentence, "warning")
        elif self._said_at is not None and now - self._said_at >= _SAID_EVERY_SECONDS:
            self._said_at = now
            sentence = f"{self._address} has not done what it is asked for {lasted_seconds:.0f} s ({why}); still trying"
            self._say("broker-away", sentence, "warning")

    def answered(self) -> None:
        """A question was answered. Where a cycle has failed lately, that says nothing yet."""
        failed_at = self._cycle_failed_at
        if failed_at is None or self._clock() - failed_at >= _ANSWERS_SECONDS:
            self.over()

    def over(self) -> None:
        """A cycle was kept, or there is none to keep."""
        if self._since is None:
            return
        if self._said_at is not None:
            self._say("broker-back", f"{self._address} does what it is asked again, after {self.seconds:.0f} s: going on")
        self._since, self._said_at, self._cycle_failed_at, self._pause = None, None, None, _FIRST_SECONDS

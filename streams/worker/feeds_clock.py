"""An input that is stamped by its feeds and not by the broker: a till's clock would decide what is late, and what comes before what.

A worker does not start on such a topic (`streams.topics`). Where the setting is changed under one that runs, what comes then says so itself, and
the worker tells it: it goes on, for the records that lie there stay as they are whatever is done about the topic.
"""

from typing import Any, Final

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME

from schemas.topics import TOPICS
from streams.logs import say
from streams.worker.outage import Say

_STAMPED: Final = frozenset(topic.name for topic in TOPICS if topic.log_append_time)


class FeedsClock:
    def __init__(self, tell: Say = say, *, embedded: bool = False) -> None:
        """`embedded`: that broker stamps nothing."""
        self._say = tell
        self._stamped: frozenset[str] = frozenset() if embedded else _STAMPED
        self._told: dict[str, int] = {}  # and of which partition

    def look(self, topic: str, message: Any) -> None:
        """At one of an input's newest records (`confluent_kafka.Message`). Says so once, until the broker stamps them again."""
        if topic not in self._stamped:
            return
        if message.timestamp()[0] == TIMESTAMP_LOG_APPEND_TIME:
            if self._told.get(topic) == message.partition():
                del self._told[topic]
        elif topic not in self._told:
            self._told[topic] = message.partition()
            self._say(
                "feeds-clock",
                f"{topic} partition {message.partition()} has records from offset {message.offset()} on that their feeds have stamped, so a feed's "
                "clock says when they arrived: set the topic's message.timestamp.type back to LogAppendTime (`pointstream topics --verify-only`), and look "
                "for what it made too late, or too early, with `pointstream dead-letters list`",
                "error",
            )

"""Who stamps the records of an input is told when it changes, once."""

from confluent_kafka import TIMESTAMP_CREATE_TIME, TIMESTAMP_LOG_APPEND_TIME

from streams.worker.feeds_clock import FeedsClock


class Stamped:
    def __init__(self, by: int) -> None:
        self._by = by

    def timestamp(self) -> tuple[int, int]:
        return self._by, 1_700_000_000_000

    def partition(self) -> int:
        return 3

    def offset(self) -> int:
        return 17


def test_an_input_that_its_feeds_stamp_is_told_once_until_the_broker_does_it_again() -> None:
    said: list[str] = []
    clock = FeedsClock(lambda event, sentence, level="info": said.append(sentence.split(" that ")[0]))
    for by in (TIMESTAMP_LOG_APPEND_TIME, TIMESTAMP_CREATE_TIME, TIMESTAMP_CREATE_TIME):
        clock.look("purchases", Stamped(by))
    assert said == ["purchases partition 3 has records from offset 17 on"]
    clock.look("purchases", Stamped(TIMESTAMP_LOG_APPEND_TIME))
    clock.look("purchases", Stamped(TIMESTAMP_CREATE_TIME))
    assert len(said) == 2


def test_what_the_partitions_ask_each_other_is_nobodys_feed() -> None:
    said: list[str] = []
    FeedsClock(lambda event, sentence, level="info": said.append(sentence)).look("changelog", Stamped(TIMESTAMP_CREATE_TIME))
    assert said == []

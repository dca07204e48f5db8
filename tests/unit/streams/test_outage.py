"""An outage is told once, waited out ever longer, and told to be over."""

from confluent_kafka import KafkaError

from streams.worker.outage import Outage, is_passing


class Told:
    def __init__(self) -> None:
        self.now = 0.0
        self.said: list[tuple[str, str]] = []

    def say(self, event: str, sentence: str, level: str = "info") -> None:
        self.said.append((event, sentence))

    def clock(self) -> float:
        return self.now


def test_it_is_said_once_and_again_after_a_minute_and_when_it_is_over() -> None:
    told = Told()
    outage = Outage("kafka://b:9092", told.say, told.clock)
    for told.now in range(0, 70, 5):
        outage.unanswered("timed out")
    outage.over()
    outage.over()
    assert [event for event, _ in told.said] == ["broker-away", "broker-away", "broker-back"]
    assert (
        told.said[0][1] == "kafka://b:9092 does not do what it is asked (timed out); nothing is lost, trying again until it does"
    )
    assert told.said[2][1] == "kafka://b:9092 does what it is asked again, after 65 s: going on"


def test_what_is_over_at_the_next_try_is_not_worth_a_word() -> None:
    told = Told()
    outage = Outage("kafka://b:9092", told.say, told.clock)
    outage.unanswered("a leader has moved")
    told.now = 0.5
    outage.over()
    told.now = 60.0
    outage.unanswered("a leader has moved")
    assert told.said == []


def test_a_broker_that_answers_but_takes_nothing_is_not_back() -> None:
    told = Told()
    outage = Outage("kafka://b:9092", told.say, told.clock)
    for told.now in (0, 2, 4):
        outage.not_kept("too few copies")
        outage.answered()
    assert [event for event, _ in told.said] == ["broker-away"]
    outage.over()
    assert [event for event, _ in told.said] == ["broker-away", "broker-back"]


def test_one_that_did_not_answer_is_back_when_it_does_though_nothing_is_to_be_kept() -> None:
    told = Told()
    outage = Outage("kafka://b:9092", told.say, told.clock)
    for told.now in (0, 2, 4):
        outage.unanswered("timed out")
    outage.answered()
    assert [event for event, _ in told.said] == ["broker-away", "broker-back"]


def test_one_that_took_nothing_is_back_when_it_answers_for_long_and_no_cycle_fails_any_more() -> None:
    told = Told()
    outage = Outage("kafka://b:9092", told.say, told.clock)
    for told.now in (0, 40):
        outage.not_kept("too few copies")
    told.now = 159
    outage.answered()
    assert [event for event, _ in told.said] == ["broker-away"]
    told.now = 160
    outage.answered()
    assert told.said[1:] == [("broker-back", "kafka://b:9092 does what it is asked again, after 160 s: going on")]


def test_a_question_without_an_answer_makes_no_pause_longer() -> None:
    told = Told()
    outage = Outage("kafka://b:9092", told.say, told.clock)
    for told.now in range(10):
        outage.unanswered("timed out")
    assert outage.not_kept("timed out") == 0.5


def test_pauses_grow_to_ten_seconds_and_begin_anew_with_the_next_outage() -> None:
    told = Told()
    outage = Outage("kafka://b:9092", told.say, told.clock)
    assert [outage.not_taken_over("no") for _ in range(7)] == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]
    outage.over()
    assert outage.not_taken_over("no") == 0.5


def test_without_an_outage_nothing_is_said() -> None:
    told = Told()
    outage = Outage("kafka://b:9092", told.say, told.clock)
    outage.over()
    assert (told.said, outage.seconds) == ([], 0.0)


def test_what_is_not_allowed_is_not_waited_for() -> None:
    assert is_passing(KafkaError(KafkaError._TIMED_OUT))
    assert not is_passing(KafkaError(KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED))


def test_one_that_lasts_is_told_of_where_there_is_nothing_to_be_asked() -> None:
    told = Told()
    outage = Outage("kafka://b:9092", told.say, told.clock)
    outage.goes_on()
    outage.not_kept("timed out")
    for told.now in range(100):
        outage.goes_on()
    outage.over()
    told.now += 60
    outage.goes_on()
    assert [event for event, _ in told.said] == ["broker-away", "broker-away", "broker-back"]
    assert told.said[1][1] == "kafka://b:9092 has not done what it is asked for 70 s (timed out); still trying"


SHUT_OUT = "the broker does not let --sasl-username ann in: wrong password"


def test_who_is_not_let_in_says_so_and_ends_after_a_minute_of_it() -> None:
    told = Told()
    outage = Outage("kafka://b:9092", told.say, told.clock)
    for told.now in range(0, 300, 5):  # away at first
        outage.unanswered("timed out")
    assert outage.shut_out is None
    for told.now in range(300, 360, 5):
        outage.refused(SHUT_OUT)
        outage.unanswered("timed out")
        assert outage.shut_out is None
    assert f"({SHUT_OUT})" in told.said[-1][1]
    told.now = 360
    assert outage.shut_out == f"{SHUT_OUT}, for 60 s: ending, for passwords and certificates are read at a start"


def test_one_broker_of_several_that_lets_nobody_in_ends_nothing() -> None:
    told = Told()
    outage = Outage("kafka://b:9092", told.say, told.clock)
    for told.now in range(0, 300, 5):
        outage.refused(SHUT_OUT)
    assert outage.shut_out is None
    outage.unanswered("timed out")
    assert outage.shut_out is None  # it has just begun
    for told.now in range(300, 400, 5):  # and is another matter by now
        outage.unanswered("timed out")
    assert outage.shut_out is None
    assert "(timed out)" in told.said[-1][1]

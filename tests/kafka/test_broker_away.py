"""A broker that is away for a while: the same process goes on when it is back, and nothing was lost or doubled."""

from pathlib import Path

import pytest

from tests.chaos.run import OwnBroker
from tests.kafka.help import create_topics, processes
from tests.kafka.receipts import applied, expected, records, send
from tests.kafka.test_worker import PARTITIONS, wait_until, worker

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(400)]
_WAITS = "does not answer; trying again until it does"
AWAY_SECONDS = 20.0  # longer than session and transaction last, one after the other


def test_a_worker_waits_for_its_broker_and_goes_on_by_itself(tmp_path: Path) -> None:
    sent = records(4_000, seed=51)
    with OwnBroker(tmp_path / "kafka") as broker, processes() as everybody:
        create_topics(broker.servers, PARTITIONS)
        everybody.append(one := worker(broker.servers, tmp_path))
        send(broker.servers, sent[:2_000])
        wait_until(broker.servers, 2_000, one)
        broker.restart(AWAY_SECONDS)
        send(broker.servers, sent[2_000:])
        wait_until(broker.servers, len(sent), one, seconds=120)
        assert applied(broker.servers, PARTITIONS) == expected(tmp_path / "club.yaml", sent)[0]
        assert one.end() == 0, one.said()


def test_workers_that_keep_copies_of_each_other_wait_as_well(tmp_path: Path) -> None:
    """They ask every few seconds who owns what, and the client's newer way of asking aborts the process when the broker comes back."""
    sent = records(2_000, seed=53)
    with OwnBroker(tmp_path / "kafka") as broker, processes() as everybody:
        create_topics(broker.servers, PARTITIONS)
        everybody.append(one := worker(broker.servers, tmp_path, "one", "--standby-replicas", "1"))
        everybody.append(two := worker(broker.servers, tmp_path, "two", "--standby-replicas", "1"))
        send(broker.servers, sent[:1_000])
        wait_until(broker.servers, 1_000, one, two)
        one.hear("keeping copies")
        broker.restart(AWAY_SECONDS)
        send(broker.servers, sent[1_000:])
        wait_until(broker.servers, len(sent), one, two, seconds=120)
        assert (one.end(), two.end()) == (0, 0), one.said() + two.said()


def test_one_that_starts_before_its_broker_says_so_and_waits(tmp_path: Path) -> None:
    sent = records(500, seed=52)
    with OwnBroker(tmp_path / "kafka") as broker, processes() as everybody:
        create_topics(broker.servers, PARTITIONS)
        broker.stop()
        everybody.append(one := worker(broker.servers, tmp_path))
        one.hear(_WAITS)
        broker.start()
        send(broker.servers, sent)
        wait_until(broker.servers, len(sent), one)
        assert one.end() == 0, one.said()


def test_one_that_is_asked_to_end_while_it_starts_ends_well(tmp_path: Path) -> None:
    with OwnBroker(tmp_path / "kafka") as broker, processes() as everybody:
        broker.stop()
        everybody.append(one := worker(broker.servers, tmp_path))
        one.hear(_WAITS)
        assert one.end() == 0, one.said()

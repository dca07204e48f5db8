"""Topics that are not as a worker left them: logs that ended in a marker and are empty, strangers in the changelog, more partitions."""

import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, ResourceType

from schemas.topics import CHANGELOG, PURCHASES, TOPICS
from streams.errors import WrongUsage
from tests.kafka.help import create_topics, delete_topics, new_topics, processes
from tests.kafka.receipts import applied, expected, records, send
from tests.kafka.test_worker import PARTITIONS, assert_books, wait_until, worker

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]


def _send_in_a_transaction(servers: str, sent: list[tuple[str, bytes]]) -> None:
    producer = Producer({"bootstrap.servers": servers, "transactional.id": "till", "partitioner": "murmur2"})
    producer.init_transactions(30)
    producer.begin_transaction()
    for key, value in sent:
        producer.produce(PURCHASES, value, key)
    producer.commit_transaction(30)


def _delete_all_records(servers: str) -> None:
    admin: Any = AdminClient({"bootstrap.servers": servers})
    everything = [TopicPartition(PURCHASES, number, -1) for number in range(PARTITIONS)]
    for done in admin.delete_records(everything).values():
        done.result()


def test_a_log_that_was_read_to_its_end_may_be_emptied_whatever_its_last_records_were(kafka: str, tmp_path: Path) -> None:
    """Behind the last record of a transaction lies its marker; retention takes both, and the log begins behind what was applied."""
    new_topics(kafka, PARTITIONS)
    sent = records(600, seed=94)
    with processes() as everybody:
        everybody.append(one := worker(kafka, tmp_path))
        _send_in_a_transaction(kafka, sent[:300])
        wait_until(kafka, 300, one)
        assert one.end() == 0, one.said()
        _delete_all_records(kafka)
        everybody.append(again := worker(kafka, tmp_path))
        send(kafka, sent[300:])
        wait_until(kafka, 600, again)
        assert_books(kafka, tmp_path, sent)
        assert "left alone" not in again.said()
        assert again.end() == 0, again.said()


def test_an_input_that_is_made_anew_under_a_running_worker_is_not_read_on_in_its_middle(kafka: str, tmp_path: Path) -> None:
    new_topics(kafka, PARTITIONS)
    sent = records(900, seed=97)
    with processes() as everybody:
        everybody.append(one := worker(kafka, tmp_path))
        send(kafka, sent[:300])
        wait_until(kafka, 300, one)
        one.freeze()  # so that the new one is longer than the old one was before anybody looks
        admin = AdminClient({"bootstrap.servers": kafka})
        for gone in admin.delete_topics([PURCHASES]).values():
            gone.result()
        time.sleep(1)
        create_topics(kafka, PARTITIONS, [PURCHASES])
        send(kafka, sent[300:])
        one.thaw()
        assert one.wait(60) == WrongUsage.exit_code, one.said()
        assert "purchases was deleted and made anew, and what it has before offset" in one.said()
        everybody.append(again := worker(kafka, tmp_path))
        assert again.wait(30) == WrongUsage.exit_code, again.said()
        assert applied(kafka, PARTITIONS).total() == 300


@pytest.mark.parametrize("value", [b"", b"hello"], ids=["empty", "as if of a much newer format"])
def test_a_stranger_in_the_changelog_stops_its_own_partition_alone(kafka: str, tmp_path: Path, value: bytes) -> None:
    new_topics(kafka, PARTITIONS)
    sent = records(600, seed=95)
    with processes() as everybody:
        everybody.append(one := worker(kafka, tmp_path))
        send(kafka, sent[:300])
        wait_until(kafka, 300, one)
        producer = Producer({"bootstrap.servers": kafka})
        producer.produce(CHANGELOG, value, b"pzz", 0)
        assert producer.flush(10) == 0
        send(kafka, sent[300:])
        wait_until(kafka, 600, one)
        assert one.end() == 0, one.said()
        shutil.rmtree(tmp_path / "one")
        everybody.append(again := worker(kafka, tmp_path))
        again.hear("partition 0 is left alone, and the others go on", 60)
        assert again.ended() is None
        assert again.end() == 0, again.said()


def test_topics_that_are_deleted_under_a_running_worker_end_it_with_a_sentence(kafka: str, tmp_path: Path) -> None:
    """The group has nothing to give then, and that is not because others have it all."""
    new_topics(kafka, PARTITIONS)
    sent = records(300, seed=99)
    with processes() as everybody:
        everybody.append(one := worker(kafka, tmp_path))
        send(kafka, sent)
        wait_until(kafka, 300, one)
        delete_topics(kafka)
        assert one.wait(60) == WrongUsage.exit_code, one.said()
        assert "has no topic purchases" in one.said()


def test_partitions_that_were_added_are_refused_for_a_profile_would_have_two_ledgers(kafka: str, tmp_path: Path) -> None:
    new_topics(kafka, PARTITIONS)
    with processes() as everybody:
        everybody.append(one := worker(kafka, tmp_path))
        send(kafka, records(300, seed=96))
        wait_until(kafka, 300, one)
        assert one.end() == 0, one.said()
        admin = AdminClient({"bootstrap.servers": kafka})
        more = [NewPartitions(topic.name, PARTITIONS * 2) for topic in TOPICS]
        for done in admin.create_partitions(more).values():
            done.result()
        everybody.append(again := worker(kafka, tmp_path))
        assert again.wait(60) == 2, again.said()
        assert f"the ledgers were made with {PARTITIONS} partitions, and the topics have {PARTITIONS * 2} now" in again.said()


def test_a_session_that_the_broker_does_not_allow_is_refused_and_not_waited_for(kafka: str, tmp_path: Path) -> None:
    new_topics(kafka, PARTITIONS)
    with processes() as everybody:
        everybody.append(one := worker(kafka, tmp_path, "one", "--session-timeout-ms", "1000"))
        assert one.wait(60) == 2, one.said()
        assert "--session-timeout-ms is outside what the broker allows" in one.said()


def test_a_second_group_is_refused_while_the_first_is_at_work_and_takes_over_when_that_has_ended(
    kafka: str, tmp_path: Path
) -> None:
    new_topics(kafka, PARTITIONS)
    sent = records(600, seed=97)
    with processes() as everybody:
        everybody.append(one := worker(kafka, tmp_path))
        send(kafka, sent[:300])
        wait_until(kafka, 300, one)
        everybody.append(other := worker(kafka, tmp_path, "other", "--app-id", "other"))
        assert other.wait(60) == 2, other.said()
        assert "works on these topics, and has 1 member now; a second group would book everything once more" in other.said()
        assert one.end() == 0, one.said()
        send(kafka, sent[300:])
        everybody.append(other := worker(kafka, tmp_path, "other", "--app-id", "other"))
        wait_until(kafka, 600, other)
        assert applied(kafka, PARTITIONS) == expected(tmp_path / "club.yaml", sent)[0]
        assert other.end() == 0, other.said()


def test_an_input_that_its_feeds_stamp_all_of_a_sudden_is_told_and_read_on(kafka: str, tmp_path: Path) -> None:
    new_topics(kafka, PARTITIONS)
    sent = records(600, seed=98)
    admin: Any = AdminClient({"bootstrap.servers": kafka})
    stamped = ConfigEntry("message.timestamp.type", "CreateTime", incremental_operation=AlterConfigOpType.SET)
    with processes() as everybody:
        everybody.append(one := worker(kafka, tmp_path))
        send(kafka, sent[:300])
        wait_until(kafka, 300, one)
        assert "feeds have stamped" not in one.said()
        for done in admin.incremental_alter_configs(
            [ConfigResource(ResourceType.TOPIC, PURCHASES, incremental_configs=[stamped])]
        ).values():
            done.result()
        send(kafka, sent[300:])
        wait_until(kafka, 600, one)
        assert one.said().count("feeds have stamped") == 1, one.said()
        assert one.end() == 0, one.said()
    assert_books(kafka, tmp_path, sent)

"""One real Kafka for all tests here that ask for it."""

from collections.abc import Iterator

import pytest

from tests.kafka.help import real_kafka


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """host:port of a real Apache Kafka that lives as long as the test session."""
    with real_kafka(tmp_path_factory.mktemp("kafka")) as servers:
        yield servers

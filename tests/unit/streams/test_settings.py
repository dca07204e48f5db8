"""Values of flags, and where a broker is."""

from pathlib import Path

import click
import pytest

from streams.brokers import servers
from streams.errors import WrongUsage
from streams.settings import Named, ProfileId, Size, Time

SIZES = {
    "512MiB": 512 * 2**20,
    "1GiB": 2**30,
    "3000 KB": 3_000_000,
    "1048576": 2**20,
    "16384GiB": 2**44,
    "2mib": 2 * 2**20,
    "2147483648": 2**31,
}


@pytest.mark.parametrize(("text", "size"), SIZES.items())
def test_a_size(text: str, size: int) -> None:
    assert Size().convert(text, None, None) == size


@pytest.mark.parametrize("text", ["", "MiB", "-1", "1.5GiB", "1 TiB", "1e9", "1_000"])
def test_no_size(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not a size"):
        Size().convert(text, None, None)


@pytest.mark.parametrize("text", ["0", "1048575", "1023KiB", "16385GiB", "999999999999GiB"])
def test_no_size_that_memory_has(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not in the range 1MiB to 16384GiB"):
        Size().convert(text, None, None)


def test_a_time_is_an_instant_with_an_offset() -> None:
    assert Time().convert("1970-01-01T01:00:01+01:00", None, None) == 1_000_000
    with pytest.raises(click.BadParameter, match="with an offset"):
        Time().convert("1970-01-01T00:00:00", None, None)


BROKERS = {
    "kafka://a:9092": "a:9092",
    "a:9092": "a:9092",
    "embedded://127.0.0.1:5": "127.0.0.1:5",
    "kafka://a:1,b:2": "a:1,b:2",
    "kafka://a:1, kafka://b:2": "a:1,b:2",
    "kafka://[::1]:9092": "[::1]:9092",
}


@pytest.mark.parametrize(("broker", "expected"), BROKERS.items())
def test_a_broker(broker: str, expected: str) -> None:
    assert servers(broker) == expected


@pytest.mark.parametrize("broker", ["", "kafka://", "kafka://a", "http://a:1", "a:1/x", "kafka://a:b"])
def test_no_broker(broker: str) -> None:
    with pytest.raises(WrongUsage, match="write kafka://HOST:PORT"):
        servers(broker)


@pytest.mark.parametrize("broker", ["kafka://127.0.0.1:99999", "a:1,b:65536", "a:0", "[::1]:70000"])
def test_a_port_that_there_cannot_be_is_refused_and_not_taken_for_another(broker: str) -> None:
    with pytest.raises(WrongUsage, match="is no port; they go from 1 to 65535"):
        servers(broker)


def test_a_path_that_is_empty_is_not_the_current_directory() -> None:
    assert Named(path_type=Path).convert("out", None, None) == Path("out")
    with pytest.raises(click.BadParameter, match="it is empty"):
        Named(path_type=Path).convert("", None, None)


PROFILES = {
    "empty": ("", "profile_id is empty"),
    "too long": ("p" * 129, "profile_id has more than 128 bytes"),
    "too long in bytes": ("ä" * 65, "profile_id has more than 128 bytes"),
    "with a control character": ("p\n1", "holds a control character"),
    "not UTF-8": ("\udcff", "profile_id is not UTF-8"),
}


@pytest.mark.parametrize(("text", "sentence"), PROFILES.values(), ids=PROFILES.keys())
def test_what_no_record_can_have_is_no_profile_id(text: str, sentence: str) -> None:
    assert ProfileId().convert("ä" * 64, None, None) == "ä" * 64
    with pytest.raises(click.BadParameter, match=sentence):
        ProfileId().convert(text, None, None)

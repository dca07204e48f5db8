"""A producer that gives a header's name as it is, as a client in C may: Python's takes text alone. Librdkafka itself, out of the client's wheel."""

import ctypes
from ctypes import c_char_p, c_int, c_int32, c_size_t, c_ssize_t, c_void_p
from pathlib import Path

import confluent_kafka
import pytest

_END, _TOPIC, _PARTITION, _VALUE, _FLAGS, _HEADER = 0, 1, 3, 4, 7, 9
_COPY = 2


def produce(address: str, topic: str, value: bytes, names: list[list[bytes]]) -> None:
    """One record to partition 0 for each list of header names. Skips the test where the wheel holds no librdkafka."""
    found = next(Path(confluent_kafka.__file__).parent.with_name("confluent_kafka.libs").glob("librdkafka*"), None)
    if found is None:
        pytest.skip("the client's wheel holds no librdkafka")
    library = ctypes.CDLL(str(found))
    library.rd_kafka_conf_new.restype = library.rd_kafka_new.restype = c_void_p
    error = ctypes.create_string_buffer(512)
    settings = c_void_p(library.rd_kafka_conf_new())
    assert (
        library.rd_kafka_conf_set(settings, c_char_p(b"bootstrap.servers"), c_char_p(address.encode()), error, c_size_t(512)) == 0
    )
    producer = c_void_p(library.rd_kafka_new(c_int(0), settings, error, c_size_t(512)))
    for each in names:
        parts = [c_int(_TOPIC), c_char_p(topic.encode()), c_int(_PARTITION), c_int32(0), c_int(_FLAGS), c_int(_COPY)]
        parts += [c_int(_VALUE), c_char_p(value), c_size_t(len(value))]
        for name in each:
            parts += [c_int(_HEADER), c_char_p(name), c_char_p(b"x"), c_ssize_t(1)]
        assert library.rd_kafka_producev(producer, *parts, c_int(_END)) == 0
    assert library.rd_kafka_flush(producer, c_int(10_000)) == 0
    library.rd_kafka_destroy(producer)

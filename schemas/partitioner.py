"""Which partition a profile belongs to: murmur2 as Kafka's Java clients compute it.

Pure. The algorithm is Austin Appleby's MurmurHash2 with Kafka's seed (`org.apache.kafka.common.utils.Utils.murmur2`); feeds
on librdkafka must set `partitioner=murmur2`, for its own default hashes otherwise.
"""

from struct import unpack_from

_SEED = 0x9747B28C
_M = 0x5BD1E995
_MASK = 0xFFFFFFFF


def murmur2(key: bytes) -> int:
    """The 32-bit hash, unsigned."""
    length = len(key)
    whole = length & ~3
    h = _SEED ^ length
    for k in unpack_from(f"<{whole >> 2}I", key):
        k = (k * _M) & _MASK
        k = ((k ^ (k >> 24)) * _M) & _MASK
        h = ((h * _M) & _MASK) ^ k
    rest = key[whole:]
    if rest:
        h = ((h ^ int.from_bytes(rest, "little")) * _M) & _MASK
    h = ((h ^ (h >> 13)) * _M) & _MASK
    return h ^ (h >> 15)


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key among so many partitions."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions

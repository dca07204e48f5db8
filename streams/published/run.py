"""Publishing, put together: read what is there, decide, write, and see that it counts."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from schemas.program_faults import ProgramFileError
from schemas.program_file import Source, read_sources
from schemas.topics import PROGRAMS
from streams.brokers import Broker, partitions
from streams.errors import BrokerAway, WrongFiles, WrongUsage
from streams.published.rules import Plan, plan
from streams.published.settled import settled
from streams.published.topic import Reader, send
from streams.published.versions import Versions

_READ_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.2


def read(broker: Broker) -> Versions:
    """What is published now. Raises `WrongUsage` where the topic is not there, and `BrokerAway`."""
    if PROGRAMS not in partitions(broker):  # a reader would learn of neither for half a minute
        raise WrongUsage(f"{broker} has no topic {PROGRAMS}; `pointstream topics` creates it")
    reader = Reader(broker)
    versions = Versions()
    try:
        found, until = reader.read(_POLL_SECONDS), time.monotonic() + _READ_SECONDS
        while not reader.ended:
            if time.monotonic() > until:
                raise BrokerAway(f"the broker {broker} does not give the topic `programs` within {_READ_SECONDS:.0f} s")
            found += reader.read(_POLL_SECONDS)
        versions.take(found)
        versions.end = max(versions.end, reader.end)
    finally:
        reader.close()
    return versions


def sources(paths: Sequence[Path]) -> list[Source]:
    """The program files among these. Raises `WrongFiles`."""
    try:
        return read_sources(paths)
    except ProgramFileError as error:
        raise WrongFiles("nothing was published", list(map(str, error.faults))) from None


def publish(
    broker: Broker,
    given: Sequence[Source],
    *,
    late: bool = False,
    without: tuple[str, ...] = (),
    may_replace: bool = True,
    dry_run: bool = False,
) -> Plan:
    """What was written, and what was there already. Raises `WrongFiles` or `WrongUsage`; nothing was written then."""
    before = read(broker)
    planned = plan(before, given, None, late=late, without=without, may_replace=may_replace)
    if planned.new:  # else the workers need not be asked
        planned = plan(before, given, settled(broker), late=late, without=without, may_replace=may_replace)
    if planned.new and not dry_run:
        send(broker, planned.new)
        counts = read(broker).current.values()
        if lost := [offer.key for offer in planned.new if offer.key not in counts]:
            raise WrongUsage(f"somebody else has published at the same time, and {lost[0]} does not count: publish it again")
    return planned

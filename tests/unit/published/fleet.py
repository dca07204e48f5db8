"""The topic `programs` in memory, and program files to put into it."""

import msgspec
from msgspec import structs

from schemas.instants import Instant, parse_instant
from schemas.program_file import Source
from streams.published.rules import Offer, Plan, plan
from streams.published.versions import Found, Published, Versions, identity_of_key, key_of, record_key

TEXT = """\
program: club
timezone: UTC
environment: live
effective_from: {begins}T00:00:00Z
applications: [pos]
currency: EUR
points: [{{sid: pts, scale: "2"}}]
earning:
  - {{rule: base, rate: {{points: "{points}", per: "1.00"}}}}
"""


def text(begins: str = "2024-01-01", points: str = "1", **instead: str) -> str:
    """`instead`: lines of a key that are written otherwise, or added."""
    lines = TEXT.format(begins=begins, points=points).splitlines()
    for key, value in instead.items():
        lines = [line for line in lines if not line.startswith(f"{key}:")] + [f"{key}: {value}"]
    return "\n".join(lines) + "\n"


def day(date: str) -> Instant:
    return parse_instant(f"{date}T00:00:00Z")


class Fleet:
    """`settled`: a date up to which its workers have settled."""

    def __init__(self, *texts: str, settled: str | None = None) -> None:
        self.versions = Versions()
        self.settled = None if settled is None else day(settled)
        self._offset = 0
        if texts:
            self.write(self.plan(*texts))

    def plan(self, *texts: str, late: bool = False, without: tuple[str, ...] = (), may_replace: bool = True) -> Plan:
        given = [Source(f"folder/{n}.yaml", one) for n, one in enumerate(texts)]
        return plan(self.versions, given, self.settled, late=late, without=without, may_replace=may_replace)

    def write(self, planned: Plan) -> list[str]:
        batch = f"batch-{self._offset}"
        return self.take(*[record(offer, batch, len(planned.new)) for offer in planned.new])

    def take(self, *records: tuple[str, Published | bytes]) -> list[str]:
        found = []
        for key, value in records:
            found.append(Found(self._offset, key.encode(), value if isinstance(value, bytes) else msgspec.json.encode(value)))
            self._offset += 1
        return self.versions.take(found)


def record(offer: Offer, batch: str, of: int) -> tuple[str, Published]:
    """As it is written, one of so many of a command."""
    return record_key(offer.key, batch), structs.replace(offer.published, batch=batch, of=of)


def raw(name: str, content: str) -> tuple[str, Published]:
    """A record that nobody has checked: `name` is PROGRAM/DATE."""
    program, date = name.split("/")
    identity = identity_of_key(f"{program}/{date}T00:00:00Z/x")
    return key_of(identity, content), Published("raw.yaml", content)

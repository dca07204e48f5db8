"""Who and what the naive model remembers of one profile, and the scene of one step: what was said in it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import NamedTuple

from tests.properties.naive.books import Lot, Member, Pieces
from tests.properties.naive.calendar import rfc3339
from tests.properties.naive.earning import Rooms, Situation
from tests.properties.naive.program import Json, Program, Said


class Refused(Exception):
    """A record that is a dead letter."""


@dataclass
class Claim:
    """What one receipt claims of one ledger."""

    program: Program
    sid: str
    subledger: str | None
    saw: Situation
    rooms: Rooms
    kept_before: int = 0  # by earlier revisions
    kept: int = 0  # altogether
    given: int = 0
    claims: int = 0
    asked: int = 0  # over all returns
    lots: list[Lot] = field(default_factory=list)


@dataclass
class Receipt:
    seen: dict[tuple[str, int], Json] = field(default_factory=dict)
    revision: int = 0
    closed: bool = False
    sale: Json = field(default_factory=dict)
    left: list[Fraction] = field(default_factory=list)  # quantities
    returned: Fraction = Fraction(0)  # money
    by_amount: bool = False  # money came back, of no line
    spent: dict[str, tuple[str | None, datetime, int]] = field(
        default_factory=dict
    )  # by program: where and when it counts for tiers
    worth: str = "gross"  # or total: what an amount that is returned is compared with
    claims: list[Claim] = field(default_factory=list)
    kept: dict[tuple[str, str, str | None], int] = field(default_factory=dict)  # of earlier revisions
    tiers: dict[str, str | None] = field(default_factory=dict)  # by program: what it saw at the same instant before
    waits_for: set[str] = field(default_factory=set)  # programs that its profile may still join, or consent to


@dataclass
class Request:
    """A redemption that was asked for: what it took, in the order of spending."""

    member: Member
    sid: str
    subledger: str | None
    state: str  # declined | redeemed | reserved | released | hold-over
    pieces: Pieces
    rolled_back: int = 0
    hold_until: datetime | None = None
    taken_by: Program | None = None  # the version of then: points keep the worth that they had


@dataclass
class Parked:
    topic: str
    record: Json
    arrival: datetime
    waits_for: tuple[str, str]
    until: datetime
    number: int


@dataclass
class Happening:
    """Something that activates points, or else renews them."""

    at: datetime
    program: str
    sid: str
    activates: bool = False
    receipt: str | None = None  # whose points it activates; None: of all
    subledger: str | None = None
    everywhere: bool = False  # it renews every subledger


@dataclass
class Person:
    name: str
    settled: datetime | None = None
    members: dict[str, Member] = field(default_factory=dict)
    receipts: dict[tuple[str, str], Receipt] = field(default_factory=dict)
    identities: dict[tuple[str, ...], Json] = field(default_factory=dict)
    decided: dict[tuple[str, ...], Json] = field(default_factory=dict)
    requests: dict[tuple[str, str], Request] = field(default_factory=dict)
    parked: list[Parked] = field(default_factory=list)
    told: list[tuple[datetime, str, object]] = field(default_factory=list)  # fields: from when on, which, what it holds
    happened: list[Happening] = field(default_factory=list)
    pixels_wait: dict[tuple[str, ...], set[str]] = field(default_factory=dict)  # for which programs, by identity
    claims: set[tuple[str, str]] = field(default_factory=set)  # receipts that are known to be ours
    erased: datetime | None = None

    def forget(self, now: datetime) -> None:
        """An erasure leaves the totals and the time of it."""
        for remembered in (
            *(self.receipts, self.identities, self.decided, self.requests, self.parked),
            *(self.told, self.happened, self.claims, self.pixels_wait),
        ):
            remembered.clear()
        self.erased = now

    def member(self, program: Program) -> Member:
        return self.members.setdefault(program.name, Member(program))

    def field_at(self, name: str, at: datetime) -> object:
        """What was known of a field at an instant: the newest by its time, and of one instant the last that came."""
        known = [(since, n, value) for n, (since, field_, value) in enumerate(self.told) if field_ == name and since <= at]
        return max(known, key=lambda value: value[:2])[2] if known else None

    def consents(self, program: Program, at: datetime) -> bool:
        """Where records wait for consent, consent by now is enough."""
        if program.consent is None or self.field_at(program.consent, at) is True:
            return True
        return program.before_join == "park" and self.settled is not None and self.field_at(program.consent, self.settled) is True

    def joins_at(self, program: Program, at: datetime) -> datetime:
        """When one joins by what happened at an instant: then, or now where consent came only afterwards."""
        return at if program.consent is None or self.field_at(program.consent, at) is True else self.at_least(at)

    def at_least(self, at: datetime) -> datetime:
        return at if self.settled is None else max(self.settled, at)


class Name(NamedTuple):
    """What the product calls a new lot: ids are opaque, but lots that are otherwise alike go by them."""

    profile_id: str
    program: str
    point: str
    subledger: str | None
    points: str
    expires_at: str | None
    lot_id: str


class Scene:
    """One record or tick: when it came, and what it had to say."""

    def __init__(self, arrival: datetime, names: Sequence[Name]) -> None:
        self.arrival = arrival
        self.names = list(names)
        self.entries: list[Json] = []
        self.decisions: list[Json] = []
        self.dead: list[str] = []

    def name(self, person: Person, member: Member, sid: str, subledger: str | None, points: int, expires: datetime | None) -> str:
        program = member.program
        wanted = (person.name, program.name, sid, subledger, program.text(sid, points), text_of(expires))
        for name in self.names:
            if name[:-1] == wanted:
                self.names.remove(name)
                return name.lot_id
        return f"lot-{len(member.entries)}-{points}"

    def say(self, person: Person, member: Member, kind: str, at: datetime, **more: object) -> Json:
        member.sequence += 1
        entry = Said(
            {
                "type": kind,
                "profile_id": person.name,
                "program": member.program.name,
                "occurred_at": rfc3339(at),
                "recorded_at": rfc3339(self.arrival),
                "sequence": member.sequence,
                **{name: value for name, value in more.items() if value is not None},
            }
        )
        member.entries.append(entry)
        self.entries.append(entry)
        return entry

    def post(
        self,
        person: Person,
        member: Member,
        kind: str,
        at: datetime,
        sid: str,
        subledger: str | None,
        pieces: Pieces,
        **more: int | str,
    ) -> None:
        """An entry about points: its lots, and the whole balance after it. Figures of 0 are left out."""
        program, ledger = member.program, member.ledger(sid, subledger)
        figures = {name: program.text(sid, value) if isinstance(value, int) else value for name, value in more.items() if value}
        self.say(
            person,
            member,
            kind,
            at,
            point=sid,
            subledger=subledger,
            points=program.text(sid, sum(points for _, points in pieces)),
            lots=sorted(
                (lot.name, program.text(sid, points), text_of(lot.activates), text_of(lot.expires), lot.receipt)
                for lot, points in pieces
            ),
            balance={name: program.text(sid, value) for name, value in ledger.balance().items()},
            **figures,
        )


def text_of(instant: datetime | None) -> str | None:
    return None if instant is None else rfc3339(instant)

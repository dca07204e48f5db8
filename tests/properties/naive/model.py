"""A naive model of the ledger: it keeps every record, every entry and every move of points for ever, and whatever is asked of it,
it adds up again from the first one.

It shares no code with the product: the standard library's zones and fractions, lists instead of indexes, and no state but what
happened. It is written from the design alone, and covers what the properties generate.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any

from tests.properties.naive.books import spending
from tests.properties.naive.claims import Owners, claim, has_effect, owner_of, receipt_of
from tests.properties.naive.erasure import on_erase
from tests.properties.naive.people import Name, Parked, Person, Refused, Scene, text_of
from tests.properties.naive.pixels import consent_in, on_pixel
from tests.properties.naive.profiles import on_profile
from tests.properties.naive.program import Json, Program, Said
from tests.properties.naive.receipts import on_cancel, on_return, on_sale, park
from tests.properties.naive.settling import due, settle
from tests.properties.naive.spending import on_adjustment, on_redemption
from tests.properties.naive.tiers import held_at
from tests.properties.naive.versions import first_of_each, is_of_ended, look_at, that_count
from tests.properties.naive.waiting import consented, pixel_of

AHEAD = timedelta(minutes=10)
TIMES = {
    "purchases": "closed_at",
    "redemptions": "requested_at",
    "adjustments": "occurred_at",
    "profiles": "updated_at",
    "pixels": "occurred_at",
}


class Model:
    def __init__(self, *programs: Mapping[str, Any]) -> None:
        self.programs = first_of_each(programs)
        self.people: dict[str, Person] = {}
        self.owners: Owners = {}
        self.records = 0

    def tick(self, at: datetime, names: Sequence[Name] = ()) -> Scene:
        """Whoever has something due is settled, and nobody else."""
        scene = Scene(at, names)
        settled: set[str] = set()
        while waiting := [(item.moment, name) for name, person in self.people.items() for item in due(person, at)]:
            moment, name = min(waiting)
            settle(scene, self.people[name], moment)
            settled.add(name)
        for name in settled:
            settle(scene, self.people[name], at)
        return scene

    def record(self, topic: str, record: Json, arrival: datetime, names: Sequence[Name] = ()) -> tuple[str, Scene]:
        """One record: its outcome, and what was said. A dead letter changes nothing at all."""
        self.records += 1
        record, scene = Said(record), Scene(arrival, names)
        name: str = record.get("profile_id", "")
        if not name and record.get("kind", "sale") == "sale":
            return "anonymous", scene
        before = (
            deepcopy(self.people.get(name)) if topic == "adjustments" else None
        )  # others are refused before they change a thing
        try:
            outcome = self.apply(scene, topic, record, arrival)
        except Refused as refused:
            if before is not None:
                self.people[name] = before
            elif topic == "adjustments":
                self.people.pop(name, None)
            scene = Scene(arrival, names)
            erased = self.is_erased(record, datetime.fromisoformat(record[TIMES[topic]]))  # whatever else is wrong with it
            scene.dead.append("erased" if erased else str(refused))
            return "dead-letter", scene
        return outcome, scene

    def apply(self, scene: Scene, topic: str, record: Json, arrival: datetime) -> str:
        at = datetime.fromisoformat(record[TIMES[topic]])
        erased = self.is_erased(record, at)
        if erased and record.get("kind") != "erase":
            raise Refused("erased")
        concerned = self.within_bounds(self.concerned(topic, record, at), at, arrival)
        programs = that_count(concerned, topic, record)
        if not programs and not is_of_ended(concerned, topic, record):
            return "not-a-member"  # only drafts, or what has ended, would count it
        if "profile_id" not in record:
            return self.forward(scene, programs, record, arrival)
        person = self.people.setdefault(record["profile_id"], Person(record["profile_id"]))
        look_at(person, self.programs, at)
        match topic:
            case "profiles" if record.get("kind") == "erase":
                return "duplicate" if erased else on_erase(scene, person, at)
            case "profiles":
                outcome = on_profile(scene, person, record, at)
                if outcome == "applied":
                    consented(person, self.programs, record["fields"], lambda waiting: self.apply_again(scene, waiting))
                return outcome
            case "pixels":
                said, known = consent_in(programs, record), pixel_of(record) in person.identities
                outcome = on_pixel(scene, person, programs, record, at)
                consented(person, self.programs, {} if known else said, lambda waiting: self.apply_again(scene, waiting))
                return outcome
            case "redemptions":
                return on_redemption(scene, person, programs[0], record, at)
            case "adjustments":
                return on_adjustment(scene, person, programs[0], record, at)
        if record.get("kind", "sale") == "sale":
            if receipt_of(record) not in person.claims and has_effect(person, programs, record, at):
                if claim(scene, self.owners, person, record):
                    self.aside(scene, topic, record, arrival)
                return "parked"
            outcome = on_sale(scene, person, programs, record, at)
            if (
                outcome in {"applied", "not-a-member"}
                or record == person.receipts[record["application"], record["receipt_id"]].sale
            ):
                self.unpark(scene, person, record)
            return outcome
        if (record["application"], record["receipt_id"]) not in person.receipts:
            longest = max(program.park for program in programs)
            return park(person, topic, record, arrival, arrival + longest, self.records)
        return (on_return if record["kind"] == "return" else on_cancel)(scene, person, record, at)

    def is_erased(self, record: Json, at: datetime) -> bool:
        """Whether a record is no younger than the erasure of its profile."""
        person = self.people.get(record.get("profile_id", ""))
        return person is not None and person.erased is not None and at <= person.erased

    def forward(self, scene: Scene, programs: list[Program], record: Json, arrival: datetime) -> str:
        """It goes to the receipt's owner, if anybody has claimed it."""
        owner = owner_of(self.owners, programs, record)
        if owner:
            self.aside(scene, "purchases", {**record, "profile_id": owner}, arrival)
        else:
            scene.dead.append("unknown-receipt")
        return "parked"

    def aside(self, scene: Scene, topic: str, record: Json, arrival: datetime) -> None:
        """A record that has waited, or was sent on, is applied as a record of its own; it may be a dead letter of its own."""
        before, scene.arrival = scene.arrival, arrival
        try:
            self.apply(scene, topic, record, arrival)
        except Refused as refused:
            scene.dead.append(str(refused))
        finally:
            scene.arrival = before

    def unpark(self, scene: Scene, person: Person, sale: Json) -> None:
        """What waited for this sale is applied right after it, each as a record of its own."""
        key = (sale["application"], sale["receipt_id"])
        for waiting in [parked for parked in person.parked if parked.waits_for == key]:
            if waiting not in person.parked:
                continue
            person.parked.remove(waiting)
            self.apply_again(scene, waiting)

    def apply_again(self, scene: Scene, waiting: Parked) -> None:
        self.aside(scene, waiting.topic, waiting.record, waiting.arrival)

    def concerned(self, topic: str, record: Json, at: datetime) -> list[Program]:
        versions = [program.at(at) for program in self.programs]
        if topic == "profiles" or (topic == "pixels" and "application" not in record):
            return versions
        if topic in {"purchases", "pixels"}:
            found = [program for program in versions if record["application"] in program.applications]
            if not found:
                raise Refused("unknown-application")
            return found
        found = [program for program in versions if program.name == record["program"]]
        if not found:
            raise Refused("unknown-program")
        return found

    def within_bounds(self, programs: list[Program], at: datetime, arrival: datetime) -> list[Program]:
        """The programs that still count what happened then."""
        if at > arrival + AHEAD:
            raise Refused("future-event-time")
        begun = [program for program in programs if program.begins <= at]
        if not begun:
            raise Refused("before-program")
        accepting = [program for program in begun if at >= arrival - program.accepts_late]
        if not accepting:
            raise Refused("too-late")
        return accepting

    # what stands

    def balances(self) -> list[Json]:
        """Every ledger, with its open lots: in the order of spending, pending ones last by activation."""
        rows: list[Json] = []
        for name, person in sorted(self.people.items()):
            for _, member in sorted(person.members.items()):
                for (sid, subledger), ledger in member.ledgers.items():
                    program, order = member.program, member.program.points[sid]["spend_order"]
                    reserved = Counter(dict(ledger.within("reserved")))
                    held = Counter(dict(ledger.within("active"))) + Counter(dict(ledger.within("pending")))
                    waiting = [lot for lot, _ in ledger.waiting(order)]
                    rest = sorted({*reserved, *held}.difference(waiting), key=lambda lot: spending(lot, order))
                    lots = [
                        {
                            "lot_id": lot.name,
                            "remaining": program.text(sid, held[lot]),
                            "reserved": program.text(sid, reserved[lot]) if reserved[lot] else None,
                            "activates_at": text_of(lot.activates),
                            "expires_at": text_of(lot.expires),
                            "receipt_id": lot.receipt,
                        }
                        for lot in [*rest, *waiting]
                    ]
                    if ledger.lots or ledger.debts:
                        rows.append(
                            {
                                "profile_id": name,
                                "program": program.name,
                                "point": sid,
                                "subledger": subledger,
                                **{term: program.text(sid, minor) for term, minor in ledger.balance().items()},
                                "tier": held_at(member, subledger, datetime.max.replace(tzinfo=program.begins.tzinfo)),
                                "lots": lots,
                            }
                        )
        return rows

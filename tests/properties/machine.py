"""A state machine over everything that may be said to the product: sales and what becomes of them, redemptions, adjustments, ticks
and restarts, in nearly the order of time, some of it late, some twice, some with other content.

Each step is taken by the product and by the naive model, and all that both say is compared. `IN_FORCE` is the one table that says
which moves are taken.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tables.pages import HEAD_MAX
from tests.properties.comparison import Pair
from tests.properties.harness import Json
from tests.properties.moves import PEOPLE, WHO, ClaimMoves, ErasureMoves, PixelMoves, Records, means, other_content
from tests.properties.naive.people import Request
from tests.properties.naive.settling import due
from tests.properties.programs import catalogues
from tests.properties.streams import money
from tests.properties.worth import dressed

IN_FORCE = {
    "sale": True,
    "revision": True,
    "cancel": True,
    "return": True,
    "early": True,  # a return, cancel or reopen before its sale
    "redemption": True,
    "settlement": True,  # commit, release, rollback
    "adjustment": True,
    "profile": True,  # fields, one of them consent
    "worth": True,  # sales with taxes, shipping, coupons, other currencies
    "pixel": True,  # events that activate, visits that renew, forms that consent
    "erasure": True,
    "claim": True,  # sales of another's receipt, returns and cancels that do not say whose it is
}

START = datetime(2024, 3, 1, tzinfo=UTC)
LAST = START + timedelta(days=300)  # nothing is forgotten by then: forgetting is not in the model
HOUR = timedelta(hours=1)
PASSED = st.sampled_from((0, 0, 0, 1, 6, 6, 12, 24, 30))  # hours since the step before
LATE = st.sampled_from((0, 0, 0, 0, 0, 6, 24, 48, 120))  # hours that a record comes late
WHERE = st.sampled_from((None, None, "shop"))  # subledgers
LINE = st.fixed_dictionaries(
    {"sku": st.sampled_from(("A", "B", "C")), "quantity": st.sampled_from((1, 1, 2, 3, "0.5")), "unit_price": money(20)},
    optional={"discount": st.just("0.01")},
)
BODY = st.fixed_dictionaries(
    {"lines": st.lists(LINE, min_size=1, max_size=3)},
    optional={
        "discount": st.just("0.02"),
        "promo_codes": st.just(["SPRING"]),
        "channel": st.sampled_from(("online", "in-store")),
    },
)
POINTS = st.sampled_from(("1", "2", "3", "4", "5", "7", "10", "20", "40"))


def rfc3339(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def machine_of(flavour: str) -> type["LedgerMachine"]:
    """The machine for one kind of programs, with a count of steps of its own."""
    return type(f"{flavour.title()}Machine", (LedgerMachine,), {"flavour": flavour, "steps_taken": 0})


class LedgerMachine(PixelMoves, ErasureMoves, ClaimMoves, RuleBasedStateMachine):
    flavour = "mixed"
    steps_taken = 0

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.number = 0
        self.sold: dict[tuple[str, str], Json] = {}  # the last sale of each receipt
        self.awaited: Records = []  # sales of which something was said already
        self.amounts: set[str] = set()  # receipts of which an amount was returned, and no line
        self.lines: set[str] = set()  # or the other way round
        self.requests: list[Json] = []
        self.delivered: Records = []

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        self.programs = data.draw(catalogues(self.flavour))
        self.pair = Pair(
            self.programs,
            cache=data.draw(st.sampled_from((1, 1_000))),
            head_lots=data.draw(st.sampled_from((3, HEAD_MAX))),
            named_lots=data.draw(st.sampled_from((1, 100))) if self.flavour == "events" else 100,
        )
        self.versions = sorted({datetime.fromisoformat(program["effective_from"]) for program in self.programs})
        self.names = sorted({program["program"] for program in self.programs})
        self.divided = all(program["subledgers"]["enabled"] == "true" for program in self.programs)

        for who in PEOPLE if self.of_people() else ():
            likely = (True, False, False, False) if self.flavour == "waiting" else (True, True, True, False)
            if data.draw(st.sampled_from(likely)):
                self.deliver("profiles", {"profile_id": who, "updated_at": rfc3339(START), "fields": {"agreed": True}})
        for body in data.draw(st.lists(BODY, min_size=1, max_size=3)):
            self.sell(data, body, "p1")

    def of_people(self) -> bool:
        """Whether any program asks for consent."""
        return IN_FORCE["profile"] and any("consent" in program["membership"] for program in self.programs)

    def takes(self, move: str) -> bool:
        return IN_FORCE[move] and any(means(move, program) for program in self.programs)

    # what every step does

    def passes(self, data: st.DataObject, *, late: bool = True) -> str:
        """Time goes on, now and then to the very instant of a new version; when the next record happened."""
        coming = [begins for begins in self.versions if begins > self.now]
        if coming and data.draw(st.integers(0, 5)) == 0:
            self.now = coming[0]
            return rfc3339(self.now)
        self.now += data.draw(PASSED) * HOUR
        return rfc3339(max(self.now - (data.draw(LATE) * HOUR if late else 0 * HOUR), START))

    def next_id(self, letter: str) -> str:
        self.number += 1
        return f"{letter}{self.number}"

    def deliver(self, topic: str, record: Json) -> None:
        self.delivered.append((topic, record))
        type(self).steps_taken += 1
        self.pair.record(topic, record, self.now)

    # the moves

    @rule(data=st.data(), body=BODY, who=WHO)
    def sale(self, data: st.DataObject, body: Json, who: str) -> None:
        self.sell(data, body, who)

    def sell(self, data: st.DataObject, body: Json, who: str) -> None:
        at = self.passes(data)
        body = self.as_told(data, body)
        record = {
            "receipt_id": self.next_id("R"),
            "application": "pos",
            "closed_at": at,
            "currency": "EUR",
            "profile_id": who,
            **body,
        }
        if data.draw(st.integers(0, 15)) == 0:
            del record["profile_id"]
            self.deliver("purchases", record)
            return
        where = data.draw(WHERE)
        if where is not None and self.divided:
            record["subledger"] = where
        if IN_FORCE["early"] and data.draw(st.sampled_from((False, False, False, True))):
            self.sold[who, record["receipt_id"]] = record
            self.awaited.append(("purchases", record))
            return
        self.sold[who, record["receipt_id"]] = record
        self.deliver("purchases", record)

    def as_told(self, data: st.DataObject, body: Json) -> Json:
        """A sale with all that matters to what it is worth, where the programs ask for it."""
        told: Json = data.draw(dressed(body)) if IN_FORCE["worth"] and self.flavour == "worth" else body
        return told

    @precondition(lambda self: self.awaited)
    @rule(data=st.data())
    def overtaken_sale(self, data: st.DataObject) -> None:
        self.passes(data)
        topic, record = self.awaited.pop(0)
        self.deliver(topic, record)

    @precondition(lambda self: self.sold and IN_FORCE["revision"])
    @rule(data=st.data(), body=BODY)
    def revision(self, data: st.DataObject, body: Json) -> None:
        before = data.draw(st.sampled_from(list(self.sold.values())))
        more = data.draw(st.sampled_from((self.as_told(data, body), {}, {})))
        revision = before.get("revision", 1) + data.draw(st.sampled_from((1, 1, 1, 2)))
        record = {**before, **more, "closed_at": self.passes(data), "revision": revision}
        self.sold[record["profile_id"], record["receipt_id"]] = record
        self.amounts.discard(record["receipt_id"])
        self.lines.discard(record["receipt_id"])
        self.deliver("purchases", record)

    @precondition(lambda self: self.sold and IN_FORCE["cancel"])
    @rule(data=st.data(), kind=st.sampled_from(("cancel", "cancel", "reopen")))
    def cancel(self, data: st.DataObject, kind: str) -> None:
        sale = self.a_sale(data)
        if sale is not None:
            names = ("receipt_id", "application", "profile_id")
            revision = sale.get("revision", 1)
            self.deliver(
                "purchases",
                {"kind": kind, **{name: sale[name] for name in names}, "closed_at": self.passes(data), "revision": revision},
            )

    def a_sale(self, data: st.DataObject) -> Json | None:
        """A receipt that something more is said about; where early records are not in force, one that was delivered."""
        sales = list(self.sold.values())
        if not IN_FORCE["early"]:
            sales = [sale for sale in sales if ("purchases", sale) in self.delivered]
        held = {lot.receipt for _, state in self.requests_that_are("reserved") for lot, _ in state.pieces}
        if data.draw(st.booleans()) and held:
            sales = [sale for sale in sales if sale["receipt_id"] in held]
        return data.draw(st.sampled_from(sales)) if sales else None

    @precondition(lambda self: self.sold and IN_FORCE["return"])
    @rule(data=st.data(), how=st.sampled_from(("line", "line", "sku", "sku", "amount", "whole", "whole")))
    def returned(self, data: st.DataObject, how: str) -> None:
        sale = self.a_sale(data)
        if sale is None:
            return
        receipt = sale["receipt_id"]
        if receipt in self.amounts:
            how = "amount"
        elif receipt in self.lines and how == "amount":
            how = "sku"
        record: dict[str, Any] = {
            "kind": "return",
            "return_id": self.next_id("T"),
            "receipt_id": receipt,
            "application": sale["application"],
            "profile_id": sale["profile_id"],
            "closed_at": self.passes(data),
        }
        if how == "amount":
            record["amount"] = data.draw(money(12))
        elif how == "whole":
            record["lines"] = [
                {"line_id": str(n), "quantity": line["quantity"]} for n, line in enumerate(sale["lines"], 1) if line["quantity"]
            ]
        else:
            numbers = data.draw(st.lists(st.integers(1, len(sale["lines"])), min_size=1, max_size=2))
            amounts = [data.draw(st.sampled_from((1, 1, "0.5", 2))) for _ in numbers]
            record["lines"] = [
                {"line_id": str(n), "quantity": quantity}
                if how == "line"
                else {"sku": sale["lines"][n - 1]["sku"], "quantity": quantity}
                for n, quantity in zip(numbers, amounts, strict=True)
            ]
        (self.amounts if how == "amount" else self.lines).add(receipt)
        self.deliver("purchases", record)

    @precondition(lambda self: IN_FORCE["redemption"])
    @rule(data=st.data(), kind=st.sampled_from(("redeem", "redeem", "reserve")), who=WHO, points=POINTS)
    def redemption(self, data: st.DataObject, kind: str, who: str, points: str) -> None:
        record: dict[str, Any] = {
            "kind": kind,
            "redemption_id": self.next_id("D"),
            "profile_id": who,
            "requested_at": self.passes(data),
            **self.place(data),
        }
        amount = data.draw(st.sampled_from(("points", "points", "money")))
        record[amount] = points if amount == "points" else data.draw(money(9))
        full = [found for found in self.pair.model.balances() if found["active"].strip("0.")]
        if full and data.draw(st.sampled_from((True,) * 7 + (False,))):
            found: Json = data.draw(st.sampled_from(full))
            for name in ("profile_id", "program", "point"):
                record[name] = found[name]
            record.pop("subledger", None)
            if found["subledger"] is not None:
                record["subledger"] = found["subledger"]
            if amount == "points" and data.draw(st.booleans()):
                record["points"] = found["active"]
        if data.draw(st.booleans()):
            record["order_total"] = data.draw(st.sampled_from(("3.00", "10.00", "50.00")))
        if kind == "reserve" and data.draw(st.booleans()):
            record["hold"] = data.draw(st.sampled_from(("10 minutes", "1 day", "3 days")))
        self.requests.append(record)
        self.deliver("redemptions", record)

    def place(self, data: st.DataObject) -> Json:
        """Which ledger a record of redemptions or adjustments speaks of."""
        name = data.draw(st.sampled_from(self.names))
        program = next(program for program in self.programs if program["program"] == name)
        place = {"program": name}
        sid = data.draw(st.sampled_from([None, *(point["sid"] for point in program["points"])]))
        where = data.draw(WHERE) if program["subledgers"]["enabled"] == "true" else None
        if sid is not None:
            place["point"] = sid
        if where is not None:
            place["subledger"] = where
        return place

    @precondition(lambda self: self.requests and IN_FORCE["settlement"])
    @rule(data=st.data(), points=POINTS, apt=st.sampled_from((True, True, True, False)))
    def settlement(self, data: st.DataObject, points: str, apt: bool) -> None:
        """Commit, release or roll back: mostly what can be, now and then at the very instant at which a lot of it expires."""
        held, done = self.requests_that_are("reserved"), self.requests_that_are("redeemed")
        request = data.draw(st.sampled_from([found for found, _ in held or done] if apt and (held or done) else self.requests))
        state = self.state_of(request)
        kinds = ("commit", "release", "rollback")
        if apt and state is not None:
            kinds = ("commit", "release", "release") if state.state == "reserved" else ("rollback",) * 3
        kind = data.draw(st.sampled_from(kinds))
        at = self.passes(data)
        dates = [lot.expires for lot, _ in state.pieces if lot.expires is not None] if state is not None else []
        if data.draw(st.booleans()) and dates:
            self.now = max(self.now, *dates)
            at = rfc3339(self.now)
        names = ("redemption_id", "profile_id", "program", "point", "subledger")
        record = {"kind": kind, **{name: request[name] for name in names if name in request}, "requested_at": at}
        if kind == "rollback":
            record["part"] = self.next_id("B")
            if data.draw(st.booleans()):
                record["points"] = points
        self.deliver("redemptions", record)

    def state_of(self, request: Json) -> Request | None:
        person = self.pair.model.people.get(request["profile_id"])
        return None if person is None else person.requests.get((request["program"], request["redemption_id"]))

    def requests_that_are(self, *states: str) -> list[tuple[Json, Request]]:
        found = [(request, self.state_of(request)) for request in self.requests]
        return [(request, state) for request, state in found if state is not None and state.state in states]

    @precondition(lambda self: IN_FORCE["adjustment"])
    @rule(data=st.data(), who=WHO, points=POINTS, sign=st.sampled_from(("", "", "-")))
    def adjustment(self, data: st.DataObject, who: str, points: str, sign: str) -> None:
        record = {
            "adjustment_id": self.next_id("A"),
            "profile_id": who,
            "points": sign + points,
            "reason": "goodwill",
            "actor": "desk",
            "occurred_at": self.passes(data),
            **self.place(data),
        }
        renewed = any("renew_on" in point for program in self.programs for point in program["points"])
        if not sign and not renewed and data.draw(st.sampled_from((False, False, True))):
            record["expiration"] = data.draw(st.sampled_from(("2 days", "never", "1 week, end of week")))
        if not sign and data.draw(st.sampled_from((False, False, True))):
            record["activation"] = data.draw(st.sampled_from(("1 day", "6 hours")))
        self.deliver("adjustments", record)

    @precondition(lambda self: self.of_people())
    @rule(
        data=st.data(),
        who=WHO,
        fields=st.dictionaries(st.sampled_from(("agreed", "agreed", "city")), st.sampled_from((True, True, False, None, "Riga"))),
    )
    def profile(self, data: st.DataObject, who: str, fields: Json) -> None:
        said = {name: value for name, value in fields.items() if name == "city" or value != "Riga"}
        self.deliver("profiles", {"profile_id": who, "updated_at": self.passes(data), "fields": said})

    @precondition(lambda self: self.flavour == "waiting" and self.of_people())
    @rule(data=st.data(), who=WHO, agreed=st.sampled_from((True, True, False)))
    def consent(self, data: st.DataObject, who: str, agreed: bool) -> None:
        """Mostly of those for whom something waits."""
        waiting = [name for name, person in self.pair.model.people.items() if person.parked]
        if data.draw(st.booleans()) and waiting:
            who = data.draw(st.sampled_from(waiting))
        self.deliver("profiles", {"profile_id": who, "updated_at": self.passes(data), "fields": {"agreed": agreed}})

    @precondition(lambda self: self.delivered)
    @rule(data=st.data())
    def again(self, data: st.DataObject) -> None:
        """A record comes again, now and then with other content."""
        topic, record = data.draw(st.sampled_from(self.delivered[-12:]))
        self.passes(data)
        if data.draw(st.sampled_from((True, False, False))):
            record = {**record, **other_content(topic, record)}
        self.deliver(topic, record)
        self.delivered.pop()

    @rule(data=st.data(), more=st.sampled_from((0, 0, 1, 12, 24, 72, 24 * 7)))
    def tick(self, data: st.DataObject, more: int) -> None:
        """Some time later, or at the very instant at which something is due."""
        coming = sorted({item.moment for person in self.pair.model.people.values() for item in due(person, LAST)})
        if data.draw(st.booleans()) and coming:
            self.now = max(self.now, data.draw(st.sampled_from(coming[:3])))
        else:
            self.now += (data.draw(PASSED) + more) * HOUR
        type(self).steps_taken += 1
        self.pair.tick(self.now)

    @rule()
    def restart(self) -> None:
        type(self).steps_taken += 1
        self.pair.restart()

    def teardown(self) -> None:
        """Whatever was still to come comes."""
        if hasattr(self, "pair") and not self.pair.differ:
            self.pair.tick(self.now + timedelta(days=60))

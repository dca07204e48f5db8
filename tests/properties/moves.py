"""Moves of the state machine beside those of `machine`: what they may rely on, and pixels, erasure and claims.

Each class holds the rules of one idea; the machine inherits them all.
"""

from datetime import datetime
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.properties.comparison import Pair
from tests.properties.harness import Json

Records = list[tuple[str, Json]]
PEOPLE = ("p1", "p2")


def means(move: str, program: Json) -> bool:
    """Whether a program gives a move a meaning of its own; erasures come where such moves do."""
    lives = any({"activate_on", "renew_on"} & point.keys() for point in program["points"])
    pixel, claim = lives or "consent" in program["membership"], "receipts" in program
    return {"pixel": pixel, "claim": claim, "erasure": pixel or claim}[move]


def other_content(topic: str, record: Json) -> Json:
    match topic, record.get("kind", "sale"):
        case "purchases", "sale":
            return {"discount": "0.03"}
        case "purchases", _:
            return {"closed_at": record["closed_at"].replace("00Z", "01Z")}
        case "redemptions", _:
            return {"receipt_id": "elsewhere"}
        case "pixels", _:
            return {"pixel": "another"}
        case "profiles", _:
            return {"fields": {"city": "Oslo"}}
        case _:
            return {"description": "another"}


WHO = st.sampled_from(("p1", "p1", "p1", "p1", "p1", "p2"))


class Moves:
    """What the machine is to those who move it."""

    programs: list[Json]
    number: int
    sold: dict[tuple[str, str], Json]  # the last sale of each receipt
    amounts: set[str]  # receipts of which an amount was returned, and no line
    lines: set[str]  # or the other way round
    delivered: Records
    requests: list[Json]  # redemptions that were asked for
    pair: Pair
    now: datetime

    def takes(self, move: str) -> bool:
        """Whether a move is in force, and any of the programs gives it a meaning."""
        raise NotImplementedError

    def passes(self, data: st.DataObject, *, late: bool = True) -> str:
        raise NotImplementedError

    def next_id(self, letter: str) -> str:
        raise NotImplementedError

    def deliver(self, topic: str, record: Json) -> None:
        raise NotImplementedError


class PixelMoves(Moves):
    @precondition(lambda self: self.takes("pixel"))
    @rule(
        data=st.data(),
        who=WHO,
        kind=st.sampled_from(("delivered", "delivered", "visit")),
        agreed=st.sampled_from((None, None, None, True, True, False, "yes")),
    )
    def pixel(self, data: st.DataObject, who: str, kind: str, agreed: object) -> None:
        """Of a receipt that was sold, or that is still to come; a form may say something of consent."""
        record: dict[str, Any] = {"event_id": self.next_id("E"), "profile_id": who, "type": kind}
        known = [receipt for name, receipt in self.sold if name == who][-5:]
        attributes: Json = {} if agreed is None else {"agreed": agreed}
        receipt = data.draw(st.sampled_from([*known, *known, f"R{self.number + 1}", None]))
        if receipt is not None:
            attributes["receipt_id"] = receipt
        if attributes:
            record["attributes"] = attributes
        if data.draw(st.booleans()):
            record["application"] = "pos"
        self.deliver("pixels", {**record, "occurred_at": self.passes(data)})

    @precondition(lambda self: self.takes("pixel"))
    @rule(data=st.data())
    def renewal_over_a_hold(self, data: st.DataObject) -> None:
        """What is active is reserved, and a pixel renews what there is when the first of it is past its date."""
        renewed_by = {
            (program["program"], point["sid"]): {"visit", "delivered"}.intersection(point.get("renew_on", ()))
            for program in self.programs
            for point in program["points"]
        }
        ledgers = [
            (row, kind)
            for row in self.pair.model.balances()
            for kind in sorted(renewed_by[row["program"], row["point"]])
            if row["active"].strip("0.") and first_end(row)
        ]
        if not ledgers:
            return
        row, kind = data.draw(st.sampled_from(ledgers))
        place = {name: row[name] for name in ("profile_id", "program", "point", "subledger") if row[name] is not None}
        request = {"kind": "reserve", "redemption_id": self.next_id("D"), **place}
        points = str(int(float(row["active"])) // 10 * 10 or 5)  # a multiple of what a program may ask for
        request |= {"requested_at": self.passes(data, late=False), "points": points, "order_total": "500.00", "hold": "6 days"}
        self.requests.append(request)
        self.deliver("redemptions", request)
        self.now = max(self.now, datetime.fromisoformat(first_end(row)))
        record = {"event_id": self.next_id("E"), "profile_id": row["profile_id"], "type": kind}
        self.deliver("pixels", {**record, "occurred_at": self.passes(data, late=False)})


def first_end(row: Json) -> str:
    return str(min((lot["expires_at"] for lot in row["lots"] if lot["expires_at"] is not None), default=""))


class ErasureMoves(Moves):
    @precondition(lambda self: self.takes("erasure"))
    @rule(data=st.data(), who=WHO, really=st.sampled_from((True, False, False)))
    def erasure(self, data: st.DataObject, who: str, really: bool) -> None:
        """Now and then; else something that was said long before comes once more."""
        if really or not self.delivered:
            self.deliver("profiles", {"profile_id": who, "updated_at": self.passes(data), "kind": "erase"})
        else:
            self.passes(data)
            self.deliver(*data.draw(st.sampled_from(self.delivered)))
            self.delivered.pop()


class ClaimMoves(Moves):
    @precondition(lambda self: self.takes("claim") and self.sold)
    @rule(data=st.data(), more=st.sampled_from((0, 0, 1)))
    def sale_of_another(self, data: st.DataObject, more: int) -> None:
        """The same receipt, by the other profile; it may come first, where the first one is on its way still."""
        (who, _), sale = data.draw(st.sampled_from(list(self.sold.items())))
        other = next(name for name in PEOPLE if name != who)
        record = {**sale, "profile_id": other, "closed_at": self.passes(data), "revision": sale.get("revision", 1) + more}
        self.deliver("purchases", record)

    @precondition(lambda self: self.takes("claim") and self.sold)
    @rule(data=st.data(), kind=st.sampled_from(("return", "return", "cancel", "reopen")))
    def whose_is_not_said(self, data: st.DataObject, kind: str) -> None:
        """A return, cancel or reopen that names no profile."""
        sale = data.draw(st.sampled_from(list(self.sold.values())))
        receipt = sale["receipt_id"]
        record: dict[str, Any] = {"kind": kind, "receipt_id": receipt, "application": sale["application"]}
        if kind == "return":
            record["return_id"] = self.next_id("T")
            if receipt in self.amounts:
                record["amount"] = "1.00"
            else:
                record["lines"] = [{"line_id": "1", "quantity": data.draw(st.sampled_from((1, 1, "0.5")))}]
                self.lines.add(receipt)
        else:
            record["revision"] = sale.get("revision", 1)
        self.deliver("purchases", {**record, "closed_at": self.passes(data)})

"""Receipts of the naive model: sales and their revisions, returns, cancels, reopens, and what waits for a sale."""

from collections.abc import Mapping
from datetime import datetime
from fractions import Fraction
from math import floor
from types import MappingProxyType

from tests.properties.naive.books import Ledger, Lot, Pieces, size, taken
from tests.properties.naive.crediting import limited, sale_earns, spread_of
from tests.properties.naive.earning import Situation, amounts_of, earned, exact
from tests.properties.naive.measures import spent
from tests.properties.naive.people import Claim, Parked, Person, Receipt, Refused, Scene
from tests.properties.naive.program import Json, Program, fraction, rounded
from tests.properties.naive.settling import settle
from tests.properties.naive.tiers import enter, has_tiers, held_at, uncount
from tests.properties.naive.waiting import counts, wait

Shares = Mapping[str, tuple[Fraction, Fraction]]
NO_LINES: Shares = MappingProxyType({})


def on_sale(scene: Scene, person: Person, programs: list[Program], sale: Json, at: datetime) -> str:
    key = (sale["application"], sale["receipt_id"])
    receipt = person.receipts.get(key, Receipt())
    revision = sale.get("revision", 1)
    if again := seen_again(receipt, "sale", revision, sale):
        return count_later(scene, person, programs, receipt, at) if sale == receipt.sale else again
    if revision <= receipt.revision:  # of the last one only a cancel was seen: it came first, or its sale was refused
        return "stale-revision"
    if any(sale["currency"] not in {program.currency, *program.rates} for program in programs):
        raise Refused("wrong-currency")
    now = person.at_least(at)
    settle(scene, person, now)
    person.receipts[key] = receipt
    give_back_all(scene, person, receipt, now)
    receipt.closed = False
    spend_again(scene, person, receipt)
    receipt.tiers = {claim.program.name: claim.saw.tier for claim in receipt.claims if claim.saw.at == at}
    receipt.kept |= {(claim.program.name, claim.sid, claim.subledger): claim.kept for claim in receipt.claims}
    receipt.seen["sale", revision] = sale
    receipt.revision, receipt.sale, receipt.closed = revision, sale, True
    receipt.left = [fraction(line["quantity"]) for line in sale["lines"]]
    receipt.returned, receipt.claims, receipt.by_amount, receipt.spent = Fraction(0), [], False, {}
    receipt.worth = "total" if programs and programs[0].basis == "total" else "gross"
    receipt.waits_for = set()
    count(scene, person, receipt, [program for program in programs if counts(person, program, at)], at)
    counted = {claim.program.name for claim in receipt.claims}
    waits = wait(scene, person, receipt, [program for program in programs if program.name not in counted], sale)
    settle(scene, person, now)
    return "applied" if counted else "parked" if waits else "not-a-member"


def count(scene: Scene, person: Person, receipt: Receipt, programs: list[Program], at: datetime) -> None:
    """What is left of a sale earns of each of these programs."""
    sale = receipt.sale
    key = (sale["application"], sale["receipt_id"])
    for program in programs:
        subledger = sale.get("subledger") if program.subledgers else None
        fields = {name: person.field_at(name, at) for _, name, _ in person.told}
        tier = receipt.tiers.get(program.name, held_at(person.member(program), subledger, at))  # before the receipt's own effect
        saw = Situation(at, tier, fields)
        for sid in program.points:
            earlier = receipt.kept.get((program.name, sid, subledger), 0)
            receipt.claims.append(sale_earns(scene, person, program, sid, sale, saw, earlier, key, shares_of(receipt)))
        receipt.spent[program.name] = (subledger, at, 0)
        amount = spent_again(person, receipt, program)
        begins = subledger not in person.member(program).standings
        if amount > 0 or (amount and begins):
            enter(scene, person, person.member(program), subledger, at)


def spend_again(scene: Scene, person: Person, receipt: Receipt) -> None:
    for name, (subledger, at, _) in receipt.spent.items():
        if spent_again(person, receipt, person.members[name].program) > 0:  # what comes back came to less than nothing
            enter(scene, person, person.members[name], subledger, at)


def spent_again(person: Person, receipt: Receipt, program: Program) -> int:
    """What tiers that measure spending count of a receipt from now on; how much that is more than before."""
    if not has_tiers(program) or program.tiers["measure"] != "spend":
        return 0
    subledger, at, before = receipt.spent[program.name]
    now = spent(receipt, program, shares_of(receipt))
    receipt.spent[program.name] = (subledger, at, now)
    if now != before:
        person.member(program).counted.append((subledger, at, now - before))
    return now - before


def shares_of(receipt: Receipt) -> list[Fraction]:
    """Of each line, which share of it is left."""
    return [
        after / fraction(line["quantity"]) if fraction(line["quantity"]) else Fraction(0)
        for after, line in zip(receipt.left, receipt.sale["lines"], strict=True)
    ]


def count_later(scene: Scene, person: Person, programs: list[Program], receipt: Receipt, at: datetime) -> str:
    """What is left of a sale that waited; its claims are as if all of it had counted before the returns."""
    waited = [program for program in programs if program.name in receipt.waits_for and counts(person, program, at)]
    if not waited or not receipt.closed:
        return "duplicate"
    settle(scene, person, person.at_least(at))
    now = person.at_least(at)
    receipt.waits_for -= {program.name for program in waited}
    before = list(receipt.claims)
    count(scene, person, receipt, waited, at)
    for claim in receipt.claims[len(before) :]:
        lines = [spread_of(line) for line in receipt.sale["lines"]]
        whole = earned(claim.program, claim.sid, receipt.sale, claim.saw, lines, claim.rooms)
        given = max(sum(points for _, points in limited(whole, claim.rooms)) - claim.kept_before, claim.given)
        claim.asked, claim.given = given - claim.given, given
        if receipt.returned and shares_of(receipt) == lines:  # money that came back is of no line
            take_back(
                scene, person, receipt, claim, max(min(owed_by(person, receipt, claim, by_amount=True), claim.claims), 0), now
            )
    settle(scene, person, now)
    return "applied"


def seen_again(receipt: Receipt, kind: str, revision: int, record: Json) -> str | None:
    before = receipt.seen.get((kind, revision))
    if before is None:
        return None
    if before != record:
        raise Refused("conflicting-duplicate")
    return "duplicate"


def on_cancel(scene: Scene, person: Person, record: Json, at: datetime) -> str:
    """Cancel and reopen: a return of all that is left."""
    receipt = person.receipts[record["application"], record["receipt_id"]]
    revision = record.get("revision", receipt.revision)
    if again := seen_again(receipt, record["kind"], revision, record):
        return again
    if revision < receipt.revision:
        return "stale-revision"
    now = person.at_least(at)
    settle(scene, person, now)
    receipt.seen[record["kind"], revision] = record
    give_back_all(scene, person, receipt, now)
    receipt.revision, receipt.closed = revision, False
    spend_again(scene, person, receipt)
    return "applied"


def give_back_all(scene: Scene, person: Person, receipt: Receipt, now: datetime) -> None:
    for claim in receipt.claims:
        take_back(scene, person, receipt, claim, claim.claims, now)
    forget_use(person, receipt)


def forget_use(person: Person, receipt: Receipt) -> None:
    """A receipt returned whole gives its use of a limit back."""
    if receipt.sale:
        key = (receipt.sale["application"], receipt.sale["receipt_id"])
        for member in person.members.values():
            member.granted = [use for use in member.granted if use[3] != key]


# what becomes of a sale: given back line by line, or by an amount


def on_return(scene: Scene, person: Person, record: Json, at: datetime) -> str:
    identity = ("return", record["application"], record["return_id"])
    if identity in person.identities:
        if person.identities[identity] != record:
            raise Refused("conflicting-duplicate")
        return "duplicate"
    receipt = person.receipts[record["application"], record["receipt_id"]]
    if not receipt.closed:
        raise Refused("over-returned")
    worth = amounts_of(receipt.sale, receipt.worth)
    if "lines" in record:
        left = left_after(receipt, record)
        returned = receipt.returned + sum(
            (amount * (before - after) / fraction(line["quantity"]))
            for amount, before, after, line in zip(worth, receipt.left, left, receipt.sale["lines"], strict=True)
            if fraction(line["quantity"])
        )
    else:
        left, returned = receipt.left, receipt.returned + fraction(record["amount"])
        if returned > sum(worth):
            raise Refused("over-returned")
    now = person.at_least(at)
    settle(scene, person, now)
    person.identities[identity] = record
    shares = shares_of(receipt)
    receipt.left, receipt.returned = left, Fraction(returned)
    lines = {} if "amount" in record else came_back(receipt, shares)
    receipt.by_amount = receipt.by_amount or "amount" in record
    whole = not any(left) or (receipt.by_amount and receipt.returned >= sum(worth))  # a gift that is kept is left of it
    for claim in receipt.claims:
        owed = claim.claims if whole else min(owed_by(person, receipt, claim, by_amount="amount" in record), claim.claims)
        take_back(scene, person, receipt, claim, max(owed, 0), now, lines)
    if whole:
        forget_use(person, receipt)
    spend_again(scene, person, receipt)
    return "applied"


def came_back(receipt: Receipt, before: list[Fraction]) -> Shares:
    """Of each line of which something came back, the shares that had come back before and have now."""
    after = shares_of(receipt)
    lines = enumerate(zip(receipt.sale["lines"], before, after, strict=True))
    return {line.get("line_id", str(n + 1)): (1 - then, 1 - now) for n, (line, then, now) in lines if then != now}


def left_after(receipt: Receipt, record: Json) -> list[Fraction]:
    left = list(receipt.left)
    for returned in record["lines"]:
        quantity = fraction(returned["quantity"])
        found = False
        for n, line in enumerate(receipt.sale["lines"]):
            if (
                line.get("line_id", str(n + 1)) == returned["line_id"]
                if "line_id" in returned
                else line["sku"] == returned["sku"]
            ):
                found = True
                part = min(left[n], quantity)
                left[n] -= part
                quantity -= part
        if quantity or not found:
            raise Refused("over-returned")
    return left


def paid_back(receipt: Receipt) -> tuple[Fraction, Fraction]:
    """The money that came back for no line, and what the lines that are still there are worth."""
    worth = amounts_of(receipt.sale, receipt.worth)
    there = [
        amount * share if fraction(line["quantity"]) else amount
        for amount, share, line in zip(worth, shares_of(receipt), receipt.sale["lines"], strict=True)
    ]
    gone = sum(worth, Fraction(0)) - sum(there, Fraction(0))
    return receipt.returned - gone, sum(there, Fraction(0))


def owed_by(person: Person, receipt: Receipt, claim: Claim, *, by_amount: bool) -> int:
    """How much of its points a receipt no longer deserves, beyond what was asked for before."""
    program, sid, sale = claim.program, claim.sid, receipt.sale
    shares = shares_of(receipt)
    now = person.member(program).program
    units = any(share < 1 for share, line in zip(shares, sale["lines"], strict=True) if fraction(line["quantity"]))
    policy = "by-amount" if by_amount and not units else now.points[sid]["on_return"]
    if policy == "recompute":
        rest = sum(points for _, points in limited(earned(program, sid, sale, claim.saw, shares, claim.rooms), claim.rooms))
        money, there = paid_back(receipt)
        if money:
            rest = rounded(rest * (there - money) / there, "ceiling" if by_amount else now.points[sid]["rounding"])
        return claim.claims - max(rest - claim.kept_before, 0)
    if policy == "proportional":
        rows = [
            parts for _, parts in exact(program, sid, sale, claim.saw, [spread_of(line) for line in sale["lines"]], claim.rooms)
        ]
        full = sum((sum(parts, Fraction(0)) for parts in rows), Fraction(0))
        gone = sum((part * (1 - share) for parts in rows for part, share in zip(parts, shares, strict=False)), Fraction(0))
        if not full:
            return 0
        money, _ = paid_back(receipt)
        share = gone / full + (money / sum(amounts_of(sale, receipt.worth)) if money else 0)
        return owed_of_share(claim, share)
    worth = sum(amounts_of(sale, receipt.worth), Fraction(0))
    return owed_of_share(claim, receipt.returned / worth) if worth > 0 else 0


def owed_of_share(claim: Claim, share: Fraction) -> int:
    """So much of all its points, kept ones too, is gone; the rest is worth no more than the others."""
    earned = claim.given + claim.kept_before
    return claim.claims - max(earned - floor(earned * share) - claim.kept_before, 0)


def take_back(
    scene: Scene, person: Person, receipt: Receipt, claim: Claim, owed: int, now: datetime, lines: Shares = NO_LINES
) -> None:
    """The sources in their order; what none of them has is debt, or stays with the receipt.

    Of each lot what has expired counts as given back first: of lots of the lines that came back for what these lines gave, and of all for the rest.
    """
    if not owed:
        return
    claim.claims -= owed
    claim.asked += owed
    member = person.member(claim.program)
    ledger = member.ledger(claim.sid, claim.subledger)
    point = member.program.points[claim.sid]  # as it is when something comes back
    order, policy = point["spend_order"], point["returns"]
    theirs = [lot for lot in claim.lots if lot.line in lines]
    due = min(
        owed, sum(floor(lot.points * lines[lot.line or ""][1]) - floor(lot.points * lines[lot.line or ""][0]) for lot in theirs)
    )
    gone = count_expired(ledger, theirs, due)
    gone += count_expired(ledger, claim.lots, owed - due)
    wanted = owed - gone
    pending, active = sources(ledger, claim, theirs, order, policy, wanted)
    wanted -= size(pending) + size(active)
    debt = wanted if policy == "allow-debt" else 0
    claim.kept += wanted - debt
    ledger.move(pending, "pending", "reversed")
    ledger.move(active, "active", "reversed")
    ledger.debts.append(debt)
    uncount(member, claim.sid, claim.subledger, claim.saw.at, owed - (wanted - debt))  # what is kept still counts
    if pending or active or debt:
        scene.post(person, member, "points.reversed", now, claim.sid, claim.subledger, [*pending, *active], debt_added=debt)


def count_expired(ledger: Ledger, lots: list[Lot], at_most: int) -> int:
    counted = 0
    for lot in lots:
        over = size(ledger.within("expired", [lot])) + ledger.cancelled([lot]) - lot.counted
        points = min(over, at_most - counted)
        lot.counted += points
        counted += points
    return counted


def sources(ledger: Ledger, claim: Claim, theirs: list[Lot], order: str, policy: str, wanted: int) -> tuple[Pieces, Pieces]:
    def own(bucket: str) -> Pieces:
        others = [lot for lot in claim.lots if lot not in theirs]
        return [*ledger.spendable(order, theirs, bucket), *ledger.spendable(order, others, bucket)]

    own_pending = taken(own("pending"), wanted)
    wanted -= size(own_pending)
    own_active = taken(own("active"), wanted) if policy != "pending-only" else []
    wanted -= size(own_active)
    others = [lot for lot in ledger.lots if lot not in claim.lots]
    pending = taken(ledger.spendable(order, others, "pending"), wanted)
    wanted -= size(pending)
    active = taken(ledger.spendable(order, others), wanted) if policy != "pending-only" else []
    return [*own_pending, *pending], [*own_active, *active]


def park(person: Person, topic: str, record: Json, arrival: datetime, until: datetime, number: int) -> str:
    """A record that came before its sale waits; the same again while it waits is a duplicate."""
    identity = identity_of(record)
    for waiting in person.parked:
        if (
            waiting.waits_for == (record["application"], record["receipt_id"])
            and identity_of(waiting.record) == identity
            and waiting.until > arrival
        ):  # else its time is over already
            if waiting.record != record:
                raise Refused("conflicting-duplicate")
            return "duplicate"
    person.parked.append(Parked(topic, record, arrival, (record["application"], record["receipt_id"]), until, number))
    return "parked"


def identity_of(record: Json) -> tuple[object, ...]:
    key = record["return_id"] if record["kind"] == "return" else (record["receipt_id"], record.get("revision"))
    return (record["kind"], record["application"], key)

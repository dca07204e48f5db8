"""Random programs and random streams of sales and ticks: small, with many ties, late records and deliveries made twice.

Times are drawn from a few weeks around a DST change, in steps that make equal instants likely. What the design leaves open (how
a rounded row meets a limit of its rule while the receipt is rounded as a whole; which of several lots a cap cuts) is not generated.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from tests.properties.harness import Json, Step

Case = tuple[Json, list[Step]]

START = datetime(2024, 3, 1, tzinfo=UTC)
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe")
ACTIVATIONS = ("immediately", "immediately", "12 hours", "2 days", "1 day, start of day", "every 03-20")
EXPIRATIONS = ("never", "3 days", "60 hours", "1 week, end of week", "1 month, end of month", "2024-03-12")


def moments(days: int) -> st.SearchStrategy[datetime]:
    """Every six hours, so that much falls on one instant; now and then a second beside it."""
    return st.builds(
        lambda quarters, seconds: START + timedelta(hours=6 * quarters, seconds=seconds),
        st.integers(0, days * 4),
        st.sampled_from((0, 0, 0, 1, -1)),
    ).filter(lambda moment: moment >= START)


def money(most: int) -> st.SearchStrategy[str]:
    return st.builds(lambda cents: f"{cents // 100}.{cents % 100:02d}", st.integers(10, most * 100))


def prices(most: int) -> st.SearchStrategy[str]:
    """Of a line: now and then it is a gift."""
    return st.one_of(*[money(most)] * 9, st.just("0.00"))


@st.composite
def points(draw: st.DrawFn, sid: str) -> Json:
    scale = draw(st.sampled_from((0, 0, 1, 2, 7)))
    point: Json = {
        "sid": sid,
        "scale": str(scale),
        "rounding": draw(st.sampled_from(("floor", "floor", "half-up", "half-even", "ceiling"))),
        "round": draw(st.sampled_from(("receipt", "receipt", "line", "rule"))),
        "activation": draw(st.sampled_from(ACTIVATIONS)),
        "expiration": draw(st.sampled_from(EXPIRATIONS)),
        "initial_balance": draw(st.sampled_from(("0", "0", "7"))),
        "returns": draw(st.sampled_from(("pending-only", "within-balance", "allow-debt"))),
    }
    if draw(st.booleans()):
        point["expires_from"] = "activation"
    bound = draw(st.sampled_from(("none", "none", "max_balance", "limit")))
    if bound == "max_balance":
        point["max_balance"] = draw(st.sampled_from(("20", "25", "60")))
    elif bound == "limit":
        point["limit"] = draw(limits())
    return point


@st.composite
def limits(draw: st.DrawFn) -> Json:
    period = draw(st.sampled_from(("receipt", "day", "week", "month", "year", "ever")))
    if draw(st.booleans()) and period != "receipt":
        return {"times": draw(st.sampled_from(("1", "2"))), "per": period}
    return {"points": draw(st.sampled_from(("10", "25"))), "per": period, "on_cap": draw(st.sampled_from(("truncate", "refuse")))}


@st.composite
def rules(draw: st.DrawFn, name: str, point: Json, tiers: bool) -> Json:
    rule: Json = {"rule": name, "point": point["sid"]}
    kinds = ["rate", "rate", "fixed"] + ["multiplier"] * (point["round"] != "rule")
    match draw(st.sampled_from(kinds)):
        case "rate":
            rule["rate"] = {
                "points": draw(st.sampled_from(("1", "3", "0.1"))),
                "per": draw(st.sampled_from(("1.00", "2.50", "7"))),
                "steps": draw(st.sampled_from(("proportional", "whole"))),
            }
        case "fixed":
            per = draw(st.sampled_from(("receipt", "line", "unit")))
            rule["fixed"] = {"points": draw(st.sampled_from(("5", "0.5"))), "per": per}
            if int(point["scale"]) == 0:
                rule["fixed"]["points"] = "5"
        case _:
            rule["multiplier"] = draw(st.sampled_from(("2", "1.5", "3")))
    if draw(st.booleans()):
        rule["lines"] = {"sku": draw(st.sampled_from(("A", "B")))}
    if tiers and draw(st.booleans()):
        rule["when"] = {"tier": draw(st.sampled_from(("Silver", "Gold")))}
    capped = "limit" in point or "max_balance" in point
    if "multiplier" not in rule and not capped and draw(st.sampled_from((True, False, False))):
        rule["expiration"] = draw(st.sampled_from(EXPIRATIONS[1:]))
    if point["round"] == "rule" and not capped and draw(st.booleans()):
        rule["limit"] = draw(limits())
    return rule


@st.composite
def programs(draw: st.DrawFn) -> Json:
    types = [draw(points(sid)) for sid in ("pts", "miles")[: draw(st.sampled_from((1, 1, 2)))]]
    tiers = draw(st.booleans())
    earning = []
    for point in types:
        earning += [draw(rules(f"{point['sid']}-{n}", point, tiers)) for n in range(draw(st.integers(1, 3)))]
    program: Json = {
        "program": "club",
        "timezone": draw(st.sampled_from(ZONES)),
        "environment": "sandbox",
        "effective_from": "2020-01-01T00:00:00Z",
        "applications": ["pos"],
        "currency": "EUR",
        "late": draw(st.sampled_from(("accept", "accept", "reject after 10 days"))),
        "membership": {
            "join": draw(st.sampled_from(("on-points-earned", "on-points-earned", "on-points-activated", "explicit")))
        },
        "points": types,
        "earning": earning,
    }
    if tiers:
        program["tiers"] = {"definitions": [{"name": "Silver", "threshold": "10"}, {"name": "Gold", "threshold": "40"}]}
    return program


@st.composite
def sales(draw: st.DrawFn, number: int) -> Json:
    lines = []
    for sku in draw(st.lists(st.sampled_from(("A", "B", "C")), min_size=1, max_size=3)):
        line: Json = {"sku": sku, "quantity": draw(st.sampled_from((1, 1, 2, 3, "0.5"))), "unit_price": draw(prices(20))}
        if draw(st.sampled_from((True, False, False))):
            line["discount"] = "0.01"
        lines.append(line)
    sale: Json = {
        "receipt_id": f"R{number}",
        "application": "pos",
        "closed_at": draw(moments(30)).isoformat().replace("+00:00", "Z"),
        "currency": "EUR",
        "lines": lines,
    }
    who = draw(st.sampled_from(("p1", "p1", "p1", "p2", None)))
    if who is not None:
        sale["profile_id"] = who
    if draw(st.sampled_from((True, False, False))):
        sale["discount"] = "0.01"
    return sale


@st.composite
def deliveries(draw: st.DrawFn) -> list[Step]:
    """Sales in nearly the order of time: some late, some again, some again with other content, and ticks that only move forward."""
    made = [draw(sales(number)) for number in range(draw(st.integers(1, 8)))]
    if draw(st.booleans()):
        made.sort(key=lambda sale: str(sale["closed_at"]))
    steps: list[Step] = []
    ticked = START
    for sale in made:
        steps.append(sale)
        if draw(st.sampled_from((True, False, False))):
            again: dict[str, Any] = dict(draw(st.sampled_from([step for step in steps if isinstance(step, dict)])))
            steps.append({**again, "discount": "0.02"} if draw(st.sampled_from((True, False, False))) else again)
        if draw(st.booleans()):
            ticked = max(ticked, draw(moments(45)))
            steps.append(ticked)
    steps.append(START + timedelta(days=60))
    return steps


@st.composite
def cases(draw: st.DrawFn) -> Case:
    return draw(programs()), draw(deliveries())


@st.composite
def histories(draw: st.DrawFn) -> list[Json]:
    """What a till may say about one receipt: closed, cancelled, reopened, closed again; some of it twice, revisions rising."""
    sale = draw(sales(0)) | {"profile_id": "p1"}
    at = datetime.fromisoformat(sale["closed_at"])
    said: list[Json] = [sale]
    revision = 1
    for kind in draw(st.lists(st.sampled_from(("sale", "sale", "cancel", "reopen", "again")), max_size=7)):
        at += timedelta(hours=draw(st.sampled_from((0, 1, 30))))
        moment = at.isoformat().replace("+00:00", "Z")
        if kind == "again":
            said.append(draw(st.sampled_from(said)))
        elif kind == "sale":
            revision += 1
            said.append({**sale, "revision": revision, "closed_at": moment})
        else:
            # with its revision: one without speaks of the newest, so that a refused one, sent again, may speak of another
            said.append(
                {
                    "kind": kind,
                    "receipt_id": "R0",
                    "revision": revision,
                    "application": "pos",
                    "profile_id": "p1",
                    "closed_at": moment,
                }
            )
    return said


@st.composite
def busy_streams(draw: st.DrawFn) -> list[Step]:
    """Deliveries with cancelled, reopened and replaced receipts among them."""
    steps = draw(deliveries())
    for number, said in enumerate(draw(st.lists(histories(), max_size=2))):
        place = draw(st.integers(0, len(steps) - 1))
        renamed: list[Step] = [{**step, "receipt_id": f"H{number}"} for step in said]
        steps[place:place] = renamed
    return steps

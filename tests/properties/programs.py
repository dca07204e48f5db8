"""Random programs for the state machine: every setting that decides what happens to points, drawn small and with many ties.

What the design leaves open (which of several lots a cap cuts) is not generated.
"""

from typing import Any

from hypothesis import strategies as st

from tests.properties.harness import Json
from tests.properties.lives import lives, own_lives
from tests.properties.streams import EXPIRATIONS, ZONES, points, rules
from tests.properties.versions import of_versions
from tests.properties.worth import of_worth

BASES = ({"points": "1", "per": "1.00"}, {"points": "3", "per": "1.00"}, {"points": "1", "per": "2.50", "steps": "whole"})
FLAVOURS = ("returns", "spending", "debts", "tiers", "people", "waiting", "events", "claims", "worth", "versions", "mixed")
IDEAS = ("people", "waiting", "events", "claims")  # that meet in programs of the last flavour


@st.composite
def spending(draw: st.DrawFn, point: Json) -> Json:
    """How points of a type are spent: only where a ratio is known can a share of an order be asked about."""
    more: Json = {
        "spend_order": draw(st.sampled_from(("earliest-expiry", "earliest-expiry", "earliest-earned"))),
        "hold": point.get("hold", draw(st.sampled_from(("30 minutes", "6 hours", "2 days")))),
        "reinstate_expired": draw(st.sampled_from(("0 days", "0 days", "3 days"))),
    }
    redeem: Json = {}
    if draw(st.booleans()):
        more["ratio"] = draw(st.sampled_from(({"points": "1", "money": "1.00"}, {"points": "3", "money": "0.10"})))
        redeem["max_share"] = draw(st.sampled_from(("1", "1", "0.5")))
    if draw(st.booleans()):
        redeem["minimum"] = draw(st.sampled_from(("2", "5")))
    if draw(st.booleans()):
        redeem["multiple"] = draw(st.sampled_from(("2", "5")))
    if draw(st.sampled_from((True, False, False))):
        redeem["partial"] = "true"
    return {**point, **more, **({"redeem": redeem} if redeem else {})}


@st.composite
def receipt_rules(draw: st.DrawFn, name: str, point: Json, tiers: bool, people: bool) -> Json:
    """A rule of `streams`, which may ask for a code, a channel or a minimum of the whole receipt as well."""
    rule: Json = draw(rules(name, point, tiers))
    if "when" not in rule:
        when = draw(st.sampled_from((None, None, None, {"gross": {"at_least": "15.00"}}, {"channel": "online"})))
        if when is not None:
            rule["when"] = when
    if people and "when" not in rule:
        rule["when"] = {"profile.city": "Riga"}
    if draw(st.sampled_from((True, False, False, False, False))):
        rule["code"] = "SPRING"
    return rule


LADDERS = (("10", "40"), ("10", "40"), ("5", "10", "20", "40"), ("0", "20", "40"))
NAMES = ("Silver", "Gold", "Platinum", "Diamond")


@st.composite
def ladders(draw: st.DrawFn) -> Json:
    """Tiers, with reviews that come every few days."""
    review = {
        "relative_to": draw(st.sampled_from(("program-join", "program-join", "tier-join", "cycle"))),
        "every": draw(st.sampled_from(("2 days", "3 days", "5 days", "36 hours", "1 week, end of week", "1 month"))),
    }
    if review["relative_to"] == "cycle":
        review["cycle_start"] = "2024-03-03"
    tiers: Json = {
        "definitions": [
            {"name": name, "threshold": threshold} for name, threshold in zip(NAMES, draw(st.sampled_from(LADDERS)), strict=False)
        ],
        "review": review,
        "window": draw(st.sampled_from(("review", "review", "lifetime", "4 days", "1 day"))),
        "measure": draw(st.sampled_from(("earned", "spend", "active"))),
        "downgrade": draw(st.sampled_from(("hard", "soft"))),
        "lasts": draw(st.sampled_from(("next-period", "next-period", "period"))),
        "grace": draw(st.sampled_from(("0 days", "0 days", "1 day", "3 days"))),
    }
    if draw(st.booleans()):
        tiers["counts"] = ["earning", "adjustments"]
    if draw(st.booleans()):
        tiers["review_grid"] = draw(st.sampled_from(("30 minutes", "5 hours", "8 hours")))
    return tiers


@st.composite
def machine_programs(draw: st.DrawFn, name: str, about: frozenset[str]) -> Json:
    types: list[Json] = []
    for sid in ("pts", "miles")[: draw(st.sampled_from((1, 1, 2)))]:
        point = draw(points(sid))
        point["activation"] = draw(st.sampled_from(("immediately", "immediately", "immediately", point["activation"])))
        if "returns" in about:
            point["returns"] = draw(st.sampled_from(("within-balance", "allow-debt", "allow-debt", "pending-only")))
            point["on_return"] = draw(st.sampled_from(("recompute", "recompute", "proportional", "by-amount")))
        else:
            point["expiration"] = draw(st.sampled_from((*EXPIRATIONS, "never", "never", "10 days", "10 days")))
        if "debts" in about:
            types.append({**point, "returns": "allow-debt", "expiration": draw(st.sampled_from(("never", "10 days")))})
        else:
            types.append(draw(spending(draw(lives(point)) if "events" in about else point)))
    tiers = "tiers" in about or ("debts" not in about and draw(st.sampled_from((True, False, False))))
    earning = []
    for point in types:
        earning.append({"rule": f"{point['sid']}-base", "point": point["sid"], "rate": draw(st.sampled_from(BASES))})
        earning += [
            draw(receipt_rules(f"{point['sid']}-{n}", point, tiers, bool(about & {"people", "waiting"})))
            for n in range(draw(st.integers(0, 2)))
        ]
        if "events" in about:
            earning = [
                own_lives(point, rule, waits=draw(st.booleans())) if rule["point"] == point["sid"] else rule for rule in earning
            ]
    program: dict[str, Any] = {
        "program": name,
        "timezone": draw(st.sampled_from(ZONES)),
        "environment": "sandbox",
        "effective_from": "2020-01-01T00:00:00Z",
        "applications": ["pos"],
        "currency": "EUR",
        "late": draw(st.sampled_from(("accept", "accept", "accept", "reject after 10 days"))),
        "park": draw(st.sampled_from(("7 days", "1 day"))),
        "membership": {
            "join": draw(st.sampled_from(("on-points-earned", "on-points-earned", "on-points-earned", "on-points-activated")))
        },
        "points": types,
        "earning": earning,
        "subledgers": {"enabled": draw(st.sampled_from(("false", "false", "true")))},
    }
    if "people" in about and draw(st.sampled_from((True, True, True, False))):
        program["membership"]["consent"] = "agreed"
    if "waiting" in about:
        program["membership"] |= {"consent": "agreed", "before_join": "park"}
        if draw(st.integers(0, 9)) == 0:
            program["membership"]["join"] = "explicit"
    if "claims" in about:
        program["receipts"] = draw(st.sampled_from(("claimed", "claimed", "claimed", "per-profile")))
    if tiers:
        program["tiers"] = draw(ladders())
    return program


@st.composite
def catalogues(draw: st.DrawFn, flavour: str) -> list[Json]:
    """One program, or two that count the same tills."""
    two = ("club", "guild")
    names = draw(st.sampled_from((("club",), two if flavour == "waiting" else ("club",), two)))
    more = {"mixed": st.lists(st.sampled_from(IDEAS), max_size=3), "waiting": st.sampled_from(((), ("events",)))}
    about = frozenset((flavour, *draw(more.get(flavour, st.just(())))))
    programs = [draw(machine_programs(name, about)) for name in names]
    if flavour == "versions":
        return draw(of_versions(programs))
    return draw(of_worth(programs)) if flavour == "worth" else programs

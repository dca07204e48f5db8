"""Programs and sales for the question what a receipt is worth: basis, rules that compete, bands, other currencies, lines that do
not count. Laid over what `programs` and the machine draw.

Which of two programs of different bases says that an amount is more than was left of a receipt stays open: they share one.
"""

from hypothesis import strategies as st

from tests.properties.harness import Json
from tests.properties.streams import money

BANDS = ({"from": "5"}, {"to": "12"}, {"from": "3.50", "to": "20"})
LIMITS = ({"times": "1", "per": "day"}, {"times": "2", "per": "ever"}, {"points": "10", "per": "week"})


@st.composite
def of_worth(draw: st.DrawFn, programs: list[Json]) -> list[Json]:
    basis = draw(st.sampled_from(("gross", "net", "total")))
    rates = draw(st.sampled_from(({}, {"USD": "0.85"}, {"USD": "1.5"})))
    return [draw(_of_worth({**program, "basis": basis, "rates": rates})) for program in programs]


@st.composite
def _of_worth(draw: st.DrawFn, program: Json) -> Json:
    more: Json = {"choose": draw(st.sampled_from(("sum", "sum", "best", "first")))}
    if draw(st.booleans()):
        more["earn_on_paid_by_points"] = "true"
    if draw(st.booleans()):
        more["exclude"] = draw(st.sampled_from(({"sku": "C"}, {"category": "gift"}, {"tags": "deposit"})))
    rounds = {point["sid"]: point["round"] for point in program["points"]}
    gifts = [draw(_gift(sid)) for sid, round_ in rounds.items() if round_ == "rule"]
    return {**program, **more, "earning": [draw(_competing(rule, rounds[rule["point"]])) for rule in program["earning"]] + gifts}


@st.composite
def _gift(draw: st.DrawFn, sid: str) -> Json:
    """A limit cuts whole points of a rule: it says itself which only where each rule is rounded."""
    rule: Json = {
        "rule": f"{sid}-gift",
        "point": sid,
        "fixed": {"points": "5", "per": "receipt"},
        "limit": draw(st.sampled_from(LIMITS)),
    }
    return {**rule, "exclusive": "true"} if draw(st.booleans()) else rule


@st.composite
def _competing(draw: st.DrawFn, rule: Json, round_: str) -> Json:
    more: Json = {}
    if draw(st.booleans()):
        more["priority"] = draw(st.sampled_from(("-1", "1", "2")))
    if "multiplier" not in rule:
        if draw(st.sampled_from((False, False, True))):
            more["exclusive"] = "true"
        if round_ == "rule" and draw(st.booleans()):
            more["limit"] = draw(st.sampled_from(LIMITS))
    if "rate" in rule and draw(st.booleans()):
        more["band"] = draw(st.sampled_from(BANDS))
    if "when" not in rule and draw(st.sampled_from((False, False, True))):
        more["when"] = {draw(st.sampled_from(("net", "total"))): {"at_least": "15.00"}}
    return {**rule, **more}


@st.composite
def dressed(draw: st.DrawFn, body: Json) -> Json:
    """A sale as a till tells it that knows more: taxes, shipping, points that paid, voided lines and coupons."""
    lines = [{**line, **draw(st.sampled_from(_OF_A_LINE))} for line in body["lines"]]
    if draw(st.sampled_from((False, False, False, True))):
        lines.append({"sku": "A", "quantity": 1, "unit_price": "-0.50"})
    more: Json = {}
    for name, values in (("tax", ("0.70", "0.09")), ("shipping", ("4.99",)), ("paid_by_points", ("1.00", "6.50", "30.00"))):
        if draw(st.sampled_from((False, False, True))):
            more[name] = draw(st.sampled_from(values))
    if draw(st.sampled_from((False, False, True))):
        more["total"] = draw(money(40))
    if draw(st.sampled_from((False, False, False, True))):
        more["currency"] = "USD"
    return {**body, **more, "lines": lines}


_OF_A_LINE: tuple[Json, ...] = (
    {},
    {},
    {"tax": "0.05"},
    {"category": "gift"},
    {"tags": ["deposit", "glass"]},
    {"quantity": 0},
)

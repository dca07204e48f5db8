"""Settings of how long points live: what they wait for, and what makes them last longer.

Where something renews points, none of them has an expiry of its own: what is shorter than the point type's lives through a row of
renewals or not, as it happens, since of a row only its ends are kept.
"""

from hypothesis import strategies as st

from tests.properties.harness import Json

ENDS = ("3 days", "3 days", "60 hours", "10 days", "1 week, end of week", "never")


@st.composite
def lives(draw: st.DrawFn, point: Json) -> Json:
    """A point type that waits for an event, or lasts for as long as something happens, or both."""
    point = {**point, "expiration": draw(st.sampled_from(ENDS))}
    waits, renewed = draw(st.sampled_from(((True, False), (False, True), (True, True))))
    if waits:
        point["activation"] = draw(st.sampled_from(("on event", "on event", "on event", point["activation"])))
        point["activate_on"] = draw(
            st.sampled_from(({"pixel": "delivered", "receipt": "attributes.receipt_id"}, {"pixel": "delivered"}))
        )
    if renewed:
        point["renew_on"] = draw(
            st.lists(st.sampled_from(("earning", "spending", "visit", "delivered")), min_size=1, max_size=3, unique=True)
        )
    return {**point, "hold": draw(st.sampled_from(("1 day", "3 days", "6 days")))}


def own_lives(point: Json, rule: Json, *, waits: bool) -> Json:
    """A rule of such a point type: with no expiry of its own under renewals, and now and then with an event of its own to wait for."""
    if "renew_on" in point:
        rule = {name: value for name, value in rule.items() if name != "expiration"}
    capped = "limit" in point or "max_balance" in point
    return (
        {**rule, "activation": "on event"}
        if waits and "activate_on" in point and "multiplier" not in rule and not capped
        else rule
    )

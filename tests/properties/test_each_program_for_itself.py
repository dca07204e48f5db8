"""Of several programs each says what it says alone: whom another knows, what it lets wait or asks for is its own affair."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties.harness import Json, Product
from tests.properties.test_scenarios import programs, run, streams

WAITS: list[Json] = [{"before_join": "park"}, {"join": "explicit", "before_join": "park"}]
SINCE = {"updated_at": "2024-03-20T11:00:00Z", "registered_at": "2024-03-20T11:00:00Z"}


def said_by(program: str, everything: list[Json]) -> list[Json]:
    """By profile, and of each topic in its order: what time brings to several profiles at once comes in the order of what is due at them."""
    found = [record for record in everything if record.get("program") == program]
    return sorted(found, key=lambda record: (record["profile_id"], "segment" in record))


@given(programs(asking=False), programs(asking=False), st.sampled_from(WAITS), streams(late=False))
@settings(max_examples=100)
def test_what_a_program_says_does_not_depend_on_another(
    one: Json, other: Json, waits: Json, steps: list[tuple[str, Any]]
) -> None:
    life = [("profiles", {"profile_id": name, "fields": {}} | SINCE) for name in ("p1", "p2")] + steps
    together = [one, other | {"program": "shop", "membership": other["membership"] | waits}]

    def said(*together: Json) -> list[Json]:
        return [record for told in run(Product(*together), life) for topic, record in told.sent if topic != "dead-letters"]

    both = said(*together)
    for program in together:
        assert said_by(program["program"], both) == said_by(program["program"], said(program))

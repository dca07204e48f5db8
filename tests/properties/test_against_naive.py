"""Sales alone against the naive model: random programs, random streams, as a file brings them (a record arrives at the greatest
event time so far). The state machine says more; this says it of programs with every rule about sales, and shrinks well.
"""

from datetime import datetime

from hypothesis import given, settings

from tests.properties.comparison import Pair
from tests.properties.harness import Json, Step
from tests.properties.streams import START, Case, cases


@given(cases())
@settings(max_examples=200)
def test_the_product_and_the_naive_model_agree_about_sales(case: Case) -> None:
    compare(*case)


def compare(program: Json, steps: list[Step]) -> None:
    pair = Pair([program])
    arrival = START
    for step in steps:
        if isinstance(step, datetime):
            pair.tick(step)
        else:
            arrival = max(arrival, datetime.fromisoformat(step["closed_at"]))
            pair.record("purchases", dict(step), arrival)

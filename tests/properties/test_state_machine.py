"""The state machine against the naive model: at least 20,000 steps where it counts, a quarter of them for each kind of program."""

import os

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.properties.machine import machine_of
from tests.properties.programs import FLAVOURS

STEPS_IN_CI = 20_000
STEPS_OF_A_RUN = 40


@pytest.mark.slow
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_the_product_and_the_naive_model_agree_at_every_step(flavour: str) -> None:
    steps = STEPS_IN_CI // len(FLAVOURS) if os.environ.get("CI") else 4_000
    machine = machine_of(flavour)
    runs = steps // STEPS_OF_A_RUN + 1
    run_state_machine_as_test(machine, settings=settings(max_examples=runs, stateful_step_count=STEPS_OF_A_RUN))
    print(f"{flavour}: {machine.steps_taken:,} steps")
    assert machine.steps_taken >= steps

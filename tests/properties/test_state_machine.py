"""The state machine against the naive model: at least 20,000 steps where it counts, as many of them for each kind of program.

A failure tells the programs, every step up to the one at which the two differ, and how to repeat it (`print_blob`). In CI it is told
as it was found; elsewhere Hypothesis first makes it smaller, which takes its time.
"""

import os

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.properties.machine import machine_of
from tests.properties.programs import FLAVOURS

STEPS_IN_CI = 20_000
STEPS_ELSEWHERE = 10_000
STEPS_OF_A_RUN = 40
STEPS_TAKEN_BY_A_RUN = 20  # by far the most runs take more: a rule that finds nothing to do is no step

IN_CI = bool(os.environ.get("CI"))
STEPS = int(os.environ.get("STATE_MACHINE_STEPS") or (STEPS_IN_CI if IN_CI else STEPS_ELSEWHERE))
PHASES = (Phase.generate,) if IN_CI else (Phase.reuse, Phase.generate, Phase.shrink)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_the_product_and_the_naive_model_agree_at_every_step(flavour: str) -> None:
    steps = STEPS // len(FLAVOURS)
    machine = machine_of(flavour)
    drive = settings(
        max_examples=steps // STEPS_TAKEN_BY_A_RUN,
        stateful_step_count=STEPS_OF_A_RUN,
        phases=PHASES,
        report_multiple_bugs=False,
    )
    run_state_machine_as_test(machine, settings=drive)
    print(f"{flavour}: {machine.steps_taken:,} steps")
    assert machine.steps_taken >= steps

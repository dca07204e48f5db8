"""The smaller chaos that every change goes through; `make chaos SEED=n` is the whole of it."""

import os
from pathlib import Path
from random import randrange

import pytest

from tests.chaos.plan import Plan
from tests.chaos.run import Chaos


@pytest.mark.kafka
@pytest.mark.timeout(600)
def test_whatever_is_done_to_three_workers_the_output_is_that_of_the_replay(tmp_path: Path) -> None:
    seed = int(os.environ.get("SEED") or randrange(1_000_000))
    print(f"seed {seed} (make chaos SEED={seed} repeats it)")
    small = Plan(seed=seed, records=16_000, profiles=2_000, kills=3, freezes=1, losses=1, broker_restarts=1, ahead=3_000)
    chaos = Chaos(small, tmp_path)
    assert chaos.run() == 0, "the lines above say which claim does not hold"
    assert (chaos.passed, chaos.failed) == (15, 0)

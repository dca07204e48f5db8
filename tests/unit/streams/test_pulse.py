"""A worker that no longer gets on is noticed: first it is mended, then it ends. One that has nothing to do is left alone."""

import os
import subprocess
import sys

import pytest

from streams.worker.pulse import TRY_AGAIN, Pulse
from tests.conftest import ROOT

STUCK_MS = 40_000


class Watched:
    """A pulse with a clock of the test's own, that tells how it would have ended and goes on."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.ended: list[str] = []
        self.began_anew: list[str] = []
        self.pulse = Pulse(10_000, STUCK_MS, clock=lambda: self.now, end=self.ended.append, afresh=self.began_anew.append)


def test_after_a_quarter_of_the_patience_it_is_mended_once_and_after_all_of_it_it_ends() -> None:
    watched = Watched()
    mended = []
    for watched.now in range(1_000, 1_042):
        mended.append(watched.pulse.watch(7, behind=True))
    assert [second for second, tried in enumerate(mended) if tried] == [11]
    assert watched.ended == ["nothing was applied for 41 s although records wait: ending"]


@pytest.mark.parametrize("case", ["nothing waits", "it gets on"])
def test_one_that_has_nothing_to_do_or_gets_on_is_left_alone(case: str) -> None:
    watched = Watched()
    for watched.now in range(1_000, 1_200):
        applied = 7 if case == "nothing waits" else int(watched.now) // 9
        assert not watched.pulse.watch(applied, behind=case != "nothing waits")
    assert watched.ended == []


def test_who_had_no_answer_for_long_is_not_taken_for_stuck_when_the_first_one_comes() -> None:
    watched = Watched()
    assert not watched.pulse.watch(7, behind=False)
    for watched.now in range(1_001, 1_060):
        watched.pulse.unanswered()
    assert not watched.pulse.watch(7, behind=True)
    for watched.now in range(1_060, 1_101):
        watched.pulse.watch(7, behind=True)
    assert watched.ended == ["nothing was applied for 41 s although records wait: ending"], (
        "counted from the last one that did not come"
    )


def test_one_whose_client_is_stuck_begins_anew_but_ends_where_it_was_asked_to_end() -> None:
    watched = Watched()
    watched.pulse.again("the client is stuck", asked_to_end=False)
    assert (watched.began_anew, watched.ended) == (["the client is stuck, starting afresh"], [])
    watched = Watched()
    watched.pulse.again("the client is stuck", asked_to_end=True)
    assert (watched.began_anew, watched.ended) == (
        [],
        ["the client is stuck, ending as asked: what was not committed will be done again"],
    )


def test_one_that_was_frozen_while_a_call_was_under_way_is_not_taken_for_one_whose_client_is_stuck() -> None:
    watched = Watched()
    watched.now += 40
    watched.pulse.again("the client is stuck", asked_to_end=False)
    assert watched.ended == ["this process stood still for 40.0 s, and its partitions may belong to another by now: ending"]


def test_it_ends_with_a_sentence_and_a_code_that_says_start_me_again() -> None:
    program = "from streams.worker.pulse import end_now; end_now('the client is stuck')"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip().splitlines()[-1]) == (TRY_AGAIN, "worker: the client is stuck")


def test_it_begins_anew_in_place_with_the_same_arguments() -> None:
    program = (
        "import os, sys\nfrom streams.worker.pulse import start_afresh\n"
        "print(os.getpid(), sys.argv[1:], flush=True)\n"
        "if os.environ.pop('FIRST', None): start_afresh('the client is stuck')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "worker", "--state=one"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"FIRST": "1"},
    )
    first, again = done.stdout.splitlines()
    assert first == again
    assert first.endswith("['worker', '--state=one']")
    assert (done.returncode, done.stderr.strip().splitlines()[-1]) == (0, "worker: the client is stuck")

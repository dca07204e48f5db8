"""Started, alive, ready: what each answer is in each state of a worker. A probe that kills what only recovers is worse than none."""

import time
from pathlib import Path

import pytest

from streams.health.checks import Check, Health
from streams.metrics.watching import Watching
from tests.unit.metrics.scene import Scene


def answers(health: Health) -> tuple[bool, bool, bool]:
    """started, alive, ready."""
    started, alive, ready = (_ok(checks) for checks in (health.started(), health.alive(), health.ready()))
    return started, alive, ready


def _ok(checks: list[Check]) -> bool:
    return all(check.ok for check in checks)


def waiting_for_the_broker(watching: Watching) -> None:
    pass


def recovering(watching: Watching) -> None:
    watching.assigned([0, 1])
    watching.replaying({0: 1_000, 1: 5}, 10)


def recovered(watching: Watching) -> None:
    recovering(watching)
    watching.recovered({})


def without_partitions(watching: Watching) -> None:
    watching.assigned([])


def revoked(watching: Watching) -> None:
    recovered(watching)
    watching.revoked(lost=False)


def lost(watching: Watching) -> None:
    recovered(watching)
    watching.revoked(lost=True)


def lost_while_recovering(watching: Watching) -> None:
    recovering(watching)
    watching.revoked(lost=True)
    watching.replaying({0: 990, 1: 5}, 10)


def lost_as_recovery_ends(watching: Watching) -> None:
    recovering(watching)
    watching.revoked(lost=True)
    watching.recovered({})
    watching.dropped()


def lost_while_a_cycle_fails(watching: Watching) -> None:
    lost(watching)
    watching.not_kept(fenced=False)


def cycle_failed(watching: Watching) -> None:
    recovered(watching)
    watching.not_kept(fenced=False)


def ending(watching: Watching) -> None:
    recovered(watching)
    watching.ending("other", "reading failed")


def applying_while_ticks_wait(watching: Watching) -> None:
    recovered(watching)
    watching.beat()
    for applied in range(3):
        watching.clock({}, applied, 1e6)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (waiting_for_the_broker, (False, True, False)),
        (recovering, (True, True, False)),
        (recovered, (True, True, True)),
        (without_partitions, (True, True, True)),
        (revoked, (True, True, False)),
        (lost, (True, True, False)),
        (lost_while_recovering, (True, True, False)),
        (lost_as_recovery_ends, (True, True, False)),
        (cycle_failed, (True, True, False)),
        (ending, (True, True, False)),
        (applying_while_ticks_wait, (True, True, True)),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_what_is_answered(state: object, expected: tuple[bool, bool, bool], tmp_path: Path) -> None:
    watching = Scene(tmp_path).watching
    watching.health, watching.standing.ready = Health(10.0, 60.0), False
    assert callable(state)
    state(watching)
    assert answers(watching.health) == expected
    assert watching.standing.ready == expected[2]


def test_since_when_it_ends_is_told_and_not_when_it_was_asked(tmp_path: Path) -> None:
    watching = Scene(tmp_path).watching
    ending(watching)
    ended_by = time.time()
    time.sleep(0.01)
    (check,) = [check for check in watching.health.ready() if check.name == "going-on"]
    assert not check.ok
    assert check.since <= ended_by


@pytest.mark.parametrize(
    ("taken", "says"),
    [
        (revoked, "the partitions were taken away"),
        (lost, "the session is over"),
        (lost_while_recovering, "the session is over"),
        (lost_as_recovery_ends, "the session is over"),
        (lost_while_a_cycle_fails, "the session is over"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_whether_others_take_them_or_the_broker_is_silent_is_told_apart(taken: object, says: str, tmp_path: Path) -> None:
    watching = Scene(tmp_path).watching
    assert callable(taken)
    taken(watching)
    (check,) = [check for check in watching.health.ready() if check.name == "recovered"]
    assert check.says.startswith(says)


def test_of_a_recovery_that_was_broken_off_nothing_is_left(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    lost_while_recovering(scene.watching)
    assert scene.value("pointstream_recovery_remaining_records", partition="0") is None
    assert scene.value("pointstream_recovery_records_total") == 20, "what was replayed was"


def test_a_loop_that_stands_still_is_not_alive() -> None:
    health = Health(loop_seconds=0.01, stuck_seconds=60.0)
    assert answers(health)[1], "it has not begun to turn"
    health.beat()
    time.sleep(0.05)
    assert not answers(health)[1]
    health.beat()
    assert answers(health)[1]


def test_while_the_broker_does_not_say_what_waits_nothing_stands_still() -> None:
    health = Health(10.0, stuck_seconds=0.02)
    health.progressed(5, 0.06)
    for _ in range(5):
        time.sleep(0.015)
        health.unanswered()
    assert answers(health)[1]
    health.progressed(5, 0.07)
    time.sleep(0.05)
    health.progressed(5, 0.08)
    assert not answers(health)[1], "it answers, and nothing is applied"


def test_records_that_wait_while_nothing_is_applied_are_no_life() -> None:
    health = Health(10.0, stuck_seconds=0.02)
    health.progressed(5, 0.0)
    health.progressed(5, 0.01)
    time.sleep(0.05)
    health.progressed(5, 0.06)
    assert not answers(health)[1]
    health.progressed(6, 0.06)
    assert answers(health)[1]

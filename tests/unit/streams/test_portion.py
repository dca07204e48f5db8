"""How many records are applied in one go: what takes long is applied in portions that keep nobody waiting."""

from streams.worker.portion import Portion


def sizes(most: int, seconds_each: list[float]) -> list[int]:
    """How many are applied in one go, one time after the other, where each of them takes so long and there is always more."""
    portion = Portion(most)
    found = []
    for seconds in seconds_each:
        found.append(portion.size)
        portion.took(portion.size, portion.size * seconds)
    return found


def test_what_is_quick_is_applied_in_large_portions() -> None:
    assert sizes(250, [0.000_04] * 7) == [25, 50, 100, 200, 250, 250, 250]
    assert sizes(10, [0.000_04] * 2) == [10, 10]


def test_what_takes_long_is_applied_in_portions_that_keep_nobody_waiting() -> None:
    assert sizes(250, [0.000_04] * 5 + [0.001] * 5) == [25, 50, 100, 200, 250, 250, 125, 62, 62, 62]
    assert sizes(250, [0.2] * 7) == [25, 12, 6, 3, 1, 1, 1]


def test_a_portion_grows_by_full_ones_alone() -> None:
    portion = Portion(250)
    portion.took(3, 0.001)
    assert portion.size == 25

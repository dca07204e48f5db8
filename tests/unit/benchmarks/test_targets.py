"""A verdict is of the figure itself, and honest about the distance."""

import pytest

from benchmarks.measure import Row
from benchmarks.running import Rate
from benchmarks.stacks.engine import BYTES, small_receipts
from benchmarks.stacks.run import FAUST, FLOOR, OURS, QUIX, rows_of
from benchmarks.targets import at_least, at_most, percentile


@pytest.mark.parametrize(
    ("target", "figure", "verdict"),
    [
        pytest.param(at_least(20), 26.0, "yes (≥ 20.0: 30 % over)", id="more than enough"),
        pytest.param(at_least(20), 20.0, "yes (≥ 20.0: exactly)", id="just enough"),
        pytest.param(at_least(12_000), 11_999.6, "NO (≥ 12,000: within 1 %)", id="what rounds to enough is not enough"),
        pytest.param(at_least(10), 5.0, "NO (≥ 10.0: 50 % under)", id="half"),
        pytest.param(at_most(0.5), 0.25, "yes (≤ 0.50: 50 % under)", id="less is better"),
        pytest.param(at_most(0.5), 1.0, "NO (≤ 0.50: 100 % over)", id="twice too long"),
    ],
)
def test_a_verdict_says_whether_and_by_how_much(target: object, figure: float, verdict: str) -> None:
    assert Row("it", [figure], "s", target=target).verdict == verdict  # type: ignore[arg-type]


def test_what_was_not_measured_is_neither_yes_nor_no() -> None:
    assert Row("it", [], "s", target=at_least(1)).verdict == "not measured"


@pytest.mark.parametrize(("share", "rank"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.001, 1)])
def test_a_percentile_is_the_least_figure_that_so_many_do_not_exceed(share: float, rank: int) -> None:
    assert percentile([float(figure) for figure in range(1, 101)], share) == rank


def test_a_percentile_of_few_is_one_of_them() -> None:
    assert [percentile([1.0, 5.0], share) for share in (0.5, 0.51, 0.99)] == [1.0, 5.0, 5.0]


def test_ratios_are_made_within_a_round_and_a_round_that_failed_is_left_out() -> None:
    found: dict[str, list[Rate | None]] = {
        FAUST: [Rate(1_000, 500), Rate(500, 500)],
        QUIX: [None, None],
        OURS: [Rate(30_000, 10), Rate(10_000, 10)],
        FLOOR: [None, Rate(20_000, 2)],
    }
    rows = {row.what: row for row in rows_of("engine", found, {QUIX: "no registry"}, "compiled")}
    assert rows["engine: pointstream worker over idiomatic Faust"].figures == [30.0, 20.0]
    assert rows["engine: pointstream worker over idiomatic Faust"].verdict == "yes (≥ 20.0: 25 % over)"
    assert rows["engine: pointstream worker over floor: consume and produce"].figures == [0.5]
    assert rows["engine: pointstream worker over Quix Streams, exactly once"].verdict == "not measured"
    assert "no registry" in rows["engine: Quix Streams, exactly once"].note


def test_the_engines_receipts_have_150_bytes_and_are_the_same_each_time() -> None:
    assert {len(sent.value) for sent in small_receipts(50)} == {BYTES}
    assert [*small_receipts(5)] == [*small_receipts(5)]

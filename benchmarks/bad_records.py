"""Nine bad records to each good one: do they hold the good ones up by more than the share of work that they are?

The same good receipts are replayed alone and among nine times as many bad ones of four kinds (cut off, a missing field, a wrong
currency, a price that is none). If a bad record costs no more than a good one, a feed gone wrong cannot slow the stream beyond
its share.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.measure import Row, Say, say
from benchmarks.receipts import Sent, as_lines, receipts, spoilt
from benchmarks.replay import replay_once
from benchmarks.targets import at_most

GOOD: Final = 40_000
BAD_TO_EACH: Final = 9
RUNS: Final = 3


def among_bad(good: int) -> Iterator[Sent]:
    """Each good receipt, then nine spoilt copies of it."""
    for number, record in enumerate(receipts(good)):
        yield record
        for bad in range(BAD_TO_EACH):
            yield spoilt(record, number + bad)


def bad_record_costs(good: int = GOOD, runs: int = RUNS, tell: Say = say) -> list[Row]:
    """The rows of the table."""
    with tempfile.TemporaryDirectory(prefix="pointstream-bench-") as name:
        folder = Path(name)
        files = {"none": folder / "none.jsonl", "good": folder / "good.jsonl", "mixed": folder / "mixed.jsonl"}
        for kind, records in (("none", iter(())), ("good", receipts(good)), ("mixed", among_bad(good))):
            with files[kind].open("wb") as file:
                file.writelines(as_lines(records))
        costs: dict[str, list[float]] = {"good": [], "bad": []}
        for run in range(runs):
            start, alone, mixed = (replay_once(files[kind], folder / "out").seconds for kind in ("none", "good", "mixed"))
            costs["good"].append((alone - start) / good * 1e6)
            costs["bad"].append((mixed - alone) / (good * BAD_TO_EACH) * 1e6)
            tell(f"bad records {run + 1} of {runs}: {costs['good'][-1]:.0f} µs a good one, {costs['bad'][-1]:.0f} µs a bad one")
    shares = [bad / good_cost for bad, good_cost in zip(costs["bad"], costs["good"], strict=True)]
    return [
        Row("a good record, alone", costs["good"], "µs"),
        Row("a bad record, at 90 % bad", costs["bad"], "µs"),
        Row("bad over good", shares, "×", "below 1: bad records take less than their share", at_most(1)),
    ]

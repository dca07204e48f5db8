"""`make bench`: every benchmark, one table. `--quick` for a look, `--only NAME` for one of them."""

import argparse
import platform

from benchmarks.bad_records import bad_record_costs
from benchmarks.flat import flat_costs
from benchmarks.measure import Row, print_table, say
from benchmarks.replay import replay_rates
from benchmarks.returns import returns_rates
from benchmarks.worker import worker_rates


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", choices=["replay", "returns", "flat", "bad-records", "worker"], help="just this one")
    parser.add_argument("--quick", action="store_true", help="fewer receipts, one run: a look, not a measurement")
    options = parser.parse_args()
    runs = 1 if options.quick else 3
    rows: list[Row] = []
    if options.only in {None, "replay"}:
        rows += replay_rates(40_000 if options.quick else 200_000, runs, say)
    if options.only in {None, "returns"}:
        rows += returns_rates(1 if options.quick else 5, say)
    if options.only in {None, "flat"}:
        rows += flat_costs(1 if options.quick else 3, say)
    if options.only in {None, "bad-records"}:
        rows += bad_record_costs(8_000 if options.quick else 40_000, runs, say)
    if options.only in {None, "worker"}:
        rows += worker_rates(60_000 if options.quick else 240_000, runs, say)
    print_table(rows, f"pointstream benchmarks, Python {platform.python_version()}, {platform.machine()}")


if __name__ == "__main__":
    main()

"""What a cycle did is what the metrics say: records, points, reasons, delays."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from schemas.document import read_document
from schemas.outcomes import OUTCOMES
from schemas.program import Catalog
from schemas.program_file import build_catalog
from schemas.topics import CONSUMED
from streams.metrics.delays import ManyAtOnce
from streams.metrics.events import ENTRY_TYPES
from streams.metrics.lag import Lag
from tests.conftest import ROOT
from tests.unit.metrics.scene import PROGRAM, Scene


def now_ms() -> int:
    return int(time.time() * 1000)


def sale(receipt_id: str, profile_id: str | None = "p1", price: str = "10.55", **more: Any) -> bytes:
    lines = [{"sku": "A", "quantity": 1, "unit_price": price}]
    closed_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60))
    record = {"receipt_id": receipt_id, "application": "pos", "closed_at": closed_at, "currency": "EUR", "lines": lines}
    return json.dumps(record | {"profile_id": profile_id} | more).encode()


@pytest.mark.parametrize("topic", CONSUMED)
def test_what_comes_by_each_topic_stands_at_0_from_the_start_so_that_the_first_one_is_seen(tmp_path: Path, topic: str) -> None:
    for outcome in OUTCOMES:
        assert Scene(tmp_path / outcome).value("pointstream_records_total", topic=topic, outcome=outcome) == 0


def test_that_what_was_published_last_is_refused_is_told_until_something_is_taken(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    assert scene.value("pointstream_programs_refused") == 0
    scene.watching.refused()
    assert scene.value("pointstream_programs_refused") == 1
    scene.watching.programs(build_catalog([read_document(PROGRAM, "club.yaml")]))
    assert scene.value("pointstream_programs_refused") == 0


def test_those_who_join_are_counted_from_the_first_one(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    before = scene.value("pointstream_entries_total", program="club", point="", type="membership.joined")
    scene.apply("purchases", [sale("R1")], now_ms())
    scene.keep()
    after = scene.value("pointstream_entries_total", program="club", point="", type="membership.joined")
    assert (before, after) == (0, 1)


def test_records_are_counted_by_topic_and_outcome_once_they_are_kept(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.apply("purchases", [sale("R1"), sale("R1"), sale("R2", None), b"{", sale("R3", application="nope")], now_ms())
    assert scene.total("pointstream_records_total") == 0, "nothing counts before it is kept"
    scene.keep()
    outcomes = {
        name: scene.value("pointstream_records_total", topic="purchases", outcome=name)
        for name in ("applied", "duplicate", "anonymous", "dead-letter")
    }
    assert outcomes == {"applied": 1, "duplicate": 1, "anonymous": 1, "dead-letter": 2}
    assert scene.value("pointstream_dead_letters_total", reason="not-json") == 1
    assert scene.value("pointstream_dead_letters_total", reason="unknown-application") == 1
    assert scene.value("pointstream_dead_letters_total", reason="too-late") == 0, "what has not happened stands at 0"
    assert scene.value("pointstream_cycle_records_sum") == 5


def test_points_are_exact_sums_by_entry_type_program_and_point_type(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.apply("purchases", [sale(f"R{number}") for number in range(1_000)], now_ms())
    scene.keep()
    series = {"program": "club", "point": "pts", "type": "points.accrued"}
    assert scene.value("pointstream_points_total", direction="", **series) == 10_550
    assert scene.value("pointstream_entries_total", **series) == 1_000
    assert scene.value("pointstream_points_total", program="club", point="pts", type="points.expired", direction="") == 0


def test_a_delay_counts_from_the_arrival_at_the_broker(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.apply("purchases", [sale("R1"), sale("R2"), sale("R3")], now_ms() - 3_000)
    scene.keep()
    bucket = "pointstream_commit_delay_seconds_bucket"
    assert scene.value(bucket, topic="purchases", le="2.0") == 0
    assert scene.value(bucket, topic="purchases", le="5.0") == 3


def test_a_cycle_that_was_not_kept_counts_as_failed_and_nothing_else(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.apply("purchases", [sale("R1")], now_ms())
    scene.watching.not_kept(fenced=True)
    assert scene.value("pointstream_cycles_failed_total") == scene.value("pointstream_fenced_total") == 1
    assert scene.total("pointstream_records_total") == 0


def test_a_mistake_in_the_metrics_stops_no_worker(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene(tmp_path)
    scene.watching.events = scene.watching.sweep = scene.watching.standing = None  # type: ignore[assignment]
    scene.apply("purchases", [sale("R1")], now_ms())
    scene.keep()
    scene.watching.clock({}, 1, 0.0)
    scene.watching.revoked(lost=True)
    scene.watching.programs(Catalog([]))
    scene.watching.passed_over(1)
    assert not scene.partitions[0].dirty, "the cycle was kept"
    assert len(caplog.records) == 5


def test_the_next_worker_tells_why_the_last_one_ended(tmp_path: Path) -> None:
    Scene(tmp_path).watching.ending("frozen", "this process stood still")
    Scene(tmp_path).watching.ending("frozen", "this process stood still")
    again = Scene(tmp_path)
    assert again.value("pointstream_worker_ends_total", why="frozen") == 2


@pytest.mark.parametrize(
    "kept",
    [b"torn", b'{"\xff": 1}', b'{"frozen": -1}', b'{"frozen": 1%s}' % (b"0" * 400)],
    ids=["torn", "no UTF-8", "less than none", "no count"],
)
def test_a_worker_begins_whatever_a_disk_has_made_of_why_others_ended(tmp_path: Path, kept: bytes) -> None:
    (tmp_path / "ends.json").write_bytes(kept)
    assert Scene(tmp_path).total("pointstream_worker_ends_total") == 0


def test_the_types_of_entries_are_those_that_the_agents_write() -> None:
    written = {
        kind for path in (ROOT / "agents").glob("*.py") for kind in ENTRY_TYPES if f'"{kind}"' in path.read_text(encoding="utf-8")
    }
    assert written == set(ENTRY_TYPES)


def test_many_observations_at_once_are_as_many_one_by_one() -> None:
    histogram = ManyAtOnce("x_seconds", "x", "topic", ("a",), (1.0, 2.0))
    histogram.observe("a", 1.0, 3)
    histogram.observe("a", 1.5, 1)
    histogram.observe("a", 9.0, 2)
    found = {(sample.name, sample.labels.get("le")): sample.value for family in histogram.collect() for sample in family.samples}
    assert found["x_seconds_bucket", "1.0"] == 3
    assert found["x_seconds_bucket", "2.0"] == 4
    assert found["x_seconds_bucket", "+Inf"] == found["x_seconds_count", None] == 6
    assert found["x_seconds_sum", None] == 22.5


def lag(*told: tuple[str, float, float, float]) -> Lag:
    """`note` at a time: end, reached; `applied` at a time: arrived at."""
    found = Lag()
    for what, at, one, other in told:
        if what == "note":
            found.note(at, int(one), int(other))
        else:
            found.applied(at, one)
    return found


@pytest.mark.parametrize(
    ("told", "reached", "seconds"),
    [
        ([("note", 100, 5, 5)], 5, 0.0),
        ([("note", 100, 9, 5)], 5, 20.0),
        ([("note", 100, 9, 5), ("note", 110, 12, 5)], 9, 10.0),
        ([("note", 100, 9, 5), ("note", 110, 12, 9)], 12, 0.0),
        ([("applied", 20, 20, 0), ("note", 100, 9, 8)], 8, 20.0),
        ([("note", 100, 9_999, 0), ("applied", 119, 50, 0)], 500, 70.0),
    ],
    ids=[
        "nothing waits",
        "what was noted 20 s ago is not reached: 20 s",
        "the first note is reached, the second is not",
        "all are reached",
        "quiet for a minute and a half, then a record: since it was seen, not since the last one",
        "a backlog: as old as the record that was applied last",
    ],
)
def test_lag_in_seconds(told: list[tuple[str, float, float, float]], reached: int, seconds: float) -> None:
    assert lag(*told).seconds(120, reached) == seconds


def test_a_long_lag_is_remembered_in_few_notes() -> None:
    found = Lag()
    for at in range(100_000):
        found.note(at, at + 1, 0)
    assert len(found._notes) <= 65
    assert found.seconds(100_000, 0) == 100_000

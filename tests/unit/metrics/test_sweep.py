"""The sweep: what the state holds, added up while records go on coming."""

import json
import time
from itertools import count
from pathlib import Path

from schemas.document import read_document
from schemas.program import Catalog
from schemas.program_file import build_catalog
from streams.metrics import sweep
from tests.unit.metrics.scene import PROGRAM, Scene
from tests.unit.metrics.test_events import now_ms, sale

NAMES = {"program": "club", "point": "pts"}


def test_outstanding_points_and_money_by_when_they_expire(tmp_path: Path) -> None:
    scene = Scene(tmp_path, partitions=2)
    scene.apply("purchases", [sale(f"R{n}", f"p{n % 7}") for n in range(300)], now_ms(), 0)
    scene.apply("purchases", [sale(f"S{n}", f"q{n}") for n in range(250)], now_ms(), 1)
    scene.keep()
    scene.sweep()
    assert scene.value("pointstream_outstanding_points", state="active", expires="30d", **NAMES) == 550 * 10.55
    assert scene.value("pointstream_outstanding_money", state="active", expires="30d", currency="EUR", **NAMES) == 58.025
    assert scene.total("pointstream_outstanding_points") == 550 * 10.55
    assert scene.value("pointstream_profiles") == 257
    assert scene.value("pointstream_timers", due="later") == 257
    assert scene.value("pointstream_swept_partitions") == 2


def test_points_are_worth_what_the_version_in_force_says(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.apply("purchases", [sale("R1")], now_ms())
    scene.keep()
    scene.sweep()
    later, earlier = (
        PROGRAM.replace("2000-01-01", day).replace('"100", money', '"1", money') for day in ("9000-01-01", "2000-01-02")
    )
    first = read_document(PROGRAM, "club.yaml")
    for other, worth in ((later, 0.1055), (earlier, 10.55)):
        scene.watching.programs(build_catalog([first, read_document(other, "other.yaml")]))
        assert scene.value("pointstream_outstanding_points", state="active", expires="30d", **NAMES) == 10.55
        assert scene.total("pointstream_outstanding_money", currency="EUR") == worth


def test_points_of_a_program_that_has_not_begun_are_worth_what_it_says(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.apply("purchases", [sale("R1")], now_ms())
    scene.keep()
    scene.sweep()
    scene.watching.programs(build_catalog([read_document(PROGRAM.replace("2000-01-01", "9000-01-01"), "club.yaml")]))
    assert scene.total("pointstream_outstanding_money", currency="EUR") == 0.1055


def test_lots_in_pages_are_counted_like_all_others(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.apply("purchases", [sale(f"R{n}") for n in range(500)], now_ms())
    scene.keep()
    assert scene.partitions[0].table.profile("p1").programs["club"].ledgers["pts"].pages  # type: ignore[attr-defined]
    scene.sweep()
    assert scene.total("pointstream_outstanding_points") == 5_275


def test_what_the_running_cycle_has_changed_is_counted_as_it_stands(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.apply("purchases", [sale(f"R{n}") for n in range(500)], now_ms())
    scene.keep()
    spend = {"kind": "redeem", "redemption_id": "X", "profile_id": "p1", "program": "club", "point": "pts", "points": "5000"}
    spend["requested_at"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    scene.apply("redemptions", [json.dumps(spend).encode()], now_ms())
    assert scene.partitions[0].work.outcomes == {"applied": 1}
    scene.sweep()
    assert scene.total("pointstream_outstanding_points") == 275


def test_points_that_never_expire_or_expire_by_an_activation_to_come(tmp_path: Path) -> None:
    never = Scene(tmp_path, PROGRAM.replace("expiration: 30 days, ", ""))
    waiting = Scene(
        tmp_path,
        PROGRAM.replace("returns:", "activation: on event, activate_on: {pixel: seen}, expires_from: activation, returns:"),
    )
    for scene, state, expires in ((never, "active", "never"), (waiting, "pending", "unknown")):
        scene.apply("purchases", [sale("R1")], now_ms())
        scene.keep()
        scene.sweep()
        assert scene.value("pointstream_outstanding_points", state=state, expires=expires, **NAMES) == 10.55


def test_a_stopped_profile_is_seen_until_it_is_released(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.apply("purchases", [sale("R1")], now_ms())
    scene.apply("requests", [b'{"kind": "stop", "profile_id": "p1"}'], now_ms())
    scene.keep()
    scene.sweep()
    assert scene.value("pointstream_stopped_profiles") == scene.value("pointstream_profiles_stopped_total") == 1


def test_figures_of_partitions_that_are_gone_are_gone(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.apply("purchases", [sale("R1")], now_ms())
    scene.keep()
    scene.sweep()
    reads = scene.total("pointstream_profile_reads_total")
    scene.watching.dropped()
    assert scene.value("pointstream_profiles") == scene.value("pointstream_partitions") == 0
    assert scene.total("pointstream_outstanding_points") == 0
    assert scene.total("pointstream_profile_reads_total") == reads, "a counter never falls"


def test_a_look_is_short_and_rests_long(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.apply("purchases", [sale(f"R{n}", f"p{n}") for n in range(1_000)], now_ms())
    scene.keep()
    took_seconds = 0.01
    sweeping = sweep.Sweep(Catalog([]), clock=count(0, took_seconds).__next__)
    rests = [*iter(lambda: sweeping.look(scene.partitions), sweep.IDLE_SECONDS)]
    assert len(rests) >= 1_000 // sweep.PROFILES_A_LOOK
    assert min(rests) >= took_seconds * 40


def test_the_sums_are_those_of_the_ledgers_whatever_was_reserved_or_spent(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.apply("purchases", [sale(f"R{n}", f"p{n % 5}") for n in range(40)], now_ms())
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    requests = [
        {
            "kind": kind,
            "redemption_id": f"X{n}",
            "profile_id": f"p{n}",
            "program": "club",
            "point": "pts",
            "points": "30.05",
            "requested_at": at,
        }
        for n, kind in enumerate(("redeem", "reserve", "reserve"))
    ]
    scene.apply("redemptions", [json.dumps(request).encode() for request in requests], now_ms())
    scene.keep()
    scene.sweep()
    ledgers = [profile.programs["club"].ledgers["pts"] for _, profile in scene.partitions[0].table.profiles()]  # type: ignore[attr-defined]
    for state in ("active", "pending", "reserved"):
        assert (
            scene.total("pointstream_outstanding_points", state=state) == sum(getattr(ledger, state) for ledger in ledgers) / 100
        )
    assert scene.total("pointstream_outstanding_points", state="reserved") == 60.1


def test_what_is_due_and_has_not_happened_is_overdue_until_a_tick_comes(tmp_path: Path) -> None:
    scene = Scene(tmp_path, PROGRAM.replace("30 days", "30 minutes"))
    past = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 1_700))
    scene.apply("purchases", [sale("R1", closed_at=past)], now_ms() - 60_000)
    scene.keep()
    partition, glances = scene.partitions[0], scene.watching.sweep.glances
    scene.watching.look(scene.partitions)
    assert glances[0].overdue == 0
    later = time.time_ns() // 1000 + 200_000_000
    assert len(partition.table.overdue(later, 1_000)) == 1  # type: ignore[attr-defined]
    partition.tick(later, 500)
    scene.keep()
    assert partition.table.overdue(later, 1_000) == []  # type: ignore[attr-defined]

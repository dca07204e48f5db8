"""A profile that was stopped after an error: its records wait, nobody else's do, and released it stands as if nothing had happened."""

import json

import pytest

from agents.core import Core
from agents.incoming import Incoming
from agents.outbox import Outbox
from agents.parking import PARKED_MAX
from schemas.instants import parse_instant
from schemas.partitioner import partition_of
from tables.memory import MemoryStore
from tables.table import Table
from tests.unit.agents.scene import Scene, moment

CARELESS = {"points": [{"sid": "pts", "expiration": "20 days", "returns": "within-balance"}]}


class PoisonedStore(MemoryStore):
    """Reading the key of one receipt fails as a mistake of ours would, until it is mended."""

    def __init__(self, receipt_id: str = "BAD") -> None:
        super().__init__()
        self.poison: bytes | None = receipt_id.encode()

    def get(self, key: bytes) -> bytes | None:
        if self.poison is not None and key.endswith(self.poison):
            raise ValueError("a mistake of ours")
        return super().get(key)


class Broken(Scene):
    """A scene in which errors may happen; they are counted."""

    def __init__(self, *programs: dict[str, object]) -> None:
        self.store = PoisonedStore()
        self.errors = 0
        super().__init__(*(programs or (CARELESS,)), store=self.store)

    def _collect(self) -> None:
        self.errors += len(self.outbox.errors)
        self.outbox.errors.clear()
        self.counts = self.outbox.counts.copy()
        super()._collect()

    def mend(self) -> None:
        self.store.poison = None

    def release(self, profile_id: str = "p1") -> str:
        return self.order("release", profile_id)

    def order(self, kind: str, profile_id: str = "p1") -> str:
        value = json.dumps({"kind": kind, "profile_id": profile_id}).encode()
        outcome = self.core.apply(self.table, Incoming("requests", 0, 0, None, value, self._clock), self.outbox)
        self._collect()
        return outcome

    def restart(self) -> None:
        self.table.flush({})
        self.table = Table(self.store)

    def reasons(self) -> list[str]:
        found = [letter.reason for letter in self.letters]
        self.letters.clear()
        return found


def stopped(*programs: dict[str, object]) -> Broken:
    scene = Broken(*programs)
    scene.sell(1, "R1")
    assert scene.sell(2, "BAD") == "dead-letter"
    assert scene.reasons() == ["internal-error"]
    return scene


def test_later_records_of_a_stopped_profile_wait_and_nobody_elses_do() -> None:
    scene = stopped()
    assert scene.sell(3, "R3") == "parked"
    assert scene.sell(3, "R4", profile_id="p2") == "applied"
    assert scene.books()["club", "pts"] == {"active": "10", "lifetime": "10"}
    assert scene.reasons() == []


def test_released_it_stands_as_one_that_was_never_stopped_and_got_the_failed_record_late() -> None:
    scene, untroubled = stopped(), Broken()
    untroubled.mend()
    untroubled.sell(1, "R1")
    for each in (scene, untroubled):
        each.sell(3, "R3")
        each.send("redemptions", 4, redemption_id="D1", program="club", points="12")
        each.send(
            "purchases",
            5,
            kind="return",
            return_id="B1",
            receipt_id="R3",
            application="pos",
            lines=[{"sku": "A", "quantity": 1}],
        )
    scene.mend()
    assert scene.release() == "applied"
    for each in (scene, untroubled):
        assert each.sell(2, "BAD") == "applied"  # put back from the dead letters
        each.tick(30)
        assert each.reasons() == []
    assert scene.books() == untroubled.books()
    assert scene.lots() == untroubled.lots()


def test_what_waited_is_applied_in_order_of_arrival_and_told_once() -> None:
    scene = stopped()
    scene.send("adjustments", 5, adjustment_id="A1", program="club", points="5", reason="gift", actor="ann")
    scene.sell(3, "R3", 7)
    scene.said.clear()
    scene.release()
    assert scene.told() == [("club", "adjusted", "5"), ("club", "accrued", "7")]
    assert scene.counts["parked", "applied"] == 2
    scene.release()
    assert scene.told() == []


@pytest.mark.parametrize("restarted", [False, True], ids=["at once", "after a restart"])
def test_it_waits_in_the_state(restarted: bool) -> None:
    scene = stopped()
    scene.sell(3, "R3")
    if restarted:
        scene.restart()
    assert scene.sell(3, "R3") == "duplicate"
    scene.release()
    assert scene.books()["club", "pts"]["lifetime"] == "20"


def test_nothing_falls_due_at_it_until_it_is_released() -> None:
    scene = stopped()
    scene.said.clear()
    scene.tick(25)
    assert scene.told() == []
    scene.release()
    scene.tick(25)
    assert scene.told() == [("club", "expired", "10")]


def test_what_is_not_mended_stops_it_again_and_the_rest_waits_on() -> None:
    scene = stopped()
    assert [scene.sell(3, "R3"), scene.sell(4, "BAD"), scene.sell(5, "R5")] == ["parked"] * 3
    scene.release()
    assert scene.reasons() == ["internal-error"]
    assert scene.errors == 2
    assert scene.books()["club", "pts"]["lifetime"] == "20"
    assert (scene.counts["parked", "applied"], scene.counts["parked", "parked"]) == (1, 1)
    scene.mend()
    scene.release()
    assert scene.books()["club", "pts"]["lifetime"] == "30"


def test_no_more_wait_than_a_profile_can_hold() -> None:
    scene = stopped()
    for number in range(PARKED_MAX):
        assert scene.sell(3, f"R{number}x", 1) == "parked"
    assert scene.sell(3, "R0x", 1) == "duplicate"
    assert scene.sell(4, "one too many") == "dead-letter"
    assert scene.reasons() == ["profile-stopped"]
    scene.release()
    assert scene.books()["club", "pts"]["lifetime"] == str(10 + PARKED_MAX)


def test_a_timer_that_fails_stops_its_profile_and_after_the_release_it_fires() -> None:
    scene = Broken()
    scene.sell(1, "R1")
    scene.send("redemptions", 2, redemption_id="D1", program="club", kind="reserve", points="4", hold="2 days")
    scene.restart()
    scene.store.poison = b"D1"
    scene.tick(5)
    (letter,) = scene.letters
    assert (scene.errors, letter.topic, letter.key, letter.value) == (1, None, "p1", None)
    assert letter.message.startswith("what was due at 2024-07-04T00:00:00Z failed (ValueError); its profile is stopped")
    assert scene.books()["club", "pts"] == {"active": "6", "reserved": "4", "lifetime": "10"}
    scene.mend()
    scene.release()
    scene.tick(5)
    assert scene.books()["club", "pts"] == {"active": "10", "lifetime": "10"}


def test_of_a_profile_that_is_not_stopped_nothing_is_asked() -> None:
    scene = Broken()
    scene.sell(1, "R1")
    scene.said.clear()
    assert [scene.release("p1"), scene.release("nobody")] == ["applied"] * 2
    assert (scene.told(), scene.reasons(), scene.table.profile("nobody")) == ([], [], None)


def test_one_that_is_ordered_to_stop_waits_for_its_release_alike() -> None:
    scene = Broken()
    scene.sell(1, "R1")
    assert [scene.order("stop"), scene.order("stop"), scene.order("stop", "nobody")] == ["applied"] * 3
    assert scene.table.profile("nobody") is None
    assert scene.sell(2, "R2") == "parked"
    scene.tick(25)
    assert scene.books()["club", "pts"] == {"active": "10", "lifetime": "10"}
    scene.release()
    scene.tick(25)
    assert scene.books()["club", "pts"] == {"expired": "20", "lifetime": "20"}
    assert (scene.errors, scene.reasons()) == (0, [])


def test_what_an_erased_person_sent_before_does_not_wait() -> None:
    scene = Broken()
    scene.sell(1, "R1")
    scene.send("profiles", 5, kind="erase")
    scene.sell(6, "BAD")
    assert scene.sell(3, "R3") == "dead-letter"
    assert scene.reasons() == ["internal-error", "erased"]


def test_an_erasure_waits_too_and_takes_what_came_before_it() -> None:
    scene = stopped()
    scene.sell(3, "R3")
    scene.send("profiles", 4, kind="erase")
    scene.sell(5, "R5")
    scene.release()
    assert scene.books()["club", "pts"] == {"active": "10", "written_off": "20", "lifetime": "30"}


def test_a_claimed_receipt_waits_before_it_is_asked_for() -> None:
    scene = stopped({"receipts": "claimed"})
    scene.sell(3, "R3")
    back = {"kind": "cancel", "receipt_id": "R1", "application": "pos", "profile_id": None}
    assert scene.send("purchases", 4, **back) == "parked"
    assert scene.books()["club", "pts"] == {"active": "10", "lifetime": "10"}
    scene.mend()
    scene.release()
    assert scene.books()["club", "pts"]["lifetime"] == "20"
    assert scene.reasons() == []


@pytest.mark.parametrize(
    ("key", "partition", "refused"),
    [
        (b"p1", partition_of(b"p1", 4), []),
        (b"p1", (partition_of(b"p1", 4) + 1) % 4, ["misrouted"]),
        (b"p2", partition_of(b"p1", 4), ["misrouted"]),
    ],
    ids=["its own", "another's", "another key"],
)
def test_a_release_counts_only_in_the_partition_of_its_profile(key: bytes, partition: int, refused: list[str]) -> None:
    scene = stopped()
    core, outbox = Core(scene.catalog, partitions=4), Outbox()
    value = b'{"kind":"release","profile_id":"p1"}'
    core.apply(scene.table, Incoming("requests", partition, 0, key, value, parse_instant(moment(3))), outbox)
    profile = scene.table.profile("p1")
    assert profile is not None
    assert (profile.stopped is None) == (not refused)
    assert [effect.record.reason for effect in outbox.effects] == refused  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b'{"kind":"release"}', "missing-field"),
        (b'{"kind":"release","profile_id":7}', "invalid-field"),
        (b'{"kind":"forgive","profile_id":"p1"}', "invalid-field"),
        (b"{", "not-json"),
    ],
)
def test_a_request_that_cannot_be_read_is_a_dead_letter(value: bytes, reason: str) -> None:
    scene = Broken()
    scene.core.apply(scene.table, Incoming("requests", 0, 0, None, value, 0), scene.outbox)
    scene._collect()
    assert scene.reasons() == [reason]
    assert scene.errors == 0


@pytest.mark.parametrize("kept", [False, True], ids=["remembered in memory", "stored and swept"])
def test_a_receipt_that_comes_again_at_a_stopped_profile_counts_once_however_late_it_is_released(kept: bool) -> None:
    scene = Scene({"remember": "20 days", "park": "1 day"})
    scene.sell(1, "R1")
    scene.operate("stop")
    scene.sell(16, "R2", profile_id="p2")  # so late it is, when R1 comes again
    scene.sell(1, "R1")
    scene.sell(15.5, "R3")
    if kept:
        scene.table.flush({})
    scene.sell(32, "R4", profile_id="p2")
    scene.sell(45, "R5", profile_id="p2")
    scene.operate("release")
    assert scene.books()["club", "pts"] == {"active": "10", "lifetime": "10"}
    assert [(letter.reason, letter.key) for letter in scene.letters] == [("too-late", None), ("too-late", None)]


def test_what_waited_no_longer_than_records_wait_anyway_is_judged_by_its_own_arrival() -> None:
    scene = Scene({"remember": "20 days", "park": "7 days"})
    scene.sell(8, "R1")
    scene.operate("stop")
    scene.sell(25, "R2", profile_id="p2")
    scene.sell(6, "R3")
    scene.sell(8, "R1")
    scene.sell(32, "R4", profile_id="p2")
    scene.operate("release")
    assert scene.books()["club", "pts"] == {"active": "20", "lifetime": "20"}
    assert scene.letters == []


def test_an_erasure_that_waited_is_never_too_late() -> None:
    scene = Scene({"remember": "20 days", "park": "1 day"})
    scene.sell(1, "R1")
    scene.operate("stop")
    scene.send("profiles", 2, kind="erase")
    scene.sell(45, "R2", profile_id="p2")
    scene.operate("release")
    assert scene.books()["club", "pts"] == {"lifetime": "10", "written_off": "10"}
    assert scene.letters == []

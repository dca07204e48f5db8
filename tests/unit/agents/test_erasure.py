"""Erasure: nothing of the person is left in the state, the books still balance, and what is older is refused without its words."""

from pathlib import Path

import msgspec
import pytest

from tables.keys import profile_key
from tables.memory import MemoryStore
from tables.rocks import RocksStore
from tables.store import Store
from tests.unit.agents.scene import Scene

SECRETS = ("Ada", "R-secret", "E-secret", "D-secret", "sku-secret")


def busy(store: Store) -> Scene:
    """Someone with fields, receipts, a spent redemption and a held one, a parked return, debt, and lots of every kind."""
    scene = Scene(
        {"points": [{"sid": "pts", "returns": "allow-debt"}, {"sid": "slow", "activation": "20 days"}, {"sid": "owed", "returns": "allow-debt"}]}
        | {"earning": [{"rule": name, "point": name, "rate": {"points": "1", "per": "1.00"}} for name in ("pts", "slow", "owed")]},
        store=store,
    )  # fmt: skip
    scene.write(1, first_name="Ada", marketing=True)
    line = {"sku": "sku-secret", "quantity": 1, "unit_price": "50.00"}
    scene.sell(2, "R-secret", lines=[line])
    scene.sell(2, "R2", 30)
    scene.tell(3, "E-secret", "visit", name="Ada")
    scene.send("redemptions", 3, redemption_id="D-secret", program="club", points="20")
    scene.send("redemptions", 3, redemption_id="D2", program="club", points="20", kind="reserve", hold="7 days")
    scene.send("redemptions", 3, redemption_id="D3", program="club", points="80", point="owed")
    back = {"application": "pos", "kind": "return", "lines": [{"sku": "A", "quantity": 1}]}
    scene.send("purchases", 4, **back, return_id="X", receipt_id="R2")
    scene.send("purchases", 4, **back, return_id="Y", receipt_id="unknown-secret")
    return scene


@pytest.mark.parametrize("kind", ["memory", "rocks"])
@pytest.mark.parametrize("flushed", [True, False])
def test_nothing_of_the_person_is_left_and_the_books_balance(tmp_path: Path, kind: str, flushed: bool) -> None:
    store: Store = MemoryStore() if kind == "memory" else RocksStore(tmp_path)
    scene = busy(store)
    if flushed:
        scene.table.flush({})
    assert scene.books()["club", "owed"]["debt"] == "30"
    assert scene.send("profiles", 5, kind="erase") == "applied"
    scene.table.flush({})
    assert all(key == profile_key("p1") for letter in b"pdilrq" for key in store.keys(bytes([letter]), bytes([letter + 1])))
    stored = store.get(profile_key("p1")) or b""
    assert not [secret for secret in SECRETS if secret.encode() in stored]
    profile = scene.table.profile("p1")
    assert profile is not None
    assert (profile.fields, profile.parked, profile.registered_at) == ({}, (), ())
    assert scene.lots() == []
    assert scene.books() == {
        ("club", "owed"): {"redeemed": "80", "debt_paid": "30", "lifetime": "110"},  # the debt was paid for them
        ("club", "pts"): {"redeemed": "20", "reversed": "30", "written_off": "30", "lifetime": "80"},
        ("club", "slow"): {"reversed": "30", "written_off": "50", "lifetime": "80"},
    }
    scene.tick(40)  # nothing of it is due any more
    assert [entry.reason for entry in scene.said if entry.type == "points.adjusted"] == ["erased"] * 3
    assert not [entry for entry in scene.said if entry.occurred_at > "2024-07-05T00:00:00Z"]
    scene.table.close()


def test_what_is_older_is_refused_without_its_words_whatever_else_is_wrong_with_it() -> None:
    scene = busy(MemoryStore())
    scene.send("profiles", 5, kind="erase")
    scene.sell(2, "R-secret")
    scene.sell(4, "R-secret", application="nobody's till")
    scene.sell(5, "R-secret", currency="USD")
    scene.tell(3, "E-secret", "visit", name="Ada")
    scene.write(4, first_name="Ada")
    assert [letter.reason for letter in scene.letters] == ["erased"] * 5
    assert not [secret for letter in scene.letters for secret in SECRETS if secret.encode() in msgspec.json.encode(letter)]
    assert scene.send("profiles", 4, kind="erase") == "duplicate"


def test_an_erasure_of_one_who_is_not_known_refuses_what_is_older_too() -> None:
    scene = Scene()
    scene.send("profiles", 5, kind="erase")
    scene.sell(4, "R")
    assert scene.sell(6, "R") == "applied"
    assert [letter.reason for letter in scene.letters] == ["erased"]


def test_a_late_erasure_takes_what_has_been_applied_since() -> None:
    """Else what came between could not be told from what is older, when it comes again."""
    scene = Scene()
    scene.sell(6, "R")
    scene.send("profiles", 5, kind="erase")
    scene.sell(6, "R")
    assert [letter.reason for letter in scene.letters] == ["erased"]
    assert scene.books()["club", "pts"] == {"written_off": "10", "lifetime": "10"}


def test_who_comes_back_begins_anew_and_the_numbers_go_on() -> None:
    scene = Scene({"points": [{"sid": "pts", "initial_balance": "5"}]})
    scene.sell(1, "R")
    scene.send("profiles", 2, kind="erase")
    scene.told()
    scene.sell(3, "R")
    assert [entry.entry for entry in scene.said] == [5, 6, 7]
    assert scene.told() == [("club", "joined", None), ("club", "accrued", "5"), ("club", "accrued", "10")]


def test_a_return_of_one_who_was_erased_brings_nobody_back() -> None:
    """It waits for a receipt that nobody remembers; the totals that are left there belong to no one who could be awarded or told."""
    reminder = {"reminder": "soon", "of": "expiry", "within": "1 day", "at": "10:00", "channel": "sms", "template": "soon"}
    weekly = {"scenario": "weekly", "trigger": {"every": "1 week"}, "steps": [{"award": {"promotion": "gift"}}]}
    campaigns = {"scenarios": [weekly], "reminders": [reminder], "templates": {"soon": "{{ points }}"}}
    scene = Scene({"promotions": [{"promotion": "gift", "action": "accrue", "points": "5"}], **campaigns})
    scene.sell(1, "R")
    scene.send("profiles", 2, kind="erase")
    scene.told()
    back = {
        "kind": "return",
        "return_id": "T",
        "receipt_id": "R",
        "application": "pos",
        "lines": [{"line_id": "1", "quantity": 1}],
    }
    assert scene.send("purchases", 3, **back) == "parked"
    scene.tick(30)
    assert scene.told() == []
    assert [letter.reason for letter in scene.letters] == ["unknown-receipt"]


def test_thousands_of_lots_are_written_off_in_entries_of_a_thousand() -> None:
    scene = Scene({"points": [{"sid": "pts"}, {"sid": "other"}]})
    for number in range(2_100):
        scene.sell(2, f"R{number}", 1)
    scene.told()
    scene.send("profiles", 3, kind="erase")
    assert [points for _, _, points in scene.told()] == ["1000", "1000", "100"]
    scene.table.flush({})
    assert scene.books()["club", "pts"] == {"written_off": "2100", "lifetime": "2100"}

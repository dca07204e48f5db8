"""What counts across profiles, with the answers on their way: whatever comes in between, each is counted once and booked once."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tables.memory import MemoryStore
from tests.unit.agents.post import Post

AT = "2024-05-01T10:00:00Z"
LATER = "2024-05-02T10:00:00Z"
GIFT: dict[str, Any] = {"promotion": "gift", "action": "accrue", "points": "10"}
PLACES: dict[str, Any] = {
    "promotions": [GIFT],
    "scenarios": [{"scenario": "race", "trigger": {"pixel": "enter"}, "steps": [{"limit": 3}, {"award": {"promotion": "gift"}}]}],
}
BUDGET: dict[str, Any] = {
    "promotions": [GIFT | {"budget": {"points": "35", "on_cap": "truncate"}}],
    "scenarios": [{"scenario": "race", "trigger": {"pixel": "enter"}, "steps": [{"award": {"promotion": "gift"}}]}],
}
CODES: dict[str, Any] = {
    "earning": [
        {"rule": "base", "rate": {"points": "1", "per": "1.00"}},
        {"rule": "spring", "fixed": {"points": "100", "per": "receipt"}, "code": "SPRING"},
    ],
    "codes": [{"code": "SPRING", "uses": 2}],
}


def enter(post: Post, profile_id: str, event_id: str = "E1", at: str = AT) -> str:
    return post.send("pixels", profile_id, at, event_id=event_id, type="enter")


def buy(post: Post, profile_id: str, receipt_id: str, **more: Any) -> str:
    lines = [{"sku": "A", "quantity": 1, "unit_price": "10.00"}]
    codes = ["SPRING"]
    return post.send(
        "purchases", profile_id, AT, **{"receipt_id": receipt_id, "currency": "EUR", "lines": lines, "promo_codes": codes, **more}
    )


def cancel(post: Post, profile_id: str, receipt_id: str) -> str:
    return post.send("purchases", profile_id, LATER, kind="cancel", receipt_id=receipt_id)


def erase(post: Post, profile_id: str) -> None:
    post.send("profiles", profile_id, LATER, kind="erase")


# places and budgets


def test_a_run_waits_for_its_place_and_books_at_the_instant_of_its_step() -> None:
    post = Post(**PLACES)
    enter(post, "p1")
    enter(post, "p1", "E2", LATER)  # whatever comes meanwhile
    assert not post.said
    post.deliver()
    assert [(entry.type, entry.occurred_at) for entry in post.said] == [("membership.joined", AT), ("points.accrued", AT)]
    assert post.said[1].cause["event_id"] == "E1"


@pytest.mark.parametrize("times", [1, 2, 3])
def test_messages_that_come_again_change_nothing(times: int) -> None:
    places, budget = Post(**PLACES), Post(**BUDGET)
    for number in range(9):
        enter(places, f"p{number}")
        enter(budget, f"p{number}")
    places.deliver(times=times)
    budget.deliver(times=times)
    assert (places.accrued().total(), set(places.accrued().values())) == (3, {1})
    assert (budget.points(), set(budget.accrued().values())) == (35, {1})


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_whatever_the_order_the_places_and_the_budget_are_given_out_to_the_last_and_once(data: st.DataObject) -> None:
    post = Post(
        promotions=[GIFT | {"budget": {"points": "25", "on_cap": "truncate"}}],
        scenarios=[
            {"scenario": "race", "trigger": {"pixel": "enter"}, "steps": [{"limit": 4}, {"award": {"promotion": "gift"}}]}
        ],
    )
    entrants = [f"p{number}" for number in range(data.draw(st.integers(0, 9), label="entrants"))]
    coming = list(entrants)
    while coming or post.lying():
        choices: list[Any] = [*post.lying(), *(["enter"] if coming else [])]
        choice = data.draw(st.sampled_from(choices), label="next")
        if data.draw(st.integers(0, 4), label="restart") == 0:
            post.restart()
        if choice == "enter":
            enter(post, coming.pop())
        else:
            post.deliver(choice, times=data.draw(st.integers(1, 2), label="times"))
    places = min(len(entrants), 4)
    assert post.accrued().total() == min(places, 3)
    assert post.points() == min(places * 10, 25)
    assert set(post.accrued().values()) <= {1}


def test_a_place_of_one_who_was_erased_meanwhile_stays_taken() -> None:
    post = Post(**PLACES | {"scenarios": [PLACES["scenarios"][0] | {"steps": [{"limit": 1}, {"award": {"promotion": "gift"}}]}]})
    enter(post, "p1")
    erase(post, "p1")
    post.deliver()
    enter(post, "p2")
    post.deliver()
    assert not post.accrued()


def test_what_a_budget_grants_one_who_was_erased_meanwhile_is_given_back() -> None:
    post = Post(**BUDGET | {"promotions": [GIFT | {"budget": {"points": "10"}}]})
    enter(post, "p1")
    erase(post, "p1")
    post.deliver()
    enter(post, "p2")
    post.deliver()
    assert post.accrued() == {"p2": 1}


def test_who_comes_back_after_an_erasure_is_somebody_new_to_a_budget() -> None:
    post = Post(**BUDGET | {"promotions": [GIFT | {"budget": {"points": "30"}}]})
    for number in range(5):
        enter(post, "p1", f"E{number}", f"2024-05-0{number + 1}T10:00:00Z")
        post.deliver()
        post.send("profiles", "p1", f"2024-05-0{number + 1}T11:00:00Z", kind="erase")
    assert post.points() == 30


def test_consent_that_is_withdrawn_meanwhile_gives_the_budget_back() -> None:
    post = Post(**BUDGET | {"promotions": [GIFT | {"budget": {"points": "10"}}], "membership": {"consent": "agreed"}})
    for name in ("p1", "p2"):
        post.send("profiles", name, "2024-04-01T00:00:00Z", fields={"agreed": True})
    enter(post, "p1")
    post.send("profiles", "p1", AT, fields={"agreed": False})
    post.deliver()
    enter(post, "p2")
    post.deliver()
    assert post.accrued() == {"p2": 1}


def test_room_that_another_accrual_took_meanwhile_goes_back_to_the_budget() -> None:
    post = Post(
        points=[{"sid": "pts", "max_balance": "12"}],
        earning=[{"rule": "base", "rate": {"points": "1", "per": "1.00"}}],
        **BUDGET | {"promotions": [GIFT | {"budget": {"points": "12", "on_cap": "truncate"}}]},
    )
    enter(post, "p1")
    buy(post, "p1", "R1")
    post.deliver()
    enter(post, "p2")
    post.deliver()
    given = {(entry.profile_id, entry.points) for entry in post.said if entry.promotion == "gift"}
    assert given == {("p1", "2"), ("p2", "10")}


def test_the_answer_to_a_stopped_profile_waits_for_its_release() -> None:
    post = Post(**PLACES)
    enter(post, "p1")
    post.order("stop", "p1")
    post.deliver(times=2)
    assert not post.said
    post.order("release", "p1")
    assert post.accrued() == {"p1": 1}


def test_a_profile_that_is_stopped_and_released_before_the_answer_gets_it() -> None:
    post = Post(**PLACES)
    enter(post, "p1")
    post.order("stop", "p1")
    post.order("release", "p1")
    post.deliver()
    assert post.accrued() == {"p1": 1}


# codes


def test_a_sale_waits_until_its_code_is_granted() -> None:
    post = Post(**CODES)
    assert buy(post, "p1", "R1") == "parked"
    assert buy(post, "p1", "R1") == "duplicate"
    post.deliver()
    assert [entry.points for entry in post.said if entry.points] == ["110"]
    assert buy(post, "p1", "R1") == "duplicate"


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_whatever_the_order_a_code_is_used_as_often_as_it_may_be(data: st.DataObject) -> None:
    post = Post(**CODES)
    coming = [(f"p{number % 3}", f"R{number}") for number in range(data.draw(st.integers(0, 6), label="sales"))]
    sales = len(coming)
    while coming or post.lying():
        choices: list[Any] = [*post.lying(), *(["buy"] if coming else [])]
        choice = data.draw(st.sampled_from(choices), label="next")
        if data.draw(st.integers(0, 4), label="restart") == 0:
            post.restart()
        if choice == "buy":
            place = coming.pop()
            for _ in range(data.draw(st.integers(1, 2), label="times")):
                buy(post, *place)
        else:
            post.deliver(choice, times=data.draw(st.integers(1, 2), label="again"))
    assert sorted(int(entry.points or 0) for entry in post.said if entry.points) == sorted(
        [110] * min(sales, 2) + [10] * max(sales - 2, 0)
    )


def test_a_use_that_was_given_back_is_there_for_the_next_one() -> None:
    post = Post(**CODES | {"codes": [{"code": "SPRING", "uses": 1}]})
    buy(post, "p1", "R1")
    post.deliver()
    cancel(post, "p1", "R1")
    buy(post, "p2", "R2")
    post.deliver(times=2)
    buy(post, "p3", "R3")
    post.deliver(times=2)
    assert [(entry.profile_id, entry.points) for entry in post.said if entry.type == "points.accrued"] == [
        ("p1", "110"),
        ("p2", "110"),
        ("p3", "10"),
    ]


def test_a_cancel_that_comes_before_the_answer_waits_for_the_sale() -> None:
    post = Post(**CODES | {"codes": [{"code": "SPRING", "uses": 1}]})
    buy(post, "p1", "R1")
    assert cancel(post, "p1", "R1") == "parked"
    post.deliver()
    buy(post, "p2", "R2")
    post.deliver()
    assert [(entry.type, entry.profile_id, entry.points) for entry in post.said if entry.points] == [
        ("points.accrued", "p1", "110"),
        ("points.reversed", "p1", "110"),
        ("points.accrued", "p2", "110"),
    ]


def test_revisions_of_one_receipt_wait_together_and_use_the_code_once() -> None:
    post = Post(**CODES)
    buy(post, "p1", "R1")
    buy(post, "p1", "R1", revision=2)
    post.deliver()
    buy(post, "p2", "R2")
    post.deliver()
    assert [entry.points for entry in post.said if entry.type == "points.accrued"] == ["110", "110", "110"]


def test_a_code_asked_for_by_one_who_was_erased_meanwhile_is_given_back() -> None:
    post = Post(**CODES | {"codes": [{"code": "SPRING", "uses": 1}]})
    buy(post, "p1", "R1")
    erase(post, "p1")
    post.deliver()
    buy(post, "p2", "R2")
    post.deliver()
    assert [(entry.profile_id, entry.points) for entry in post.said if entry.type == "points.accrued"] == [("p2", "110")]


def test_where_too_much_waits_already_the_sale_travels_with_the_question() -> None:
    post = Post(**CODES | {"codes": [{"code": "SPRING", "uses": 1}, {"code": "MAY", "uses": 1}]})
    for number in range(1_000):
        post.send("purchases", "p1", AT, kind="cancel", receipt_id=f"C{number}")
    assert buy(post, "p1", "R1", promo_codes=["SPRING", "MAY"]) == "parked"
    post.deliver(times=2)
    assert [entry.points for entry in post.said if entry.points] == ["110"]
    assert not post.letters
    buy(post, "p2", "R2", promo_codes=["MAY"])
    post.deliver()
    assert [entry.points for entry in post.said if entry.points] == ["110", "10"]


# referrals


def test_a_referrer_is_rewarded_once_for_each_friend_whatever_comes_again() -> None:
    post = Post(promotions=[GIFT], earning=CODES["earning"], referral={"promotion": "gift", "final_after": "1 day"})
    for name in ("ann", "eve"):
        post.send("profiles", name, "2024-04-01T00:00:00Z", fields={"referral_code": "ANN5"})
        post.deliver(times=2)
    for number in range(3):
        buy(post, f"p{number}", f"R{number}", promo_codes=[], referral_code="ANN5")
    buy(post, "ann", "R9", promo_codes=[], referral_code="ANN5")
    post.restart()
    post.tick("2024-05-02T10:00:00Z")
    post.restart()
    post.deliver(times=3)
    post.tick("2024-05-03T10:00:00Z")
    post.deliver(times=3)
    rewards = [(entry.profile_id, entry.points, entry.occurred_at) for entry in post.said if entry.promotion == "gift"]
    assert rewards == [("ann", "10", "2024-05-02T10:00:00Z")] * 3
    assert len({entry.id for entry in post.said}) == len(post.said)
    assert post.counts["referral", "club", "oneself"] >= 1
    assert post.counts["referral", "club", "code-taken"] >= 1


def test_a_large_sale_travels_like_a_small_one() -> None:
    """As text within a message it takes more than any record may."""
    post = Post(**CODES)
    for number in range(1_000):
        post.send("purchases", "p1", AT, kind="cancel", receipt_id=f"C{number}")
    names = {f"quoted-{number}": '""""""""' for number in range(20_000)}
    assert buy(post, "p1", "R1", attributes=names) == "parked"
    post.deliver()
    assert not post.letters
    assert [entry.points for entry in post.said if entry.points] == ["110"]


def test_a_revision_that_travels_is_not_lost_where_an_earlier_one_waits_for_the_same_code() -> None:
    post = Post(**CODES)
    buy(post, "p1", "R1")
    for number in range(999):
        post.send("purchases", "p1", AT, kind="cancel", receipt_id=f"C{number}")
    assert buy(post, "p1", "R1", revision=2, lines=[{"sku": "A", "quantity": 2, "unit_price": "10.00"}]) == "parked"
    post.deliver(times=2)
    assert [(entry.type, entry.points) for entry in post.said if entry.points] == [
        ("points.accrued", "110"),
        ("points.reversed", "110"),
        ("points.accrued", "120"),
    ]


def test_a_reward_that_waits_for_its_budget_outlives_a_restart_and_is_given_back_where_its_referrer_is_erased() -> None:
    post = Post(
        promotions=[GIFT | {"budget": {"points": "10"}}],
        earning=CODES["earning"],
        referral={"promotion": "gift", "final_after": "1 day"},
    )
    for name, code in (("ann", "ANN5"), ("eve", "EVE7")):
        post.send("profiles", name, "2024-04-01T00:00:00Z", fields={"referral_code": code})
    for number, code in enumerate(("ANN5", "EVE7")):
        buy(post, f"p{number}", f"R{number}", promo_codes=[], referral_code=code)
    post.deliver()
    post.tick("2024-05-02T10:00:00Z")
    waits = [place for place in post.lying() if place[0] == "requests"]
    for place in waits:
        while post.waiting[place] and b'"refer"' in post.waiting[place][0][1]:
            post.deliver(place)
    for place in [place for place in post.lying() if place[0] == "replies"]:
        while post.waiting[place]:
            post.deliver(place)  # both ask for the budget now
    post.restart()
    erase(post, "ann")
    post.deliver(times=2)
    post.restart()
    rewards = [entry.profile_id for entry in post.said if entry.promotion == "gift"]
    assert rewards in (["eve"], []), "who asked first had the budget, and gave it back"
    buy(post, "p9", "R9", promo_codes=[], referral_code="EVE7")
    post.tick("2024-05-04T10:00:00Z")
    post.deliver()
    assert [entry.profile_id for entry in post.said if entry.promotion == "gift"] == ["eve"]


class Careless(MemoryStore):
    """Reading some key fails as a mistake of ours would, until it is mended."""

    poison: bytes | None = None

    def get(self, key: bytes) -> bytes | None:
        if self.poison is not None and self.poison in key:
            raise ValueError("a mistake of ours")
        return super().get(key)


def test_an_answer_that_a_mistake_of_ours_made_impossible_to_follow_is_followed_after_the_release() -> None:
    post = Post(partitions=1, store=Careless, careless=True, **CODES)
    buy(post, "p1", "R1")
    buy(post, "p2", "R2")
    store = post.stores[0]
    assert isinstance(store, Careless)
    store.poison = b"ip1\x00codes"
    post.restart()
    post.deliver(times=2)
    assert [entry.profile_id for entry in post.said if entry.points] == ["p2"]
    assert {letter.reason for letter in post.letters} == {"internal-error"}
    store.poison = None
    post.restart()
    post.order("release", "p1")
    assert [(entry.profile_id, entry.points) for entry in post.said if entry.points] == [("p2", "110"), ("p1", "110")]

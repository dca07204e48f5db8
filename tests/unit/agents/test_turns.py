"""What comes right behind a sale that is still asked for elsewhere is judged as in a file, where the answer comes before the next record."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.parking import PARKED_MAX
from tests.unit.agents.post import Post

BASE: dict[str, Any] = {"rule": "base", "rate": {"points": "1", "per": "1.00"}}
CLAIMED: dict[str, Any] = {"receipts": "claimed", "earning": [BASE]}
CODED: dict[str, Any] = {
    "earning": [
        BASE,
        {"rule": "spring", "fixed": {"points": "100", "per": "receipt"}, "code": "SPRING"},
    ],
    "codes": [{"code": "SPRING", "uses": 2}],
}


def moment(minute: int, second: int = 0) -> str:
    return f"2024-05-01T10:{minute:02}:{second:02}Z"


def buy(
    post: Post, receipt_id: str = "R1", at: str = moment(0), profile_id: str = "p1", amount: str = "10.00", **more: Any
) -> str:
    lines = [{"sku": "A", "quantity": 1, "unit_price": amount}]
    return post.send("purchases", profile_id, at, receipt_id=receipt_id, currency="EUR", lines=lines, **more)


def spend(post: Post, at: str = moment(1), points: str = "10", redemption_id: str = "X1", **more: Any) -> str:
    return post.send("redemptions", "p1", at, redemption_id=redemption_id, program="club", points=points, **more)


def decided(post: Post) -> list[tuple[str, str, str | None]]:
    return [(decision.redemption_id, decision.type.partition(".")[2], decision.reason) for decision in post.decisions]


def told(post: Post) -> list[str]:
    return [entry.type for entry in post.said]


# who waits


@pytest.mark.parametrize(("program", "codes"), [(CLAIMED, []), (CODED, ["SPRING"]), (CLAIMED | CODED, ["SPRING"])])
def test_a_redemption_behind_a_sale_spends_what_the_sale_brings(program: dict[str, Any], codes: list[str]) -> None:
    post = Post(**program)
    assert buy(post, promo_codes=codes) == "parked"
    assert spend(post) == "parked"
    assert not decided(post)
    post.deliver()
    assert decided(post) == [("X1", "accepted", None)]
    assert told(post) == ["membership.joined", "points.accrued", "points.redeemed"]


def test_it_is_judged_without_the_sale_where_the_receipt_is_of_another() -> None:
    post = Post(**CLAIMED)
    buy(post, profile_id="p2")
    post.deliver()
    buy(post, at=moment(1))
    spend(post, moment(2))
    post.deliver()
    assert [letter.reason for letter in post.letters] == ["claimed-by-another"]
    assert decided(post) == [("X1", "declined", "not-a-member")]


_OTHERS: dict[str, tuple[Callable[[Post], str], str]] = {
    "a debit by hand": (
        lambda post: post.send(
            "adjustments", "p1", moment(1), adjustment_id="A1", program="club", points="-4", reason="r", actor="a"
        ),
        "points.adjusted",
    ),
    "a return of it": (
        lambda post: post.send("purchases", "p1", moment(1), kind="return", return_id="T1", receipt_id="R1", amount="4.00"),
        "points.reversed",
    ),
    "a cancel of it": (lambda post: post.send("purchases", "p1", moment(1), kind="cancel", receipt_id="R1"), "points.reversed"),
    "the erasure of its profile": (lambda post: post.send("profiles", "p1", moment(1), kind="erase"), "points.adjusted"),
}


@pytest.mark.parametrize("name", _OTHERS)
def test_whatever_else_comes_behind_a_sale_waits_for_it(name: str) -> None:
    send, what = _OTHERS[name]
    post = Post(**CLAIMED)
    buy(post)
    assert send(post) == "parked"
    post.deliver()
    assert not post.letters
    assert told(post) == ["membership.joined", "points.accrued", what]


def test_sales_do_not_wait_for_each_other() -> None:
    post = Post(**CLAIMED)
    buy(post, "R1")
    spend(post)
    buy(post, "R2", moment(2))
    assert [len(post.waiting[place]) for place in post.lying()] in ([2], [1, 1])


def test_what_came_before_the_sale_does_not_wait_for_it() -> None:
    post = Post(**CLAIMED)
    buy(post, "R0")
    post.deliver()
    buy(post, "R1", moment(5))
    post.now -= 60_000_000  # of another input, and of a minute before
    assert spend(post) == "applied"


def test_the_same_record_while_it_waits_is_a_duplicate() -> None:
    post = Post(**CLAIMED)
    buy(post)
    spend(post)
    assert spend(post) == "duplicate"
    post.deliver()
    assert decided(post) == [("X1", "accepted", None)]


# what waits goes on in its order


def test_those_behind_different_sales_go_on_when_theirs_is_answered() -> None:
    post = Post(partitions=1, **CLAIMED)
    buy(post, "R1", moment(0))
    spend(post, moment(1), "10", "X1")
    buy(post, "R2", moment(2))
    spend(post, moment(3), "10", "X2")
    post.deliver(("requests", 0))
    post.deliver(("replies", 0))
    assert decided(post) == [("X1", "accepted", None)]
    post.deliver()
    assert decided(post) == [("X1", "accepted", None), ("X2", "accepted", None)]


def test_a_stop_meanwhile_keeps_the_order() -> None:
    post = Post(**CLAIMED)
    buy(post)
    spend(post, moment(1), "4", "X1")
    post.order("stop", "p1")
    spend(post, moment(2), "8", "X2")
    post.deliver()
    assert not decided(post)
    post.order("release", "p1")
    assert decided(post) == [("X1", "accepted", None), ("X2", "declined", "insufficient-points")]


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_with_answers_on_their_way_everything_is_decided_as_in_a_file(data: st.DataObject) -> None:
    """Answers come in the order of the questions here. Of revisions a worker may apply the second before another receipt, so there are none."""
    answered, at_once = Post(partitions=1, **CLAIMED), Post(partitions=1, **CLAIMED)
    for minute in range(data.draw(st.integers(1, 12), label="records")):
        kind = data.draw(st.sampled_from(["buy", "buy", "another buys", "spend", "reserve", "cancel"]), label="kind")
        amount = data.draw(st.integers(1, 20), label="amount")
        receipt = f"R{data.draw(st.integers(0, 11), label='receipt')}"
        for post in (answered, at_once):
            if kind == "buy":
                buy(post, f"R{minute}", moment(minute), amount=f"{amount}.00")
            elif kind == "another buys":
                buy(post, receipt, moment(minute), "p2")
            elif kind == "cancel":
                post.send("purchases", "p1", moment(minute), kind="cancel", receipt_id=receipt)
            else:
                spend(post, moment(minute), str(amount), f"X{minute}", kind="reserve" if kind == "reserve" else "redeem")
        at_once.deliver()
        for _ in range(data.draw(st.integers(0, 2), label="delivered")):
            if answered.lying():
                answered.deliver(answered.lying()[-1])
        if data.draw(st.integers(0, 4), label="restart") == 0:
            answered.restart()
    answered.deliver()
    assert decided(answered) == decided(at_once)
    assert [entry.balance for entry in answered.said if entry.profile_id == "p1"][-1:] == [
        entry.balance for entry in at_once.said if entry.profile_id == "p1"
    ][-1:]


# and not for ever


def test_after_ten_minutes_it_is_judged_without_the_answer() -> None:
    post = Post(**CLAIMED)
    buy(post)
    spend(post)
    post.tick(moment(9, 59))
    assert not decided(post)
    post.tick(moment(10))
    assert decided(post) == [("X1", "declined", "not-a-member")]
    post.deliver()
    assert told(post) == ["membership.joined", "points.accrued"]


def test_ten_minutes_behind_a_sale_that_is_not_answered_nothing_waits() -> None:
    post = Post(**CLAIMED)
    buy(post, "R0")
    post.deliver()
    buy(post, "R1", moment(1))
    assert spend(post, moment(11)) == "applied"


def test_where_too_much_waits_already_it_is_applied_at_once() -> None:
    post = Post(**CLAIMED)
    for number in range(PARKED_MAX):
        buy(post, f"R{number}")
    assert spend(post) == "applied"
    assert decided(post) == [("X1", "declined", "not-a-member")]


# a return whose sale is asked for longer than returns wait


_BACK: dict[str, dict[str, Any]] = {
    "a return": {"kind": "return", "return_id": "T1", "amount": "10.00"},
    "a cancel": {"kind": "cancel"},
    "a reopen": {"kind": "reopen"},
}


@pytest.mark.parametrize("park", ["0 days", "1 day", "7 days"])
@pytest.mark.parametrize(("program", "codes"), [(CLAIMED, []), (CODED, ["SPRING"]), (CLAIMED | CODED, ["SPRING"])])
@pytest.mark.parametrize("name", _BACK)
def test_what_speaks_of_a_sale_that_waits_for_an_answer_waits_as_long(
    name: str, program: dict[str, Any], codes: list[str], park: str
) -> None:
    post = Post(**program, park=park)
    buy(post, promo_codes=codes)
    post.send("purchases", "p1", moment(1), receipt_id="R1", **_BACK[name])
    for day in ("2024-05-03", "2024-05-20", "2024-07-01"):
        post.tick(f"{day}T00:00:00Z")
    assert not post.letters
    post.deliver()
    assert not post.letters
    assert told(post) == ["membership.joined", "points.accrued", "points.reversed"]


def test_it_is_a_dead_letter_where_the_receipt_is_of_another_in_the_end() -> None:
    post = Post(**CLAIMED)
    buy(post, profile_id="p2")
    post.deliver()
    buy(post, at=moment(1))
    post.send("purchases", "p1", moment(2), receipt_id="R1", **_BACK["a return"])
    post.tick("2024-05-20T00:00:00Z")
    assert not post.letters
    post.deliver()
    post.tick("2024-07-01T00:00:00Z")
    assert [letter.reason for letter in post.letters] == ["claimed-by-another", "unknown-receipt"]

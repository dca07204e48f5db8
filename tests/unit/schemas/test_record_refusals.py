"""What a record is refused for: the field that is wrong is the one that is named, and the sentence is true of it."""

import json
from typing import Any

import pytest

from schemas.outcomes import Refused
from schemas.records import decode

SALE: dict[str, Any] = {
    "receipt_id": "R",
    "application": "pos",
    "closed_at": "2024-01-01T00:00:00Z",
    "currency": "EUR",
    "lines": [],
}
REDEMPTION: dict[str, Any] = {
    "redemption_id": "D",
    "profile_id": "p1",
    "program": "club",
    "requested_at": "2024-01-01T00:00:00Z",
    "points": "1",
}

REFUSED = {
    "a control character in a receipt's number": (
        "purchases",
        SALE | {"receipt_id": "a\x1fb"},
        "receipt_id holds a control character",
    ),
    "a control character in a sale's subledger": (
        "purchases",
        SALE | {"subledger": "a\x1fb"},
        "subledger holds a control character",
    ),
    "a control character in a redemption's part": (
        "redemptions",
        REDEMPTION | {"part": "a\x1fb"},
        "part holds a control character",
    ),
    "an order of less than nothing": ("redemptions", REDEMPTION | {"order_total": "-1"}, "order_total is not below 0"),
    "no points": ("redemptions", REDEMPTION | {"points": "0"}, "points is more than 0"),
}


@pytest.mark.parametrize(("topic", "record", "sentence"), REFUSED.values(), ids=REFUSED)
def test_the_field_that_is_wrong_is_named(topic: str, record: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Refused) as refused:
        decode(topic, json.dumps(record).encode())
    field, _, _ = sentence.partition(" ")
    assert (refused.value.reason, refused.value.field, refused.value.message) == ("invalid-field", field, sentence)


def test_an_order_of_nothing_is_an_order() -> None:
    decode("redemptions", json.dumps(REDEMPTION | {"order_total": "0"}).encode())

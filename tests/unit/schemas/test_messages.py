"""What goes from key to key is read as it was written, and what nobody writes is refused."""

import msgspec
import pytest

from schemas import records
from schemas.messages import Carried, Grant, Granted, Order, Reply, Request
from schemas.outcomes import Refused

CARRIED = Carried(topic="purchases", partition=3, offset=7, arrived_at=1, value='{"a": "é"}', key="p1")
WRITTEN = [
    pytest.param(
        "requests",
        Request(kind="claim", application="pos", receipt_id="R1", at=5, profile_id="p1", carried=CARRIED),
        id="a claim with its sale",
    ),
    pytest.param("requests", Request(kind="forward", application="pos", receipt_id="R1", at=5), id="a record without a profile"),
    pytest.param(
        "requests",
        Grant(
            kind="grant",
            subject="code/club/SPRING",
            program="club",
            profile_id="p1",
            entry="e",
            at=5,
            amount=3,
            cap=9,
            per_profile=2,
            truncate=True,
            keeps=True,
            cause={"topic": "purchases", "revision": 2},
            carried=CARRIED,
        ),
        id="a question for a grant",
    ),
    *[
        pytest.param("requests", Grant(kind=kind, subject="s", program="club", profile_id="p1", entry="e", at=5), id=kind)
        for kind in ("give-back", "own", "disown", "refer")
    ],
    pytest.param("requests", Order(kind="stop", profile_id="p1"), id="an operator's order"),
    pytest.param(
        "replies", Reply(kind="granted", application="pos", receipt_id="R1", at=5, profile_id="p1"), id="a claim granted"
    ),
    pytest.param(
        "replies",
        Granted(kind="counted", subject="s", program="club", profile_id="p1", entry="e", at=5, amount=3, carried=CARRIED),
        id="a grant",
    ),
    pytest.param(
        "replies",
        Granted(kind="referred", subject="s", program="club", profile_id="p1", entry="e", at=5),
        id="a friend's purchase",
    ),
]


NAMES = {"subject": "s", "program": "club", "profile_id": "p1", "entry": "e", "application": "pos", "receipt_id": "R1"}


@pytest.mark.parametrize(("topic", "message"), WRITTEN)
def test_it_is_read_as_it_was_written(topic: str, message: records.Message) -> None:
    assert records.decode(topic, msgspec.json.encode(message)) == message


@pytest.mark.parametrize(
    ("topic", "value"),
    [
        pytest.param("requests", b'{"kind": "grant", "subject": "s"}', id="a question without its profile"),
        pytest.param("requests", b'{"kind": "bribe", "profile_id": "p1"}', id="a request of no kind"),
        pytest.param("replies", b'{"kind": "counted"}', id="an answer about nothing"),
        *[
            pytest.param(topic, msgspec.json.encode({**fields, **NAMES, **wrong}), id=f"{fields['kind']} of {[*wrong]}")
            for topic, fields in (
                ("requests", {"kind": "grant", "at": 5}),
                ("requests", {"kind": "claim", "at": 5}),
                ("replies", {"kind": "counted", "at": 5}),
                ("replies", {"kind": "granted", "at": 5}),
            )
            for wrong in (
                {"at": 1 << 62},
                {"at": -(1 << 62)},
                {"carried": {"topic": "pixels", "partition": 0, "offset": 0, "arrived_at": 1 << 62, "value": ""}},
                {"carried": {"topic": "pixels", "partition": 0, "offset": 1 << 63, "arrived_at": 0, "value": ""}},
            )
        ],
        *[
            pytest.param(
                "requests", msgspec.json.encode({"kind": "grant", "at": 5, **NAMES, **wrong}), id=f"a grant of {[*wrong]}"
            )
            for wrong in ({"amount": -1}, {"amount": 10**19}, {"cap": 10**19}, {"per_profile": -1}, {"cause": {"n": 1 << 63}})
        ],
        pytest.param("replies", b'{"kind": "perhaps", "profile_id": "p1"}', id="an answer of no kind"),
    ],
)
def test_what_nobody_writes_is_refused(topic: str, value: bytes) -> None:
    with pytest.raises(Refused) as refused:
        records.decode(topic, value)
    assert refused.value.reason in ("invalid-field", "missing-field")

"""Claims while the answers are still on their way."""

import json
from collections import deque

from agents.core import Core
from agents.incoming import Incoming
from agents.outbox import Outbox
from agents.parking import PARKED_MAX
from schemas.events import encode
from schemas.instants import parse_instant
from tests.unit.agents.scene import Scene, moment

MORE_THAN_WAIT = PARKED_MAX + 50


def test_no_sale_is_lost_however_many_wait_for_their_claims() -> None:
    scene = Scene({"receipts": "claimed"})
    core = Core(scene.catalog, partitions=1)
    at = parse_instant(moment(2))
    waiting: deque[tuple[str, bytes, bytes]] = deque()
    outcomes: set[str] = set()
    for number in range(MORE_THAN_WAIT):
        lines = [{"sku": "A", "quantity": 1, "unit_price": "1.00"}]
        sale = {"receipt_id": f"R{number}", "application": "pos", "closed_at": moment(2), "currency": "EUR", "lines": lines}
        value = json.dumps(sale | {"profile_id": "p1"}).encode()
        waiting.append(("purchases", b"p1", value))
    offset = 0
    while waiting:
        topic, key, value = waiting.popleft()
        outbox = Outbox()
        outcomes.add(core.apply(scene.table, Incoming(topic, 0, offset, key, value, at), outbox))
        offset += 1
        assert not outbox.errors
        assert "dead-letters" not in {effect.topic for effect in outbox.effects}
        waiting += [(message.topic, message.key.encode(), encode(message.record)) for message in outbox.messages]
    assert outcomes == {"parked", "applied"}
    assert scene.books()["club", "pts"] == {"active": str(MORE_THAN_WAIT), "lifetime": str(MORE_THAN_WAIT)}

"""A cycle that is larger than the client's queue is sent as the broker takes it, and in order."""

from typing import Any

from streams.worker.producing import Sender


class Queue:
    """A producer whose broker takes half of what waits whenever somebody polls."""

    def __init__(self) -> None:
        self.waiting: list[Any] = []
        self.taken: list[Any] = []
        self.most = 0

    def __len__(self) -> int:
        return len(self.waiting)

    def poll(self, _seconds: float) -> int:
        half = (len(self.waiting) + 1) // 2
        self.taken += self.waiting[:half]
        del self.waiting[:half]
        return half

    def produce_batch(self, topic: str, records: list[dict[str, Any]], partition: int) -> int:
        assert (topic, partition) == ("balances", 3)
        self.waiting += [record["value"] for record in records]
        self.most = max(self.most, len(self.waiting))
        return len(records)


def test_more_records_than_the_queue_holds_are_sent_in_order() -> None:
    queue = Queue()
    sender: Any = Sender(queue)  # type: ignore[arg-type]  # as much of a producer as it asks for
    values = [b"%d" % number for number in range(450_000)]
    sender._many("balances", [{"key": b"p", "value": value} for value in values], 3)
    while queue.waiting:
        queue.poll(0.0)
    assert queue.taken == values
    assert queue.most <= 200_000

"""Dues: when the profiles that a cycle has changed are due next, over what the store's index says of them."""

from heapq import heappop, heappush

from schemas.instants import Instant

Entry = tuple[Instant, str]


class Dues:
    """`stored` is what the store's index says of each profile before the cycle, `now` what it is to say; None is no instant."""

    def __init__(self) -> None:
        self.stored: dict[str, Instant | None] = {}
        self.now: dict[str, Instant | None] = {}
        self._heap: list[Entry] = []

    def put(self, profile_id: str, due_at: Instant | None) -> None:
        if profile_id not in self.now or due_at != self.now[profile_id]:
            self.now[profile_id] = due_at
            if due_at is not None:
                heappush(self._heap, (due_at, profile_id))

    def first(self, until: Instant, newer: dict[str, Instant | None]) -> Entry | None:
        """The first of them up to and including `until`, but for what `newer` knows better."""
        heap = self._heap
        while heap and (self.now.get(heap[0][1]) != heap[0][0] or heap[0][1] in newer):
            heappop(heap)
        return heap[0] if heap and heap[0][0] <= until else None

    def moved(self) -> list[tuple[str, Instant | None, Instant | None]]:
        """What the index has to be told: the profile, what it says, and what it is to say."""
        stored = self.stored
        return [(profile_id, stored[profile_id], now) for profile_id, now in self.now.items() if stored[profile_id] != now]

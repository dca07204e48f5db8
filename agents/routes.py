"""Routes: whether a record lies where its profile's records belong, so that one profile has one writer.

Pure, and asked for every record: what was found of the profiles that came lately is kept.
"""

from typing import Final

from agents.incoming import Incoming
from schemas import records
from schemas.outcomes import Refused
from schemas.partitioner import partition_of

_ROUTES_MAX: Final = 65_536


class Routes:
    """`partitions`: how many each input topic has; None where records come from files, and lie anywhere."""

    def __init__(self, partitions: int | None) -> None:
        self._partitions = partitions
        self._known: dict[str, tuple[str | None, int]] = {}

    def check(self, incoming: Incoming, profile_id: str) -> None:
        """Raises `Refused` with `invalid-field` for what is no profile's id, and with `misrouted`."""
        known = self._known.get(profile_id)
        wrong, partition = self._route_of(profile_id) if known is None else known
        if wrong is not None:
            raise Refused("invalid-field", wrong, "profile_id")
        if self._partitions is None:
            return
        if incoming.key != profile_id.encode():
            raise Refused(
                "misrouted", f"the record's key is not its profile_id; it belongs in partition {partition}", "profile_id"
            )
        if incoming.partition != partition:
            raise Refused(
                "misrouted",
                f"the record lies in partition {incoming.partition}, and murmur2 of its key names partition {partition}: "
                "set partitioner=murmur2 in the feed",
                "profile_id",
            )

    def _route_of(self, profile_id: str) -> tuple[str | None, int]:
        """What is wrong with a profile's id, or None, and the partition that it belongs in."""
        wrong, partitions = records.check_profile_id(profile_id), self._partitions
        route = wrong, 0 if wrong is not None or partitions is None else partition_of(profile_id.encode(), partitions)
        if len(self._known) >= _ROUTES_MAX:
            self._known.clear()
        self._known[profile_id] = route
        return route

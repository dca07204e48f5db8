"""Reactions: which file reacts to which kind of record. A sale may have to wait first, for its claim or for its codes; whatever else comes for
its profile meanwhile waits for its turn.
"""

from collections.abc import Callable
from typing import Any, Final

from agents import claims, codes, turns
from agents.adjustments import on_adjustment
from agents.incoming import Incoming
from agents.pixels import on_pixel
from agents.profiles import on_profile
from agents.programs import Version
from agents.purchases import on_sale
from agents.redemptions import on_redemption
from agents.returns import on_cancel, on_return
from agents.visit import Visit
from schemas.records import Adjustment, Cancel, Pixel, ProfileRecord, Redemption, Return, Sale


def _on_sale(visit: Visit, record: Sale, incoming: Incoming, versions: list[Version]) -> str:
    if visit.programs.claims and claims.claimed(versions):
        waits = claims.wait(visit, record, incoming, versions)
        if waits is not None:
            return waits
    if record.promo_codes and visit.programs.coded:
        waits = codes.wait(visit, record, incoming, versions)
        if waits is not None:
            return waits
    return on_sale(visit, record, incoming, versions)


Reaction = Callable[[Visit, Any, Incoming, list[Version]], str]


def _in_turn(react: Reaction) -> Reaction:
    def reaction(visit: Visit, record: Any, incoming: Incoming, versions: list[Version]) -> str:
        waits = turns.wait(visit, record, incoming) if visit.profile.parked else None
        return react(visit, record, incoming, versions) if waits is None else waits

    return reaction


REACTIONS: Final[dict[type[Any], Reaction]] = {
    Sale: _on_sale,
    Cancel: _in_turn(on_cancel),
    Return: _in_turn(on_return),
    Pixel: _in_turn(on_pixel),
    ProfileRecord: _in_turn(lambda visit, record, incoming, _: on_profile(visit, record, incoming)),
    Redemption: _in_turn(lambda visit, record, _, versions: on_redemption(visit, record, versions[0])),
    Adjustment: _in_turn(lambda visit, record, _, versions: on_adjustment(visit, record, versions[0])),
}

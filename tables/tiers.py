"""Tiers: which one a profile reaches, and what its tier record says.

Pure. In force here: the measure `earned`, counted from joining on or for life; a tier is entered and risen to at once. Falling,
at reviews only, comes with the whole ledger.
"""

from msgspec import structs

from schemas.instants import Instant
from schemas.program import TierDefinition, Tiers
from tables.state import TierState


def reached(tiers: Tiers, qualifying: int) -> TierDefinition | None:
    """The highest tier whose threshold is met; at least the threshold is enough."""
    found = None
    for definition in tiers.definitions:
        if qualifying >= definition.threshold_minor:
            found = definition
    return found


def risen(tiers: Tiers, state: TierState, at: Instant) -> TierState | None:
    """The state after a rise to what the qualifying points reach, or None where there is none."""
    following = rank(tiers, state.tier) + 1
    if following == len(tiers.definitions) or state.qualifying < tiers.definitions[following].threshold_minor:
        return None
    target = reached(tiers, state.qualifying)
    if target is None:
        return None
    return structs.replace(state, tier=target.name, history=(*state.history, (at, target.name)))


def rank(tiers: Tiers, name: str | None) -> int:
    """0 for the lowest tier, -1 for none."""
    if name is not None:
        for position, definition in enumerate(tiers.definitions):
            if definition.name == name:
                return position
    return -1


def held_at(state: TierState | None, at: Instant) -> str | None:
    """The tier held at an instant, by its time line; what began at that very instant counts."""
    held = None
    for since, name in state.history if state is not None else ():
        if since > at:
            break
        held = name
    return held


def points_to_next(tiers: Tiers, state: TierState) -> int | None:
    """Minor points missing to the next tier; None at the top or without tiers."""
    following = rank(tiers, state.tier) + 1
    if following >= len(tiers.definitions):
        return None
    return max(tiers.definitions[following].threshold_minor - state.qualifying, 0)


def points_to_keep(tiers: Tiers, state: TierState) -> int | None:
    """Minor points missing to keep the tier at the next review; None without a tier."""
    held = rank(tiers, state.tier)
    return None if held < 0 else max(tiers.definitions[held].threshold_minor - state.qualifying, 0)

"""What the ledgers of a state were made under: asked when a state is opened, and written down for the next time.

Of each program a state remembers what must not change once there are entries: time zone, environment, subledgers, way of joining,
tiers, scales. Where the program files say something else now, the state's profiles are asked whether the program has entries at all; only
then is it refused. A draft makes nothing, so its version is not looked at.
"""

from typing import Final

import msgspec

from schemas.program import Catalog, Program, Tiers
from tables.table import Table

_NAME: Final = b"made-under"
_TIERS: Final = msgspec.json.Encoder()
Terms = dict[str, str]


class ProgramChangedError(Exception):
    """A program file says something else than the ledgers of the state were made under."""


def check(table: Table, catalog: Catalog) -> None:
    """Raises `ProgramChangedError` with a sentence. Nothing may be waiting to be flushed."""
    before, now = _before_and_now(table, catalog)
    why = _refusal(table, before, now)
    if why is not None:
        raise ProgramChangedError(why)
    if now != before:
        table.flush({_NAME: msgspec.json.encode(now)})


def refusal(table: Table, catalog: Catalog) -> str | None:
    """Why the state cannot go on under these programs; None where it can. Nothing is written down."""
    return _refusal(table, *_before_and_now(table, catalog))


def changed(before: tuple[Program, ...], now: tuple[Program, ...]) -> list[str]:
    """By their paths: what the versions of one program change that must not change once there are entries."""
    terms, others = _terms(before), _terms(now)
    return [] if terms is None or others is None else [path for path, text in terms.items() if others.get(path) != text]


def _before_and_now(table: Table, catalog: Catalog) -> tuple[dict[str, Terms], dict[str, Terms]]:
    stored = table.meta(_NAME)
    before: dict[str, Terms] = {} if stored is None else msgspec.json.decode(stored, type=dict[str, Terms])
    now = before | {name: terms for name in catalog.programs if (terms := _terms(catalog.programs[name])) is not None}
    return before, now


def _refusal(table: Table, before: dict[str, Terms], now: dict[str, Terms]) -> str | None:
    others = {name for name, terms in before.items() if any(now[name].get(path) != text for path, text in terms.items())}
    if others:
        for _, profile in table.profiles():
            for name in sorted(others):
                membership = profile.programs.get(name)
                if membership is not None and membership.entry:
                    return _sentence(name, before[name], now[name])
    return None


def _terms(versions: tuple[Program, ...]) -> Terms | None:
    """What must not change, by its path; None for a program of drafts. A point type that is added later is no change."""
    counting = [version for version in versions if version.status != "draft"]
    if not counting:
        return None
    newest = counting[-1]
    terms = {
        "timezone": newest.timezone.key,
        "environment": newest.environment,
        "subledgers.enabled": "true" if newest.subledgers_enabled else "false",
        "membership.join": newest.membership.join,
        "tiers": _shown(newest.tiers),
    }
    return terms | {f"points.{point.sid}.scale": str(point.scale) for point in newest.points}


def _shown(tiers: Tiers) -> str:
    return _TIERS.encode(tiers).decode() if tiers.definitions else "none"


def _sentence(name: str, before: Terms, now: Terms) -> str:
    path = next(path for path, text in before.items() if now.get(path) != text)
    if path == "tiers":
        what = "tiers cannot change" if before[path] != "none" else "tiers cannot be added"
        return f"{name}: {what} once there are entries, and the state holds some; put them back, or begin with a new state"
    said = now.get(path, "gone")
    return f"{name}: {path} is {said}, and the ledgers of the state were made under {before[path]}: it cannot change any more"

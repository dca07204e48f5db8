"""Ledger entries, tier changes and dead letters in words, each as one styled line. Pure."""

from datetime import datetime, timedelta
from typing import Final

from rich.text import Text

from streams.demo.story import DeadLetter, Entry, Lot, TierChange
from streams.demo.tills import ZONE

TIER_STYLES: Final = {"Silver": "bright_white", "Gold": "bright_yellow", "Platinum": "bright_cyan"}
_STYLES: Final = {
    "membership.joined": ("✚", "bright_magenta"),
    "points.accrued": ("▲", "bright_green"),
    "points.activated": ("●", "cyan"),
    "points.expired": ("○", "yellow"),
    "points.reversed": ("◄", "bright_red"),
    "points.cancelled": ("◄", "bright_red"),
}


def entry_line(entry: Entry) -> Text:
    mark, style = _STYLES.get(entry.type, ("·", "white"))
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append(f"{mark} ", style)
    line.append(f"{day(entry.occurred_at):<7}", "dim")
    line.append(f"{entry.profile_id}  ", "bold")
    line.append(_what(entry), style)
    line.append(_detail(entry), "dim")
    return line


def _what(entry: Entry) -> str:
    points = f"{entry.points} {'point' if entry.points == 1 else 'points'}"
    match entry.type:
        case "membership.joined":
            return "joins the club"
        case "points.accrued":
            return f"earns {points}"
        case "points.activated":
            return f"{points} can be used"
        case "points.expired":
            return f"{points} {'expires' if entry.points == 1 else 'expire'}"
        case "points.reversed":
            return f"gives back {points}"
        case "points.cancelled":
            return f"{points} will not come"
        case _:
            return f"{entry.type.removeprefix('points.')} {points}"


def _detail(entry: Entry) -> str:
    lot: Lot | None = entry.lots[0] if entry.lots else None
    match entry.type:
        case "points.accrued":
            good = (
                f", good {day(lot.activates_at)} – {last_day(lot.expires_at)}"
                if lot and lot.activates_at and lot.expires_at
                else ""
            )
            return f" for {entry.cause.get('receipt_id', '')}{good}"
        case "points.activated":
            return f" until {last_day(lot.expires_at)}" if lot and lot.expires_at else ""
        case "points.reversed" | "points.cancelled":
            return f", {entry.cause.get('receipt_id', '')} was cancelled"
        case "points.expired" if entry.balance is not None:
            return f", {entry.balance.active} left"
        case _:
            return ""


def tier_line(change: TierChange) -> Text:
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append(f"{day(change.occurred_at):<7}", "dim")
    line.append(f"{change.profile_id} ", "bold")
    fell = change.type == "tier.downgraded"
    line.append(("falls to " if fell else "reaches ") + (change.to or "no tier"), TIER_STYLES.get(change.to or "", "white"))
    return line


def dead_letter_line(letter: DeadLetter) -> Text:
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append(f"{letter.reason}  ", "red")
    line.append(letter.message, "dim")
    return line


def day(instant: str) -> str:
    """The local day of an instant, as people say it: `18 May`."""
    return _say(datetime.fromisoformat(instant))


def last_day(expires_at: str) -> str:
    """The last local day of use: midnight at the end of a day still belongs to that day."""
    return _say(datetime.fromisoformat(expires_at) - timedelta(microseconds=1))


def _say(instant: datetime) -> str:
    local = instant.astimezone(ZONE)
    return f"{local.day} {local:%b}"

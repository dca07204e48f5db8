"""Causes, origins and instants in words for people. Pure."""

from streams.provenance.entries import Entry, RulePart
from streams.provenance.trace import Lot

_TIMERS = {"expiry": "its time was over", "activation": "its time had come", "hold": "the hold ran out"}


def when(instant: str | None) -> str:
    """`2026-03-01 12:00`: an instant of a record (UTC) without what a reader does not need; seconds only where there are some."""
    if instant is None:
        return ""
    day, _, time = instant.removesuffix("Z").partition("T")
    return f"{day} {time.removesuffix(':00')}"


def why(entry: Entry) -> str:
    """What made the entry: `receipt R1`, `return T1 of receipt R1`, `redemption D1`, `its time was over`."""
    reason = f" ({entry.reason.replace('-', ' ')})" if entry.reason else ""
    return _cause(entry) + reason


def source(lot: Lot) -> str:
    """What gave a lot its points, in short: `receipt R1, line 2`."""
    return why(lot.born) + (f", line {lot.part.line_id}" if lot.part.line_id else "")


def origin(lot: Lot) -> str:
    """Where a lot came from: `receipt R1, line 2; base 100, double 20`, `receipt R2, every line; base 30`, `adjustment A1 (goodwill)`."""
    entry = lot.born
    whole = lot.of_receipt and not any(rule.lines for rule in lot.rules)
    parts = [source(lot) + (", every line" if whole and not lot.part.line_id else "")]
    if entry.promotion:
        parts.append(f"promotion {entry.promotion}")
    if entry.scenario:
        parts.append(f"scenario {entry.scenario}")
    if lot.rules:
        shared = len(entry.lots) > 1 and any(rule.lot_id is None for rule in lot.rules)
        among = f" (among {len(entry.lots)} lots)" if shared else ""
        parts.append(", ".join([_rule(lot, rule, whole) for rule in lot.rules]) + among)
    if entry.withheld:
        parts.append(f"{entry.withheld:,f} withheld by a limit")
    parts += [text for text in (entry.description, entry.legal_entity) if text]
    return "; ".join(parts)


def _rule(lot: Lot, rule: RulePart, whole: bool) -> str:
    """`gift 5 for line 3`; without lines where these have been said of the lot."""
    lines = ""
    if rule.lines:
        lines = (
            ""
            if rule.lines == (lot.part.line_id,)
            else f" for {'line' if len(rule.lines) == 1 else 'lines'} {' '.join(rule.lines)}"
        )
    elif lot.of_receipt and not whole:
        lines = " for every line"
    return f"{rule.rule} {rule.points:,f}{lines}"


def _cause(entry: Entry) -> str:
    cause = entry.cause
    kind, receipt = cause.get("kind"), cause.get("receipt_id")
    if "timer" in cause:
        return _TIMERS.get(str(cause["timer"]), str(cause["timer"]))
    if "return_id" in cause:
        return f"return {cause['return_id']} of receipt {receipt}"
    if kind in {"cancel", "reopen"}:
        return f"{kind} of receipt {receipt}"
    if receipt is not None:
        revision = cause.get("revision", 1)
        return f"receipt {receipt}" + (f", revision {revision}" if revision != 1 else "")
    if "redemption_id" in cause:
        named = f"redemption {cause['redemption_id']}" + (f", part {cause['part']}" if "part" in cause else "")
        return named if kind in {None, "redeem"} else f"{kind} of {named}"
    if "adjustment_id" in cause:
        return f"adjustment {cause['adjustment_id']}"
    if "event_id" in cause:
        return f"pixel {kind} {cause['event_id']}"
    if cause.get("topic") == "profiles":
        return "erasure" if kind == "erase" else "profile record"
    return ", ".join(f"{name} {value}" for name, value in cause.items())

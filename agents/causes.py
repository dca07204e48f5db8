"""Causes: what every output record tells of the input record that caused it. Its values are part of the ids, so they never change."""

from schemas.events import Cause
from schemas.instants import format_instant
from schemas.records import Cancel, Pixel, ProfileRecord, Record, Redemption, Return, Sale


def cause_of(topic: str, record: Record) -> Cause:
    """What caused an effect, as every output record tells it; its values are part of the ids."""
    if isinstance(record, Sale):
        return {
            "topic": topic,
            "kind": record.kind,
            "application": record.application,
            "receipt_id": record.receipt_id,
            "revision": record.revision,
        }
    if isinstance(record, Cancel):
        cause: Cause = {"topic": topic, "kind": record.kind, "application": record.application, "receipt_id": record.receipt_id}
        if record.revision is not None:
            cause["revision"] = record.revision
        return cause
    if isinstance(record, Return):
        named: Cause = {"topic": topic, "kind": record.kind, "application": record.application}
        return named | {"receipt_id": record.receipt_id, "return_id": record.return_id}
    if isinstance(record, Pixel):
        return {"topic": topic, "kind": record.type, "event_id": record.event_id} | _application(record.application)
    if isinstance(record, ProfileRecord):
        return {"topic": topic, "kind": record.kind, "updated_at": format_instant(record.updated_at)} | _application(
            record.application
        )
    if isinstance(record, Redemption):
        cause = {"topic": topic, "kind": record.kind, "redemption_id": record.redemption_id}
        return cause if record.part is None else cause | {"part": record.part}
    return {"topic": topic, "kind": "adjustment", "adjustment_id": record.adjustment_id}


def _application(name: str | None) -> Cause:
    return {} if name is None else {"application": name}

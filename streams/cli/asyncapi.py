"""The AsyncAPI document: which topics there are, what lies in each, and how it is kept, for whoever feeds the stream or follows it.

Made from the registry of topics and from the records' own types, so that it cannot differ from what the code does. It speaks as the worker: it
receives what feeds send, and sends what notifiers follow. Topics that are its own affair are left out. The committed copy is
`schemas/published/asyncapi.json`; `python -m streams.cli.asyncapi` prints it anew, a test compares them.

Source: AsyncAPI 3.0.0, and its Kafka bindings 0.5.0.
"""

import json
import sys
from typing import Final

from schemas.records import PROFILE_ID_BYTES_MAX
from schemas.topics import BY_NAME, EVENTS, INPUTS, OUTPUTS, Topic
from streams.cli.record_schemas import NAMES, Schema, shapes

_BINDINGS: Final = "0.5.0"
_DAY_MS: Final = 86_400_000
_CLOUD_EVENTS: Final = ("ce_specversion", "ce_id", "ce_type", "ce_source", "ce_subject", "ce_time", "content-type")
_TRAITS: Final[Schema] = {
    "keyed": {
        "bindings": {
            "kafka": {
                "key": {
                    "type": "string",
                    "maxLength": PROFILE_ID_BYTES_MAX,
                    "description": "The profile, in UTF-8; the partition is murmur2 of it. A partition's position in `balances` has a key of its own.",
                },
                "bindingVersion": _BINDINGS,
            }
        },
    },
    "event": {
        "headers": {
            "type": "object",
            "description": "CloudEvents 1.0, binary binding; and the W3C trace of what caused it, where that had one.",
            "properties": {name: {"type": "string"} for name in (*_CLOUD_EVENTS, "traceparent")},
            "required": list(_CLOUD_EVENTS),
        },
    },
}


def document() -> Schema:
    """The whole document."""
    topics = [BY_NAME[name] for name in (*INPUTS, *OUTPUTS)]
    schemas: dict[str, Schema] = {}
    messages: dict[str, Schema] = {}
    for topic in topics:
        found, components = shapes(NAMES[topic.name][1], "#/components/schemas/{name}")
        schemas |= components
        messages |= {_message_of(payload): _message(topic, payload) for payload in found}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "pointstream",
            "version": "1",
            "description": "Loyalty points as a stream: receipts in, accruals, tier changes and notifications out. What the fields mean: docs/records.md.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in topics},
        "operations": {
            topic.name: {
                "action": "receive" if topic.role == "input" else "send",
                "channel": {"$ref": f"#/channels/{topic.name}"},
                "summary": _about(topic),
            }
            for topic in topics
        },
        "components": {"messages": messages, "messageTraits": _TRAITS, "schemas": schemas},
    }


def _channel(topic: Topic) -> Schema:
    kept = (
        {}
        if topic.cleanup == "compact"
        else {"retention.ms": -1 if topic.retention_days is None else topic.retention_days * _DAY_MS}
    )
    settings = {"cleanup.policy": [topic.cleanup], "max.message.bytes": topic.max_message_bytes, **kept}
    names = [_message_of(payload) for payload in shapes(NAMES[topic.name][1], "#/components/schemas/{name}")[0]]
    return {
        "address": topic.name,
        "description": _about(topic),
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "bindings": {"kafka": {"topicConfiguration": settings, "bindingVersion": _BINDINGS}},
    }


def _message(topic: Topic, payload: Schema) -> Schema:
    traits = ["keyed", "event"] if topic.name in EVENTS else ["keyed"]
    return {
        "name": _message_of(payload),
        "payload": payload,
        "traits": [{"$ref": f"#/components/messageTraits/{name}"} for name in traits],
    }


def _message_of(payload: Schema) -> str:
    """A message is named as its schema is."""
    return str(payload["$ref"]).rpartition("/")[2]


def _about(topic: Topic) -> str:
    return NAMES[topic.name][0].partition(": ")[2]


def encoded() -> bytes:
    """The document as it is committed."""
    return (json.dumps(document(), indent=2, ensure_ascii=False) + "\n").encode()


if __name__ == "__main__":
    sys.stdout.buffer.write(encoded())

"""The AsyncAPI document: as it is committed, whole, and saying what the code does."""

import json
from collections.abc import Iterator
from importlib import resources
from types import SimpleNamespace
from typing import Any

import pytest

from agents.outbox import Effect
from schemas.topics import INPUTS, LEDGER_ENTRIES, OUTPUTS
from streams.cli.asyncapi import encoded
from streams.cli.record_schemas import record_schema
from streams.worker.producing import cloud_event

DOCUMENT = json.loads(encoded())


def test_the_committed_document_is_what_the_code_says() -> None:
    committed = resources.files("schemas").joinpath("published", "asyncapi.json").read_bytes()
    assert committed == encoded(), "run: python -m streams.cli.asyncapi > schemas/published/asyncapi.json"


def test_every_topic_that_others_write_or_read_is_a_channel_with_its_direction() -> None:
    assert {name: found["action"] for name, found in DOCUMENT["operations"].items()} == {
        **dict.fromkeys(INPUTS, "receive"),
        **dict.fromkeys(OUTPUTS, "send"),
    }
    assert [*DOCUMENT["channels"]] == [*DOCUMENT["operations"]]


def references(found: Any) -> Iterator[str]:
    if isinstance(found, dict):
        yield from [found["$ref"]] if isinstance(found.get("$ref"), str) else []
        found = [*found.values()]
    if isinstance(found, list):
        for each in found:
            yield from references(each)


def test_every_reference_leads_somewhere_and_nothing_is_there_that_none_leads_to() -> None:
    led_to = set(references(DOCUMENT))
    for reference in led_to:
        place: Any = DOCUMENT
        for name in reference.removeprefix("#/").split("/"):
            place = place[name]
    components = DOCUMENT["components"]
    assert led_to >= {f"#/components/{kind}/{name}" for kind in components for name in components[kind]}


@pytest.mark.parametrize("topic", [*INPUTS, *OUTPUTS])
def test_what_lies_in_a_topic_is_as_its_own_schema_says(topic: str) -> None:
    """So no two records of one name are taken for each other either."""
    own = json.loads(json.dumps(record_schema(topic)["$defs"]).replace("#/$defs/", "#/components/schemas/"))
    schemas = DOCUMENT["components"]["schemas"]
    assert {name: schemas[name] for name in own} == own
    assert [*DOCUMENT["channels"][topic]["messages"]] == [name for name in DOCUMENT["channels"][topic]["messages"] if name in own]


def test_the_headers_of_an_event_are_those_that_are_sent() -> None:
    record: Any = SimpleNamespace(id="", type="", program="", profile_id="", occurred_at="")
    sent = [name for name, _ in cloud_event(Effect(LEDGER_ENTRIES, "p1", record))]
    assert DOCUMENT["components"]["messageTraits"]["event"]["headers"]["required"] == sent

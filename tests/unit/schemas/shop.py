"""A small program file for claims about program files, and ways to read it changed."""

from typing import Any

import pytest

from schemas.program import Program
from schemas.program_file import Document, Fault, ProgramFileError, parse_program, read_document

SHOP = """\
program: shop
timezone: Europe/Berlin
environment: sandbox
effective_from: 2024-01-01T00:00:00Z
applications: [pos]
currency: EUR
points:
  - sid: pts
    returns: within-balance
earning:
  - rule: base
    rate: {points: "1", per: "1.00"}
templates:
  thanks: 'Thank you!'
promotions:
  - {promotion: hello, action: accrue, points: "5"}
segments:
  - {segment: new, where: {days_since_registration: {less_than: 30}}}
"""


def shop(**changes: Any) -> Document:
    return read_document(SHOP, "shop.yaml").overlay({key.replace("__", "."): value for key, value in changes.items()})


def program(changes: dict[str, Any]) -> Program:
    return parse_program(read_document(SHOP, "shop.yaml").overlay(changes))


def faults(changes: dict[str, Any]) -> list[Fault]:
    with pytest.raises(ProgramFileError) as caught:
        program(changes)
    return list(caught.value.faults)


RULE = {"rule": "r", "fixed": {"points": "1", "per": "receipt"}}
SCENARIO = {"scenario": "s", "trigger": "registration", "steps": ["join"]}
TIERS = [{"name": "A", "threshold": "1"}, {"name": "B", "threshold": "2"}]

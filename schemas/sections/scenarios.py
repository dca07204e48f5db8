"""`scenarios`: what sets one off (`triggers.py`), whom it is for, and what it does (`steps.py`), in the order of the file."""

from typing import Final

from schemas.campaigns import Scenario
from schemas.program import PointType
from schemas.sections import values
from schemas.sections.promotions import Promotions
from schemas.sections.section import Section
from schemas.sections.steps import MAX_STEPS, Steps
from schemas.sections.triggers import read_trigger

MAX_SCENARIOS: Final = 200


def read_scenarios(
    top: Section, points: tuple[PointType, ...], promotions: Promotions, *, subledgers: bool
) -> tuple[Scenario, ...]:
    sections = top.sections("scenarios")
    names = top.names("scenario", "scenario", sections, pattern=values.name)
    if len(sections) > MAX_SCENARIOS:
        top.fault("scenarios", f"must be at most {MAX_SCENARIOS} scenarios, are {len(sections)}")
    return tuple(
        _read_scenario(section, name, points, Steps(top.reading, promotions, subledgers))
        for section, name in zip(sections, names, strict=True)
    )


def _read_scenario(section: Section, name: str, points: tuple[PointType, ...], steps: Steps) -> Scenario:
    scenario = Scenario(
        scenario=name,
        trigger=read_trigger(section, points),
        audience=section.use("audience", "segment") if section.has("audience") else section.raw("audience"),
        reentry=section.value("reentry", values.boolean, False),
        enabled=section.value("enabled", values.boolean, True),
        description=section.value_or_none("description", values.prose),
        steps=steps.read(section, "steps"),
    )
    if not section.items("steps"):
        section.fault("steps", "must be given: a list of one or more steps")
    if steps.count > MAX_STEPS:
        section.fault("steps", f"must be at most {MAX_STEPS} steps, those in branches included, are {steps.count}")
    section.done()
    return scenario

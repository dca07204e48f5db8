"""`templates`: texts for people, in sandboxed Jinja. A name or filter that does not exist is a fault (`schemas.template_faults`)."""

from schemas.program import PointType
from schemas.sections import values
from schemas.sections.section import Section
from schemas.template_faults import asked_of, faults_of, no_such_point


def read_templates(top: Section, points: tuple[PointType, ...]) -> dict[str, str]:
    """What a template says of other programs is asked when these are known as well (`between_files.py`)."""
    section = top.section("templates")
    sids = [point.sid for point in points]
    program = str(top.raw("program"))
    found: dict[str, str] = {}
    for key in section.written():
        text = section.required(key, values.prose, "")
        found[key] = text
        try:
            values.name(key)
        except ValueError as error:
            section.fault(key, str(error))
        wrong = list(faults_of(text))
        if not wrong and all(sids):
            wrong = [
                reason
                for asked in asked_of(text)
                if asked.program in (None, program) and (reason := no_such_point(asked, program, sids))
            ]
        for reason in wrong:
            section.fault(key, reason)
    top.reading.define("template", section.written())
    return found

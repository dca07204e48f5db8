"""`templates`: texts for people, in sandboxed Jinja. A name or filter that does not exist is a fault (`schemas.template_faults`)."""

from schemas.sections import values
from schemas.sections.section import Section
from schemas.template_faults import faults_of


def read_templates(top: Section) -> dict[str, str]:
    section = top.section("templates")
    found: dict[str, str] = {}
    for key in section.written():
        text = section.required(key, values.prose, "")
        found[key] = text
        try:
            values.name(key)
        except ValueError as error:
            section.fault(key, str(error))
        for reason in faults_of(text):
            section.fault(key, reason)
    top.reading.define("template", section.written())
    return found

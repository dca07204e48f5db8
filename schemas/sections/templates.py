"""`templates`: texts for people, in sandboxed Jinja. Here they are only read; a name or filter that does not exist is a fault.

Nothing random is let in (`random`, `lipsum`): the same records give the same bytes.
"""

from collections.abc import Iterator
from typing import Any, Final

from jinja2 import TemplateSyntaxError, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from schemas.program_faults import did_you_mean
from schemas.sections import values
from schemas.sections.section import Section

VARIABLES: Final = frozenset({
    "profile", "points", "balance", "lots", "tier", "program", "entry", "trigger", "expires_at", "expires_on",
    "loyalty_expiration_points",
})  # fmt: skip
_HELPERS: Final = frozenset({"range", "dict", "namespace", "joiner", "cycler"})
_environment: Final = ImmutableSandboxedEnvironment()
_environment.filters["or"] = lambda value, otherwise: value or otherwise
_FILTERS: Final = frozenset(_environment.filters) - {"random", "pprint"}
_TESTS: Final = frozenset(_environment.tests)


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


def faults_of(text: str) -> Iterator[str]:
    """What is wrong with a template, each as a sentence."""
    try:
        tree = _environment.parse(text)
    except TemplateSyntaxError as error:
        yield f"must be a Jinja template: {error.message}, in its line {error.lineno}"
        return
    known: tuple[tuple[Any, str, frozenset[str]], ...] = ((nodes.Filter, "filter", _FILTERS), (nodes.Test, "test", _TESTS))
    for kind, what, names in known:
        for node in list(tree.find_all(kind)):
            if node.name not in names:
                yield f"must use filters and tests that there are; no {what} is called {node.name}{did_you_mean(node.name, names)}"
                node.name = "string"  # there is a filter and a test of this name: the search for variables wants one
    for name in sorted(meta.find_undeclared_variables(tree) - VARIABLES - _HELPERS):
        yield f"must use variables that there are; none is called {name}{did_you_mean(name, VARIABLES)}"
    if any(tree.find_all((nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends))):
        yield "must stand alone, takes in another template"

"""Templates: texts for people, in sandboxed Jinja. What is wrong with one, and what one says of what is so.

A template is compiled once for a version of a program. On the way each of the variables of CONTRACT (`profile.first_name`, `tier.name`) becomes
one question to whoever knows: so a rendering reckons nothing that it does not print, and what it asked for is what it used, word for word.
A template that fails (`TemplateFailedError`) says so without a word of what it was about.

A text for an e-mail is HTML, and values are escaped in it; every other channel gets plain text. Control characters and line breaks
inside a value never reach a person. Nothing random is let in: the same facts give the same bytes.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from re import compile as pattern
from typing import Any, Final, Protocol

from jinja2 import nodes
from jinja2.visitor import NodeTransformer

from schemas.template_sandbox import BOUNDED, COUNTED, ITEMS_MAX, SHOWN, TEXT_MAX, USE, Nothing, Sandbox, TooMuch, shown

EXPIRING: Final = "loyalty_expiration_points"
ENTRY: Final = (
    "type", "point", "subledger", "points", "occurred_at", "sequence", "promotion", "scenario", "legal_entity", "description",
    "reason", "withheld", "debt_paid", "direction",
)  # fmt: skip
"""What a template may ask of an entry, and of its lots when the first of them expires."""
PARTS: Final[dict[str, frozenset[str] | None]] = {
    "profile": None, "trigger": None, "lots": frozenset(), "points": frozenset(), "expires_at": frozenset(),
    "expires_on": frozenset(), EXPIRING: frozenset(),
    "entry": frozenset({*ENTRY, "expires_at"}),
    "balance": frozenset({
        "active", "pending", "reserved", "redeemed", "expired", "reversed", "written_off", "debt_paid", "debt", "lifetime",
    }),
    "tier": frozenset({"name", "qualifying_points", "next_review_at", "points_to_next", "points_to_keep"}),
    "program": frozenset({"name", "program", "title", "description", "timezone", "environment", "currency"}),
}  # fmt: skip
"""Every variable, and its parts where these are known beforehand."""
ITEM: Final = frozenset({
    "amount", "points", "remaining", "lot_id", "earned_at", "expires_at", "expires_on", "receipt_id", "legal_entity", "description",
})  # fmt: skip
"""The parts of a lot: an item of `lots`, or of what `loyalty_expiration_points` gives."""
OWN: Final = frozenset({"program", "program.program"})
_HTML_CHANNELS: Final = frozenset({"email", "e-mail", "mail"})
_UNSEEN: Final = pattern("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_UNSEEN_IN_VALUES: Final = pattern("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")
_WORK_MAX: Final = 1_000_000
_QUESTION: Final = _WORK_MAX // 100
"""What the question for points that expire counts, whatever is found."""
_plain: Final = Sandbox(html=False)
_html: Final = Sandbox(html=True)


class TemplateFailedError(Exception):
    """A template that could not be rendered: what went wrong, and nothing of the person."""


class Knows(Protocol):
    """Whoever knows the facts: `part` is what follows the first dot (`first_name`), empty for the variable alone. None: it is not there."""

    def fact(self, variable: str, part: str) -> Any: ...

    def expiring(self, program: str, point: str, days: int, limit: int, order: str) -> Sequence[Mapping[str, Any]]: ...


def is_own(program: str) -> bool:
    """Whether the name that a template gives to a program means its own: a number, as other systems number their programs."""
    return program.isdecimal()


class Rendered:
    """A text, and the variables that it used, as text, by the names by which it used them."""

    __slots__ = ("text", "variables")

    def __init__(self, text: str, variables: dict[str, str]) -> None:
        self.text = text
        self.variables = variables


class Template:
    """One template of one version of a program; it has no faults. Compiled for each kind of channel when it is first asked for."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def paths(self) -> frozenset[str]:
        """All that it may ask for, in whichever branch: `points`, `trigger.pixel.attributes.city`."""
        asked = _Asks(_plain)
        asked.visit(_plain.parse(self.text))
        return frozenset(asked.paths)

    def compile(self) -> None:
        """Raises Jinja's `TemplateError` where it cannot be."""
        _ = self._as_text

    @cached_property
    def _as_text(self) -> Any:
        return _compiled(_plain, self.text)

    @cached_property
    def _as_html(self) -> Any:
        return _compiled(_html, self.text)

    def render(self, facts: Knows, channel: str) -> Rendered:
        """Raises `TemplateFailedError`, and what `facts` raises."""
        compiled = self._as_html if channel in _HTML_CHANNELS else self._as_text
        uses = _Uses(facts)
        pieces: list[str] = []
        left = TEXT_MAX
        try:
            for piece in compiled.root_render_func(compiled.new_context({USE: uses})):
                left -= len(piece)
                if left < 0:
                    raise TooMuch("the text is longer than 16 KiB")
                pieces.append(piece)
        except Exception as error:  # noqa: BLE001  whatever a template does wrong concerns itself alone
            if uses.failed is not None:
                raise uses.failed from None  # not the template's fault
            raise TemplateFailedError(_told(error)) from None
        if uses.failed is not None:
            raise uses.failed  # Jinja took it for something that is not there
        text = _UNSEEN.sub("", "".join(pieces))
        variables = {name: text_of(value) for name, value in uses.used.items()}
        if len(text.encode()) + sum([len(value.encode()) for value in variables.values()]) > 2 * TEXT_MAX:
            raise TemplateFailedError("what it made, with the variables that it used, is longer than 32 KiB")
        return Rendered(text, variables)


def text_of(value: Any) -> str:
    """A value as `variables` tells it."""
    return str(shown(value))


def _told(error: Exception) -> str:
    """Never what the exception says: a value of the person may stand in it."""
    if isinstance(error, TooMuch):
        return str(error)
    if isinstance(error, ZeroDivisionError):
        return "it divides by zero"
    return f"it failed ({type(error).__name__})"


class _Uses:
    """What one rendering asks for, its loops as they run, and what it works with (`template_sandbox.Counts`)."""

    for_templates = True

    def __init__(self, facts: Knows) -> None:
        self._facts = facts
        self._turns = ITEMS_MAX
        self._work = _WORK_MAX
        self._lots: list[_Item] | None = None
        self.used: dict[str, Any] = {}
        self.failed: Exception | None = None

    def __getitem__(self, path: str) -> Any:
        if path in self.used:
            found = self.used[path]
        else:
            variable, _, part = path.partition(".")
            if variable == "lots":
                return self._open_lots()
            found = self._ask(variable, part)
            self.used[path] = found = _clean(found)
        return Nothing(name=path) if found is None else found

    def spend(self, work: int) -> None:
        """So much is worked with: characters of texts, items of lists. Raises `TooMuch`."""
        self._work -= work
        if self._work < 0:
            raise TooMuch("it works with more than a text to a person can need")

    def _open_lots(self) -> "list[_Item]":
        if self._lots is None:
            self._lots = [_Item(self, f"lots.{number}", item) for number, item in enumerate(self._ask("lots", ""))]
        return [*self._lots]

    def _ask(self, variable: str, part: str) -> Any:
        try:
            return self._facts.fact(variable, part)
        except Exception as error:
            self.failed = error
            raise

    def expiring(self, program: Any, point: Any, days: Any, limit: Any = 1, order: Any = "asc") -> "list[_Item]":
        if order not in ("asc", "desc"):
            raise ValueError("the order is asc or desc")
        self.spend(_QUESTION)
        days, limit = min(max(int(days), 0), 36_500), min(max(int(limit), 0), 100)
        try:
            found = self._facts.expiring(str(program), str(point), days, limit, order)
        except Exception as error:
            self.failed = error
            raise
        return [_Item(self, f"{EXPIRING}.{number}", item) for number, item in enumerate(found)]

    def each(self, values: Any) -> Iterator[Any]:
        """A loop over the values, counted with all others of the rendering."""
        for value in values:
            self._turns -= 1
            if self._turns < 0:
                raise TooMuch("its loops run more than 1,000 times")
            yield value


class _Item:
    """A lot, as a template sees it; what is asked of it is noted."""

    for_templates = True
    __slots__ = ("_item", "_path", "_uses")

    def __init__(self, uses: _Uses, path: str, item: Mapping[str, Any]) -> None:
        self._uses, self._path, self._item = uses, path, item

    def __getitem__(self, part: object) -> Any:
        part = str(part).lower()
        if part not in self._item:
            raise KeyError(part)
        found = self._uses.used[f"{self._path}.{part}"] = _clean(self._item[part])
        return Nothing(name=part) if found is None else found

    def __str__(self) -> str:
        return str(self["amount"])


def _clean(value: Any) -> Any:
    """A value without what only harms: in a text to a person a line break of a value says something that nobody wrote."""
    if isinstance(value, str):
        return value if value.isprintable() else _UNSEEN_IN_VALUES.sub(" ", value).strip()
    if isinstance(value, dict):
        return {str(key): _clean(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_clean(inner) for inner in value]
    return value


class _Asks(NodeTransformer):
    """Puts a question in the place of every variable with its parts, and a count into every loop."""

    def __init__(self, environment: Sandbox) -> None:
        self._environment = environment
        self.paths: set[str] = set()

    def visit_Name(self, node: nodes.Name) -> nodes.Node:  # noqa: N802  Jinja's own way to name them
        return self._asked(node) or node

    def visit_Getattr(self, node: nodes.Getattr) -> nodes.Node:  # noqa: N802
        return self._asked(node) or self.generic_visit(node)

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:  # noqa: N802
        return self._asked(node) or self.generic_visit(node)

    def visit_Call(self, node: nodes.Call) -> nodes.Node:  # noqa: N802
        called = node.node
        if isinstance(called, nodes.Name) and called.name == EXPIRING:
            self.paths.add(EXPIRING)
            node.args = [_named(each) if place == 0 else each for place, each in enumerate(node.args)]
            for pair in node.kwargs:
                pair.key = argument_of(pair.key)
                pair.value = _named(pair.value) if pair.key == "program" else pair.value
            node.node = nodes.Getattr(nodes.Name(USE, "load", lineno=node.lineno), "expiring", "load", lineno=node.lineno)
        elif isinstance(called, nodes.Getattr):
            called.node = self.visit(called.node)  # what is called is no part of the variable
        node.args = [self.visit(each) for each in node.args]
        node.kwargs = [self.visit(each) for each in node.kwargs]
        return node

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        each = nodes.Getattr(nodes.Name(USE, "load", lineno=node.lineno), "each", "load", lineno=node.lineno)
        node.iter = nodes.Call(each, [node.iter], [], None, None, lineno=node.lineno)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        node.nodes = [self._by(SHOWN, each, node.lineno) for each in node.nodes]
        return self._by(BOUNDED, node, node.lineno)

    def visit_List(self, node: nodes.List) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return self._by(BOUNDED, node, node.lineno)

    def visit_Dict(self, node: nodes.Dict) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return self._by(BOUNDED, node, node.lineno)

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return self._by(BOUNDED, node, node.lineno) if node.ctx == "load" else node

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        node.expr = self._by(COUNTED, node.expr, node.lineno)
        for operand in node.ops:
            operand.expr = self._by(COUNTED, operand.expr, node.lineno)
        return node

    def visit_AssignBlock(self, node: nodes.AssignBlock) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        node.filter = self._by(BOUNDED, node.filter, node.lineno)
        return node

    def _by(self, name: str, node: Any, lineno: int) -> nodes.Filter:
        return nodes.Filter(node, name, [], [], None, None, lineno=lineno, environment=self._environment)

    def _asked(self, node: nodes.Node) -> nodes.Node | None:
        path = path_of(node)
        if path is None:
            return None
        self.paths.add(path)
        use = nodes.Name(USE, "load", lineno=node.lineno)
        return nodes.Getitem(use, nodes.Const(path, lineno=node.lineno), "load", lineno=node.lineno)


def path_of(node: nodes.Node) -> str | None:
    """`profile.address.city`, also where it is written `profile["address"].city`; None where it is no variable of ours."""
    parts: list[str] = []
    while not isinstance(node, nodes.Name):
        if isinstance(node, nodes.Getattr):
            parts.append(node.attr)
        elif isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            parts.append(node.arg.value)
        else:
            return None
        node = node.node
    if node.ctx != "load" or node.name not in PARTS:
        return None
    return ".".join([node.name, *reversed(parts)])


def argument_of(key: str) -> str:
    """The name of an argument of `loyalty_expiration_points`: the contract calls one of them otherwise than records do."""
    return "point" if key == "point_sid" else key


def _named(node: nodes.Expr) -> nodes.Expr:
    """`program` where a program is to be named: it prints its title, and means its name."""
    return nodes.Getattr(node, "program", "load", lineno=node.lineno) if path_of(node) == "program" else node


def _compiled(environment: Sandbox, text: str) -> Any:
    tree = environment.parse(text)
    _Asks(environment).visit(tree)
    tree.set_environment(environment)
    return environment.from_string(tree)

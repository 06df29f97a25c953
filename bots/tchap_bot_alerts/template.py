"""A room's own wording: a Jinja template over a message's data, giving HTML of the Matrix subset.

It is written by people whom nobody vetted, so it can do little. What is no part of the small language below is refused
before it runs; nothing is reached but keys of plain dicts and places in lists; values are escaped, and the result is
cleaned like anybody's HTML. It ends in good time without a clock: it only loops over the data, every turn of a loop
costs as many steps as its body has nodes, and a render has `STEPS`. It stops where its output is long enough.
https://jinja.palletsprojects.com/en/stable/sandbox/
"""

import re
import traceback
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from jinja2 import ChainableUndefined, TemplateError, TemplateSyntaxError, Undefined, nodes
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tchap_bot_alerts.filters import FILTERS
from tchap_bot_alerts.values import cut
from tchap_bot_alerts.words import LONGEST_HTML, from_html
from tchap_bridges.events import Text
from tchap_bridges.i18n import Phrase, _

LONGEST_TEMPLATE: Final = 4000
"""Characters."""
STEPS: Final = 100_000

_ALLOWED: Final = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.For, nodes.Name, nodes.Const, nodes.Tuple,
    nodes.List, nodes.Getattr, nodes.Getitem, nodes.Slice, nodes.Filter, nodes.Keyword, nodes.Test, nodes.Compare,
    nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.CondExpr,
)  # fmt: skip
_FAILURES: Final = (
    TemplateError, TypeError, ValueError, LookupError, ArithmeticError, AttributeError, RecursionError,
)  # fmt: skip
_TESTS: Final = ("defined", "undefined", "none", "odd", "even", "string", "number", "mapping")
_COUNTED: Final = "-counted"
"""The filter that every loop is given; no template can write its name."""
_WRITTEN: Final = {
    "assign": "set",
    "assignblock": "set",
    "call": "()",
    "callblock": "call",
    "concat": "~",
    "filterblock": "filter",
    "for": "recursive",
    "fromimport": "from",
    "scope": "autoescape",
}
_BLOCK: Final = r"</?(?:blockquote|h[1-6]|hr|li|ol|p|pre|table|tbody|td|th|thead|tr|ul)\b[^<>]*>"
_BREAK: Final = re.compile(rf"({_BLOCK})?[ \t]*\n[ \t]*(?=({_BLOCK})?)")

Data = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a template cannot be used; ``line``: which, from 1, None for all of it."""

    line: int | None
    reason: Phrase


class _Refused(Exception):
    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.reason)
        self.fault = fault


def check(source: str, names: Iterable[str]) -> Fault | None:
    """What is wrong with a template whose data has these names; None for nothing. It does not run."""
    try:
        _Kitchen().prepared(source, frozenset(names))
    except _Refused as refused:
        return refused.fault
    return None


def render(source: str, data: Data) -> Text | Fault:
    """The template over the data: plain dicts, lists, strings and numbers. Never raises."""
    kitchen = _Kitchen()
    try:
        template = kitchen.from_string(kitchen.prepared(source, frozenset(data)))
    except _Refused as refused:
        return refused.fault
    except SyntaxError:
        # Python's own limit on blocks within blocks.
        return Fault(None, _("Le modèle est trop imbriqué."))
    said: list[str] = []
    length = 0
    try:
        for part in template.generate(dict(data)):
            said.append(part)
            length += len(part)
            if length > LONGEST_HTML:
                break
    except _Refused as refused:
        return refused.fault
    except (
        TemplateError,
        TypeError,
        ValueError,
        LookupError,
        ArithmeticError,
        AttributeError,
        RecursionError,
    ) as error:
        return Fault(_line(error), _("Le modèle échoue : {error}", error=cut(f"{type(error).__name__}: {error}", 200)))
    return from_html(_BREAK.sub(_broken, cut("".join(said).strip(), LONGEST_HTML)))


def dry_run(source: str, samples: Iterable[Data]) -> list[Text | Fault]:
    """What the template would have said of each."""
    return [render(source, data) for data in samples]


class _Kitchen(ImmutableSandboxedEnvironment):
    """One render: its language, and the steps that it has left."""

    def __init__(self) -> None:
        # Not optimized: what is constant would be worked out before it is counted.
        super().__init__(
            autoescape=True,
            undefined=ChainableUndefined,
            optimized=False,
            trim_blocks=True,
            lstrip_blocks=True,
            cache_size=0,
        )
        self.globals = {}
        self.filters = {**FILTERS, _COUNTED: self._counted}
        self.tests = {name: self.tests[name] for name in _TESTS}
        self._left = STEPS

    def prepared(self, source: str, names: frozenset[str]) -> nodes.Template:
        """The template as a tree, its loops counted. Raises `_Refused`."""
        if len(source) > LONGEST_TEMPLATE:
            reason = _("Le modèle fait {size} caractères, {most} au plus.", size=len(source), most=LONGEST_TEMPLATE)
            raise _Refused(Fault(None, reason))
        try:
            tree = self.parse(source)
        except TemplateSyntaxError as error:
            told = _("Le modèle est mal écrit : {error}", error=cut(error.message or "", 200))
            raise _Refused(Fault(error.lineno, told)) from None
        except RecursionError:
            raise _Refused(Fault(None, _("Le modèle est trop imbriqué."))) from None
        targets = {one.name for loop in tree.find_all(nodes.For) for one in _names(loop.target)}
        for node in _walked(tree):
            self._judge(node, names | targets | {"loop"})
        for loop in list(tree.find_all(nodes.For)):
            size = sum(1 for _node in _walked(loop))
            given = [nodes.Const(one, lineno=loop.lineno) for one in (size, loop.lineno)]
            loop.iter = nodes.Filter(loop.iter, _COUNTED, given, [], None, None, lineno=loop.lineno)
        tree.set_environment(self)
        return tree

    def getattr(self, obj: Any, attribute: str) -> Any:
        """A key. Objects have no attributes here, but a loop its place."""
        if isinstance(obj, LoopContext):
            return super().getattr(obj, attribute)
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """A key of a dict, a place or a part of a list or a text."""
        if isinstance(obj, Mapping) and isinstance(argument, str) and argument in obj:
            return obj[argument]
        if isinstance(obj, list | tuple | str) and isinstance(argument, int | slice):
            try:
                return obj[argument]
            except (IndexError, TypeError, ValueError):
                pass
        return self.undefined(obj=obj if not isinstance(obj, Undefined) else None, name=str(argument)[:100])

    def _judge(self, node: nodes.Node, names: frozenset[str]) -> None:
        if not isinstance(node, _ALLOWED) or (isinstance(node, nodes.For) and node.recursive):
            raise _Refused(Fault(node.lineno, _("« {word} » n'est pas permis.", word=_word(node))))
        if isinstance(node, nodes.Filter | nodes.Test):
            known = self.filters if isinstance(node, nodes.Filter) else self.tests
            if node.name not in known or getattr(node, "dyn_args", None) or getattr(node, "dyn_kwargs", None):
                raise _Refused(Fault(node.lineno, _("« {word} » n'est pas permis.", word=node.name)))
        if isinstance(node, nodes.Name) and node.name not in names:
            raise _Refused(Fault(node.lineno, _("« {word} » n'existe pas.", word=cut(node.name, 100))))

    def _counted(self, value: Any, size: int, line: int) -> Iterator[Any]:
        if isinstance(value, Undefined):
            return
        if not isinstance(value, list | tuple | Mapping):
            raise _Refused(Fault(line, _("On ne parcourt qu'une liste.")))
        for one in value:
            self._left -= size
            if self._left < 0:
                raise _Refused(Fault(line, _("Le modèle fait trop de tours de boucle.")))
            yield one


def _walked(tree: nodes.Node) -> Iterator[nodes.Node]:
    """In the order of writing. Not recursive: how deep it goes is the writer's choice."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(list(node.iter_child_nodes())))


def _word(node: nodes.Node) -> str:
    """How a template writes it."""
    name = type(node).__name__.lower()
    return getattr(node, "operator", None) or _WRITTEN.get(name, name)


def _names(target: nodes.Node) -> Iterator[nodes.Name]:
    return (one for one in _walked(target) if isinstance(one, nodes.Name))


def _broken(match: re.Match[str]) -> str:
    """A line's end, unless an element ends it anyway."""
    return match[1] or ("" if match[2] else "<br>")


def _line(error: Exception) -> int | None:
    """Jinja rewrites its tracebacks to the template's own lines."""
    frames = traceback.extract_tb(error.__traceback__)
    return next((frame.lineno for frame in reversed(frames) if frame.filename == "<template>"), None)

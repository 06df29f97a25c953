"""A YAML file with the line of every key. ``!file path`` stands for what that file holds: the one way to keep a
secret out of the configuration (a systemd credential, a mounted secret).

Composed with ruamel.yaml and built here from its nodes, so that a key written twice, or a secret that cannot be read,
is one problem among the others and not the end of the reading.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import ConstructorError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from tchap_bridges import system
from tchap_bridges.config.problems import KeyPath, Problem, dotted
from tchap_bridges.i18n import _

_TAG = "tag:yaml.org,2002:"
_SIMPLE = frozenset(f"{_TAG}{name}" for name in ("str", "int", "float", "bool", "null"))
_EXAMPLE = re.compile(
    r"CHANGEZ-?MOI|CHANGE-?ME|(?<![\w-])(?:exemple|example)\\?\.(?:fr|org|com|net|gouv\\?\.fr)\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Document:
    """``data`` is plain Python; ``lines`` says where each key or item stands; ``name`` is how people call the file.

    ``secrets`` are the files that it names by ``!file`` and that could be read.
    """

    path: Path
    name: str
    data: Any = None
    lines: Mapping[KeyPath, int] = field(default_factory=dict, repr=False)
    problems: tuple[Problem, ...] = ()
    secrets: tuple[Path, ...] = ()

    def line(self, path: KeyPath) -> int:
        """Where this key stands, or where its nearest parent does when it is absent."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def problem(self, path: KeyPath, what: str, remedy: str) -> Problem:
        return Problem(file=self.name, line=self.line(path), key=dotted(path), what=what, remedy=remedy)


def read_document(path: Path, name: str | None = None) -> Document:
    """Read and compose; whatever goes wrong is in ``problems``, and ``data`` holds what could be read all the same."""
    name = name or str(path)
    document = Document(path=path, name=name)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        what, remedy = _("le fichier n'existe pas"), _("créez-le avec « tchap-bridges init », ou corrigez le chemin")
    except UnicodeDecodeError:
        what, remedy = _("le fichier n'est pas en UTF-8"), _("enregistrez-le en UTF-8")
    except OSError as error:
        what = _("le fichier ne peut pas être lu ({reason})", reason=system.reason(error))
        remedy = _("donnez-en la lecture à l'utilisateur qui lance le pont")
    else:
        return _compose(document, text)
    return Document(path=path, name=name, problems=(document.problem((), what, remedy),))


def _compose(document: Document, text: str) -> Document:
    yaml = YAML(typ="safe", pure=True)
    try:
        node = yaml.compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        what, remedy = _syntax(error.problem or str(error), text.splitlines()[line - 1 : line])
    except ReaderError as error:
        line, what = text.count("\n", 0, error.position) + 1, _("un caractère de contrôle s'y trouve")
        remedy = _("effacez cette ligne et écrivez-la de nouveau")
    except YAMLError as error:
        line, what = 1, _("la syntaxe YAML est fautive ({reason})", reason=error)
        remedy = _("vérifiez les retraits et les guillemets")
    else:
        reading = _Reading(document, yaml)
        data = {} if node is None else reading.value(node, ())
        return Document(
            document.path, document.name, data, reading.lines, tuple(reading.problems), tuple(reading.secrets)
        )
    broken = Problem(file=document.name, line=line, key="", what=what, remedy=remedy)
    return Document(document.path, document.name, problems=(broken,))


def _syntax(reason: str, line: list[str]) -> tuple[str, str]:
    if line and "\t" in line[0][: len(line[0]) - len(line[0].lstrip())]:
        return _("une tabulation sert de retrait"), _("remplacez-la par des espaces")
    if "mapping values are not allowed" in reason:
        return (
            _("la syntaxe YAML est fautive : un « : » de trop, ou un retrait de travers"),
            _("mettez entre guillemets une valeur qui contient « : »"),
        )
    return (
        _("la syntaxe YAML est fautive ({reason})", reason=reason),
        _("vérifiez le retrait, les guillemets et les crochets ici et à la ligne d'avant"),
    )


class _Reading:
    """Nodes into values, remembering lines and gathering problems."""

    def __init__(self, document: Document, yaml: YAML) -> None:
        self._document = document
        self._yaml = yaml
        self._open: list[Node] = []
        self.lines: dict[KeyPath, int] = {}
        self.problems: list[Problem] = []
        self.secrets: list[Path] = []

    def value(self, node: Node, path: KeyPath) -> Any:
        self.lines.setdefault(path, node.start_mark.line + 1)
        if any(node is parent for parent in self._open):
            self._complain(path, _("une ancre YAML se contient elle-même"), _("écrivez la valeur en toutes lettres"))
            return None
        self._open.append(node)
        try:
            match node:
                case MappingNode():
                    return dict(self._pairs(node, path))
                case SequenceNode():
                    return [self.value(item, (*path, n)) for n, item in enumerate(node.value)]
                case _:
                    return self._scalar(node, path)
        finally:
            self._open.pop()

    def _pairs(self, node: MappingNode, path: KeyPath) -> Iterator[tuple[str, Any]]:
        for key, value in node.value:
            here = (*path, str(key.value) if isinstance(key, ScalarNode) else "?")
            if here in self.lines:
                first = self.lines[here]
                problem = _("la clé est écrite deux fois (déjà ligne {line})", line=first)
                self.problems.append(
                    Problem(
                        file=self._document.name,
                        line=key.start_mark.line + 1,
                        key=dotted(here),
                        what=problem,
                        remedy=_("gardez-en une seule"),
                    )
                )
                continue
            self.lines[here] = key.start_mark.line + 1
            yield str(here[-1]), self.value(value, here)

    def _scalar(self, node: Node, path: KeyPath) -> Any:
        text, tag = str(node.value), str(node.tag)
        if tag == "!file":
            return self._secret(text, path)
        if tag.startswith("!"):
            self._complain(path, _("étiquette YAML inconnue : {tag}", tag=tag), _("seule « !file chemin » existe"))
            return None
        if left := _EXAMPLE.search(text):
            what = _("une valeur d'exemple est restée ({left})", left=left[0])
            self._complain(path, what, _("remplacez-la par la vôtre"))
            return None
        if tag not in _SIMPLE:
            return text
        try:
            return self._yaml.constructor.construct_object(node)
        except (ConstructorError, ValueError):
            return text

    def _secret(self, name: str, path: KeyPath) -> str | None:
        file = self._document.path.parent / Path(name).expanduser()
        try:
            content = file.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError, ValueError) as error:
            reason = system.reason(error) if isinstance(error, OSError) else _("pas un texte en UTF-8")
            self._complain(
                path,
                _("le fichier {name} ne peut pas être lu ({reason})", name=name, reason=reason),
                _("corrigez le chemin après !file, ou donnez-en la lecture au pont"),
            )
            return None
        self.secrets.append(file)
        return content

    def _complain(self, path: KeyPath, what: str, remedy: str) -> None:
        line = self.lines.get(path, 1)
        self.problems.append(Problem(file=self._document.name, line=line, key=dotted(path), what=what, remedy=remedy))

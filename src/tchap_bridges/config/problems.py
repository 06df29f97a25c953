"""What is wrong with a configuration, where, and how to mend it."""

import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from tchap_bridges.fields import did_you_mean
from tchap_bridges.i18n import Language, Translator, _

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing to mend. ``what`` and ``remedy`` are phrases, ``key`` is dotted and may be empty."""

    file: str
    line: int
    key: str
    what: str
    remedy: str

    def read_in(self, translator: Translator) -> str:
        key = f"{self.key}: " if self.key else ""
        return f"{self.file}:{self.line}: {key}{translator(self.what)} — {translator(self.remedy)}"

    def __str__(self) -> str:
        return self.read_in(Translator())


class ConfigError(Exception):
    """The configuration cannot be used. ``problems`` are all that were found, in the order of the files' lines.

    ``language`` is the one that the configuration asks for.
    """

    def __init__(self, problems: Iterable[Problem], language: Language = "fr") -> None:
        self.problems = tuple(problems)
        self.language: Language = language
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def read_in(self, translator: Translator) -> str:
        return "\n".join(problem.read_in(translator) for problem in self.problems)


def dotted(path: Sequence[str | int]) -> str:
    return ".".join(str(part) for part in path)


def undotted(key: str) -> KeyPath:
    return tuple(int(part) if part.isdecimal() else part for part in key.split("."))


def explain(error: ErrorDetails, model: type[BaseModel]) -> tuple[str, str]:
    """What pydantic found, in words: what is wrong, and the remedy."""
    context: Mapping[str, Any] = error.get("ctx", {})
    key = str(error["loc"][-1]) if error["loc"] else ""
    match error["type"]:
        case "missing":
            return _("la clé manque"), _("ajoutez « {key}: … »", key=key)
        case "extra_forbidden":
            return _("clé inconnue"), did_you_mean(key, fields_at(model, error["loc"][:-1]))
        case "value_error":
            given = context["error"].args
            remedy = given[1] if len(given) > 1 else _("corrigez cette valeur")
            return (given[0] if given else _("valeur refusée")), remedy
        case "enum" | "literal_error":
            expected = context["expected"].replace("' or '", "', '").replace("'", "")
            return _("valeur inconnue"), _("possibles : {words}", words=expected)
        case "string_type" if isinstance(error.get("input"), int | float):
            return _("un texte est attendu"), _("mettez la valeur entre guillemets")
        case "string_too_short" | "too_short":
            return _("la valeur est vide"), _("donnez une valeur")
        case "greater_than" | "greater_than_equal":
            return _("la valeur est trop petite"), _("au moins {least}", least=context.get("ge", context.get("gt")))
        case "less_than" | "less_than_equal":
            return _("la valeur est trop grande"), _("au plus {most}", most=context.get("le", context.get("lt")))
        case kind:
            return _expected(kind, error)


def _expected(kind: str, error: ErrorDetails) -> tuple[str, str]:
    """The wrong type, by what pydantic calls it; its own words for what no table foresees."""
    if error.get("input") is None:
        return _("la valeur est vide"), _("donnez une valeur, ou retirez la clé pour garder celle par défaut")
    for start, what, remedy in (
        ("string", _("un texte est attendu"), _("écrivez une seule valeur, sans liste ni sous-clés")),
        ("int", _("un nombre entier est attendu"), _("écrivez des chiffres seulement, par exemple 16")),
        ("float", _("un nombre est attendu"), _("écrivez par exemple 20 ou 2.5")),
        ("bool", _("oui ou non est attendu"), _("écrivez true ou false")),
        ("tuple", _("une liste est attendue"), _("écrivez [a, b], ou une ligne « - a » par élément")),
        ("list", _("une liste est attendue"), _("écrivez [a, b], ou une ligne « - a » par élément")),
        ("dict", _("des sous-clés sont attendues"), _("écrivez « nom: valeur » sur les lignes suivantes, en retrait")),
        ("model", _("des sous-clés sont attendues"), _("écrivez « nom: valeur » sur les lignes suivantes, en retrait")),
    ):
        if kind.startswith(start):
            return what, remedy
    return _("valeur refusée ({reason})", reason=error["msg"]), _("corrigez cette valeur")


def fields_at(model: type[BaseModel], path: Sequence[str | int]) -> tuple[str, ...]:
    """The keys that the model knows at this path."""
    found: type[BaseModel] | None = model
    for part in path:
        if found is not None and isinstance(part, str):
            field = next((f for name, f in found.model_fields.items() if part in (f.alias or name, name)), None)
            found = next(models_in(field.annotation), None) if field else None
    if found is None:
        return ()
    return tuple(field.alias or name for name, field in found.model_fields.items())


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that an annotation names: itself, optional, or in a sequence."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in {Annotated, Union, types.UnionType, tuple, list, dict} or get_args(annotation):
        for part in get_args(annotation):
            yield from models_in(part)

"""Words that people read: written in French in the code, read in French or English.

The French sentence is the message id. A sentence is made where it is known and translated where it is shown, because
whoever raises an error does not know who will read it::

    raise Undeliverable(_("Le serveur {host} a refusé le message.", host=host))  # a Phrase: French, yet translatable
    Translator("en")(error.reason)  # "The server … refused the message."

Whoever is not of this distribution, and has no catalogue, says both: ``both("Bonjour.", "Hello.")``.

So no language is ever held in a global. A `Phrase` is the French text for whoever only wants a ``str``, and can be
pickled. One sentence, one ``_()``: joining two by hand makes a plain ``str``, which nobody can translate any more.
"""

import json
from collections.abc import Callable, Mapping
from functools import cache, cached_property
from importlib import resources
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

if TYPE_CHECKING:
    from babel.messages.catalog import Catalog

Language = Literal["fr", "en"]
LANGUAGES: tuple[str, ...] = get_args(Language)


_ENGLISH = "english"
"""Names, among the values of a phrase that `both` made, its English."""
_PACKED = "\ue000"
"""Begins a packed sentence: a character that no text has (Unicode, private use)."""


class Phrase(str):
    """A French sentence that remembers its message id and its values.

    Placeholders are `str.format` fields; a phrase without values is taken as it stands, braces included.
    """

    __slots__ = ("_many", "_msgid", "_n", "_values")
    _msgid: str
    _many: str | None
    _n: int
    _values: Mapping[str, Any]

    def __new__(cls, msgid: str, many: str | None = None, n: int = 1, /, **values: Any) -> Self:
        french = many if many is not None and n >= 2 else msgid
        self = super().__new__(cls, _filled(french, values))
        self._msgid, self._many, self._n, self._values = msgid, many, n, values
        return self

    def __getnewargs_ex__(self) -> tuple[tuple[str, str | None, int], dict[str, Any]]:
        return (self._msgid, self._many, self._n), dict(self._values)

    def __reduce_ex__(self, protocol: Any) -> Any:
        # A pickled str subclass would otherwise give its French text for a message id.
        del protocol
        return _revive, self.__getnewargs_ex__()

    def outline(self, show: Callable[[object], str]) -> str:
        """The French sentence with every value as *show* gives it: for whoever may not repeat them all."""
        french = self._many if self._many is not None and self._n >= 2 else self._msgid
        return _filled(french, {name: show(value) for name, value in self._values.items()})

    def read_in(self, translator: "Translator") -> str:
        """This sentence in the translator's language, the phrases among its values too."""
        own = self._values.get(_ENGLISH) if translator.language == "en" else None
        form = own or translator.form(self._msgid, self._many, self._n)
        values = {name: translator(value) if isinstance(value, str) else value for name, value in self._values.items()}
        return _filled(form, values)


def _filled(form: str, values: Mapping[str, Any]) -> str:
    others = {name: value for name, value in values.items() if name != _ENGLISH}
    return form.format(**others) if others else form


def _revive(args: tuple[str, str | None, int], values: dict[str, Any]) -> Phrase:
    return Phrase(*args, **values)


def _(msgid: str, /, **values: Any) -> Phrase:
    """A sentence for people: ``_("Bonjour {name}", name=name)``. The French text is collected for the catalogue."""
    return Phrase(msgid, **values)


def ngettext(one: str, many: str, n: int, /, **values: Any) -> Phrase:
    """The same for a count; ``{n}`` may stand in both forms."""
    return Phrase(one, many, n, **{"n": n, **values})


def both(french: str, english: str, /, **values: Any) -> Phrase:
    """A sentence that brings its English along: for those whose words are in no catalogue of ours."""
    return Phrase(french, **{**values, _ENGLISH: english})


def pack(text: str) -> str:
    """A sentence as one that can lie on disk and still be read in any language; other text as it is."""
    if not isinstance(text, Phrase):
        return text.lstrip(_PACKED)  # people's words never pass for a packed sentence
    (msgid, many, n), values = text.__getnewargs_ex__()
    told = {name: pack(value) if isinstance(value, str) else value for name, value in values.items()}
    return _PACKED + json.dumps([msgid, many, n, told], ensure_ascii=False, default=str)


def unpack(text: str) -> str:
    """What `pack` packed: a `Phrase`, or the text."""
    if not text.startswith(_PACKED):
        return text
    msgid, many, n, told = json.loads(text.removeprefix(_PACKED))
    return Phrase(
        msgid, many, n, **{name: unpack(value) if isinstance(value, str) else value for name, value in told.items()}
    )


class Translator:
    """Reads phrases in one language. The catalogue is parsed once in the process, at the first phrase that needs it."""

    def __init__(self, language: Language = "fr") -> None:
        self.language: Language = language

    def __call__(self, text: str) -> str:
        """A `Phrase` in our language; any other text as it is."""
        return text.read_in(self) if isinstance(text, Phrase) else text

    def gettext(self, msgid: str, /, **values: Any) -> str:
        """Make and read a sentence at once; bind it to the name ``_`` so that its text is collected."""
        return self(Phrase(msgid, **values))

    def ngettext(self, one: str, many: str, n: int, /, **values: Any) -> str:
        """The same for a count."""
        return self(Phrase(one, many, n, **{"n": n, **values}))

    def form(self, msgid: str, many: str | None, n: int) -> str:
        """The wording for this count, placeholders unfilled. French when the catalogue lacks it."""
        french = many if many is not None and n >= 2 else msgid  # in French 0 and 1 are singular
        found = self._catalog.get(msgid) if self._catalog is not None else None
        if found is None or not found.string:
            return french
        form = found.string if isinstance(found.string, str) else found.string[0 if n == 1 else 1]
        return form or french

    @cached_property
    def _catalog(self) -> "Catalog | None":
        return None if self.language == "fr" else _catalog(self.language)


@cache
def _catalog(language: Language) -> "Catalog":
    """The sentences of a language. They never change while we run: a room's translator costs nothing to make."""
    from babel.messages.pofile import read_po  # noqa: PLC0415  French, the usual case, never pays for it

    with resources.files(__package__).joinpath("locale", f"{language}.po").open("rb") as file:
        return read_po(file, locale=language)

"""Every sentence of the code has its English; phrases travel, and are read in the language of whom they meet."""

import pickle
import runpy
import string
from pathlib import Path

import pytest

from tchap_bridges.bot import Bot
from tchap_bridges.i18n import Phrase, Translator, _, both, ngettext, pack, unpack

TOOL = runpy.run_path(str(Path(__file__).parents[2] / "scripts" / "messages"))


def placeholders(text: str) -> set[str]:
    return {name for _text, name, _spec, _conversion in string.Formatter().parse(text) if name}


def test_every_sentence_is_translated() -> None:
    known = TOOL["known"]()
    missing = []
    for message in TOOL["extract"]():
        found = known.get(_first(message.id))
        if message.id and (found is None or not all(_forms(found.string))):
            missing.append(f"{message.locations[0][0]}: {message.id}")
    assert not missing, "run scripts/messages, then translate in en.po:\n" + "\n".join(missing)


def test_translations_have_the_same_placeholders() -> None:
    for message in TOOL["known"]():
        if not message.id:
            continue
        wanted = set().union(*(placeholders(form) for form in _forms(message.id)))
        for form in _forms(message.string):
            assert placeholders(form) <= wanted, f"{message.id!r} has no {placeholders(form) - wanted}"
        got = set().union(*(placeholders(form) for form in _forms(message.string)))
        assert got == wanted, f"{message.id!r}: {wanted - got} is lost in English"


def _first(text: str | tuple[str, ...]) -> str:
    return text if isinstance(text, str) else text[0]


def _forms(text: str | tuple[str, ...]) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text)


@pytest.mark.parametrize(
    ("n", "french", "english"),
    [
        (0, "0 erreur de configuration.", "0 errors in the configuration."),
        (1, "1 erreur de configuration.", "1 error in the configuration."),
        (2, "2 erreurs de configuration.", "2 errors in the configuration."),
    ],
)
def test_counts(n: int, french: str, english: str) -> None:
    phrase = ngettext("{n} erreur de configuration.", "{n} erreurs de configuration.", n)
    assert phrase == french
    assert Translator("fr")(phrase) == french
    assert Translator("en")(phrase) == english


def test_a_phrase_is_french_until_it_is_read() -> None:
    phrase = _("la clé manque")
    assert phrase == "la clé manque"
    assert Translator("en")(phrase) == "the key is missing"
    assert Translator("en")("la clé manque") == "la clé manque", "only phrases are translated, never people's words"


def test_phrases_among_the_values_are_read_too() -> None:
    phrase = _("valeur refusée ({reason})", reason=_("la clé manque"))
    assert Translator("en")(phrase) == "value refused (the key is missing)"


def test_phrases_survive_pickling() -> None:
    phrase = pickle.loads(pickle.dumps(ngettext("{n} échec", "{n} échecs", 3)))
    assert isinstance(phrase, Phrase)
    assert phrase == "3 échecs"
    assert Translator("en")(phrase) == "3 failures"


def test_phrases_survive_the_disk() -> None:
    path = Path("/etc/cle")
    for phrase in (
        ngettext("{n} échec", "{n} échecs", 3),
        _("valeur refusée ({reason})", reason=_("la clé manque")),
        _("valeur refusée ({reason})", reason=path),
    ):
        found = unpack(pack(phrase))
        assert found == phrase
        assert Translator("en")(found) == Translator("en")(phrase)


@pytest.mark.parametrize(
    "words", ["", "bonjour", '{"a": 1}', "\ue000", '\ue000\ue000["{n.__class__}", null, 1, {"n": 1}]']
)
def test_peoples_words_never_pass_for_a_packed_phrase(words: str) -> None:
    bare = words.lstrip("\ue000")
    assert unpack(pack(words)) == bare
    assert unpack(pack(_("valeur refusée ({reason})", reason=words))) == f"valeur refusée ({bare})"


def test_values_are_never_taken_for_placeholders() -> None:
    assert _("valeur refusée ({reason})", reason="{reason.__class__}") == "valeur refusée ({reason.__class__})"
    assert _("{accolades}") == "{accolades}"


def test_a_sentence_may_bring_its_english_along() -> None:
    phrase = both("{n} fois {what}", "{what} {n} times", n=2, what=_("la clé manque"))
    for found in (phrase, pickle.loads(pickle.dumps(phrase)), unpack(pack(phrase))):
        assert Translator("fr")(found) == found == "2 fois la clé manque"
        assert Translator("en")(found) == "the key is missing 2 times"
    assert phrase.outline(lambda _value: "…") == "… fois …"
    braces = both("{a}", "{b}")
    assert (Translator("fr")(braces), Translator("en")(braces)) == ("{a}", "{b}")


def test_the_english_of_help_stands_in_the_docstring() -> None:
    class Both(Bot):
        """Dit.

        Encore en français.
        EN: Says.
        """

    class French(Bot):
        """Dit.

        Rien en anglais.
        """

    assert (Translator("fr")(Both.about()), Translator("en")(Both.about())) == ("Dit.", "Says.")
    assert Translator("en")(French.about()) == "Dit."

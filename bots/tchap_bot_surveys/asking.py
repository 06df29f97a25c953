"""What ``!enquete`` and the lines after it ask for. Pure.

A title, then a question a line, in the forms that people guess. What was understood is said back before it is opened::

    Cantine fin="vendredi 17h" anonyme=oui
    1. Y mangez-vous ? Oui / Non
    2*. Note de 1 à 5                           * : an answer is required
    3. Vos jours (plusieurs) : lundi / mardi / jeudi
    Commentaire libre :
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from tchap_bot_polls.signs import clean
from tchap_bot_surveys.model import LONGEST, MOST_OPTIONS, MOST_QUESTIONS, Kind, Question
from tchap_bridges.errors import Misconfigured
from tchap_bridges.i18n import Translator, _

WIDEST: Final = 100
"""Between the ends of a scale."""
MOST_BYTES: Final = 20_000
"""Of all questions and options: they are read back in one message."""
EXAMPLE: Final = _(
    "Exemple :\n!enquete Cantine\n1. Y mangez-vous ? Oui / Non\n2*. Note de 1 à 5\n"
    "3. Vos jours (plusieurs) : lundi / mardi / jeudi\nCommentaire libre :"
)
QUESTION: Final = _("Exemple : Y mangez-vous ? Oui / Non — ou : Note de 1 à 5 — ou : Commentaire libre :")

_SETTING: Final = re.compile(
    r"(?:^|\s)(\w+)\s?=\s?(\"[^\"]*\"|“[^”]*”|«[^»]*»|[^=]*?(?=\s+\w+\s?=|\s*$))"  # without quotes, to the next one
)
_ANONYMOUS: Final = re.compile(r"\b(?:anonymes?|anonymous)\b", re.IGNORECASE)
_NUMBER: Final = re.compile(r"\s*(?:q(?:uestion)?\s*)?\d{1,2}\s*(\*?)\s*(?:[.)](?!\d)|\s:\s)\s*", re.IGNORECASE)
_BULLET: Final = re.compile(r"\s*(?:[-*•–]\s+|[○◯]\s*|\(\s?\)\s*)(?!\[)")
_BOX: Final = re.compile(r"\s*(?:[-*•–]\s+)?(?:\[\s?\]|[☐□])\s*")
_MARK: Final = re.compile(r"[?:](?=\s|$)")
_BRACKETS: Final = re.compile(r"\s*[(\[]([^()\[\]]*)[)\]]")
_ENDS: Final = r"(-?\d{1,4})\s*(?:à|to|et|and|-|–|\.\.\.?|…)\s*(-?\d{1,4})"
_RANGE: Final = re.compile(rf"(?:(?:note|échelle|nombre|number|scale|de|entre|from|between)\s+)*{_ENDS}", re.IGNORECASE)
_SAID_RANGE: Final = re.compile(
    r"\b(?:(?:de|from)\s+(-?\d{1,4})\s+(?:à|to)|(?:entre|between)\s+(-?\d{1,4})\s+(?:et|and))\s+(-?\d{1,4})(?=\s*[?:.,]|\s*$)",
    re.IGNORECASE,
)
_OUT_OF: Final = re.compile(r"\b(?:sur|out of)\s+(\d{1,3})(?=\s*[?:]?\s*$)", re.IGNORECASE)
_SEPARATORS: Final = (" / ", "/", ";", "|", ",")
_DATE: Final = re.compile(r"(?:(?:à|quelle|votre|la|what|which|your|the)\s+)*date\b", re.IGNORECASE)

_YES: Final = frozenset(("oui", "yes", "o", "y"))
_NO: Final = frozenset(("non", "no", "n"))
_YES_NO: Final = frozenset(("oui/non", "oui / non", "oui ou non", "yes/no", "yes / no", "yes or no"))
_KINDS: Final = {
    **dict.fromkeys(("texte", "texte libre", "libre", "réponse libre", "text", "free text", "free"), Kind.TEXT),
    **dict.fromkeys(("nombre", "chiffre", "number"), Kind.NUMBER),
    **dict.fromkeys(("un choix", "une réponse", "one choice", "one"), Kind.ONE),
    "date": Kind.DATE,
    **dict.fromkeys(
        (
            *("plusieurs", "plusieurs choix", "plusieurs réponses", "plusieurs réponses possibles", "choix multiple"),
            *("choix multiples", "several", "multiple", "multiple choice", "several choices", "several answers"),
        ),
        Kind.SEVERAL,
    ),
}
_REQUIRED: Final = {
    **dict.fromkeys(("*", "obligatoire", "requis", "required", "mandatory"), True),
    **dict.fromkeys(("facultatif", "facultative", "optionnel", "optionnelle", "optional"), False),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """``closes``: when, in their own words; "" for no end of its own."""

    title: str
    questions: tuple[Question, ...]
    anonymous: bool = False
    closes: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """A question as it was written, and the options that stand below it, a line each."""

    text: str
    required: bool
    below: tuple[str, ...] = ()
    several: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hints:
    """What brackets said of a question."""

    kind: Kind | None = None
    options: tuple[str, ...] = ()
    ends: tuple[int, int] | None = None
    required: bool = False


def read(words: str, translator: Translator) -> Asked:
    """Raises `Misconfigured` with an example. ``translator``: into the language of « Oui » and « Non »."""
    first, *lines = [line for line in words.splitlines() if line.strip()] or [""]
    asked = titled(first)
    blocks = list(_blocks(lines))
    if not blocks:
        raise Misconfigured(_("il manque les questions, une par ligne"), remedy=EXAMPLE)
    if len(blocks) > MOST_QUESTIONS:
        raise Misconfigured(_("{n} questions, c'est trop : {most} au plus", n=len(blocks), most=MOST_QUESTIONS))
    questions = []
    for n, block in enumerate(blocks, 1):
        try:
            questions.append(_question(block, translator))
        except Misconfigured as error:
            reason = _("question {n} : {reason}", n=n, reason=error.reason)
            raise Misconfigured(reason, remedy=error.remedy) from error
    size = sum(len("".join((one.text, *one.options)).encode()) for one in questions)
    if size > MOST_BYTES:
        raise Misconfigured(_("les questions sont trop longues pour être relues en un message"), remedy=QUESTION)
    return replace(asked, questions=tuple(questions))


def titled(line: str) -> Asked:
    """The first line: the title and the settings."""
    settings = {name.lower(): value.strip('"“”«» ') for name, value in _SETTING.findall(line)}
    title = _SETTING.sub("", line).strip()
    if not title or _NUMBER.match(title):
        raise Misconfigured(_("il manque le titre, sur la première ligne"), remedy=EXAMPLE)
    closes = settings.pop("fin", settings.pop("until", ""))
    unsaid = "?" if _ANONYMOUS.search(title) else "non"
    anonymous = settings.pop("anonyme", settings.pop("anonymous", unsaid)).lower()
    if anonymous not in _YES | _NO:
        raise Misconfigured(
            _("l'enquête est-elle anonyme ?"), remedy=_("Écrivez anonyme=oui ou anonyme=non après le titre.")
        )
    if settings:
        raise Misconfigured(
            _("« {word} » n'est pas un réglage d'une enquête", word=next(iter(settings))[:40]),
            remedy=_('Réglages : fin="vendredi 17h", anonyme=oui.'),
        )
    return Asked(title=_fit(title), questions=(), anonymous=anonymous in _YES, closes=closes)


def question(line: str, translator: Translator) -> Question:
    """One question of one line. Raises `Misconfigured`."""
    return _question(_numbered(line), translator)


def _blocks(lines: Sequence[str]) -> Iterator[_Block]:
    """Lines with bullets are options of the question above them; where all have bullets, they are the questions."""
    if all(_BULLET.match(line) for line in lines):
        yield from (_numbered(_BULLET.sub("", line, count=1)) for line in lines)
        return
    block: _Block | None = None
    for line in lines:
        option = _BOX.match(line) or _BULLET.match(line)
        if option and block is None:
            raise Misconfigured(_("le premier choix vient avant toute question"), remedy=EXAMPLE)
        if option and block is not None:
            several = block.several or _BOX.match(line) is not None
            block = replace(block, below=(*block.below, line[option.end() :].strip()), several=several)
        else:
            if block is not None:
                yield block
            block = _numbered(line)
    if block is not None:
        yield block


def _numbered(line: str) -> _Block:
    number = _NUMBER.match(line)
    text = line[number.end() :] if number else line
    return _Block(text=text.strip(), required=bool(number and number[1]))


def _question(block: _Block, translator: Translator) -> Question:
    hints, text = _hints(block.text)
    if text.endswith("*"):
        hints, text = replace(hints, required=True), text.removesuffix("*").rstrip()
    text, options = (text, block.below) if block.below else _parts(text)
    options = options or (hints.options and tuple(map(translator, (_("Oui"), _("Non")))))
    free = hints.kind in {Kind.TEXT, Kind.DATE}
    text, ends = (text, None) if options or free else _ends(text, hints)
    if not text.strip("?: "):
        raise Misconfigured(_("il manque le texte de la question"), remedy=QUESTION)
    text = text.removesuffix(":").rstrip()
    required = hints.required or block.required
    kind = hints.kind if hints.kind is not None and ends is None else None
    kind = kind or (Kind.SEVERAL if block.several else _kind(text, options, ends))
    if kind in {Kind.ONE, Kind.SEVERAL}:
        return Question(text=_fit(text), kind=kind, options=_options(options), required=required)
    if options:
        raise Misconfigured(_("des choix, mais d'une autre sorte entre parenthèses"), remedy=QUESTION)
    low, high = ends or (0, 0)
    return Question(text=_fit(text), kind=kind, low=low, high=high, required=required)


def _kind(text: str, options: Sequence[str], ends: tuple[int, int] | None) -> Kind:
    if options:
        return Kind.ONE
    if ends is not None:
        return Kind.SCALE
    if " / " in text:
        raise Misconfigured(_("mettez « ? » ou « : » entre la question et ses choix"), remedy=QUESTION)
    return Kind.DATE if _DATE.match(text) else Kind.TEXT


def _hints(text: str) -> tuple[_Hints, str]:
    """What brackets say, and the text without those; brackets that say nothing of ours stay."""
    hints = _Hints()
    for found in _BRACKETS.finditer(text):
        hinted = hints
        for word in (part.strip().casefold() for part in re.split(r"[,;]", found[1])):
            known = _hint(word, hinted)
            if known is None:
                break
            hinted = known
        else:
            hints, text = hinted, text.replace(found[0], "", 1)
    return hints, text.strip()


def _hint(word: str, hints: _Hints) -> _Hints | None:
    if word in _REQUIRED:
        return replace(hints, required=_REQUIRED[word])
    if word in _YES_NO:
        return replace(hints, options=("yes", "no"))
    if word in _KINDS:
        return replace(hints, kind=_KINDS[word])
    if ends := _RANGE.fullmatch(word):
        return replace(hints, ends=(int(ends[1]), int(ends[2])))
    return None


def _parts(text: str) -> tuple[str, tuple[str, ...]]:
    """The question and its options; all of it is the question where no sign parts several after « ? » or « : »."""
    marks = [mark.end() for mark in _MARK.finditer(text)]
    tail = text[marks[0] :] if marks else ""
    for separator in _SEPARATORS:
        if (
            separator not in tail
            or (separator == "/" and "://" in tail)
            or (separator == "," and text[marks[0] - 1] == ":")
        ):
            continue
        after = text.find(separator, marks[0])
        cut = next((mark for mark in reversed(marks) if text[mark:after].strip()), marks[0])
        options = tuple(shown for one in text[cut:].split(separator) if (shown := one.strip()))
        if len(options) > 1:
            return text[:cut].strip(), options
    return text, ()


def _ends(text: str, hints: _Hints) -> tuple[str, tuple[int, int] | None]:
    """The question, and the ends of its scale."""
    ends = hints.ends
    mark = _MARK.search(text)
    if ends is None and mark is not None and (tail := _RANGE.fullmatch(text[mark.end() :].strip())):
        text, ends = text[: mark.end()], (int(tail[1]), int(tail[2]))
    if ends is None and (said := _SAID_RANGE.search(text)):
        ends = (int(said[1] or said[2]), int(said[3]))
    if ends is None and (out_of := _OUT_OF.search(text)):
        ends = (0, int(out_of[1]))
    if ends is not None and not 0 < ends[1] - ends[0] <= WIDEST:
        raise Misconfigured(
            _("une note va du plus petit au plus grand, {n} d'écart au plus", n=WIDEST),
            remedy=_("Exemple : Note de 1 à 5"),
        )
    return text, ends


def _options(options: Sequence[str]) -> tuple[str, ...]:
    if len(options) < 2:
        raise Misconfigured(_("une seule réponse ne laisse pas de choix"), remedy=QUESTION)
    if len(options) > MOST_OPTIONS:
        raise Misconfigured(_("{n} réponses, c'est trop : {most} au plus", n=len(options), most=MOST_OPTIONS))
    if len({one.casefold() for one in options}) < len(options):
        raise Misconfigured(_("une réponse est proposée deux fois"))
    return tuple(map(_fit, options))


def _fit(text: str) -> str:
    text = clean(text)
    if len(text) > LONGEST:
        raise Misconfigured(_("c'est trop long : {n} caractères au plus par ligne", n=LONGEST))
    return text

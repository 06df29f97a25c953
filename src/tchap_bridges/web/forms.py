"""The page on which a room admin sets a bot: made from the bot's model, of plain HTML, without any script.

Whoever serves it sends `headers` along, remembers what `render` does not (whose page it is, whether its token is
spent), and calls `parse` on what comes back::

    found = parse(model, form, kept=config)
    if isinstance(found, dict):
        page = render(model, config, found, sent=form, language=…, title=…, action=…, token=…)  # status 422

https://www.w3.org/TR/WCAG22/ level AA, and RGAA 4.1 (https://accessibilite.numerique.gouv.fr/methode/criteres-et-tests/).
"""

import base64
import hashlib
from collections.abc import Mapping
from functools import cache, partial
from typing import Any, Final, TypeVar

import jinja2
from markupsafe import Markup

from tchap_bridges.bot import RoomConfig
from tchap_bridges.i18n import Language, Phrase, Translator, _
from tchap_bridges.roomconfig.checking import Errors, checked, values_of
from tchap_bridges.roomconfig.fields import Kind, RoomField, fields_of
from tchap_bridges.roomconfig.values import Unreadable, read
from tchap_bridges.web.widgets import YES, Form, last, widget

ModelT = TypeVar("ModelT", bound=RoomConfig)
TOKEN: Final = "_token"  # noqa: S105  the input's name; no field's begins with "_"


WORDS: Final[Mapping[str, Phrase]] = {
    "error": _("Erreur"),
    "mistake": _("Erreur :"),
    "wrong": _("Rien n'est enregistré : il y a des réponses à corriger"),
    "optional": _("facultatif"),
    "intro": _("Une réponse est attendue partout, sauf là où il est écrit « facultatif »."),
    "number": _("Nombre"),
    "unit": _("Unité"),
    "forget": _("Effacer le secret enregistré"),
    "save": _("Enregistrer"),
}


def render(
    model: type[ModelT],
    values: ModelT,
    errors: Mapping[str, Phrase],
    *,
    language: Language,
    title: str,
    action: str,
    token: str,
    sent: Form | None = None,
) -> str:
    """The whole page. ``values`` is what is set now, ``sent`` what was sent and refused, shown again as it was.

    ``errors`` as `parse` gives them. ``action``: the address that the form is sent to, with ``token`` beside it.
    """
    widgets = [widget(field, getattr(values, field.name), errors.get(field.name), sent) for field in fields_of(model)]
    say = Translator(language)
    return (
        _templates()
        .get_template("form.html")
        .render(
            language=language,
            say=say,
            lang=partial(_lang, say),
            mark=partial(_mark, say),
            title=title,
            action=action,
            token=token,
            token_name=TOKEN,
            widgets=widgets,
            errors=errors,
            words=WORDS,
        )
    )


def told(title: Phrase, text: Phrase, *, language: Language) -> str:
    """A page that says one thing."""
    return (
        _templates()
        .get_template("done.html")
        .render(language=language, say=Translator(language), title=title, text=text)
    )


def parse(model: type[ModelT], form: Form, *, kept: ModelT | None = None) -> ModelT | Errors:
    """What was filled in, or what is wrong by field. ``kept`` is what is set now, by default the model's defaults.

    A field that the form does not have is kept: the form may be older than the model. So is a secret left empty.
    """
    values = values_of(kept if kept is not None else model())
    unreadable: Errors = {}
    for field in fields_of(model):
        try:
            values[field.name] = _sent(field, form, values[field.name])
        except Unreadable as error:
            unreadable[field.name] = error.reason
    return checked(model, values, unreadable)


def _sent(field: RoomField, form: Form, present: Any) -> Any:
    """Raises `Unreadable`."""
    name = field.name
    if field.kind is Kind.SECRET and last(form, f"{name}.clear") == YES:
        return field.default
    if not form.get(name):
        return present
    text = last(form, name)
    if field.kind is Kind.SECRET and not text:
        return present
    if field.required and not text.strip() and field.kind is not Kind.CHOICE:
        raise Unreadable(_("une réponse est attendue"))
    if field.kind is Kind.DURATION and text.strip():
        text = f"{text.strip()} {last(form, f'{name}.unit') or 's'}"
    return read(field, text)


def _lang(say: Translator, text: Phrase) -> Markup:
    """The attribute of what the catalogue lacks, and so is read out as French on an English page (WCAG 3.1.2)."""
    foreign = say.language != "fr" and say(text) == text and any(map(str.isalpha, text))
    return Markup(' lang="fr"') if foreign else Markup("")


def _mark(say: Translator, text: Phrase) -> Markup:
    lang = _lang(say, text)
    return Markup("<span{}>{}</span>").format(lang, say(text)) if lang else Markup("{}").format(say(text))


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("tchap_bridges.web"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def headers() -> Mapping[str, str]:
    """To be sent with the page: nothing runs in it, nothing is fetched, it is in no frame and in no cache."""
    style = _templates().get_template("style.css").render()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return {
        "Content-Security-Policy": (
            f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'; "
            "frame-ancestors 'none'"
        ),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",  # its address holds a token; « no-referrer » would take the form's Origin too
        "Cache-Control": "no-store",
        "X-Robots-Tag": "noindex",
    }

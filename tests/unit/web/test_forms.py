"""The page of a bot's settings: what it shows comes back the same, whatever it holds, and what is wrong is told."""

import base64
import hashlib
import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import time, timedelta
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, SecretStr
from selectolax.lexbor import LexborHTMLParser, LexborNode
from tests.every_kind import EveryKind, Results

from tchap_bridges.bot import RoomConfig, field
from tchap_bridges.i18n import Translator
from tchap_bridges.web.forms import TOKEN, headers, parse, render


def page(
    config: RoomConfig, errors: Any = (), language: Literal["fr", "en"] = "fr", **options: Any
) -> LexborHTMLParser:
    words = {"title": "Réglages des sondages", "action": "/bots/reglages", "token": "abc-_1"}
    return LexborHTMLParser(render(type(config), config, dict(errors), language=language, **words, **options))


def submitted(found: LexborHTMLParser) -> dict[str, Sequence[str]]:
    """What a browser would send (HTML, 4.10.21.4): line ends as CR LF, only what is checked or selected."""
    form = defaultdict(list)
    for node in found.css("form input, form select, form textarea"):
        attributes = node.attributes
        if node.tag == "select":
            options = node.css("option")
            chosen = [option for option in options if "selected" in option.attributes] or options[:1]
            value = chosen[-1].attributes["value"] or ""
        elif node.tag == "textarea":
            value = node.text()
        elif attributes.get("type") in {"checkbox", "radio"} and "checked" not in attributes:
            continue
        else:
            value = attributes.get("value") or ""
        form[attributes["name"]].append(value.replace("\n", "\r\n"))
    return dict(form)


LETTERS = st.characters(exclude_categories=["Cc", "Cs"])
LINE = st.text(LETTERS | st.sampled_from("<>&\"'{}%"), max_size=12)
TEXT = st.text(LETTERS | st.sampled_from("\n\t<&"), max_size=40)
ITEM = LINE.map(str.strip).filter(bool)
TIMES = st.times().map(lambda found: found.replace(microsecond=0))
CONFIGS = st.builds(
    EveryKind,
    rappel=st.booleans(),
    secret=st.none() | st.booleans(),
    jours=st.integers(1, 10),
    pas=st.sampled_from(range(5, 100, 5)),
    plafond=st.none() | st.integers(10),
    quorum=st.floats(0, 1),
    poids=st.none() | st.floats(0, exclude_min=True, allow_infinity=False),
    equipe=TEXT.filter(lambda text: text.strip() not in {"", "tous"}),
    accueil=TEXT,
    signature=st.none() | LINE.filter(lambda text: text and "<" not in text),
    resultats=st.sampled_from(Results),
    rythme=st.sampled_from([None, "chaque jour", "chaque semaine"]),
    priorite=st.integers(1, 6),
    heure=TIMES.filter(lambda found: time(7) <= found <= time(20)),
    pause=st.none() | TIMES,
    delai=st.timedeltas(timedelta(minutes=5), timedelta(days=30)),
    repit=st.none() | st.timedeltas(),
    choix=st.lists(ITEM, max_size=4),
    gens=st.none() | st.lists(ITEM, min_size=1, max_size=4),
    cle=TEXT.map(SecretStr),
    jeton=st.none() | TEXT.map(SecretStr),
)


@given(CONFIGS, st.sampled_from(["fr", "en"]))
def test_what_is_shown_comes_back_the_same(config: EveryKind, language: Literal["fr", "en"]) -> None:
    form = submitted(page(config, language=language))
    assert form.pop(TOKEN) == ["abc-_1"]
    assert parse(EveryKind, form, kept=config) == config


@given(CONFIGS)
def test_a_form_that_was_refused_is_shown_as_it_was_sent(config: EveryKind) -> None:
    form = submitted(page(config))
    again = submitted(page(EveryKind(), {"jours": "non"}, sent=form))
    assert again == form


@given(st.dictionaries(st.sampled_from([*EveryKind.model_fields, "delai.unit", "cle.clear", "x"]), st.lists(st.text())))
def test_no_form_is_too_strange(form: dict[str, list[str]]) -> None:
    found = parse(EveryKind, form)
    if isinstance(found, dict):
        assert found
        page(EveryKind(), found, sent=form)


# ---- what is kept


def test_a_field_that_the_form_lacks_is_kept() -> None:
    now = EveryKind(rappel=True, jours=7, cle=SecretStr("hunter2"))
    assert parse(EveryKind, {"equipe": ["autre"]}, kept=now) == now.model_copy(update={"equipe": "autre"})


def test_a_box_that_is_not_ticked_is_no() -> None:
    form = submitted(page(EveryKind(rappel=False)))
    found = parse(EveryKind, form, kept=EveryKind(rappel=True))
    assert isinstance(found, EveryKind)
    assert found.rappel is False


def test_a_secret_is_never_shown_back_and_kept_when_left_empty() -> None:
    now = EveryKind(cle=SecretStr("hunter2"), jeton=SecretStr("s3same"))
    html = page(now).html or ""
    assert "hunter2" not in html
    assert "s3same" not in html
    assert "Laissez vide pour le garder" in html
    sent = {**submitted(page(now)), "cle": ["n0uveau"], "jours": ["99"]}
    assert "n0uveau" not in (page(now, {"jours": "non"}, sent=sent).html or "")
    assert "Écrivez-le de nouveau" in page(now, {"jours": "non"}, sent=sent).css_first("#f-cle-help").text()
    assert "Écrivez-le de nouveau" not in page(now, {"jours": "non"}, sent=sent).css_first("#f-jeton-help").text()
    changed = parse(EveryKind, {**sent, "jours": ["9"]}, kept=now)
    assert isinstance(changed, EveryKind)
    assert (changed.cle.get_secret_value(), changed.jeton) == ("n0uveau", now.jeton)


def test_a_secret_can_be_cleared_only_when_there_is_one() -> None:
    assert not page(EveryKind()).css("[name='jeton.clear'], [name='cle.clear']")
    now = EveryKind(cle=SecretStr("hunter2"), jeton=SecretStr("s3same"))
    assert len(page(now).css("[name='jeton.clear'], [name='cle.clear']")) == 2
    assert page(now).css_first("label[for='f-cle-clear']").text() == "Effacer le secret enregistré (Clé d'accès)"
    found = parse(EveryKind, {"jeton.clear": ["oui"], "cle.clear": ["oui"], "cle": [""]}, kept=now)
    assert isinstance(found, EveryKind)
    assert (found.cle.get_secret_value(), found.jeton) == ("", None)


def test_commas_and_bare_times_of_old_browsers_are_read() -> None:
    found = parse(EveryKind, {"quorum": ["0,25"], "heure": ["9h05"], "delai": ["1,5"], "delai.unit": ["h"]})
    assert isinstance(found, EveryKind)
    assert (found.quorum, found.heure, found.delai) == (0.25, time(9, 5), timedelta(minutes=90))


# ---- what is wrong

WRONG = {
    "jours": ["11"],
    "quorum": ["beaucoup"],
    "equipe": [" "],
    "resultats": ["jamais"],
    "heure": ["06:00"],
    "delai": [""],
    "choix": ["a\r\nb\r\nc\r\nd\r\ne"],
    "gens": ["Anne\r\nJean-Baptiste-Marie"],
    "signature": ["<b>"],
}


def test_all_errors_are_told_in_the_order_of_the_page() -> None:
    found = parse(EveryKind, WRONG)
    assert isinstance(found, dict)
    assert list(found.items()) == [
        ("jours", "trop grand : 10 au plus"),
        ("quorum", "un nombre est attendu, par exemple 2,5"),
        ("equipe", "une réponse est attendue"),
        ("signature", "ce texte n'a pas la forme attendue"),
        ("resultats", "choix inconnu ; possibles : Au fur et à mesure, À la clôture"),
        ("heure", "trop tôt : 7 h 00 au moins"),
        ("delai", "une réponse est attendue"),
        ("choix", "trop long : 4 lignes au plus"),
        ("gens", "ligne 2 : trop long : 12 caractères au plus"),
    ]
    english = Translator("en")
    assert english(found["jours"]) == "too large: at most 10"
    assert english(found["heure"]) == "too early: at least 7:00"
    assert english(found["gens"]) == "line 2: too long: at most 12 characters"


def test_a_rule_between_fields_is_told_once_each_can_be_read() -> None:
    assert parse(EveryKind, {"plafond": ["2"]}) == {"": "le plafond est sous le nombre de jours"}
    assert parse(EveryKind, {"plafond": ["2"], "quorum": ["x"]}) == {"quorum": "un nombre est attendu, par exemple 2,5"}
    found = page(EveryKind(), {"": "le plafond est sous le nombre de jours"})
    assert found.css_first(".summary").text().count("plafond") == 1


def test_errors_stand_at_the_top_and_at_the_field_and_are_bound_to_it() -> None:
    errors = parse(EveryKind, WRONG)
    assert isinstance(errors, dict)
    found = page(EveryKind(), errors, sent=WRONG)
    assert found.css_first("title").text() == "Erreur – Réglages des sondages"
    summary = found.css_first(".summary")
    assert {"autofocus", "tabindex"} <= summary.attributes.keys()
    links = summary.css("a")
    assert len(links) == len(errors)
    for link in links:
        target = found.css_first(link.attributes["href"] or "")
        assert target.tag in {"input", "select", "textarea"}
        assert target.attributes["type"] != "hidden" if target.tag == "input" else True
    for name, reason in errors.items():
        error = found.css_first(f"#f-{name}-error")
        assert error.text() == f"Erreur : {reason}"
        [bound] = [node for node in found.css("[aria-describedby]") if f"f-{name}-error" in described(node)]
        assert bound.attributes["aria-invalid"] == "true"
    assert len(found.css("[aria-invalid]")) == len(errors)
    assert found.css_first("#f-jours").attributes["value"] == "11"


def described(node: LexborNode) -> list[str]:
    return (node.attributes["aria-describedby"] or "").split()


# ---- the page


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("errors", [{}, {"jours": "non", "resultats": "non", "delai": "non", "cle": "non"}])
def test_every_control_has_one_label_and_every_reference_leads_somewhere(errors: Any, language: Any) -> None:
    found = page(EveryKind(cle=SecretStr("x")), errors, language)
    assert found.css_first("html").attributes["lang"] == language
    ids = [node.attributes["id"] for node in found.css("[id]")]
    assert len(ids) == len(set(ids))
    controls = found.css("input:not([type=hidden]), select, textarea")
    assert len(controls) > len(EveryKind.model_fields)
    for node in controls:
        assert len(found.css(f"label[for='{node.attributes['id']}']")) == 1, node.html
    for node in found.css("[aria-describedby]"):
        assert set(described(node)) <= set(ids)
    for radio in found.css("input[type=radio]"):
        assert radio.parent is not None
        group = radio.parent.parent
        assert group is not None
        assert group.tag == "fieldset"
        assert group.css_first("legend").text().strip()
    assert len(found.css("h1")) == 1
    assert not found.css("script, [style], [onclick], img, link")


def test_few_choices_are_shown_and_many_are_in_a_list() -> None:
    found = page(EveryKind())
    assert len(found.css("input[type=radio][name=resultats]")) == 2
    assert [node.attributes["value"] for node in found.css("input[name=rythme]")] == [
        "chaque jour",
        "chaque semaine",
        "",
    ]
    assert len(found.css("select[name=priorite] option")) == 6
    assert [node.attributes["value"] for node in found.css("input[name=secret]")] == ["oui", "non", ""]


def test_numbers_have_their_bounds() -> None:
    found = page(EveryKind())
    days, step, quorum = (found.css_first(f"#f-{name}").attributes for name in ("jours", "pas", "quorum"))
    assert (days["min"], days["max"], days["step"]) == ("1", "10", "1")
    assert (step["min"], step["max"], step["step"]) == ("5", "99", "5"), "steps are counted from the least value"
    assert (quorum["min"], quorum["max"], quorum["step"]) == ("0", "1", "any")


def test_what_may_be_left_empty_is_said_in_words() -> None:
    found = page(EveryKind())
    optional = {node.attributes["for"] for node in found.css("label") if "(facultatif)" in node.text()}
    assert {
        "f-plafond",
        "f-poids",
        "f-accueil",
        "f-signature",
        "f-pause",
        "f-choix",
        "f-gens",
        "f-cle",
        "f-jeton",
    } == optional
    assert found.css_first("#f-jours").attributes.keys() >= {"required"}
    assert "required" not in found.css_first("#f-plafond").attributes


def test_the_words_of_the_page_are_in_its_language() -> None:
    text = page(EveryKind(cle=SecretStr("x")), {"jours": "x"}, "en").body.text()
    for word in ("Save", "optional", "Nothing is saved", "Error:", "Expected: from 1 to 10.", "minutes", "no answer"):
        assert word in text
    for word in ("Enregistrer", "facultatif", "Erreur", "Attendu", "sans réponse", "secondes"):
        assert word not in text


def test_what_has_no_english_is_marked_as_french() -> None:
    english = page(EveryKind(), {}, "en")
    assert english.css_first("label[for=f-equipe] span[lang=fr]").text() == "Équipe"
    assert english.css_first("#f-jours-help span[lang=fr]").text() == "Combien de temps on vote."
    assert not page(EveryKind(), {}, "fr").css("span[lang]")


HOSTILE = "</textarea></style><script>alert(1)</script>\"' onfocus='x' {{ 7*7 }} <!-- &amp; \u202e"


class Hostile(RoomConfig):
    un: str = field(HOSTILE, label=HOSTILE, help=HOSTILE)
    deux: str = field(HOSTILE, label="Deux", long=True)
    trois: list[str] = field([HOSTILE], label="Trois")
    quatre: Literal["</option><script>", "b"] = field("b", label="Quatre")
    cinq: Annotated[str, Field(pattern="a")] = field("a", label=HOSTILE)


def test_hostile_words_stay_words() -> None:
    html = render(
        Hostile, Hostile(), {"un": HOSTILE, "": HOSTILE}, language="en", title=HOSTILE, action=HOSTILE, token=HOSTILE
    )
    found = LexborHTMLParser(html)
    assert not found.css("script, [onfocus]")
    assert "49" not in html
    assert len(found.css("style")) == 1
    assert found.css_first("#f-un").attributes["value"] == HOSTILE
    assert found.css_first("#f-deux").text() == HOSTILE
    assert found.css_first("h1").text() == HOSTILE
    assert found.css_first("form").attributes["action"] == HOSTILE
    assert found.css_first(f"[name={TOKEN}]").attributes["value"] == HOSTILE
    assert found.css_first("#f-un-error").text().endswith(HOSTILE)
    assert found.css_first("label[for=f-un] span").text() == HOSTILE


def test_the_policy_allows_this_stylesheet_and_nothing_else() -> None:
    html = render(EveryKind, EveryKind(), {}, language="fr", title="x", action="/", token="t")
    [style] = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = headers()["Content-Security-Policy"]
    assert f"style-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers()["Cache-Control"] == "no-store"

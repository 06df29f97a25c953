"""What an answering machine says is one line, and all of it is behind that line."""

import pytest

from tchap_bridge_email.away import LONGEST, notice
from tchap_bridges.events import Text

from .test_convert import mail, one

AUTO = {"Auto_Submitted": "auto-replied", "In_Reply_To": "<0@pont.fr>", "References": "<0@pont.fr>"}


@pytest.mark.parametrize(
    ("subject", "body", "line"),
    [
        ("Absence", "Je suis absent du 3 au 7.", "Zoé est absent : Je suis absent du 3 au 7."),
        (
            "Réponse automatique : Essai",
            "Bonjour,\n\nJe suis en congés\njusqu'au 5 août. En cas d'urgence, écrivez à Paul.\n\nCordialement,\nZoé",
            "Zoé est absent : Je suis en congés jusqu'au 5 août.",
        ),
        ("Auto", "Madame, Monsieur,\nJe suis absente !", "Zoé est absent : Je suis absente !"),
        ("Auto", "Bonjour, je suis absente lundi", "Zoé est absent : Bonjour, je suis absente lundi"),
        ("Auto", "En mon absence, M. Martin répond. Merci.", "Zoé est absent : En mon absence, M. Martin répond."),
        ("Automatic reply: x", "Dear sender,\n\nI am out of the office.", "Zoé est absent : I am out of the office."),
        ("Absence du bureau", "", "Zoé est absent."),
        ("Absence du bureau", "Bonjour,", "Zoé est absent : Bonjour,"),
        (
            "Votre demande n° 12",
            "Bonjour,\n\nVotre demande est enregistrée. En l'absence de réponse, rappelez-nous.",
            "Réponse automatique de Zoé : Votre demande est enregistrée.",
        ),
    ],
)  # fmt: skip
def test_one_line(subject: str, body: str, line: str) -> None:
    assert notice("Zoé", subject, Text(plain=body), answers=True).plain == line


@pytest.mark.parametrize("body", ["Je serai absent " + "longtemps, " * 40, "x" * 5000, "a. " * 5000, "Bon" + "." * 900])
def test_a_long_first_sentence_is_cut(body: str) -> None:
    text = notice("Zoé", "Absence du bureau", Text(plain=body), answers=True)
    assert len(text.plain) <= len("Zoé est absent : ") + LONGEST + 2
    assert "\n" not in text.plain


def test_the_rest_is_folded() -> None:
    message = one(mail("Bonjour,\r\n\r\nJe suis absent <b>. Voyez Paul.\r\n\r\nJean", **AUTO))
    assert message.text.plain == "Jean Dupont est absent : Je suis absent <b>."
    assert message.text.html is not None
    assert message.text.html.startswith(
        "<details><summary>Jean Dupont est absent : Je suis absent &lt;b&gt;.</summary>"
    )
    assert "Voyez Paul." in message.text.html
    assert message.text.html.endswith("</details>")


def test_one_sentence_folds_nothing() -> None:
    assert one(mail("Bonjour,\r\n\r\nJe suis absent.", **AUTO)).text.html is None


def test_what_it_answers_is_not_lost_where_no_thread_tells() -> None:
    message = one(mail("Je suis absent.", Auto_Submitted="auto-replied", Subject="Absence : Budget <2026>"))
    assert message.title is None
    assert message.text.plain == "Jean Dupont est absent : Je suis absent."
    assert "<strong>Absence : Budget &lt;2026&gt;</strong>" in (message.text.html or "")


def test_html_is_folded_as_it_is_and_its_logo_is_not_shown() -> None:
    body = """\
--b
Content-Type: text/html; charset=utf-8

<p>Je suis absente. Voyez <b>Paul</b>.</p><img src="cid:logo@x" alt="logo">
--b
Content-Type: image/png; name=logo.png
Content-ID: <logo@x>
Content-Disposition: inline
Content-Transfer-Encoding: base64

TE9HTw==
--b--
""".replace("\n", "\r\n")
    message = one(mail(body, MIME_Version="1.0", Content_Type='multipart/related; boundary="b"', **AUTO))
    assert message.files == ()
    assert "<b>Paul</b>" in (message.text.html or "")


@pytest.mark.parametrize("subject", ["Réponse automatique : x", "Bonjour"])
def test_people_who_speak_of_being_away_are_people(subject: str) -> None:
    message = one(mail("Je suis absent lundi. Mardi me va.", Subject=subject))
    assert (message.text.plain, message.title) == ("Je suis absent lundi. Mardi me va.", subject)

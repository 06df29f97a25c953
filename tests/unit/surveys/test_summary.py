"""What all have answered: counted, shown, and made a table."""

import csv
from fractions import Fraction
from io import BytesIO
from statistics import mean, median

from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tchap_bot_surveys import bars, table
from tchap_bot_surveys.chart import pngs
from tchap_bot_surveys.keeping import Given
from tchap_bot_surveys.model import MOST_OPTIONS, MOST_QUESTIONS, Answer, Kind, Question, Survey
from tchap_bot_surveys.summary import STEPS, Count, summaries

BOM = b"\xef\xbb\xbf"
CHOICE = Question(text="Ça va ?", kind=Kind.ONE, options=("Oui", "Non"))
DAYS = Question(text="Jours", kind=Kind.SEVERAL, options=("lundi", "mardi"))
SCALE = Question(text="Note", kind=Kind.SCALE, low=1, high=3)
NUMBER = Question(text="Combien", kind=Kind.NUMBER)
DATE = Question(text="Quand", kind=Kind.DATE)
TEXT = Question(text="Un mot", kind=Kind.TEXT)
ALL = (CHOICE, DAYS, SCALE, NUMBER, DATE, TEXT)
ENTRIES: list[tuple[Answer, ...]] = [
    (("1",), ("1", "2"), ("3",), ("2.5",), ("2027-01-02",), ("=1+1",)),
    (("1",), ("2",), ("2",), ("-4",), ("2026-12-31",), ("Bien\nvraiment",)),
    (("2",), (), ("2",), ("1000",), ("2027-01-02",), ()),
]


def survey(*questions: Question, anonymous: bool = False) -> Survey:
    return Survey(title="Cantine", questions=questions, by="@ana:exemple.fr", name="Ana", anonymous=anonymous, number=1)


def test_each_kind_is_counted_its_own_way() -> None:
    choice, days, scale, number, date, text = summaries(ALL, ENTRIES)
    assert choice.counts == (Count(text="Oui", votes=2), Count(text="Non", votes=1))
    assert (days.counts, days.answered, days.skipped) == (
        (Count(text="lundi", votes=1), Count(text="mardi", votes=2)),
        2,
        1,
    )
    assert [one.votes for one in scale.counts] == [0, 2, 1]
    assert scale.numbers is not None
    assert (scale.numbers.mean, scale.numbers.median) == (Fraction(7, 3), Fraction(2))
    assert number.numbers is not None
    assert (number.counts, number.numbers.least, number.numbers.most) == ((), Fraction(-4), Fraction(1000))
    assert [(one.text, one.votes) for one in date.counts] == [
        ("jeudi 31 décembre 2026", 1),
        ("samedi 2 janvier 2027", 2),
    ]
    assert text.texts == ("=1+1", "Bien\nvraiment")


def test_nobody_has_answered() -> None:
    found = summaries(ALL, [])
    assert all(one.answered == 0 and one.numbers is None for one in found)
    assert "0 réponse" in bars.texts_of("Cantine", found, "fr")[0].plain
    assert len(pngs("Cantine", found, "fr")) == 1


def test_a_wide_scale_has_no_bar_for_each_step() -> None:
    wide = Question(text="Note", kind=Kind.SCALE, low=0, high=STEPS)
    assert summaries([wide], [[("3",)]])[0].counts == ()


@given(st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=1) | st.just([]), max_size=30))
def test_no_answer_is_lost_or_counted_twice(given_: list[list[int]]) -> None:
    entries = [[tuple(map(str, one))] for one in given_]
    (found,) = summaries([SCALE], entries)
    answered = [one[0] for one in given_ if one]
    assert found.answered + found.skipped == len(given_)
    assert sum(one.votes for one in found.counts) == found.answered == len(answered)
    if answered:
        assert found.numbers is not None
        assert float(found.numbers.mean) == mean(answered)
        assert found.numbers.median == median(answered)


def test_the_room_is_told_totals_and_the_owner_words() -> None:
    found = summaries(ALL, ENTRIES)
    (room,), (owner,) = bars.texts_of("Cantine", found, "fr"), bars.texts_of("Cantine", found, "fr", words_too=True)
    assert "███████░░░ Oui — 2 (67\u202f%)" in room.plain
    assert "3 réponses, moyenne 2,33, médiane 2" in room.plain
    assert "moyenne 332,83, médiane 2,5, de -4 à 1000" in room.plain
    assert "vraiment" not in room.plain
    assert "— Bien vraiment" in owner.plain
    assert "mean 2.33" in bars.texts_of("Canteen", found, "en")[0].plain
    assert "Saturday 2 January 2027" in bars.texts_of("Canteen", found, "en")[0].plain


def test_html_is_what_we_write() -> None:
    (text,) = bars.texts_of("<b>", summaries([TEXT], [[("<script>",)]]), "fr", words_too=True)
    assert text.html is not None
    assert "<script>" not in text.html
    assert "&lt;script&gt;" in text.html
    assert "<b>" not in text.html.replace("<br>", "")


def longest() -> tuple[tuple[Question, ...], list[list[Answer]]]:
    options = tuple(f"{n} " + "é" * 290 for n in range(MOST_OPTIONS))
    return (
        (Question(text="è" * 300, kind=Kind.SEVERAL, options=options),) * MOST_QUESTIONS,
        [[tuple(map(str, range(1, MOST_OPTIONS + 1)))] * MOST_QUESTIONS] * 3,
    )


def test_the_longest_survey_is_told_in_a_few_messages_and_pictures() -> None:
    questions, entries = longest()
    found = summaries(questions, entries)
    texts = bars.texts_of("é" * 300, found, "fr")
    assert all(len(f"{text.plain}{text.html}".encode()) < 40_000 for text in texts)
    assert "".join(text.plain for text in texts).count("█") == MOST_QUESTIONS * MOST_OPTIONS * 10
    pictures = pngs("é" * 300, found, "fr")
    assert len(pictures) <= 10
    assert all(len(picture) < 900_000 for picture in pictures)
    assert len(texts) + 2 * len(pictures) + 8 <= 50, "so much may one call do"


def test_a_picture_has_a_bar_for_each_answer() -> None:
    (made,) = pngs("Cantine", summaries(ALL, ENTRIES), "fr")
    image = Image.open(BytesIO(made)).convert("RGB")
    assert image.width == 960
    assert made == pngs("Cantine", summaries(ALL, ENTRIES), "fr")[0]
    middle = [image.getpixel((500, y)) for y in range(image.height)]
    assert {(11, 79, 148), (233, 237, 243)} <= set(middle)
    assert pngs("Cantine", summaries([TEXT, NUMBER], [ENTRIES[0][5:] + ENTRIES[0][3:4]]), "fr") == []


def cells(made: bytes) -> list[list[str]]:
    assert made.startswith(BOM)
    return list(csv.reader(made.removeprefix(BOM).decode().splitlines(keepends=True), delimiter=";"))


def test_the_table_of_a_named_survey_has_a_line_for_each() -> None:
    given_ = [
        Given(answers=ENTRIES[0], person="@z:exemple.fr", name="Zoé"),
        Given(answers=ENTRIES[1], person="@e:exemple.fr", name="Émile"),
        Given(answers=ENTRIES[2], person="@a:exemple.fr", name="=Anna"),
    ]
    (made,) = table.tables(survey(*ALL), given_, "fr")
    head, *rows = cells(made)
    assert head == [
        *("Nom", "Identifiant", "1. Ça va ?", "2. Jours — lundi", "2. Jours — mardi", "3. Note", "4. Combien"),
        *("5. Quand", "6. Un mot"),
    ]
    assert rows == [
        ["'=Anna", "'@a:exemple.fr", "Non", "", "", "2", "1000", "2027-01-02", ""],
        ["Émile", "'@e:exemple.fr", "Oui", "", "x", "2", "-4", "2026-12-31", "Bien\nvraiment"],
        ["Zoé", "'@z:exemple.fr", "Oui", "x", "x", "3", "2,5", "2027-01-02", "'=1+1"],
    ]


def test_the_table_of_an_anonymous_survey_has_an_order_that_says_nothing() -> None:
    one = table.tables(survey(*ALL, anonymous=True), [Given(answers=entry) for entry in ENTRIES], "fr")
    other = table.tables(survey(*ALL, anonymous=True), [Given(answers=entry) for entry in reversed(ENTRIES)], "fr")
    assert one == other
    assert cells(one[0])[0][0] == "1. Ça va ?"


def test_a_large_table_is_several_files_and_no_line_is_lost() -> None:
    given_ = [Given(answers=(("x" * 2000,),), person=f"@{n}:exemple.fr", name=f"{n:04}") for n in range(1000)]
    made = table.tables(survey(TEXT), given_, "fr")
    assert 1 < len(made) <= 6
    assert all(len(one) <= table.LARGEST for one in made)
    assert [row[0] for one in made for row in cells(one)[1:]] == [f"{n:04}" for n in range(1000)]

"""The picture, looked at: what its pixels are, and what stays when colours go."""

import math
import os
import random
import struct
import subprocess
import sys
from hashlib import sha256
from io import BytesIO
from itertools import groupby
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tchap_bot_polls.chart import FAINT, INK, OTHER, PAPER, TRACK, WIDTH, WON, Colour, describe, png
from tchap_bot_polls.face import Face, Weight
from tchap_bot_polls.model import Result
from tests.unit.polls.shown_results import RESULTS, read, result

MARGIN = 42
INNER = WIDTH - 2 * MARGIN
READ_AT = 600
LARGEST = 100_000


def seen(one: Result, language: Any = "fr") -> Image.Image:
    return Image.open(BytesIO(png(one, language))).convert("RGB")


def row(image: Image.Image, y: int) -> list[tuple[Colour, int]]:
    """The colours of one line between the margins, and how many pixels of each."""
    return [(c, len(list(run))) for c, run in groupby(image.getpixel((x, y)) for x in range(MARGIN, WIDTH - MARGIN))]


def bars(image: Image.Image) -> list[tuple[int, int]]:
    """Top and height of each bar: lines with the colours of bars at both margins, thicker than a rule."""
    ends = [*range(MARGIN, MARGIN + 2), *range(WIDTH - MARGIN - 2, WIDTH - MARGIN)]
    lines = [all(image.getpixel((x, y)) in {TRACK, WON, OTHER} for x in ends) for y in range(image.height)]
    found, y = [], 0
    for is_bar, run in groupby(lines):
        height = len(list(run))
        if is_bar and height > 5:
            found.append((y, height))
        y += height
    return found


def filled(image: Image.Image) -> list[int]:
    """The pixels of the solid beginning of each bar."""
    first = [row(image, top + height // 2)[0] for top, height in bars(image)]
    return [0 if colour == TRACK else many for colour, many in first]


def luminance(colour: Colour) -> float:
    """https://www.w3.org/TR/WCAG22/#dfn-relative-luminance"""
    linear = [c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: Colour, other: Colour) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize(
    ("one", "other", "least"),
    [
        (INK, PAPER, 7),
        (FAINT, PAPER, 4.5),
        (WON, PAPER, 3),
        (OTHER, PAPER, 3),
        (WON, TRACK, 3),
        (OTHER, TRACK, 3),
        (PAPER, WON, 4.5),
        (INK, TRACK, 3),
    ],
)
def test_contrasts(one: Colour, other: Colour, least: float) -> None:
    assert contrast(one, other) >= least


def test_the_picture_has_exactly_these_colours_and_its_own_background() -> None:
    made = Image.open(BytesIO(png(RESULTS["lunch"], "fr")))
    assert made.format == "PNG"
    assert made.info == {}, "nothing but the picture: no date, no transparency"
    colours = {colour: many for many, colour in made.convert("RGB").getcolors()}
    assert {PAPER, INK, TRACK, WON, OTHER} <= set(colours)
    assert colours[PAPER] > sum(colours.values()) / 2
    corners = [(x, y) for x in (0, made.width - 1) for y in (0, made.height - 1)]
    assert {made.convert("RGB").getpixel(corner) for corner in corners} == {PAPER}


def test_bars_are_as_long_as_their_shares() -> None:
    assert filled(seen(RESULTS["lunch"])) == [round(INNER * share) for share in (0.6, 0.3, 0.1, 0)]
    assert filled(seen(RESULTS["no_two_thirds"]))[0] in range(INNER * 5 // 9 - 1, INNER * 5 // 9 + 2)


def test_a_vote_among_ten_thousand_is_seen_and_none_is_not() -> None:
    counts = [["a", "Pour", 9999], ["b", "Contre", 1], ["c", "Blanc", 0]]
    many, one, none = filled(seen(result("?", counts, "won", voted=10_000, winners=["a"])))
    assert INNER - 1 <= many <= INNER
    assert one == 3
    assert none == 0


def test_without_votes_no_bar_is_filled() -> None:
    image = seen(RESULTS["nobody"])
    assert filled(image) == [0, 0]
    assert WON not in {colour for _many, colour in image.getcolors()}


@pytest.mark.parametrize("many", [1, 2, 8, 9, 20])
def test_there_is_a_bar_for_each_answer(many: int) -> None:
    counts = [[str(n), f"Réponse du groupe {n}", n + 1] for n in range(many)]
    image = seen(result("?", counts, "won", voted=99, winners=["0"]))
    assert len(bars(image)) == many
    assert image.width == WIDTH
    assert image.height < 2400


def marks(image: Image.Image) -> list[bytes]:
    """What stands at the very left above each bar, in grey as one who sees no colours has it."""
    grey = image.convert("L")
    return [grey.crop((MARGIN, top - 42, MARGIN + 28, top - 6)).tobytes() for top, _height in bars(image)]


def test_a_winner_is_told_without_colours() -> None:
    counts = [["a", "Même nom", 2], ["b", "Même nom", 2], ["c", "Même nom", 2]]
    won = marks(seen(result("?", counts, "won", voted=6, winners=["b"])))
    tied = marks(seen(result("?", counts, "tied", voted=6, winners=["a", "b"])))
    open_ = marks(seen(result("?", counts, "no_majority", voted=6)))
    assert won[0] == won[2] == open_[0] == open_[1] == tied[2]
    assert len({won[0], won[1], tied[0]}) == 3
    assert tied[0] == tied[1]


def test_if_need_be_is_striped() -> None:
    image = seen(RESULTS["date"])
    top, height = bars(image)[2]
    stripes = row(image, top + height // 2)
    *striped, (last, rest) = stripes
    assert {colour for colour, _many in striped} == {OTHER, PAPER}
    assert len(striped) > 20, "many stripes, not two blocks"
    assert last == TRACK
    assert abs(INNER - rest - round(INNER * 5 / 8)) <= 1
    top, height = bars(image)[0]
    colour, many = row(image, top + height // 2)[0]
    assert colour == WON
    assert 0 <= many - round(INNER * 6 / 8) <= 3, "a stripe may touch it"


@pytest.mark.parametrize(("majority", "share"), [("absolute", 1 / 2), ("two_thirds", 2 / 3), ("plurality", None)])
def test_the_line_that_must_be_passed_stands_on_each_bar(majority: str, share: float | None) -> None:
    one = result("?", [["a", "A", 9], ["b", "B", 1]], "won", voted=10, winners=["a"], rules={"majority": majority})
    image = seen(one)
    for top, height in bars(image):
        runs = row(image, top + height // 2)
        places = [sum(many for _c, many in runs[:n]) for n, (colour, _many) in enumerate(runs) if colour == INK]
        if share is None:
            assert places == []
        else:
            (place,) = places
            assert abs(place + 2 - INNER * share) <= 2
            beside = runs[[colour for colour, _many in runs].index(INK) - 1]
            assert beside[0] in {PAPER, TRACK}, "on a filled bar the line has paper around it"


def test_letters_are_large_enough_at_600_pixels() -> None:
    """A capital of the smallest text is nine pixels high, as in a text of 13 CSS pixels."""
    image = seen(result("H", [["a", "H", 0]], "no_vote", voted=0, entitled=None))
    first = next(y for y in range(image.height) if INK in dict(row(image, y)))
    last = next(y for y in reversed(range(image.height)) if FAINT in dict(row(image, y)))
    figure = [y for y in range(last - 30, last + 1) if FAINT in dict(row(image, y))]
    assert first >= 30
    assert (figure[-1] - figure[0] + 1) * READ_AT / WIDTH >= 9


FACE = Face(Weight.PLAIN, 26)


def test_the_face_has_what_european_languages_need() -> None:
    french = "abcxyzéèêëàâîïôûùüÿçœæÉÈÀÇŒÆ€«»’…–—°№!?;:%()0123456789\u00a0\u202f"
    greek, cyrillic = "αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώΑΒΓΔΩ", "абвгдежзийклмнопрстуфхцчшщъыьэюяёіїєґЖЯ"
    assert [c for c in french + greek + cyrillic + "ąčđęğıłńőřşțůžßñãåøþ" if not FACE.has(c)] == []


@pytest.mark.parametrize("c", [*"東שم🎉👍ก\u2068\u200d", "\U0010fffe"])
def test_the_face_knows_what_it_lacks(c: str) -> None:
    assert not FACE.has(c)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Déjeuner 🍕 ici", "Déjeuner ici"),
        ("① 𝐀𝐁 Ｘ ﬁn", "1 AB X ﬁn"),
        ("??? +1", "??? +1"),
        ("Tokyo (東京)", "Tokyo ()"),
        ("東京 X", ""),
        ("שלום", ""),
        ("👍🏽", ""),
        ("🇫🇷 oui", "oui"),
        ("🎉 ?", ""),
        (" a\u00a0: 🎉 b ", "a\u00a0: b"),
        ("x\u0323\u0307", "x"),
        ("", ""),
    ],
)
def test_what_cannot_be_drawn(text: str, expected: str) -> None:
    assert FACE.drawable(text) == expected


def test_an_answer_that_cannot_be_drawn_is_called_by_its_number() -> None:
    foreign = [["a", "שלום", 2], ["b", "👍", 2], ["c", "Café 🍕", 1]]
    numbered = [["a", "Réponse 1", 2], ["b", "Réponse 2", 2], ["c", "Café", 1]]
    pictures = [
        png(result("Où ?", counts, "tied", voted=5, winners=["a", "b"]), "fr") for counts in (foreign, numbered)
    ]
    assert pictures[0] == pictures[1]


WILD = st.text(st.characters(codec="utf-8") | st.sampled_from("  mWé-…ω"), max_size=200)


@given(WILD, st.integers(40, 500), st.integers(1, 3))
def test_lines_are_no_longer_than_their_place(text: str, width: int, most: int) -> None:
    text = FACE.drawable(" ".join(text.split(" ")))
    lines = FACE.wrapped(text, width, most)
    assert len(lines) <= most
    assert all(FACE.width(line) <= width for line in lines)
    joined, whole = "".join(lines).replace(" ", ""), text.replace(" ", "")
    assert joined == whole or (joined.endswith("…") and whole.startswith(joined.removesuffix("…")))


@given(WILD, WILD)
@settings(max_examples=40)
def test_nothing_is_drawn_beyond_the_margins(question: str, answer: str) -> None:
    counts = [["a", answer, 3, 2], ["b", "m" * 300, 10_000, 10_000]]
    one = result(question, counts, "tied", voted=10_003, winners=["a", "b"], rules={"kind": "date"})
    image = seen(one)
    for box in (
        (0, 0, MARGIN - 2, image.height),
        (WIDTH - MARGIN + 1, 0, WIDTH, image.height),
        (0, 0, WIDTH, 20),
        (0, image.height - 20, WIDTH, image.height),
    ):
        assert image.crop(box).getcolors() == [((box[2] - box[0]) * (box[3] - box[1]), PAPER)]


@pytest.mark.parametrize("kind", ["several", "date"])
def test_the_largest_chart_is_small(kind: str) -> None:
    dice = random.Random(7)
    letters = "abcdefghijklmnopqrstuvwxyzéèçABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789αβγδζ фжик   "
    texts = ["".join(dice.choices(letters, k=300)) for _n in range(21)]
    counts = [[str(n), text, dice.randrange(9999), dice.randrange(9999)] for n, text in enumerate(texts[1:])]
    one = result(
        texts[0],
        counts,
        "tied",
        voted=10_000,
        entitled=1_000_000,
        spoiled=1234,
        unreadable=4321,
        winners=[str(n) for n in range(20)],
        rules={"kind": kind, "majority": "two_thirds"},
    )
    made = png(one, "fr")
    assert len(made) < LARGEST
    assert struct.unpack(">II", made[16:24])[0] == WIDTH


def test_the_same_result_is_the_same_bytes_in_another_process() -> None:
    code = (
        "import sys; from hashlib import sha256; from tchap_bot_polls.chart import png;"
        "from tests.unit.polls.shown_results import RESULTS;"
        "sys.stdout.write(sha256(b''.join(png(one, 'fr') for one in RESULTS.values())).hexdigest())"
    )
    here = sha256(b"".join(png(one, "fr") for one in RESULTS.values())).hexdigest()
    path = os.pathsep.join(sys.path)
    env = {**os.environ, "PYTHONHASHSEED": "12345", "LC_ALL": "C", "PYTHONPATH": path}
    there = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert there.stdout == here


def test_french_and_english_are_drawn() -> None:
    assert png(RESULTS["lunch"], "fr") != png(RESULTS["lunch"], "en")


@pytest.mark.parametrize("name", RESULTS)
def test_every_result_can_be_drawn(name: str) -> None:
    one = RESULTS[name]
    image = seen(one, "en")
    assert len(bars(image)) == len(one.counts)
    assert all(math.isfinite(n) and n <= INNER for n in filled(image))


@pytest.mark.parametrize("case", read("alt.yaml"), ids=lambda case: case["result"])
def test_what_stands_for_the_picture(case: dict[str, Any]) -> None:
    language: Any = "fr" if "fr" in case else "en"
    assert describe(RESULTS[case["result"]], language).split("\n") == case[language]

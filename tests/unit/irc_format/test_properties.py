"""What holds for any line, any HTML and any edit."""

from __future__ import annotations

import re
import time

import nh3
from hypothesis import given
from hypothesis import strategies as st

from tchap_bridge_irc import difference as difference_module
from tchap_bridge_irc.difference import difference
from tchap_bridge_irc.formatting import CODE, COLOURS, Run, Style, clean, nearest, read, reopen, runs, strip, write
from tchap_bridge_irc.markup import DEEPEST, lines
from tchap_bridges.events import Text
from tchap_bridges.matrix import html as matrix_html
from tchap_bridges.matrix.html import safe_html
from tchap_bridges.matrix.text import clean_text

CODES = ("\x02", "\x03", "\x0f", "\x11", "\x12", "\x16", "\x1d", "\x1e", "\x1f", "\x04")
COLOUR_CODES = (
    "\x0304",
    "\x034",
    "\x0301,01",
    "\x0399,12",
    "\x0312,99",
    "\x0304,05",
    "\x04ff0000",
    "\x0400ff7F,102030",
)
WORDS = (
    "a", "b c", "  ", " ", "5", ",", ",8", "é", "\u00a0!", "«\u202fà\u202f»", "👩\u200d👩\u200d👧", "שלום", "<",
    "&", "&amp;", '"', "\t", "_*~`", "https://exemple.fr/a_b?c=1&d=%C3%A9",
)  # fmt: skip
GARBAGE = st.text(st.characters(), max_size=60)  # halves of surrogate pairs too
LINE = st.lists(st.sampled_from((*CODES, *COLOUR_CODES, *WORDS)) | st.text(max_size=3), max_size=25).map("".join)
TAGS = (
    *matrix_html._TAGS, "mx-reply", "script", "template", "font", "svg", "frameset", "select", "body", "x-y",
)  # fmt: skip
ATTRIBUTES = (
    "", "", " data-mx-color=#ff0000", " data-mx-color='#0f0'", " data-mx-color=x", " data-mx-bg-color=#00f",
    " data-mx-spoiler", " data-mx-spoiler='a b'", " href=https://exemple.fr/", " href='javascript:x'", " start=-5",
    " start=99", " alt='\r\n\x02'", ' href="https://exemple.fr/ \x02a\nb"',
)  # fmt: skip
MARKUP = st.lists(
    st.sampled_from([f"<{tag}{more}>" for tag in sorted(set(TAGS)) for more in dict.fromkeys(ATTRIBUTES)])
    | st.sampled_from([f"</{tag}>" for tag in sorted(set(TAGS))])
    | st.sampled_from(("a", " ", "5", ",5", "\n", "\r\n", "\x02", "\x01", "&nbsp;", "&#3;", "&#x2028;", "<!--", "é"))
    | st.text(max_size=4),
    max_size=30,
).map("".join)
STYLES = st.builds(
    Style, *(st.booleans() for _ in range(5)), *(st.none() | st.sampled_from([*COLOURS, "#123456"]) for _ in range(2))
)  # fmt: skip
STRAY = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")


def visible(text: str) -> str:
    return "".join(text.split())


@given(LINE | GARBAGE)
def test_what_is_read_is_what_the_contract_wants(line: str):
    text = read(line)
    assert clean_text(text.plain) == text.plain
    if text.html is None:
        return
    assert nh3.clean(
        text.html, tags=set(matrix_html._TAGS), attributes=matrix_html._ATTRIBUTES, link_rel=None
    ) == text.html  # fmt: skip
    assert safe_html(text.html) == (text.html.strip() or None)


@given(LINE | GARBAGE)
def test_html_and_plain_say_the_same(line: str):
    text = read(line)
    if text.html is not None:
        shown = lines(Text(html=text.html))
        assert visible("".join(strip(row) for row in shown)) == visible(text.plain)


@given(LINE)
def test_styles_come_back(line: str):
    """From a line to HTML and back: every visible character looks as it did, as far as 99 colours go."""
    line = re.sub(r"\s+", " ", line)
    text = read(line)
    if text.html is not None:
        again = [look for row in lines(Text(html=text.html)) for look in looks(row)]
        assert again == [look for row in [line] for look in looks(write(runs(row)))]


def looks(line: str) -> list[tuple[str, Style]]:
    return [(character, run.style) for run in runs(line) for character in run.text if not character.isspace()]


@given(st.lists(st.builds(Run, st.sampled_from(WORDS) | st.text(max_size=3).map(clean), STYLES), max_size=6))
def test_what_is_written_is_read(wanted: list[Run]):
    """In the nearest colours; on a background without a colour for text, in one of ours; on spaces, as far as seen."""
    line = write(wanted)
    assert strip(line) == "".join(run.text for run in wanted)
    read_back = [(character, run.style) for run in runs(line) for character in run.text]
    asked = [(character, run.style) for run in wanted for character in run.text]
    for (character, ours), (_, style) in zip(read_back, asked, strict=True):
        bg = style.bg and COLOURS[nearest(style.bg)]
        fg = style.fg and COLOURS[nearest(style.fg)]
        assert (ours.bg, ours.underline, ours.strike, ours.mono) == (bg, style.underline, style.strike, style.mono)
        if not character.isspace():
            assert (ours.bold, ours.italic) == (style.bold, style.italic)
            assert ours.fg == fg or (fg is None and bg is not None)
    assert not STRAY.search(CODE.sub("", line).replace("\t", ""))


@given(STYLES, STYLES, st.sampled_from(WORDS), st.sampled_from(WORDS))
def test_a_line_cut_in_two_goes_on_as_it_was(first: Style, second: Style, one: str, other: str):
    whole = write([Run(one, first), Run(other, second)])
    for match in re.finditer(rf"{CODE.pattern}|.", whole):
        head, rest = whole[: match.start()], whole[match.start() :]
        assert looks(head) + looks(reopen(head, rest) + rest) == looks(whole)


@given(MARKUP | GARBAGE, GARBAGE)
def test_lines_are_fit_to_be_sent(html: str, plain: str):
    for formatted in (True, False):
        for line in lines(Text(plain=plain, html=html), formatted=formatted):
            assert line.strip()
            bare = CODE.sub("", line) if formatted else line
            assert not STRAY.search(bare)


@given(MARKUP)
def test_codes_change_no_word(html: str):
    if "data-mx-spoiler" not in html:
        assert [strip(line) for line in lines(Text(html=html))] == lines(Text(html=html), formatted=False)


def test_depth_is_bounded():
    for tag in ("blockquote", "ul><li", "ol><li", "b", "span data-mx-color=red", "table><tr><td", "pre"):
        (line,) = lines(Text(html=f"<{tag}>" * 3_000 + "fond"))
        assert line.endswith("fond")
        assert len(line) <= len("fond") + 4 * DEEPEST + 3


def test_hostile_text_takes_no_time():
    begun = time.process_time()
    for hostile in ("```\n" + " " * 65_000, "```\n" * 16_000, "\x03" * 60_000, "<" * 60_000, "\t" * 20_000 + "x"):
        lines(Text(plain=hostile, html=hostile))
        lines(Text(plain=hostile))
        read(hostile)
    for nested in ("<div>", "<b>", "<a href=https://a.fr>", "<font color=red>", "<table><tr><td>", "<li>", "<sup>"):
        lines(Text(html=(nested * 20_000)[:65_000] + "x"))
    assert time.process_time() - begun < 10


def test_html_that_is_too_long_leaves_the_word_to_the_text():
    assert lines(Text(plain="tout", html="<b>x</b>" * 9_000)) == ["tout"]
    assert "".join(lines(Text(html="<b>&lt;x</b>" * 9_000))).count("<x") == 9_000


def test_there_are_99_colours_and_each_is_nearest_to_itself():
    assert len(COLOURS) == 99
    for number, colour in enumerate(COLOURS):
        assert nearest(colour) == COLOURS.index(colour) or (number >= 16 and nearest(colour) < 16)


@given(st.text(alphabet="ab /|#~\n\u00a0é", max_size=30), st.text(alphabet="ab /|#~\n\u00a0é", max_size=30))
def test_a_difference_is_short_and_tells_a_change(before: str, after: str):
    said = difference(before, after)
    assert len(said) <= len(difference_module.MARK) + 1 + len(after)
    assert said == "" or said.startswith(difference_module.MARK)
    assert (said == "") == (
        before.split() == after.split() and shape(before) == shape(after)
    ) or "\u00a0" in before + after


def shape(text: str) -> list[list[str]]:
    return [words for line in text.split("\n") if (words := line.replace("\u00a0", "_").split())]


@given(GARBAGE, GARBAGE)
def test_any_texts_have_a_difference(before: str, after: str):
    difference(before, after)


def test_a_long_difference_is_found_soon():
    words = "le mot la chose " * 20_000
    assert difference(words + "fin", words + "enfin") == "(corrigé) s/chose fin/chose enfin/"
    assert difference(words, "autre " * 50_000).count("autre") == 50_000
    alternating = "a b " * 25_000
    difference(alternating, alternating.replace("a b a", "b a c"))

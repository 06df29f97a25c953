"""Where a long text is cut."""

from __future__ import annotations

import pytest

from tchap_bridge_slack.document import NoNames
from tchap_bridge_slack.formatting import text_of
from tchap_bridge_slack.writing import MOST_BLOCKS, pieces, written
from tchap_bridges.events import Text


def said(text: Text, longest: int = 200) -> list[str]:
    parts = pieces(text, longest=longest)
    assert all(len(part.text) <= longest for part in parts)
    return [part.text for part in parts]


def test_between_paragraphs_rather_than_lines_and_words():
    paragraph = "mot " * 15 + "\n" + "mot " * 15
    first, second = said(Text(plain=f"{paragraph}\n\n{paragraph}\nfin"))
    assert first == "\n".join(line.rstrip() for line in paragraph.split("\n"))
    assert second.endswith("mot\nfin")


def test_between_lines_rather_than_words():
    line = "mot " * 9 + "fin"
    assert {one for text in said(Text(plain=f"{line}\n" * 20)) for one in text.split("\n")} == {line}


def test_between_words_rather_than_letters():
    parts = said(Text(plain="abcdefghij " * 100))
    assert {word for part in parts for word in part.split(" ")} == {"abcdefghij"}
    assert sum(part.count("abcdefghij") for part in parts) == 100


def test_between_letters_but_not_within_what_the_eye_takes_for_one():
    family = "👩🏽\u200d👩🏿\u200d👧"
    parts = said(Text(plain=f"x{family}" * 60))
    assert "".join(parts) == f"x{family}" * 60
    assert all(part.startswith(("x", "👩🏽")) for part in parts)


def test_a_long_word_is_cut_and_whole():
    parts = said(Text(plain="&" * 500))
    assert "".join(parts) == "&amp;" * 500
    assert all(part.replace("&amp;", "") == "" for part in parts)


def test_numbers_go_on():
    items = "".join(f"<li>{'mot ' * 20}</li>" for _ in range(7))
    texts = said(Text(html=f"<ol start=3>{items}</ol>"))
    numbers = [int(line.partition(".")[0]) for text in texts for line in text.split("\n")]
    assert numbers == list(range(3, 10))


def test_an_item_that_is_too_long_goes_on_below():
    long = "mot " * 100
    first, *others = said(Text(html=f"<ol><li>a</li><li>{long}</li><li>b</li></ol>"))
    assert first.startswith("1. a\n2. mot mot")
    assert others[-1].endswith("3. b")
    assert sum(text.count("mot") for text in (first, *others)) == 100


def test_code_stays_code():
    code = "".join(f"    ligne {number}\n" for number in range(60))
    parts = said(Text(html=f"<pre>{code}</pre>"))
    assert len(parts) > 3
    assert all(part.startswith("```    ligne") and part.endswith("```") for part in parts)
    assert "\n".join(part.strip("`") for part in parts) == code.rstrip("\n")


def test_a_quotation_stays_one():
    parts = said(Text(html=f"<blockquote>{'mot ' * 200}</blockquote>"))
    assert all(part.startswith("&gt; mot") for part in parts)


def test_marks_are_counted():
    html = "".join(f"<b><i><del><code>a{number}</code></del></i></b> <i>b</i> " for number in range(100))
    assert sum(text.count("b") for text in said(Text(html=html))) == 100


@pytest.mark.parametrize("words", ["ici", "<b>i</b>c<i>i</i>", "un mot " * 60])
def test_a_link_that_is_too_long_is_its_words(words: str):
    url = "https://exemple.fr/" + "a" * 500
    parts = said(Text(html=f'voir <a href="{url}">{words}</a>'))
    assert url.removeprefix("https://exemple.fr/") in "".join(parts).replace("|", "")


def test_a_link_that_fits_in_no_other_piece_has_its_own():
    url = "https://exemple.fr/" + "a" * 150
    texts = said(Text(html=f'{"mot " * 40}<a href="{url}">ici</a> fin'))
    assert texts[1] == f"<{url}|ici> fin"


def test_no_more_blocks_than_slack_takes():
    html = "a<hr>" * 70
    parts = pieces(Text(html=html))
    assert [len(part.blocks) for part in parts] == [MOST_BLOCKS, MOST_BLOCKS, 40]
    assert sum(part.text.count("a") for part in parts) == 70


def test_a_text_that_fits_is_one():
    text = Text(html="<p>Bonjour</p><ul><li>un</li></ul><hr><pre>x</pre>")
    assert pieces(text) == [written(text)]


def test_a_text_that_says_nothing_is_none():
    assert pieces(Text(plain=" \n")) == pieces(Text(html="<p> </p>")) == []


def test_what_is_cut_reads_as_the_whole():
    html = "<h2>Titre</h2>" + "<p>Un <b>mot</b> et <a href='https://exemple.fr'>un lien</a>.</p>" * 300
    parts = [text_of({"blocks": part.blocks}, NoNames()).plain for part in pieces(Text(html=html))]
    whole = text_of({"blocks": written(Text(html=html)).blocks}, NoNames()).plain
    assert len(parts) > 3
    assert "\n\n".join(parts) == whole

"""Real messages, and other people's vectors; what we do otherwise stands in differences.yaml with its reason."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from tests.unit.slack_text.seeing import say, seen

from tchap_bridge_slack.document import Document, Link, NoNames, Section, Words
from tchap_bridge_slack.fallback import fallback
from tchap_bridge_slack.formatting import text_of
from tchap_bridge_slack.mrkdwn import document
from tchap_bridge_slack.writing import written
from tchap_bridges.events import Text

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "slack"
DIFFERENCES = YAML(typ="safe").load(VECTORS / "differences.yaml")


class Export(NoNames):
    """Slack writes the names of channels into ``text``; blocks have only their ids."""

    def __init__(self, text: str) -> None:
        self._names = dict(re.findall(r"<#(\w+)\|([^>]+)>", text))

    def channel(self, id_: str, /) -> str | None:
        return self._names.get(id_)


@pytest.fixture(scope="session")
def pairs(slack_corpora: Path) -> list[dict[str, Any]]:
    """14 messages of real exports: the blocks that were written, and the text that Slack made of them."""
    found = json.loads((slack_corpora / "zulip" / "text-blocks-pairs.json").read_text(encoding="utf-8"))
    assert len(found) == 14
    return found


def test_slack_derives_the_same_text(pairs):
    """To the character, for every one of them."""
    assert [fallback(pair["blocks"], Export(pair["text"])) for pair in pairs] == [pair["text"] for pair in pairs]


def test_text_and_blocks_read_the_same(pairs):
    """Whichever was read, a room is shown the same characters with the same marks, in the same quotes, lists and links.

    But for underlining, which mrkdwn cannot say, and for what is listed.
    """
    differing = set()
    for pair in pairs:
        names = Export(pair["text"])
        by_blocks, by_text = text_of(pair, names), text_of({"text": pair["text"]}, names)
        if without_lines(by_blocks) != without_lines(by_text):
            differing.add(pair["file"])
    assert differing == {one["name"] for one in DIFFERENCES["text-blocks-pairs.json"]}


def without_lines(text: Text) -> list[Any]:
    return [(one, replace(style, underline=False), places) for one, style, places in seen(say(text))]


def test_mrkdwn_is_read_as_zulip_reads_it(slack_corpora: Path):
    cases = json.loads((slack_corpora / "zulip" / "mrkdwn-to-markdown.json").read_text(encoding="utf-8"))
    assert len(cases) == 19
    for case in cases:
        assert ordered(markdown(document(case["mrkdwn"]))) == ordered(case["markdown"])


def ordered(markdown_: str) -> str:
    """Which of two marks is the outer one has no meaning."""
    return re.sub(r"[*~]+", lambda match: "".join(sorted(match[0])), markdown_)


SIGNS = (("strike", "~~"), ("bold", "**"), ("italic", "*"))


def markdown(nodes: Document) -> str:
    """A reading in Zulip's words."""
    out = []
    for node in nodes:
        assert isinstance(node, Section)
        line = "".join(run_markdown(inline) for inline in node.inlines)
        out.append("\n".join(f">{one}" for one in line.split("\n")) if node.border else line)
    return "\n".join(out)


def run_markdown(inline: Any) -> str:
    match inline:
        case Words(text):
            said = text
        case Link(url, label):
            said = url if not label or url == f"mailto:{label}" else f"[{label}]({url})"
        case _:
            raise AssertionError(inline)
    signs = [sign for name, sign in SIGNS if getattr(inline.style, name)]
    return "".join(signs) + said + "".join(reversed(signs))


def test_a_room_is_written_as_matrix_appservice_slack_writes_it(slack_corpora: Path):
    path = slack_corpora / "matrix-appservice-slack-substitutions.json"
    cases = json.loads(path.read_text(encoding="utf-8"))
    assert len(cases) == 7
    listed = {one["body"]: one["ours"] for one in DIFFERENCES[path.name]}
    ours = {}
    for case in cases:
        # What the core makes of a mention of one of its ghosts.
        html = (case["formatted_body"] or "").replace("https://matrix.to/#/@stranger:localhost", "person:U12345")
        ours[case["body"]] = written(Text(plain=case["body"], html=html or None)).text.replace("U12345", "12345")
    assert {case["body"]: ours[case["body"]] for case in cases if ours[case["body"]] != case["slack_text"]} == listed


def test_every_sample_of_slack_is_read(slack_corpora: Path):
    """Every object of the SDKs' samples and tests, taken for a message and for a block, whatever it is."""
    messages = blocks = 0
    for value in objects(slack_corpora):
        fallback(value.get("blocks"))
        missing(value, text_of(value, NoNames()))
        messages += bool(value.keys() & {"blocks", "text", "attachments"})
        if isinstance(value.get("type"), str):
            fallback([value])
            missing({"blocks": [value]}, text_of({"blocks": [value]}, NoNames()))
            blocks += 1
    assert messages > 1_000
    assert blocks > 1_000


def missing(message: dict[str, Any], text: Text) -> None:
    said = message["blocks"] if message.get("blocks") else message.get("text")
    expected = words(said) if isinstance(said, str | list) else ()
    assert [one for one in expected if one.isalnum() and one not in text.plain] == []


def objects(corpora: Path) -> Iterator[dict[str, Any]]:
    values: list[Any] = []
    for path in sorted((corpora / "sdk-test-json").glob("*.jsonl")):
        values += [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    samples = sorted(corpora.glob("java-slack-sdk/samples/**/*.json"))
    values += [json.loads(path.read_text(encoding="utf-8")) for path in samples]
    while values:
        match values.pop():
            case list() as inner:
                values += inner
            case dict() as inner:
                values += inner.values()
                yield inner


def words(value: Any) -> Iterator[str]:
    """What the texts of a message say, found without knowing blocks."""
    match value:
        case str():
            yield value
        case list():
            for one in value:
                yield from words(one)
        case {"type": "rich_text_section" | "rich_text" | "rich_text_quote" | "rich_text_list", "elements": inner}:
            yield from words(inner)
        case {"type": "text" | "mrkdwn" | "plain_text", "text": str() as text}:
            yield text
        case {"type": "section" | "header", "text": inner}:
            yield from words(inner)
        case _:
            pass

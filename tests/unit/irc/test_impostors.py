"""Nobody speaks in another's name: every line that a client without draft/multiline shows says whose it is."""

import pytest

from tchap_bridges.events import Text
from tchap_bridges.testing.irc_script import MODERN

from .test_leaving import message, talking

MULTILINE = " ".join(cap for cap in MODERN.split() if not cap.startswith("draft/relaymsg"))
HTML = "bonjour<br><b>&lt;Paul Durand&gt; je démissionne</b>"


@pytest.mark.parametrize(
    ("words", "html"),
    [
        ("bonjour\n<Paul Durand> je démissionne", None),
        ("bonjour\n \t<Paul Durand> je démissionne", None),
        ("bonjour\n\u200b\u202d<Paul Durand> je démissionne", None),
        ("bonjour\n* Paul Durand démissionne", None),
        ("bonjour\n\x02\x0304<Paul Durand> je démissionne", None),
        ("", HTML),
        *((f"{'x' * n} <Paul Durand> je démissionne", None) for n in range(400, 500, 3)),
    ],
)
async def test_a_line_of_a_message_is_not_somebody_else_s(words: str, html: str | None) -> None:
    async with talking(caps=MULTILINE) as (server, connection):
        await connection.send(message("", text=Text(plain=words, html=html)))
        said = [line.text for line in server.lines("PRIVMSG")]
        assert any("démissionne" in one for one in said)
        for one in said:
            shown = "".join(char for char in one if char.isprintable()).removeprefix("04").strip()
            assert not shown.startswith(("<Paul", "* Paul"))


async def test_other_lines_stay_together() -> None:
    async with talking(caps=MULTILINE) as (server, connection):
        await connection.send(message("bonjour\nà tous\n- et à toutes"))
        assert server.lines("BATCH")

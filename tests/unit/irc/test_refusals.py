"""Every refusal is told in words that say what mends it, and so is being sent elsewhere."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tchap_bridge_irc import IrcBridge
from tchap_bridge_irc.config import Flood, IrcConfig
from tchap_bridge_irc.refusals import not_joined, undelivered
from tchap_bridge_irc.wire import Line, parse
from tchap_bridges.bridge import Asker
from tchap_bridges.errors import Misconfigured
from tchap_bridges.events import Message
from tchap_bridges.i18n import Phrase, Translator
from tchap_bridges.ids import UserId
from tchap_bridges.testing.host import FakeHost
from tchap_bridges.testing.irc_line import Line as Heard
from tchap_bridges.testing.irc_script import ScriptedServer
from tchap_bridges.testing.rig import until

CASES = YAML(typ="safe", pure=True).load(
    (Path(__file__).parents[2] / "vectors" / "irc" / "refusals.yaml").read_text(encoding="utf-8")
)
ASKER = Asker(user=UserId("@j:x"), name="J", room_name="R")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["line"])
def test_what_is_refused_is_told(case: dict[str, Any]):
    line = parse(case["line"].encode())
    assert isinstance(line, Line)
    if case.get("join"):
        reason, remedy, again = not_joined(line)
        assert again is case["again"]
    else:
        refused = undelivered(line, case.get("mode", {}))
        reason, remedy = refused.reason, refused.remedy
        assert refused.certain
    assert case["why"] in reason
    assert case["remedy"] in remedy
    english = Translator("en")
    for sentence in (reason, remedy):
        assert isinstance(sentence, Phrase)
        assert english(sentence) != sentence


def forwarding(line: Heard) -> list[str] | None:
    """#a leads to ##a; #b lets nobody in."""
    if line.command != "JOIN":
        return None
    match line.target:
        case "#a":
            return [":s 470 pont #a ##a :Forwarding to another channel", ":pont!u@h JOIN ##a", ":s 366 pont ##a :End"]
        case "#b":
            return [":s 474 pont #b :Cannot join channel (+b)"]
        case _:
            return None


@pytest.mark.asyncio
@pytest.mark.parametrize("linked", [True, False])
async def test_a_channel_that_leads_elsewhere(*, linked: bool):
    """Nobody asked for the other one: it is left, and the one asked for is told of once, in room or command."""
    host = FakeHost()
    if linked:
        host.link("#a")
        host.link("#b")
    async with ScriptedServer(caps="", support="TARGMAX=JOIN:1", answer=forwarding) as script:
        config = IrcConfig(host=script.host, port=script.port, security="none", flood=Flood(burst=99, seconds=0))
        async with IrcBridge().open(config, host) as connection:
            running = asyncio.create_task(connection.run())
            await asyncio.wait_for(host.is_up.wait(), 15)
            if linked:
                await until(lambda: len(host.events) == 2)
                told = sorted(one.text.plain for one in host.events if isinstance(one, Message))
                assert "##a" in told[0] or "##a" in told[1]
                assert "banni" in told[0] or "banni" in told[1]
            else:
                with pytest.raises(Misconfigured) as why:
                    await connection.find("#a", {}, ASKER)
                assert "##a" in why.value.remedy
            await until(lambda: [line.target for line in script.lines("PART")] == ["##a"])
            running.cancel()
            await asyncio.wait({running})

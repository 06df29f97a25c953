"""Catching up: what is asked for, what of it is news, and that nothing is twice."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tchap_bridge_irc import IrcBridge
from tchap_bridge_irc.batches import Batch, Batches
from tchap_bridge_irc.config import Flood, IrcConfig
from tchap_bridge_irc.history import History, dump, load
from tchap_bridge_irc.isupport import Isupport
from tchap_bridge_irc.wire import Line, parse
from tchap_bridges.events import Form, Message
from tchap_bridges.testing.host import FakeHost
from tchap_bridges.testing.irc_line import Line as Heard
from tchap_bridges.testing.irc_script import MODERN, ScriptedServer
from tchap_bridges.testing.rig import until

START = datetime(2026, 11, 22, 8, 17, 0, tzinfo=UTC)
SUPPORT = Isupport({"CASEMAPPING": "ascii", "CHATHISTORY": "2", "MSGREFTYPES": "msgid,timestamp"})


def said(number: int, *, msgid: bool = True, nick: str = "zoe", at: datetime | None = None, words: str = "") -> str:
    moment = dump(at or START + timedelta(seconds=number))
    tags = f"@batch=1;time={moment}" + (f";msgid=m{number}" if msgid else "")
    return f"{tags} :{nick}!u@h PRIVMSG #salon :{words or f'mot {number}'}"


def batch(*lines: str, end: bool = False) -> Batch:
    batches = Batches()
    tags = "@draft/chathistory-end " if end else ""
    found: list[Any] = []
    for text in (f"{tags}:s BATCH +1 chathistory #salon", *lines, ":s BATCH -1"):
        line = parse(text.encode())
        assert isinstance(line, Line)
        found += batches.take(line, 0.0)
    (one,) = found
    return one


def texts(items: Any) -> list[str]:
    return [item.param(-1) for item in items]


def test_pages_are_asked_for_until_there_are_no_more():
    history = History(SUPPORT, offered=True)
    (first,) = history.joined("#Salon", START, 0.0)
    assert first == Line("CHATHISTORY", ("AFTER", "#Salon", f"timestamp={dump(START)}", "2"))
    assert history.holds("#salon")
    page = history.page(batch(said(1), said(2)))
    assert texts(page.news) == ["mot 1", "mot 2"]
    assert page.send == (Line("CHATHISTORY", ("AFTER", "#Salon", "msgid=m2", "2")),)
    assert not page.over
    page = history.page(batch(said(2), said(3)))  # a server that gives the last one again
    assert texts(page.news) == ["mot 3"]
    page = history.page(batch())
    assert (page.news, page.send, page.over, page.gap) == ((), (), True, False)
    assert not history.holds("#salon")


def test_the_end_is_believed_where_it_is_told():
    history = History(SUPPORT, offered=True)
    history.joined("#salon", START, 0.0)
    page = history.page(batch(said(1), said(2), end=True))
    assert (texts(page.news), page.send, page.over) == (["mot 1", "mot 2"], (), True)


def test_a_server_that_repeats_itself_is_not_asked_for_ever():
    history = History(Isupport({**SUPPORT.tokens, "MSGREFTYPES": "timestamp"}), offered=True)
    history.joined("#salon", START, 0.0)
    page = history.page(batch(said(1), said(2)))
    assert page.send[0].param(2).startswith("timestamp=")
    page = history.page(batch(said(1), said(2)))
    assert (page.news, page.send, page.over) == ((), (), True)


def test_what_was_before_the_cursor_is_no_news():
    history = History(SUPPORT, offered=False)
    assert history.joined("#salon", START + timedelta(seconds=2, milliseconds=700), 0.0) == ()
    page = history.page(batch(said(1), said(2), said(3)))
    assert texts(page.news) == ["mot 2", "mot 3"], "the second of the cursor is told again, for keys to sort out"
    assert not history.listed("#salon", "3:1d"), "it overlaps: nothing is missing"


@pytest.mark.parametrize(
    ("lines", "kept", "missing"), [(3, "3:1d", True), (3, "20:1d", False), (0, None, True), (0, "20:1d", False)]
)
def test_what_is_missing_is_known_by_how_much_the_server_keeps(lines: int, kept: str | None, *, missing: bool):
    history = History(SUPPORT, offered=False)
    history.joined("#salon", START, 0.0)
    if lines:
        history.page(batch(*(said(n + 10) for n in range(lines))))
    assert history.listed("#salon", kept) is missing
    assert not history.listed("#salon", kept), "once"


def test_without_a_cursor_nothing_is_news():
    history = History(SUPPORT, offered=True)
    assert history.joined("#salon", None, 0.0) == ()
    assert history.page(batch(said(1))).news == ()


def test_a_reference_that_is_refused_is_replaced_by_the_latest():
    history = History(SUPPORT, offered=True)
    history.joined("#salon", START, 0.0)
    refused = Line("FAIL", ("CHATHISTORY", "INVALID_PARAMS", "AFTER", "#salon", "no"))
    found = history.failed(refused)
    assert found is not None
    assert found[1].send == (Line("CHATHISTORY", ("LATEST", "#salon", "*", "2")),)
    page = history.page(batch(said(8), said(9)))
    assert (texts(page.news), page.over, page.gap) == (["mot 8", "mot 9"], True, True)
    assert history.failed(refused) is None


def test_a_history_that_does_not_come_is_given_up():
    history = History(SUPPORT, offered=True)
    history.joined("#salon", START, 100.0)
    assert history.due is not None
    assert history.expired(history.due - 1) == []
    assert history.expired(history.due) == [("#salon", True)]
    assert not history.holds("#salon")


def test_a_cursor_is_what_was_written():
    assert load(dump(START)) == START
    assert load("") is load(None) is load("hier") is None


def test_the_history_of_ergo_is_read(corpora: Path):
    """Recorded: joins and a mode among messages, one of several lines, a relayed one, a reaction."""
    file = corpora / "transcripts" / "ergo-2.20.txt"
    rows = file.read_text(encoding="utf-8").split("-- chathistory\n")[1].split("-- targets")[0].splitlines()
    batches = Batches()
    found: list[Any] = []
    for row in rows:
        line = parse(row.encode())
        assert isinstance(line, Line)
        found += batches.take(line, 0.0)
    (one,) = found
    history = History(Isupport({"CASEMAPPING": "ascii"}), offered=True)
    history.joined("#t", datetime(2026, 11, 22, tzinfo=UTC), 0.0)
    page = history.page(one)
    assert page.over
    commands = [item.kind if isinstance(item, Batch) else item.command for item in page.news]
    assert commands.count("draft/multiline") == 1
    assert commands[-1] == "PRIVMSG"


# Through the connection


class Ergo:
    """Gives history as Ergo does: pages of two."""

    def __init__(self, lines: list[str]) -> None:
        self.lines, self.asked = lines, []

    def __call__(self, line: Heard) -> list[str] | None:
        if line.command != "CHATHISTORY":
            return None
        self.asked.append(line.params)
        page, self.lines = self.lines[:2], self.lines[2:]
        end = "" if self.lines else "@draft/chathistory-end "
        live = ["@msgid=live1;time=2026-11-22T09:00:00.000Z :zoe!u@h PRIVMSG #salon :en direct"]
        return [*(live if len(self.asked) == 1 else []), f"{end}:s BATCH +1 chathistory #salon", *page, ":s BATCH -1"]


@pytest.mark.asyncio
async def test_what_is_said_meanwhile_waits_for_what_was_said_before():
    """In order, with original times, without our own words, without a double; the cursor is moved after all that."""
    lines = [
        said(1),
        said(2, nick="pont"),
        said(3, nick="J/tchap").replace("@", "@draft/relaymsg=pont;", 1),
        said(4),
        said(5),
    ]
    host = FakeHost()
    host.link("#salon")
    host.kv.values["cursor #salon"] = dump(START)
    ergo = Ergo(lines)
    async with ScriptedServer(caps=MODERN, answer=ergo) as script:
        config = IrcConfig(host=script.host, port=script.port, security="none", flood=Flood(burst=99, seconds=0))
        async with IrcBridge().open(config, host) as connection:
            running = asyncio.create_task(connection.run())
            await until(lambda: "en direct" in [one.text.plain for one in host.events if isinstance(one, Message)])
            running.cancel()
            await asyncio.wait({running})
    heard = [event for event in host.events if isinstance(event, Message)]
    assert [one.text.plain for one in heard] == ["mot 1", "mot 4", "mot 5", "en direct"]
    assert [one.at for one in heard[:3]] == [START + timedelta(seconds=n) for n in (1, 4, 5)]
    assert not [one for one in heard if one.form is Form.NOTICE]
    assert host.kv.values["cursor #salon"] == "2026-11-22T09:00:00.000Z"
    assert len(ergo.asked) == 3


@pytest.mark.asyncio
async def test_without_batches_old_lines_are_not_taken_for_new():
    """InspIRCd with +H and a client that has no batches: they come as if they were said now."""

    def answer(line: Heard) -> list[str] | None:
        if line.command == "JOIN":
            return [":pont!u@h JOIN #salon", ":s 353 pont = #salon :pont zoe", ":s 366 pont #salon :End",
                    ":zoe!u@h PRIVMSG #salon :vieux", ":zoe!u@h PRIVMSG #salon :vieux aussi"]  # fmt: skip
        if line.command == "MODE":
            return [":s 324 pont #salon +H 20:1d", ":zoe!u@h PRIVMSG #salon :nouveau"]
        return None

    host = FakeHost()
    host.link("#salon")
    host.kv.values["cursor #salon"] = dump(START)
    async with ScriptedServer(caps="", support="CHANMODES=b,k,lH,imnt", answer=answer) as script:
        config = IrcConfig(host=script.host, port=script.port, security="none", flood=Flood(burst=99, seconds=0))
        async with IrcBridge().open(config, host) as connection:
            running = asyncio.create_task(connection.run())
            await until(lambda: host.events)
            running.cancel()
            await asyncio.wait({running})
    assert [one.text.plain for one in host.events if isinstance(one, Message)] == ["nouveau"]

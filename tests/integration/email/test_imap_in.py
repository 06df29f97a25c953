"""Mailboxes of a real Dovecot: from now on, everything, once, and nothing touched."""

import asyncio
import imaplib
import shutil
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tchap_bridge_email import EmailBridge
from tchap_bridge_email.config import EmailConfig
from tchap_bridge_email.imap_client import Account
from tchap_bridge_email.imap_in import Mailboxes, Pace
from tchap_bridges.errors import NotReady
from tchap_bridges.events import Message
from tchap_bridges.testing import ports
from tchap_bridges.testing.dovecot import Dovecot
from tchap_bridges.testing.host import FakeHost

USER = "agent@pont.example"
QUICK = Pace(idle=1, poll=0.2, answer=5, first_pause=0.1, last_pause=0.2, refused_pause=0.2, full_pause=0.1)


def mail(n: int, size: int = 0) -> bytes:
    return f"From: marie@exemple.fr\r\nMessage-ID: <{n}@exemple.fr>\r\n\r\nn°{n}\r\n".encode() + b"x" * size


def account(dovecot: Dovecot, **more: Any) -> Account:
    given = {
        "address": USER,
        "host": "localhost",
        "port": dovecot.port,
        "security": "starttls",
        "user": USER,
        "password": "secret",
        "folder": "INBOX",
        "tls": dovecot.certificate.for_client(),
    }
    return Account(**{**given, **more})


class Watching:
    """A watch that a test can start and stop; the host's memory stays."""

    def __init__(self, host: FakeHost, box: Account, *, pace: Pace = QUICK, size: int = 2_000_000) -> None:
        self._host, self._box, self._pace, self._size = host, box, pace, size

    async def __aenter__(self) -> None:
        self._mailboxes = Mailboxes(self._host, size=self._size, pace=self._pace)
        self._task = asyncio.create_task(self._mailboxes.watch(self._box))

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def until(true: Callable[[], bool], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.02)


def opened(host: FakeHost) -> Callable[[], bool]:
    return lambda: bool(host.kv.values)


@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
async def test_only_what_comes_after_the_first_start(dovecot: Dovecot, security: str) -> None:
    port = dovecot.tls_port if security == "tls" else dovecot.port
    host = FakeHost()
    await dovecot.append(USER, mail(1))
    async with Watching(host, account(dovecot, security=security, port=port)):
        await until(opened(host))
        await dovecot.append(USER, mail(2))
        await dovecot.append(USER, mail(3))
        await host.wait_for(2)
    assert [item.raw for item in host.items] == [mail(2), mail(3)]
    assert host.items[0].meta["recipient"] == USER
    assert [kept.flags - {r"\Recent"} for kept in await dovecot.mails(USER)] == [frozenset()] * 3


async def test_idle_tells_at_once(dovecot: Dovecot) -> None:
    host = FakeHost()
    slow = Pace(idle=300, poll=300, answer=5)
    async with Watching(host, account(dovecot), pace=slow):
        await until(opened(host))
        for n in range(10):
            await asyncio.sleep(0.05 * (n % 3))
            await dovecot.append(USER, mail(n))
        await host.wait_for(10, timeout=5)


async def test_what_came_while_away_is_caught_up(dovecot: Dovecot) -> None:
    host = FakeHost()
    async with Watching(host, account(dovecot)):
        await until(opened(host))
    for n in range(30):
        await dovecot.append(USER, mail(n))
    async with Watching(host, account(dovecot)):
        await host.wait_for(30)
    async with Watching(host, account(dovecot)):
        await dovecot.append(USER, mail(99))
        await host.wait_for(31)
    assert [item.raw for item in host.items] == [*map(mail, range(30)), mail(99)]


async def test_a_server_that_dies_is_come_back_to(dovecot: Dovecot) -> None:
    host = FakeHost()
    async with Watching(host, account(dovecot)):
        await until(opened(host))
        await dovecot.kill()
        await until(lambda: bool(host.notes and host.notes[-1]))
        await dovecot.restart()
        await dovecot.append(USER, mail(1))
        await host.wait_for(1)
        assert host.notes[-1] == ""


async def test_a_renumbered_mailbox_brings_nothing_twice_and_nothing_old(dovecot: Dovecot) -> None:
    host = FakeHost()
    await dovecot.append(USER, mail(1))
    await asyncio.sleep(1.1)  # INTERNALDATE counts in seconds
    async with Watching(host, account(dovecot)):
        await until(opened(host))
        await asyncio.sleep(1.1)
        await dovecot.append(USER, mail(2))
        await host.wait_for(1)
    await dovecot.stop()
    for index in (dovecot.folder / "mail" / USER / "Maildir").glob("dovecot*"):
        await asyncio.to_thread(lambda path=index: path.unlink() if path.is_file() else shutil.rmtree(path))
    await dovecot.restart()
    await dovecot.append(USER, mail(3))
    before = dict(host.kv.values)
    async with Watching(host, account(dovecot)):
        await host.wait_for(2)
    assert [item.raw for item in host.items] == [mail(2), mail(3)]
    assert host.kv.values != before


async def test_a_full_inbox_pauses_the_mailbox(dovecot: Dovecot) -> None:
    host = FakeHost()
    async with Watching(host, account(dovecot)):
        await until(opened(host))
        host.refusal = NotReady("plein")
        await dovecot.append(USER, mail(1))
        await asyncio.sleep(0.5)
        assert host.items == []
        host.refusal = None
        await host.wait_for(1)


async def test_what_is_too_big_is_cut_and_what_is_big_is_not(dovecot: Dovecot) -> None:
    host = FakeHost()
    async with Watching(host, account(dovecot)):
        await until(opened(host))
        await dovecot.append(USER, mail(1, 1_500_000))
        await dovecot.append(USER, mail(2, 3_000_000))
        await host.wait_for(2)
    assert [len(item.raw) for item in host.items] == [len(mail(1, 1_500_000)), 1_000_000]
    assert ["cut" in item.meta for item in host.items] == [False, True]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda dovecot, port: account(dovecot, password='fa"ux\\'),
        lambda dovecot, port: account(dovecot, port=port),
        lambda dovecot, port: account(dovecot, folder="Nulle part/é"),
        lambda dovecot, port: account(dovecot, host="127.0.0.2"),
    ],
)
async def test_one_that_fails_holds_up_no_other(
    dovecot: Dovecot, free_port: Callable[[], int], wrong: Callable[[Dovecot, int], Account]
) -> None:
    host = FakeHost()
    mailboxes = Mailboxes(host, size=2_000_000, pace=QUICK)
    good = account(dovecot, address="liste@pont.example", user="liste@pont.example")
    tasks = [asyncio.create_task(mailboxes.watch(box)) for box in (wrong(dovecot, free_port()), good)]
    await until(opened(host))
    await dovecot.append("liste@pont.example", mail(1))
    await host.wait_for(1)
    await until(lambda: bool(host.notes))
    assert USER in host.notes[-1]
    assert "faux" not in host.notes[-1]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_folder_with_an_accent(dovecot: Dovecot) -> None:
    host = FakeHost()
    await asyncio.to_thread(_make_folder, dovecot)
    async with Watching(host, account(dovecot, folder="Équipe & amis")):
        await until(opened(host))
        await dovecot.append(USER, mail(1), folder='"&AMk-quipe &- amis"')
        await host.wait_for(1)


def _make_folder(dovecot: Dovecot) -> None:
    with imaplib.IMAP4("127.0.0.1", dovecot.port) as imap:
        imap.login(USER, "secret")
        assert imap.create('"&AMk-quipe &- amis"')[0] == "OK"


class Script:
    """An IMAP server of one mailbox with two new mails, and faults that no real server shows on demand.

    ``refuses``: what a FETCH of these mails' bodies is answered; ``headers_too``: and of their headers. ``cuts``: the
    command at which the connection is lost.
    """

    def __init__(self, *, hangs: bool = False, refuses: dict[int, str] | None = None, cuts: str = "") -> None:
        self.connections = 0
        self.refuses, self.cuts = refuses or {}, cuts
        self.headers_too = False
        self._hangs = hangs

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        writer.write(b"* OK ready\r\n")
        while line := (await reader.readline()).decode():
            tag, command, *words = line.split()
            if self.cuts in (command, *words[:1]):
                break
            if command == "IDLE":
                writer.write(b"+ idling\r\n")
                line = (await reader.readline()).decode()
                if self._hangs:
                    await reader.read()
            elif words[:1] == ["FETCH"] and self._refused(words):
                writer.write(f"{tag} {self.refuses[int(words[1])]}\r\n".encode())
                continue
            writer.write(self._told(command, words) + f"{tag} OK done\r\n".encode())
        writer.close()

    def _refused(self, words: list[str]) -> bool:
        part = "BODY.PEEK[" if self.headers_too else "BODY.PEEK[]"
        return int(words[1]) in self.refuses and words[2].startswith(f"({part}")

    def _told(self, command: str, words: list[str]) -> bytes:
        match command, words:
            case "CAPABILITY", _:
                return b"* CAPABILITY IMAP4rev1 IDLE\r\n"
            case "EXAMINE", _:
                return b"* 0 EXISTS\r\n* OK [UIDVALIDITY 1] x\r\n* OK [UIDNEXT 1] x\r\n"
            case "UID", ["SEARCH", *_]:
                return b"* SEARCH 1 2\r\n"
            case "UID", ["FETCH", uid, "(RFC822.SIZE", *_]:
                date = b'"01-Mar-2026 10:00:00 +0000"'
                return b"* %s FETCH (UID %s RFC822.SIZE %d INTERNALDATE %s)\r\n" % (
                    uid.encode(), uid.encode(), len(mail(int(uid))), date,
                )  # fmt: skip
            case "UID", ["FETCH", uid, part, *_]:
                raw = mail(int(uid)).partition(b"n\xc2")[0] if "HEADER" in part else mail(int(uid))
                return b"* %s FETCH (UID %s BODY[] {%d}\r\n%s)\r\n" % (uid.encode(), uid.encode(), len(raw), raw)
            case _:
                return b""


BRISK = Pace(idle=0.2, poll=1, answer=0.5, first_pause=0.05, last_pause=0.05, patience=0.5, ill_patience=1.5)
ILL = "NO [SERVERBUG] Internal error occurred"


@asynccontextmanager
async def scripted(script: Script, host: FakeHost, pace: Pace = BRISK) -> AsyncIterator[None]:
    port = ports.free_port()
    box = Account(
        address=USER, host="127.0.0.1", port=port, security="none", user=USER, password="secret", folder="INBOX",
        tls=ssl.create_default_context(),
    )  # fmt: skip
    async with await asyncio.start_server(script.serve, "127.0.0.1", port):
        async with Watching(host, box, pace=pace):
            yield


async def test_an_idle_that_hangs_is_noticed() -> None:
    host, script = FakeHost(), Script(hangs=True)
    async with scripted(script, host):
        await until(lambda: script.connections >= 3)
    assert "ne répond plus" in "".join(host.notes)
    assert len(host.items) == 2


@pytest.mark.parametrize("said", [ILL, "NO [INUSE] Busy", "NO [UNAVAILABLE] Storage away", "NO not now", "BAD what"])
async def test_an_outage_leaves_no_mail_behind_however_long_it_lasts(said: str) -> None:
    host, script = FakeHost(), Script(refuses={1: said, 2: said})
    async with scripted(script, host):
        await until(lambda: script.connections >= 6)
        await asyncio.sleep(2 * BRISK.ill_patience)
        assert host.items == []
        assert said.split(" ", maxsplit=1)[0] in host.notes[-1]
        script.refuses = {}
        await host.wait_for(2)
        assert host.notes[-1] == ""
    assert [item.raw for item in host.items] == [mail(1), mail(2)]


@pytest.mark.parametrize(("said", "patience"), [("NO not this one", BRISK.patience), (ILL, BRISK.ill_patience)])
async def test_one_mail_that_alone_cannot_be_had_is_told_and_does_not_block_the_next(
    said: str, patience: float
) -> None:
    host, script = FakeHost(), Script(refuses={1: said})
    async with scripted(script, host):
        await until(lambda: script.connections >= 2)
        await asyncio.sleep(patience - 0.3)
        assert host.items == []
        await host.wait_for(2)
    told, after = host.items
    assert (told.raw, told.meta["unfetched"], after.raw) == (mail(1).partition(b"n\xc2")[0], USER, mail(2))
    config = EmailConfig.model_validate(
        {"domain": "pont.example", "listen": {"smtp": "127.0.0.1:9"}, "submission": {"host": "localhost"}}
    )
    (message,) = EmailBridge.read(told, config)
    assert isinstance(message, Message)
    assert (message.id, message.author.person) == ("<1@exemple.fr>", "marie@exemple.fr")
    assert f"resté dans la boîte {USER}" in message.text.plain


async def test_a_mail_that_comes_back_in_time_is_taken_in_its_place() -> None:
    host, script = FakeHost(), Script(refuses={1: "NO not this one"})
    async with scripted(script, host):
        await until(lambda: script.connections >= 3)
        script.refuses = {}
        await host.wait_for(2)
    assert [item.raw for item in host.items] == [mail(1), mail(2)]


@pytest.mark.parametrize(
    ("linked", "told"),
    [([USER, "liste@exemple.fr"], {USER}), (["a@b.fr", "c@d.fr"], {"a@b.fr", "c@d.fr"}), ([], set())],
)
async def test_whoever_may_have_been_meant_hears_of_a_mail_without_even_a_header(
    linked: list[str], told: set[str]
) -> None:
    host, script = FakeHost(), Script(refuses={1: "NO not this one"})
    for chat in linked:
        host.link(chat)
    script.headers_too = True
    async with scripted(script, host):
        await host.wait_for(len(told) + 1)
    *left, after = host.items
    assert {item.meta["recipient"] for item in left} == {item.meta["chat"] for item in left} == told
    assert after.raw == mail(2)


@pytest.mark.parametrize("command", ["FETCH", "LOGIN", "SEARCH"])
async def test_a_lost_connection_is_no_refusal(command: str) -> None:
    host, script = FakeHost(), Script(cuts=command)
    async with scripted(script, host):
        await until(lambda: script.connections >= 6)
        await asyncio.sleep(2 * BRISK.patience)
        assert host.items == []
        assert "connexion IMAP est perdue" in host.notes[-1]
        script.cuts = ""
        await host.wait_for(2)
    assert [item.raw for item in host.items] == [mail(1), mail(2)]


async def test_who_is_refused_again_and_again_asks_less_and_less_often() -> None:
    host, script = FakeHost(), Script(refuses={1: ILL, 2: ILL})
    async with scripted(script, host, Pace(answer=0.5, first_pause=0.05, last_pause=60)):
        await asyncio.sleep(1.5)
    assert 2 <= script.connections <= 5

"""No byte of a file goes anywhere before a scanner has found it clean, and each is looked at once, whatever happens."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tchap_bridges.bridge import Limits
from tchap_bridges.core import clock, lanes
from tchap_bridges.core.ports import Outcome, ScannerAway, Suspect, Verdict
from tchap_bridges.core.screening import HEAD, Checks, Held, Screen
from tchap_bridges.errors import NotReady, Undeliverable
from tchap_bridges.events import Author, File, Message, Text
from tchap_bridges.ids import ChatId, ConnectionName, FileRef, MessageId, PersonId
from tchap_bridges.outgoing import Outgoing

from .homeserver import ALICE, WHEN
from .network import NetConnection
from .places import Place
from .stage import Counts, Stage, stage

BAD = b"un virus"
CLEAN = Verdict(outcome=Outcome.CLEAN)
NOTICE = "⚠ plan.pdf n'est pas parti vers #c : "
PNG = b"\x89PNG\r\n\x1a\n un visage"


@dataclass
class Scripted:
    """A scanner that finds `BAD`, and fails as it is told. ``seen`` are the files that it was given, in order."""

    failures: list[Exception] = field(default_factory=list)
    seen: list[bytes] = field(default_factory=list)
    reads: bool = True

    async def scan(self, suspect: Suspect) -> Verdict:
        if self.failures:
            raise self.failures.pop(0)
        if not self.reads:
            return CLEAN
        async with suspect.open() as chunks:
            data = b"".join([chunk async for chunk in chunks])
        self.seen.append(data)
        return Verdict(outcome=Outcome.INFECTED, detail="Essai") if BAD in data else CLEAN

    async def probe(self) -> str:
        return "essai"


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[bytes | str]:
    """What each place has got of each file: its bytes, or why there are none. Nothing is shown before."""
    got: list[bytes | str] = []
    real = Place.send

    async def send(self: Place, message: Outgoing) -> Sequence[MessageId]:
        for n, file in enumerate(message.files):
            try:
                async with file.open() as chunks:
                    got.append(b"".join([chunk async for chunk in chunks]))
            except Undeliverable as error:
                await message.leave_out(n, error)
                got.append(str(error.reason))
        return await real(self, message)

    monkeypatch.setattr(Place, "send", send)
    return got


def checks(scanner: Scripted, **more: Any) -> Checks:
    return Checks(scanner=scanner, **{"largest": 1000, "patience": 60.0, **more})


async def said(s: Stage, data: bytes, name: str = "plan.pdf") -> str:
    s.hs.rooms.files[name] = data
    return await s.say("voici", files=[name])


async def audited(s: Stage) -> list[tuple[str, str, str, str]]:
    async with s.db.snapshot() as tx:
        rows = await tx.all("audit_list", after=0, limit=100)
    return [(row["what"], row["who"], row["detail"], row["rule"]) for row in rows if row["what"] in set(Outcome)]


async def test_a_clean_file_goes_along_and_was_looked_at_once(tmp_path: Path, sent: list[Any]) -> None:
    scanner = Scripted()
    async with stage(tmp_path, checks=checks(scanner)) as s:
        await said(s, b"un plan")
        await s.net.shown.until(1)
        assert (sent, scanner.seen) == ([b"un plan"], [b"un plan"])
        await asyncio.sleep(0.1)
        assert (s.shown.log, await audited(s), s.meter.counted["clean", "net"]) == ([], [], 1)


async def test_an_infected_file_stays_its_text_goes_and_its_sender_is_told(tmp_path: Path, sent: list[Any]) -> None:
    async with stage(tmp_path, checks=checks(Scripted())) as s:
        event = await said(s, BAD)
        (notice,) = await s.shown.until(1)
        assert s.net.shown.texts == ["voici"]
        assert sent == ["l'antivirus y a trouvé un programme malveillant (Essai)"]
        assert notice.reply_to == event
        assert notice.text.plain == (
            f"{NOTICE}l'antivirus y a trouvé un programme malveillant (Essai). "
            "Ne le renvoyez pas, et prévenez votre équipe de sécurité informatique."
        )
        assert await audited(s) == [("infected", ALICE, "#c", "Essai")]
        assert s.meter.counted["infected", "net"] == 1


async def test_one_from_a_network_is_not_in_the_room_and_its_sender_is_told_there(
    tmp_path: Path, sent: list[Any]
) -> None:
    async with stage(tmp_path, checks=checks(Scripted())) as s:
        await s.net.up.wait()
        connection = s.kernel.supervisor.connection(ConnectionName("net"))
        assert isinstance(connection, NetConnection)
        connection.files["f1"] = BAD
        await s.net.say("regarde", files=(File(name="plan.exe", mime="image/png", ref=FileRef("f1")),))
        (notice,) = await s.net.shown.until(1)
        assert s.shown.texts == ["regarde"]
        assert sent == ["l'antivirus y a trouvé un programme malveillant (Essai)"]
        assert (notice.reply_to, notice.author) == ("n1", None)
        assert notice.text.plain.startswith("⚠ plan.exe n'est pas parti vers le salon : l'antivirus")
        assert await audited(s) == [("infected", "@pont_bob:test", "#c", "Essai")]
        await s.net.say("et encore", files=(File(name="plan.exe", mime="image/png", ref=FileRef("f1")),))
        await s.net.say("moi aussi", by="zoe", files=(File(name="plan.exe", mime="image/png", ref=FileRef("f1")),))
        assert [one.reply_to for one in await s.net.shown.until(2)] == ["n1", "n3"], "each once an hour"


@pytest.mark.parametrize(
    ("data", "options", "why", "what"),
    [
        (b"x" * 1001, {}, "il est trop grand pour être contrôlé par l'antivirus", "too large"),
        (
            b"MZ",
            {"refused": lambda name, mime, head: "application/x" if head.startswith(b"MZ") else ""},
            "les fichiers de ce type ne passent pas ici (application/x)",
            "forbidden type",
        ),
        (
            b"MZ" + b"x" * 2 * HEAD,
            {"largest": 10 * HEAD, "refused": lambda name, mime, head: "a/b" if len(head) == HEAD else ""},
            "les fichiers de ce type ne passent pas ici (a/b)",
            "forbidden type",
        ),
        (
            b"",
            {"refused": lambda name, mime, head: mime if name == "plan.pdf" and not head else ""},
            "les fichiers de ce type ne passent pas ici (application/pdf)",
            "forbidden type",
        ),
    ],
    ids=["too large", "type", "type of a long one", "type of an empty one"],
)
async def test_what_the_operator_does_not_want(
    tmp_path: Path, sent: list[Any], data: bytes, options: Any, why: str, what: str
) -> None:
    async with stage(tmp_path, checks=checks(Scripted(), **options)) as s:
        await said(s, data)
        (notice,) = await s.shown.until(1)
        assert notice.text.plain.startswith(f"{NOTICE}{why}. ")
        assert (sent, [each[0] for each in await audited(s)]) == ([why], [what])


async def test_the_size_that_a_network_tells_is_enough_to_refuse(tmp_path: Path, sent: list[Any]) -> None:
    scanner = Scripted()
    async with stage(tmp_path, checks=checks(scanner)) as s:
        s.hs.rooms.files["gros"] = b"petit"
        file = {"name": "plan.pdf", "mime": "application/pdf", "ref": "gros", "size": 2000}
        await s.say("voici", files=[file])
        await s.shown.until(1)
        assert scanner.seen == []


async def test_a_file_waits_for_a_scanner_that_comes_back(tmp_path: Path, sent: list[Any]) -> None:
    scanner = Scripted(failures=[ScannerAway("parti", retry_after=0.05), ScannerAway("parti", retry_after=0.05)])
    async with stage(tmp_path, checks=checks(scanner)) as s:
        await said(s, b"un plan")
        await s.net.shown.until(1)
        await asyncio.sleep(0.1)
        assert (sent, scanner.seen, s.shown.log) == ([b"un plan"], [b"un plan"], [])


async def test_it_does_not_wait_for_ever(tmp_path: Path, sent: list[Any]) -> None:
    scanner = Scripted(failures=[ScannerAway("parti", retry_after=0.05)] * 100)
    async with stage(tmp_path, checks=checks(scanner, patience=0.3)) as s:
        await said(s, b"un plan")
        (notice,) = await s.shown.until(1)
        why = "l'antivirus ne répond pas, et rien ne passe sans avoir été contrôlé"
        assert notice.text.plain.startswith(f"{NOTICE}{why}. ")
        assert (sent, s.net.shown.texts, scanner.seen) == ([why], ["voici"], [])
        assert await audited(s) == [("scanner away", ALICE, "#c", "")]
        left = len(scanner.failures)
        await said(s, b"un autre")  # the scanner is away for long already: nobody waits again
        await s.shown.until(2)
        assert len(scanner.failures) == left - 1


async def test_the_waiting_goes_on_after_a_restart(
    tmp_path: Path, sent: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    away = Scripted(failures=[ScannerAway("parti", retry_after=0.05)] * 1000)
    async with stage(tmp_path, checks=checks(away)) as s:
        await said(s, b"un plan")
        async with asyncio.timeout(5):
            while len(away.failures) > 998:
                await asyncio.sleep(0.02)
    real = clock.now
    monkeypatch.setattr(clock, "now", lambda: real() + 61_000)
    async with stage(tmp_path, linked=False, checks=checks(away)) as s:
        await s.shown.until(1)
        assert s.net.shown.texts == ["voici"]


@pytest.mark.parametrize("data", [b"un plan", BAD], ids=["clean", "infected"])
async def test_stopped_between_looking_and_sending_nothing_is_lost_or_doubled(
    tmp_path: Path, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "STOP", 0.05)
    scanner, reached = Scripted(), asyncio.Event()
    real = NetConnection.send

    async def never(self: NetConnection, message: Outgoing) -> Sequence[MessageId]:
        reached.set()
        await asyncio.Event().wait()
        raise AssertionError

    async with stage(tmp_path, checks=checks(scanner)) as s:
        monkeypatch.setattr(NetConnection, "send", never)
        event = await said(s, data)
        async with asyncio.timeout(5):
            await reached.wait()
    assert scanner.seen == [data]
    got: list[bytes] = []

    async def send(self: NetConnection, message: Outgoing) -> Sequence[MessageId]:
        for file in message.files:
            try:
                async with file.open() as chunks:
                    got.append(b"".join([chunk async for chunk in chunks]))
            except Held:
                got.append(b"held")
            except Undeliverable:
                got.append(b"left out")
        return await real(self, message)

    monkeypatch.setattr(NetConnection, "send", send)
    async with stage(tmp_path, linked=False, checks=checks(scanner)) as s:
        s.hs.rooms.files["plan.pdf"] = data
        await s.net.shown.until(1)
        await asyncio.sleep(0.2)
        assert s.net.shown.texts == ["voici"]
        assert scanner.seen == [data], "it was looked at already"
        if data is BAD:
            assert got == [b"left out"]
            assert [(one.text.plain[: len(NOTICE)], one.reply_to) for one in s.shown.log] == [(NOTICE, event)]
            assert [each[0] for each in await audited(s)] == ["infected"]
        else:
            assert (got, s.shown.log) == ([data], [])


async def test_stopped_while_it_is_looked_at_nothing_is_uncertain(
    tmp_path: Path, sent: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where nothing may be said twice: nothing was."""
    monkeypatch.setattr(lanes, "STOP", 0.05)
    scanner, reached = Scripted(), asyncio.Event()

    async def never(_suspect: Suspect) -> Verdict:
        reached.set()
        await asyncio.Event().wait()
        raise AssertionError

    def once(s: Stage) -> None:
        s.net.limits = Limits(repeatable=False)

    scanner.scan = never
    async with stage(tmp_path, checks=checks(scanner), prepare=once) as s:
        await said(s, b"un plan")
        async with asyncio.timeout(5):
            await reached.wait()
    async with stage(tmp_path, linked=False, checks=checks(Scripted()), prepare=once) as s:
        s.hs.rooms.files["plan.pdf"] = b"un plan"
        await s.net.shown.until(1)
        await asyncio.sleep(0.2)
        assert (s.net.shown.texts, sent, s.shown.log) == (["voici"], [b"un plan"], [])


async def test_other_bytes_than_those_that_were_looked_at_are_not_sent(tmp_path: Path, sent: list[Any]) -> None:
    scanner = Scripted()
    async with stage(tmp_path, checks=checks(scanner)) as s:
        real, data = scanner.scan, [b"un plan", BAD]

        async def scan(suspect: Suspect) -> Verdict:
            found = await real(suspect)
            s.hs.rooms.files["plan.pdf"] = data.pop()
            return found

        scanner.scan = scan
        await said(s, b"un plan")
        (notice,) = await s.shown.until(1)
        assert sent == ["il a changé depuis que l'antivirus l'a contrôlé"]
        assert BAD not in sent
        assert notice.text.plain.startswith(f"{NOTICE}il a changé")


async def test_a_scanner_with_bytes_of_its_own_leaves_the_size_and_the_type_to_us(
    tmp_path: Path, sent: list[Any]
) -> None:
    scanner = Scripted(reads=False)
    refused: Callable[[str, str, bytes], str] = lambda _name, _mime, head: "a/b" if head == BAD else ""  # noqa: E731
    async with stage(tmp_path, checks=checks(scanner, refused=refused)) as s:
        await said(s, b"un plan")
        await s.net.shown.until(1)
        await said(s, BAD)
        await s.net.shown.until(2)
        assert sent == [b"un plan", "les fichiers de ce type ne passent pas ici (a/b)"]


async def test_two_files_one_of_them_bad(tmp_path: Path, sent: list[Any]) -> None:
    async with stage(tmp_path, checks=checks(Scripted())) as s:
        s.hs.rooms.files |= {"bon.pdf": b"un plan", "plan.pdf": BAD}
        await s.say("voici", files=["plan.pdf", "bon.pdf"])
        await s.shown.until(1)
        assert sent == ["l'antivirus y a trouvé un programme malveillant (Essai)", b"un plan"]


async def test_a_link_leads_to_nothing_that_was_not_looked_at(tmp_path: Path) -> None:
    """For networks without files; and again when somebody follows it: signatures are newer by then."""
    scanner = Scripted()
    async with stage(tmp_path, checks=checks(scanner), public_url="https://f.exemple.fr") as s:
        await said(s, b"un plan")
        (message,) = await s.net.shown.until(1)
        url = await message.files[0].link()
        assert scanner.seen == [b"un plan"]
        shared = await s.kernel.shares.find(url.split("/")[-2])
        async with shared.open() as chunks:
            assert b"".join([chunk async for chunk in chunks]) == b"un plan"
        s.hs.rooms.files["plan.pdf"] = BAD
        with pytest.raises(Held):
            async with (await s.kernel.shares.find(url.split("/")[-2])).open():
                pass
        scanner.failures = [ScannerAway("parti")]
        with pytest.raises(NotReady):
            async with (await s.kernel.shares.find(url.split("/")[-2])).open():
                pass
        await said(s, BAD, "autre.pdf")
        message = (await s.net.shown.until(2))[1]
        with pytest.raises(Held):
            await message.files[0].link()


async def test_pictures_are_looked_at_too(tmp_path: Path) -> None:
    scanner = Scripted()
    async with stage(tmp_path, checks=checks(scanner), public_url="https://f.exemple.fr") as s:
        s.hs.pictures[ALICE], s.hs.rooms.files["mxc://a/b"] = "mxc://a/b", PNG
        await s.say("bonjour")
        (message,) = await s.net.shown.until(1)
        url = await message.link_to_avatar()
        assert (await s.kernel.avatars.find(url.rsplit("/")[-1])).mime == "image/png"
        s.hs.rooms.files["mxc://a/b"] = PNG + BAD
        with pytest.raises(Held):
            await s.kernel.avatars.find(url.rsplit("/")[-1])
        connection = s.kernel.supervisor.connection(ConnectionName("net"))
        assert isinstance(connection, NetConnection)
        connection.files["visage"] = PNG + BAD
        picture = File(name="a", mime="image/png", ref=FileRef("visage"))
        assert s.net.host is not None
        await s.net.host.receive(
            Message(
                id=MessageId("n1"),
                chat=ChatId("#c"),
                author=Author(person=PersonId("bob"), name="Bob", avatar=picture),
                at=WHEN,
                text=Text(plain="salut"),
            ),
            key="n1",
        )
        (message,) = await s.shown.until(1)
        with pytest.raises(Held):
            async with message.avatar.open():
                pass


async def test_without_an_antivirus_everything_passes(tmp_path: Path, sent: list[Any]) -> None:
    async with stage(tmp_path) as s:
        await said(s, BAD)
        await s.net.shown.until(1)
        assert sent == [BAD]


async def test_a_large_file_is_kept_back_before_its_end() -> None:
    """What is streamed to a network that counts on a length is never whole when it is not what was looked at."""
    pieces = [[b"a", b"b", b"c"], [b"a", b"b", b"d"]]

    @asynccontextmanager
    async def opened() -> AsyncIterator[AsyncIterator[bytes]]:
        async def chunks() -> AsyncIterator[bytes]:
            for piece in pieces.pop(0):
                yield piece

        yield chunks()

    screen = Screen(checks(Scripted()), Counts())
    suspect = Suspect(name="x", mime="a/b", size=None, ref=FileRef(""), in_matrix=False, open=opened)
    got = []

    async def read() -> None:
        async with screen.opened(suspect) as chunks:
            async for chunk in chunks:
                got.append(chunk)  # noqa: PERF401 - what came before it fails is wanted

    with pytest.raises(Held, match="a changé"):
        await read()
    assert got == [b"a", b"b"]

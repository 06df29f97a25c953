"""Mail servers that hang up, die or are told of a bug of ours; two ghosts who speak at once."""

import asyncio
import smtplib
import socket
import struct
from email.policy import SMTP

from tchap_bridges.testing.world import list_mail

from .ground import Ground, Place
from .oracle import Ledger, Token, Verdict
from .scenario import Scale
from .traffic import hand_in, talk


def mail_of(place: Place, token: Token) -> bytes:
    author = token.sender.title(), f"{token.sender}@exemple.fr"
    return list_mail(*author, f"Sujet {token.n}", f"{token}\n", list_name=place.name).as_bytes(policy=SMTP)


def _hang_up(port: int, recipient: str, data: bytes, *, rudely: bool) -> None:
    """Hand over a whole mail, and be gone before the reply; ``rudely``: by a reset."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        said = connection.makefile("rb")
        said.readline()
        for line in (b"EHLO ici", b"MAIL FROM:<a@exemple.fr>", b"RCPT TO:<%s>" % recipient.encode(), b"DATA"):
            connection.sendall(line + b"\r\n")
            while said.readline()[3:4] == b"-":
                pass
        connection.sendall(data + b"\r\n.\r\n")
        said.close()
        if rudely:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def client_hangs_up(ground: Ground, scale: Scale) -> Verdict:
    """The client is gone after its final dot: the commit ends; its retry is the same message."""
    ledger, wrong = Ledger(), []
    async with ground.running():
        place = await ground.place()
        bridge = await ground.start("slow-accept:1")
        mails = []
        for rudely in (False, True):
            token = ledger.new(place.name, "jean")
            data = mail_of(place, token)
            await asyncio.to_thread(_hang_up, bridge.ports.smtp, place.subscriber, data, rudely=rudely)
            await asyncio.sleep(0.2)
            mails.append((token, data))
        await asyncio.sleep(3)
        shown = {sighting.token for sighting in await ground.in_room(place)}
        wrong += [f"{token} was forgotten when its client hung up" for token, _data in mails if token not in shown]
        for token, data in mails:
            await hand_in(ground, data, place)
            ledger.acknowledge(token)
        verdict = await ground.judge(ledger, [place], ground.seen_in_rooms)
    verdict.wrong += wrong
    return verdict


async def handler_fails(ground: Ground, scale: Scale) -> Verdict:
    """A bug in the handler, wherever: 4xx, and the next attempt is taken."""
    ledger, codes = Ledger(), []
    async with ground.running():
        place = await ground.place()
        for fault in ("fail-rcpt:2", "fail-accept:2", "fail-read:2", "fail-spool:2"):
            await ground.start(fault)
            token = ledger.new(place.name, "jean")
            data = mail_of(place, token)
            code = 0
            for _attempt in range(3):
                code = await asyncio.to_thread(code_of, ground, place, data)
                codes.append((fault, code))
                if code == 250:
                    ledger.acknowledge(token)
                    break
        verdict = await ground.judge(ledger, [place], ground.seen_in_rooms)
    expected = {fault: [code for each, code in codes if each == fault] for fault, _code_ in codes}
    for fault, told in expected.items():
        if told[-1] != 250 or len(told) != 3 or not all(400 <= code < 500 for code in told[:-1]):
            verdict.wrong.append(f"{fault}: {told}")
    return verdict


def code_of(ground: Ground, place: Place, data: bytes) -> int:
    """What one attempt is told: 250, the refusal's code, 0 for a connection that is cut."""
    try:
        ground.world.mail(data, sender="jean@exemple.fr", to=place.subscriber)
    except smtplib.SMTPRecipientsRefused as error:
        return next(iter(error.recipients.values()))[0]
    except smtplib.SMTPResponseException as error:
        return error.smtp_code
    except (smtplib.SMTPException, OSError):
        return 0
    return 250


async def submission_dies(ground: Ground, scale: Scale) -> Verdict:
    """The submission server dies after the mail and before its 250: the same Message-ID again, and no other."""
    ledger, cuts = Ledger(), 1 if scale.short else 3
    async with ground.running():
        place = await ground.place()
        async with asyncio.TaskGroup() as group:
            for agent in place.agents:
                group.create_task(talk(ledger, place, agent, 10, pause=0.3))
            ground.world.sink.drop(times=cuts)
            await asyncio.sleep(1)
            await ground.world.sink.stop()
            await asyncio.sleep(cuts)
            await ground.world.sink.resume()
        verdict = await ground.judge(ledger, [place], ground.seen_in_mails)
    if not 0 < verdict.again <= cuts:
        verdict.wrong.append(f"{verdict.again} retransmissions for {cuts} cut connections")
    return verdict


async def two_ghosts(ground: Ground, scale: Scale) -> Verdict:
    """Two ghosts speak in one room in the same millisecond: two events, each of its own."""
    ledger = Ledger()
    async with ground.running():
        place = await ground.place()
        for _pair in range(max(5, scale.count // 50)):
            tokens = [ledger.new(place.name, author) for author in ("jean", "marie")]
            async with asyncio.TaskGroup() as group:
                for token in tokens:
                    group.create_task(hand_in(ground, mail_of(place, token), place))
            for token in tokens:
                ledger.acknowledge(token)
        verdict = await ground.judge(ledger, [place], ground.seen_in_rooms)
        events = [event for event in await place.agents[0].timeline(place.room) if "jeton" in str(event["content"])]
        speakers = {token.sender: set() for token in ledger.issued}
        for event in events:
            for token in ledger.issued:
                if str(token) in event["content"].get("body", ""):
                    speakers[token.sender].add(event["sender"])
    if any(len(users) != 1 for users in speakers.values()) or len(set.union(*speakers.values())) != 2:
        verdict.wrong.append(f"who spoke for whom: {speakers}")
    return verdict

"""Those who write: mail servers that try until they hear 250, agents who try until the homeserver has their event."""

import asyncio
import random
import smtplib
import uuid
from collections.abc import Sequence
from email.message import EmailMessage
from email.policy import SMTP

import aiohttp

from tchap_bridges.testing.matrix_client import Client, MatrixError
from tchap_bridges.testing.world import list_mail

from .ground import Ground, Place
from .oracle import Ledger

_PAUSE = 0.1  # seconds between two attempts


async def hand_in(ground: Ground, mail: EmailMessage | bytes, place: Place) -> int:
    """As a mail server does: the same bytes again until they are taken. Returns the number of attempts."""
    data = mail if isinstance(mail, bytes) else mail.as_bytes(policy=SMTP)
    attempts = 0
    while True:
        attempts += 1
        try:
            await asyncio.to_thread(
                ground.world.mail, data, sender=f"{place.name}-bounces@listes.fr", to=place.subscriber
            )
        except smtplib.SMTPResponseException as error:
            if error.smtp_code >= 500:
                raise
        except smtplib.SMTPRecipientsRefused as error:
            if any(code >= 500 for code, _words in error.recipients.values()):
                raise
        except (smtplib.SMTPException, OSError):
            pass
        else:
            return attempts
        await asyncio.sleep(_PAUSE)


async def write(
    ground: Ground, ledger: Ledger, place: Place, sender: str, number: int, *, threads: int = 3, pause: float = 0.0
) -> None:
    """``number`` mails of one author to one list, one after the other; the first few begin threads of their own."""
    known: list[str] = []
    for n in range(number):
        token = ledger.new(place.name, sender)
        parents = (known[n % threads],) if len(known) >= threads else ()
        mail = list_mail(
            f"{sender.title()} Lambda",
            f"{sender}@exemple.fr",
            f"Re: Sujet {n % threads}" if parents else f"Sujet {n % threads}",
            f"Bonjour,\n\n{token}\n",
            list_name=place.name,
            parents=parents,
        )
        await hand_in(ground, mail, place)
        ledger.acknowledge(token)
        known.append(mail["Message-ID"])
        if pause:
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))


async def say(client: Client, place: Place, text: str, *, thread: str | None = None) -> str:
    """As a client does: the same transaction again until the homeserver answers."""
    content: dict[str, object] = {"msgtype": "m.text", "body": text}
    if thread is not None:
        relation = {"event_id": thread, "rel_type": "m.thread", "is_falling_back": True}
        content["m.relates_to"] = {**relation, "m.in_reply_to": {"event_id": thread}}
    txn = uuid.uuid4().hex
    while True:
        try:
            return await client.send_event(place.room, "m.room.message", content, txn=txn)
        except MatrixError as error:
            if error.status < 500:
                raise
        except (aiohttp.ClientError, TimeoutError, OSError):
            pass
        await asyncio.sleep(_PAUSE)


async def talk(
    ledger: Ledger, place: Place, agent: Client, number: int, *, threads: int = 3, pause: float = 0.0
) -> None:
    """``number`` messages of one agent in one room, one after the other; every other one in a thread."""
    sender = agent.user_id[1:].partition(":")[0]
    roots: list[str] = []
    for n in range(number):
        token = ledger.new(place.name, sender)
        thread = roots[n % threads] if n % 2 and len(roots) >= threads else None
        event = await say(agent, place, f"Bonjour, {token}", thread=thread)
        ledger.acknowledge(token)
        if thread is None and len(roots) < threads:
            roots.append(event)
        if pause:
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))


def shares(number: int, among: int) -> Sequence[int]:
    """A number in parts as equal as they can be."""
    return [number // among + (part < number % among) for part in range(among)]

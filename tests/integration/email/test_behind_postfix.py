"""Behind a real MTA, as most will run it: what Postfix hands over is here once, and what is not ours bounces."""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

import aiosmtplib
import pytest

from tchap_bridge_email import EmailBridge
from tchap_bridges.errors import NotReady
from tchap_bridges.events import Message
from tchap_bridges.testing.mail_sink import MailSink
from tchap_bridges.testing.postfix import Postfix

from .conftest import LIST, SECOND, SUBSCRIBER, Opener

ROOT = Path(__file__).parents[3]
MAIL = (
    "From: =?utf-8?q?Zo=C3=A9?= <zoe@exemple.fr>\r\nTo: liste@exemple.fr\r\nMessage-ID: <1@exemple.fr>\r\n"
    "Subject: essai\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
    "Content-Transfer-Encoding: 8bit\r\n\r\nDéjà là\r\n.\r\n..\r\n"
).encode()


@pytest.mark.parametrize("way", ["lmtp", "smtp"])
async def test_postfix_hands_over(
    open_bridge: Opener, needs_root: None, server_folder: Callable[[], Path], mail_sink: MailSink, way: str
) -> None:
    async with open_bridge() as bridge:
        bridge.host.link(LIST, SUBSCRIBER, SECOND)
        bridge.host.refusal = NotReady("plein")
        doors = {"lmtp": f"lmtp:inet:127.0.0.1:{bridge.lmtp}", "smtp": f"smtp:[127.0.0.1]:{bridge.smtp}"}
        deliver = {"pont.example": doors[way]}
        relay_to = ("127.0.0.1", mail_sink.port)
        async with await Postfix.start(server_folder(), relay_to=relay_to, deliver=deliver) as postfix:
            await aiosmtplib.send(
                MAIL,
                sender="zoe@exemple.fr",
                recipients=[SUBSCRIBER, SECOND, "personne@pont.example"],
                hostname="127.0.0.1",
                port=postfix.port,
                start_tls=False,
            )
            await asyncio.sleep(1)  # Postfix is told to wait, and does
            assert bridge.host.items == []
            bridge.host.refusal = None
            await bridge.host.wait_for(2, timeout=30)
            bounce = await mail_sink.wait_for(lambda one: "zoe@exemple.fr" in one.recipients, timeout=30)
    assert {item.meta["recipient"] for item in bridge.host.items} == {SUBSCRIBER, SECOND}
    assert b"personne@pont.example" in bounce.data
    config = bridge.connection._config
    for item in bridge.host.items:
        (message,) = EmailBridge.read(item, config)
        assert isinstance(message, Message)
        assert (message.author.name, message.text.plain) == ("Zoé", "Déjà là\n.\n..")


async def test_postmaster_is_read_where_the_operator_is_told_to_have_it_read(
    open_bridge: Opener, needs_root: None, server_folder: Callable[[], Path], mail_sink: MailSink
) -> None:
    shown = (ROOT / "docs" / "operate" / "postfix" / "main.cf").read_text().replace("pont.exemple.fr", "pont.example")
    settings = dict(re.findall(r"^(\w+) = (.+)$", shown, re.MULTILINE))
    for ours in ("relay_domains", "transport_maps", "smtpd_relay_restrictions", "minimal_backoff_time"):
        del settings[ours]
    settings["smtpd_recipient_restrictions"] = (
        "check_recipient_access inline:{ pont.example=reject_unverified_recipient }"
    )
    async with open_bridge() as bridge:
        bridge.host.link(LIST, SUBSCRIBER)
        deliver = {"pont.example": f"lmtp:inet:127.0.0.1:{bridge.lmtp}"}
        relay_to = ("127.0.0.1", mail_sink.port)
        async with await Postfix.start(server_folder(), relay_to=relay_to, deliver=deliver, extra=settings) as postfix:
            refused, _said = await aiosmtplib.send(
                MAIL,
                sender="zoe@exemple.fr",
                recipients=["postmaster@pont.example", SUBSCRIBER, "personne@pont.example"],
                hostname="127.0.0.1",
                port=postfix.port,
                start_tls=False,
            )
            assert set(refused) == {"personne@pont.example"}
            await bridge.host.wait_for(1, timeout=30)
            await mail_sink.wait_for(lambda one: one.recipients == ("postmaster@exemple.fr",), timeout=30)

"""The e-mail bridge passes the contract suite: people write by SMTP, and what leaves ends in a sink."""

import asyncio
from base64 import encodebytes
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from email.utils import formatdate, make_msgid, parseaddr

import aiosmtplib

from tchap_bridge_email import EmailBridge
from tchap_bridge_email.config import EmailConfig
from tchap_bridges.ids import MessageId
from tchap_bridges.testing.contract import BridgeContract
from tchap_bridges.testing.mail_sink import MailSink, Transmission
from tchap_bridges.testing.ports import free_port
from tchap_bridges.testing.rig import Peer, Shown

LIST = "liste@exemple.fr"


class MailPeer(Peer):
    """Alice, who writes to a list whose subscriber the bridge is."""

    argument = LIST
    nowhere = "pas une adresse"

    def __init__(self, sink: MailSink, port: int) -> None:
        self.sink = sink
        self.port = port
        self.bridge = EmailBridge()
        self.config = EmailConfig.model_validate(
            {
                "domain": "pont.exemple.fr",
                "listen": {"smtp": f"127.0.0.1:{port}"},
                "submission": {"host": "127.0.0.1", "port": sink.port, "security": "none"},
                "allowed_domains": ["*"],
            }
        )
        self.sending = 0

    async def say(self, text: str, *, thread: Sequence[MessageId] = (), file: tuple[str, bytes] | None = None) -> None:
        """As a mail server does: again until it is taken."""
        mail = _mail(text, thread, file)
        assert self.chat is not None
        self.sending += 1
        while True:
            try:
                await aiosmtplib.send(
                    mail,
                    sender="liste-bounces@exemple.fr",
                    recipients=[self.chat.aliases[0]],
                    hostname="127.0.0.1",
                    port=self.port,
                    start_tls=False,
                )
            except (aiosmtplib.SMTPException, OSError):
                await asyncio.sleep(0.05)
            else:
                break
        self.sending -= 1

    def waiting(self) -> int:
        return self.sending

    def shown(self) -> Sequence[Shown]:
        """A mail that comes twice under one Message-ID is one mail to those who read it (RFC 5322 section 3.6.4)."""
        came = (one for one in self.sink.sent if one.outcome in {"accepted", "dropped"})
        first = {one.message_id: one for one in reversed(list(came))}
        return [_shown(one) for one in reversed(first.values())]

    def lose_answer(self) -> None:
        self.sink.drop()


def _shown(mail: Transmission) -> Shown:
    message = mail.message()
    body = message.get_body(("plain",))
    return Shown(
        id=mail.message_id,
        author=parseaddr(str(message["From"]))[0],
        text=str(body.get_content()) if body else "",
        thread=str(message["References"] or "").partition(" ")[0],
        reply_to=str(message["In-Reply-To"] or "").strip(),
        files={part.get_filename() or "": part.get_payload(decode=True) for part in message.iter_attachments()},
    )


def _mail(text: str, thread: Sequence[str], file: tuple[str, bytes] | None) -> bytes:
    """Written by hand: the standard library would not let what is hostile out."""
    threading = {"In-Reply-To": thread[-1], "References": " ".join(thread)} if thread else {}
    headers = {
        "From": "=?utf-8?q?Alice_Durand?= <alice@exemple.fr>",
        "To": LIST,
        "Subject": "essai",
        "Date": formatdate(),
        "Message-ID": make_msgid(domain="exemple.fr"),
        "List-Id": "<liste.exemple.fr>",
        "List-Post": f"<mailto:{LIST}>",
        "MIME-Version": "1.0",
        "Content-Type": 'multipart/mixed; boundary="=="',
        **threading,
    }
    said = _part("text/plain; charset=utf-8", text.encode("utf-8", "replace"))
    attached = _part(f'application/octet-stream; name="{file[0]}"', file[1], attached=True) if file else b""
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return head.encode() + b"\r\n" + said + attached + b"--==--\r\n"


def _part(kind: str, data: bytes, *, attached: bool = False) -> bytes:
    fate = "attachment" if attached else "inline"
    head = f"--==\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: {fate}\r\n\r\n"
    return head.encode() + encodebytes(data).replace(b"\n", b"\r\n")


@asynccontextmanager
async def mail_peer() -> AsyncIterator[Peer]:
    async with await MailSink.start() as sink:
        yield MailPeer(sink, free_port())


class TestEmail(BridgeContract):
    def network(self) -> AbstractAsyncContextManager[Peer]:
        return mail_peer()

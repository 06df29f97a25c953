"""A live mail bridge: the doors and mailboxes that let mail in, and the way out.

Mail has no session to lose: `EmailConnection.send` needs no more than the submission server, `run` holds doors open.
"""

import asyncio
import ssl
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType

from tchap_bridge_email import addresses, naming
from tchap_bridge_email.challenge import challenge
from tchap_bridge_email.compose import Enclosure, Letter, Origin, compose
from tchap_bridge_email.config import EmailConfig
from tchap_bridge_email.enclosures import LIGHTER, Space, enclose, missing
from tchap_bridge_email.entrance import House
from tchap_bridge_email.imap_client import Account
from tchap_bridge_email.imap_in import Mailboxes
from tchap_bridge_email.smtp_in import Door, listening
from tchap_bridge_email.submission import Relay, TooBig, Unanswered, submit
from tchap_bridges.bridge import Ability, Asker, Carried, Chat, Connection, Host, Limits, NamesChats, Proves
from tchap_bridges.errors import BridgeError, Misconfigured, Undeliverable
from tchap_bridges.i18n import _
from tchap_bridges.ids import ChatId, MessageId
from tchap_bridges.outgoing import Outgoing, Steps

_FIVE_DAYS = 5 * 24 * 3600.0
_ENCODED = 0.7
"""What base64 and its line ends leave of a limit on the whole mail."""


class EmailConnection(Connection, NamesChats, Proves):
    """Mail cannot be recalled, reworded or reacted to: those abilities are not declared, and the core says so."""

    carries: Mapping[Ability, Carried] = MappingProxyType(
        {
            Ability.THREADS: Carried.YES,
            Ability.REPLIES: Carried.YES,
            Ability.FILES: Carried.YES,
            Ability.FORMATTING: Carried.YES,
            Ability.CATCH_UP: Carried.YES,
            Ability.EXACTLY_ONCE: Carried.OTHERWISE,  # SMTP may deliver twice, under one Message-ID
        }
    )

    def __init__(self, config: EmailConfig, host: Host) -> None:
        self._config = config
        self._host = host
        self._size = config.listen.size_mb * 1_000_000
        self.limits = Limits(file_bytes=int(self._size * _ENCODED), repeatable=True, patience=_FIVE_DAYS)
        self._domain = addresses.ascii_domain(config.domain) or config.domain
        self._address = _normal(config.address)
        self._receives = bool(config.listen.smtp or config.listen.lmtp)
        self._mailboxes = tuple(_normal(box.address) for box in config.mailboxes)
        self._origin = Origin(address=self._address, domain=self._domain, secret=host.secret, returns=self._receives)
        self._tls = ssl.create_default_context()
        self._relay = _relay(config, self._domain, self._tls)
        self._space = Space(self._size)
        self._mixing = asyncio.Lock()
        self.retransmissions = 0

    # In.

    async def run(self) -> None:
        mailboxes = Mailboxes(self._host, size=self._size)
        async with listening(self._doors(), self._house(), self._host):
            self._host.up()
            async with asyncio.TaskGroup() as watching:
                for account in self._accounts():
                    watching.create_task(mailboxes.watch(account))
                await asyncio.Event().wait()

    def _doors(self) -> list[Door]:
        listen = self._config.listen
        doors = [(listen.smtp, False, "listen.smtp"), (listen.lmtp, True, "listen.lmtp")]
        return [Door(endpoint=at, lmtp=lmtp, where=where) for at, lmtp, where in doors if at is not None]

    def _house(self) -> House:
        return House(
            domain=self._domain,
            sender=self._address,
            size=self._size,
            tls=_certificate(self._config),
        )

    def _accounts(self) -> Iterator[Account]:
        for box in self._config.mailboxes:
            yield Account(
                address=_normal(box.address),
                host=box.host,
                port=box.port,
                security=box.security,
                user=box.user,
                password=box.password.get_secret_value(),
                folder=box.folder,
                tls=self._tls,
            )

    # Out.

    async def send(self, message: Outgoing) -> Sequence[MessageId]:
        recipient = self._recipient(message)
        async with self._space.of(message.files) as held:
            letter, enclosed = await self._with_files(message, recipient)
            held.keep(len(letter.raw) if message.files else 0)
            try:
                await self._hand_over(letter, message.steps)
            except TooBig:
                if not enclosed:
                    raise
                for file in enclosed:
                    await message.leave_out(file, _refused_for_size())
                letter = self._letter(message, recipient)
                await self._hand_over(letter, message.steps)
        return (letter.message_id,)

    def _recipient(self, message: Outgoing) -> str:
        """The list; or whoever wrote what is answered, at the address they asked for, where the chat is ours."""
        chat = str(message.chat)
        if chat not in self._mailboxes and addresses.domain_of(chat) != self._domain:
            return chat
        if message.answered is None:
            raise Undeliverable(
                _("cette adresse n'a pas de destinataire propre : il faut répondre à un courriel"),
                remedy=_("Répondez, dans son fil, au courriel dont l'auteur doit vous lire."),
            )
        answered = addresses.normalise(message.answered.answers or message.answered.person)
        if answered is None:
            raise Undeliverable(
                _("l'adresse d'où vient ce courriel n'en est pas une à laquelle écrire"),
                remedy=_("Demandez à {name} une autre adresse.", name=message.answered.name),
            )
        return answered

    async def _with_files(self, message: Outgoing, recipient: str) -> tuple[Letter, Collection[int]]:
        """The mail, and which of the files it carries."""
        if not message.files:
            return self._letter(message, recipient), ()
        async with self._mixing:  # files are in memory twice while they become a mail: those of one mail at a time
            enclosures = await enclose(message, self.limits.file_bytes or 0)
            return self._letter(message, recipient, tuple(enclosures.values())), tuple(enclosures)

    def _letter(self, message: Outgoing, recipient: str, enclosures: Sequence[Enclosure] = ()) -> Letter:
        return compose(
            message, origin=self._origin, recipients=[recipient], enclosures=enclosures, missing=missing(message)
        )

    async def _hand_over(self, letter: Letter, steps: Steps) -> None:
        """One attempt. The steps say, over crashes too, whether the server may have the mail already."""
        again = bool(steps.get("handed"))
        if again:
            self.retransmissions += 1
            self._host.log.warning("mail sent again", message_id=letter.message_id, count=self.retransmissions)

        async def handing() -> None:
            if not again:
                await steps.done("handed", "yes")

        try:
            await submit(letter, letter.recipients, self._relay, handing=handing)
        except Unanswered:
            raise
        except BridgeError:
            if not again and steps.get("handed"):  # it was refused in words: nothing of it was taken
                await steps.done("handed", "")
            raise

    # Commands.

    async def find(self, argument: str, options: Mapping[str, str], asker: Asker) -> Chat:
        del options
        rules = naming.Rules(
            domain=self._domain,
            address=self._address,
            mailboxes=self._mailboxes,
            allowed_domains=self._config.allowed_domains,
            destination=self._config.destination,
            receives=self._receives,
            secret=self._host.secret,
        )
        return await naming.find(argument, asker, rules, taken=self._taken)

    async def _taken(self, chat: ChatId) -> bool:
        return await self._host.linked(chat) is not None

    async def challenge(self, address: str, code: str, asker: Asker, *, key: str) -> None:
        message = challenge(address, code, asker, key=key, at=datetime.now(UTC))
        await self._hand_over(self._letter(message, address), message.steps)


def _refused_for_size() -> Undeliverable:
    return Undeliverable(_("le serveur d'envoi n'accepte pas un courriel aussi gros"), remedy=LIGHTER)


def _normal(address: str) -> str:
    normal = addresses.normalise(address)
    if normal is None:
        raise Misconfigured(_("« {word} » n'est pas une adresse", word=address), where="address")
    return normal


def _relay(config: EmailConfig, name: str, tls: ssl.SSLContext) -> Relay:
    submission = config.submission
    return Relay(
        host=submission.host,
        port=submission.port,
        security=submission.security,
        name=name,
        user=submission.user,
        password=submission.password.get_secret_value() if submission.password else None,
        tls=tls,
    )


def _certificate(config: EmailConfig) -> ssl.SSLContext | None:
    pair = config.listen.tls
    if pair is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(*pair)
    except (OSError, ssl.SSLError) as error:
        raise Misconfigured(
            _("le certificat ne peut pas être chargé : {why}", why=error.strerror or error),
            where="listen.tls_certificate",
            remedy=_("Vérifiez que « tls_certificate » et « tls_key » vont ensemble et sont lisibles."),
        ) from error
    return context

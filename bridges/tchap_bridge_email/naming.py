"""What a command's words name: a list, a configured mailbox, or a new address for the room."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field

from tchap_bridge_email import addresses
from tchap_bridges.bridge import Asker, Chat, Destination, Direction
from tchap_bridges.errors import Misconfigured
from tchap_bridges.i18n import _
from tchap_bridges.ids import ChatId

_NEW = frozenset({"adresse", "address"})
_ATTEMPTS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the operator's configuration says of addresses, normalised.

    ``receives``: mail for any address of ``domain`` reaches us (SMTP or LMTP is open); otherwise only the mailboxes do.
    """

    domain: str
    address: str
    mailboxes: tuple[str, ...]
    allowed_domains: Collection[str]
    destination: Destination
    receives: bool
    secret: bytes = field(repr=False)


async def find(argument: str, asker: Asker, rules: Rules, *, taken: Callable[[ChatId], Awaitable[bool]]) -> Chat:
    """Raises `Misconfigured` with a remedy when the words name nothing that may be linked."""
    first, *rest = argument.split() or [""]
    if first.lower() in _NEW:
        return await _allocate(" ".join(rest), asker, rules, taken)
    address = addresses.normalise(argument)
    if address is None:
        raise Misconfigured(
            _("« {word} » n'est pas une adresse", word=argument[:100]),
            remedy=_("Exemples : !pont courriel liste@exemple.fr, ou !pont courriel adresse accueil"),
        )
    if address in rules.mailboxes:
        return _mailbox(address, rules)
    if address == rules.address or addresses.domain_of(address) == rules.domain:
        raise Misconfigured(
            _("{address} est une adresse du pont lui-même", address=address),
            remedy=_("Pour donner une adresse à ce salon : !pont courriel adresse"),
        )
    return _list(address, rules)


def _list(address: str, rules: Rules) -> Chat:
    if rules.receives:
        subscriber = addresses.subscription_address(address, rules.secret, rules.domain)
    elif rules.mailboxes:
        subscriber = rules.mailboxes[0]
    else:
        raise Misconfigured(
            _("ce pont ne reçoit aucun courriel"),
            remedy=_("L'exploitant doit configurer « listen.smtp », « listen.lmtp » ou « mailboxes »."),
        )
    if allowed := _allowed(address, rules):
        waiting = _(
            "Abonnez {subscriber} à la liste {address} (ou demandez-le à son propriétaire) ; en attente du premier"
            " message",
            subscriber=subscriber,
            address=address,
        )
    else:  # whoever answered for it may be one person
        waiting = _(
            "Si {address} est une liste, abonnez-y {subscriber} ; si c'est une boîte, faites suivre son courriel à"
            " {subscriber} ; en attente du premier message",
            subscriber=subscriber,
            address=address,
        )
    return Chat(
        id=ChatId(address),
        name=address,
        destination=rules.destination,
        direction=Direction.REPLIES,
        aliases=(*_own(address, rules), ChatId(address.replace("@", "."))),
        proof=None if allowed else address,
        waiting=waiting,
    )


def _mailbox(address: str, rules: Rules) -> Chat:
    return Chat(
        id=ChatId(address),
        name=address,
        destination=rules.destination,
        direction=Direction.REPLIES,
        aliases=_own(address, rules),
        correspondents=True,
        proof=None if _allowed(address, rules) else address,
        waiting=_("En attente du prochain courriel reçu par {address}", address=address),
    )


async def _allocate(name: str, asker: Asker, rules: Rules, taken: Callable[[ChatId], Awaitable[bool]]) -> Chat:
    if not rules.receives:
        raise Misconfigured(
            _("ce pont ne reçoit que le courriel de boîtes configurées"),
            remedy=_("L'exploitant doit configurer « listen.smtp » ou « listen.lmtp »."),
        )
    wanted = addresses.slug(name) or addresses.slug(asker.room_name) or "salon"
    for attempt in range(_ATTEMPTS):
        address = addresses.allocated_address(
            wanted, rules.secret, rules.domain, asker=asker.user, room=asker.room_name, attempt=attempt
        )
        if not await taken(ChatId(address)):
            return Chat(
                id=ChatId(address),
                name=address,
                destination=rules.destination,
                direction=Direction.REPLIES,
                directions=frozenset({Direction.REPLIES, Direction.IN}),  # there is nobody to write to first
                aliases=(_returns(address, rules),),
                moderated=True,
                correspondents=True,
                waiting=_("Écrivez à {address} : en attente du premier courriel", address=address),
            )
    raise Misconfigured(_("toutes les adresses de ce nom sont prises"), remedy=_("Choisissez un autre nom."))


def _own(address: str, rules: Rules) -> tuple[ChatId, ...]:
    """Addresses of ours that stand for somebody else's: one to subscribe, one where delivery reports come back."""
    if not rules.receives:
        return ()
    subscription = ChatId(addresses.subscription_address(address, rules.secret, rules.domain))
    return (subscription, _returns(address, rules))


def _returns(address: str, rules: Rules) -> ChatId:
    return ChatId(addresses.return_address(address, rules.secret, rules.domain))


def _allowed(address: str, rules: Rules) -> bool:
    return "*" in rules.allowed_domains or addresses.domain_of(address) in rules.allowed_domains

"""``!pont slack #canal``: which channel that is, and whether it may be linked."""

import re
from collections.abc import Awaitable, Mapping
from functools import partial
from typing import Any, Final

from tchap_bridge_slack import values
from tchap_bridge_slack.api import Api
from tchap_bridge_slack.challenge import challenge
from tchap_bridge_slack.config import SlackConfig
from tchap_bridge_slack.people import Directory, one_line
from tchap_bridge_slack.posting import BROADCAST, BROADCAST_EN, YES
from tchap_bridge_slack.refusals import Refused, as_misconfigured
from tchap_bridges.bridge import Asker, Chat, Direction
from tchap_bridges.errors import Misconfigured, Undeliverable
from tchap_bridges.events import Author
from tchap_bridges.i18n import Phrase, _
from tchap_bridges.ids import ChatId

_LINK: Final = re.compile(
    r"https://[\w.-]{1,100}/(?:archives|client/[A-Z0-9]{3,20})/([CGD][A-Z0-9]{3,20})(?:[/?#].{0,200})?"
)
_TOKEN: Final = re.compile(r"<#([CG][A-Z0-9]{3,20})(?:\|[^<>]{0,100})?>")
_ID: Final = re.compile(r"[CG][A-Z0-9]{6,20}")
_NAME: Final = re.compile(r"[^\s#@<>\"'/\\.,:;!?()\[\]{}|`]{1,80}")
_EXAMPLE: Final = _("Donnez son nom, par exemple : !pont slack #general")
_MOST_MEMBERS: Final = 1_000
CHECKED_SECONDS: Final = 600.0
"""For how long it is taken for known that a channel belongs to this workspace alone."""


class Finding:
    """For one session. ``bot``: the name under which people invite us."""

    def __init__(self, api: Api, config: SlackConfig, people: Directory, bot: str) -> None:
        self._api = api
        self._config = config
        self._people = people
        self._bot = bot

    async def find(self, argument: str, options: Mapping[str, str]) -> Chat:
        """Joins a public channel; a private one's own people decide. Raises `Misconfigured`, `NotReady`."""
        broadcast = options.get(BROADCAST, options.get(BROADCAST_EN, "non"))
        if broadcast not in {*YES, "non", "no"}:
            raise Misconfigured(
                _("« {value} » n'est ni oui ni non", value=one_line(broadcast)[:40]),
                where=BROADCAST,
                remedy=_("Écrivez diffusion=oui pour montrer aussi dans le canal ce qui est dit dans les fils."),
            )
        try:
            channel = await self._channel(argument.strip())
            await self._enter(channel)
        except Refused as refused:
            raise as_misconfigured(refused) from refused
        name = one_line(channel.get("name"))
        return Chat(
            id=ChatId(values.string(channel, "id")),
            name=f"#{name}",
            destination=self._config.destination,
            direction=Direction.BOTH,
            options={BROADCAST: "oui"} if broadcast in YES else {},
            proof=f"#{name}" if channel.get("is_private") is True else None,
        )

    async def challenge(self, name: str, code: str, asker: Asker) -> None:
        """Ask a private channel's own people. Raises `Misconfigured`, `NotReady`."""
        client, channel = self._api.client, values.string(await self._channel(name), "id")
        try:
            await self._api.do(
                "chat.postMessage",
                partial(client.chat_postMessage, channel=channel, text=challenge(code, asker)),
                channel=channel,
            )
        except Refused as refused:
            raise as_misconfigured(refused) from refused

    async def _channel(self, words: str) -> Mapping[str, Any]:
        found = _LINK.fullmatch(words) or _TOKEN.fullmatch(words)
        id_ = found[1] if found else words if _ID.fullmatch(words) else ""
        if id_:
            channel = await self._people.place(id_, within=0)
            if not channel:
                raise self._nowhere(id_)
            return channel
        name = words.removeprefix("#")
        if not _NAME.fullmatch(name):
            raise Misconfigured(_("« {words} » n'est pas un canal Slack", words=one_line(words)[:80]), remedy=_EXAMPLE)
        channel = await self._named(name.casefold())
        return await self._people.place(values.string(channel, "id"), within=0) or channel

    async def _named(self, name: str) -> Mapping[str, Any]:
        client = self._api.client

        def page(cursor: str) -> Awaitable[Any]:
            return client.conversations_list(
                types="public_channel,private_channel", limit=1000, cursor=cursor or None, exclude_archived=False
            )

        archived: Mapping[str, Any] | None = None
        async for said in self._api.pages("conversations.list", page):
            for one in values.each(said.get("channels")):
                channel = values.mapping(one)
                if name in {one_line(channel.get(key)).casefold() for key in ("name", "name_normalized")}:
                    if channel.get("is_archived") is not True:
                        return channel
                    archived = channel
        if archived is None:
            raise self._nowhere(f"#{name}")
        return archived

    def _nowhere(self, words: str) -> Misconfigured:
        return Misconfigured(
            _("l'application ne voit pas de canal « {words} » dans cet espace Slack", words=words[:80]),
            remedy=_(
                "Vérifiez son nom. S'il est privé, invitez d'abord l'application dans le canal : /invite @{bot}",
                bot=self._bot,
            ),
        )

    async def _enter(self, channel: Mapping[str, Any]) -> None:
        """Raises `Misconfigured` where it may not be linked, `Refused` where Slack does not let us in."""
        name, id_ = one_line(channel.get("name")), values.string(channel, "id")
        if channel.get("is_im") is True or channel.get("is_mpim") is True:
            raise Misconfigured(_("seul un canal se relie, pas une conversation privée"), remedy=_EXAMPLE)
        if channel.get("is_archived") is True:
            raise Misconfigured(
                _("le canal #{name} est archivé", name=name),
                remedy=_("Désarchivez-le dans Slack, puis recommencez."),
            )
        if not self._is_admitted(channel):
            reason, remedy = _shared(name)
            raise Misconfigured(reason, remedy=remedy)
        if channel.get("is_member") is True:
            return
        if channel.get("is_private") is True:
            raise Misconfigured(
                _("l'application n'est pas dans le canal privé #{name}", name=name),
                remedy=_("Invitez-la dans le canal : /invite @{bot}", bot=self._bot),
            )
        client = self._api.client
        await self._api.read("conversations.join", lambda: client.conversations_join(channel=id_))
        self._people.forget(id_)

    async def admit(self, channel: str) -> None:
        """Raises `Undeliverable` when words would reach another organisation by now, which nobody allowed."""
        if self._config.shared_channels:
            return
        found = await self._people.place(channel, within=CHECKED_SECONDS)
        if not self._is_admitted(found):
            reason, remedy = _shared(one_line(found.get("name")))
            raise Undeliverable(reason, remedy=remedy)

    def _is_admitted(self, channel: Mapping[str, Any]) -> bool:
        shared = channel.get("is_ext_shared") or channel.get("is_pending_ext_shared")
        return self._config.shared_channels or not shared

    async def members(self, channel: str, me: str) -> list[Author]:
        """Raises `NotReady`."""
        client, found = self._api.client, list[str]()

        def page(cursor: str) -> Awaitable[Any]:
            return client.conversations_members(channel=channel, limit=200, cursor=cursor or None)

        async for said in self._api.pages("conversations.members", page):
            found += [one for one in values.each(said.get("members")) if isinstance(one, str) and one != me]
            if len(found) >= _MOST_MEMBERS:
                break
        await self._people.learn_people(found)
        return [self._people.author(id_) for id_ in found]


def _shared(name: str) -> tuple[Phrase, Phrase]:
    """That a channel is not ours alone, and who may admit it."""
    return (
        _("le canal #{name} est partagé avec une autre organisation", name=name),
        _("L'exploitant peut l'admettre : « shared_channels: true » dans sa configuration."),
    )

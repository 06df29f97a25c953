"""What a workspace calls its people, channels, groups and emoji: asked for once, remembered, kept fresh by events.

What Slack does not tell is shown by its id: no message waits for a name, unless Slack itself cannot be reached.
"""

import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Iterable, Iterator, Mapping
from typing import Any, Final

from tchap_bridge_slack import values
from tchap_bridge_slack.api import Api
from tchap_bridge_slack.document import clean
from tchap_bridge_slack.refusals import Refused
from tchap_bridges.errors import NotReady
from tchap_bridges.events import Author, File
from tchap_bridges.ids import FileRef, PersonId

MOST: Final = 20_000
MOST_NAMED: Final = 50
"""Names that are asked for because of one message: Slack tells a hundred a minute, and all channels wait for them."""
_PAGE: Final = 1_000
STALE: Final = 6 * 3600.0  # seconds after which what Slack says is asked for again
_PERSON = re.compile(r"[UW][A-Z0-9]{2,20}")
_PLACE = re.compile(r"[CGD][A-Z0-9]{2,20}")
_SAID = re.compile(r"<([@#]|!subteam\^)([A-Z0-9]{3,21})")
_SIZES = ("image_192", "image_512", "image_72", "image_48", "image_original")
AVATAR: Final = "avatar "

Profile = Mapping[str, Any]


class Directory:
    """`document.Names` of one workspace."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._people: OrderedDict[str, tuple[float, Profile]] = OrderedDict()
        self._places: OrderedDict[str, tuple[float, Profile]] = OrderedDict()
        self._groups: dict[str, str] = {}
        self._emoji: dict[str, str] = {}
        self._groups_at = self._emoji_at = float("-inf")

    # Names

    def person(self, id: str, /) -> str | None:  # noqa: A002  as the protocol has it
        known = self._people.get(id)
        return name_of(known[1]) if known else None

    def channel(self, id: str, /) -> str | None:  # noqa: A002
        known = self._places.get(id)
        return one_line(known[1].get("name")) or None if known else None

    def group(self, id: str, /) -> str | None:  # noqa: A002
        return self._groups.get(id)

    def emoji(self, name: str, /) -> str | None:
        return self._emoji.get(name)

    def is_custom(self, name: str) -> bool:
        return name in self._emoji

    def author(self, id_: str) -> Author:
        """Whoever has that id, by the name that people see: display name, real name, handle, id."""
        known = self._people.get(id_)
        profile = known[1] if known else {}
        return Author(person=PersonId(id_), name=name_of(profile) or id_, avatar=avatar(profile.get("profile")))

    # What is asked for

    async def learn(self, event: Any) -> None:
        """What an event names, whoever speaks first, and no more than `MOST_NAMED`. Raises `NotReady`."""
        left = MOST_NAMED
        for kind, id_ in dict.fromkeys((*_speakers(event), *mentioned_in(event))):
            if kind == "group":
                await self._learn_groups()
            elif left and not self._is_fresh(self._places if kind == "place" else self._people, id_):
                left -= 1
                await (self.place(id_) if kind == "place" else self._learn_person(id_))
        await self.learn_emoji()

    async def learn_people(self, ids: Iterable[str]) -> None:
        """Those who have these ids, however many: beyond a few, by the list of all. Raises `NotReady`."""
        unknown = [one for one in ids if not self._is_fresh(self._people, one)]
        if len(unknown) > MOST_NAMED:
            client = self._api.client

            def page(cursor: str) -> Awaitable[Any]:
                return client.users_list(limit=_PAGE, cursor=cursor or None)

            async for said in self._api.pages("users.list", page, most=MOST // _PAGE):
                for user in values.each(said.get("members")):
                    self.changed(user)
        for id_ in [one for one in unknown if not self._is_fresh(self._people, one)][:MOST_NAMED]:
            await self._learn_person(id_)

    @staticmethod
    def _is_fresh(known: Mapping[str, tuple[float, Profile]], id_: str, within: float = STALE) -> bool:
        return id_ in known and time.monotonic() - known[id_][0] < within

    async def _learn_person(self, id_: str) -> None:
        try:
            said = await self._api.read("users.info", lambda: self._api.client.users_info(user=id_))
        except Refused:
            said = {}
        known = self._people.get(id_)
        _keep(self._people, id_, values.mapping(said.get("user")) or (known[1] if known else {}))

    async def place(self, id_: str, *, within: float = STALE) -> Profile:
        """A channel as conversations.info told it ``within`` so many seconds, {} for one that we may not see."""
        if self._is_fresh(self._places, id_, within):
            return self._places[id_][1]
        try:
            said = await self._api.read("conversations.info", lambda: self._api.client.conversations_info(channel=id_))
        except Refused:
            said = {}
        profile = values.mapping(said.get("channel"))
        _keep(self._places, id_, profile)
        return profile

    async def _learn_groups(self) -> None:
        if time.monotonic() - self._groups_at < STALE:
            return
        self._groups_at = time.monotonic()
        try:
            said = await self._api.read("usergroups.list", self._api.client.usergroups_list)
        except Refused:
            return
        except NotReady:
            self._groups_at = float("-inf")
            raise
        for group in values.each(said.get("usergroups")):
            if isinstance(group, Mapping) and isinstance(id_ := group.get("id"), str):
                self._groups[id_] = one_line(group.get("handle")) or one_line(group.get("name"))

    async def learn_emoji(self) -> None:
        if time.monotonic() - self._emoji_at < STALE:
            return
        self._emoji_at = time.monotonic()
        try:
            said = await self._api.read("emoji.list", self._api.client.emoji_list)
        except Refused:
            return
        except NotReady:
            self.emoji_changed()
            raise
        found = values.mapping(said.get("emoji"))
        self._emoji = {str(name): str(value) for name, value in found.items()}

    # What is told

    def changed(self, user: Any) -> None:
        """An event user_change or team_join."""
        profile = values.mapping(user)
        if profile and isinstance(id_ := profile.get("id"), str):
            _keep(self._people, id_, profile)

    def renamed(self, channel: str, name: str) -> None:
        known = self._places.get(channel)
        if known is not None:
            self._places[channel] = (known[0], {**known[1], "name": name})

    def forget(self, channel: str) -> None:
        self._places.pop(channel, None)

    def emoji_changed(self) -> None:
        """They are asked for again when one is met."""
        self._emoji_at = float("-inf")


def _keep(known: OrderedDict[str, tuple[float, Profile]], id_: str, profile: Profile) -> None:
    known[id_] = (time.monotonic(), profile)
    known.move_to_end(id_)
    while len(known) > MOST:
        known.popitem(last=False)


def _speakers(event: Any) -> Iterator[tuple[str, str]]:
    """Who says it, or has said what it changes."""
    said = values.mapping(event)
    for one in (said, *(values.mapping(said.get(key)) for key in ("message", "previous_message"))):
        if _PERSON.fullmatch(id_ := values.string(one, "user")):
            yield "person", id_


def mentioned_in(value: Any, depth: int = 0) -> Iterator[tuple[str, str]]:
    """Whom and what a part of an event names: ("person" | "place" | "group", id)."""
    if depth > 30:
        return
    if isinstance(value, str):
        for mark, id_ in _SAID.findall(value):
            yield {"@": "person", "#": "place"}.get(mark, "group"), id_
    elif isinstance(value, Mapping):
        for key, one in value.items():
            if not isinstance(one, str):
                yield from mentioned_in(one, depth + 1)
            elif key in {"user", "user_id", "inviter"} and _PERSON.fullmatch(one):
                yield "person", one
            elif key == "channel_id" and _PLACE.fullmatch(one):
                yield "place", one
            elif key == "usergroup_id":
                yield "group", one
            else:
                yield from mentioned_in(one, depth + 1)
    elif isinstance(value, list):
        yield from _all_in(value, depth)


def _all_in(many: Iterable[Any], depth: int) -> Iterator[tuple[str, str]]:
    for one in many:
        yield from mentioned_in(one, depth + 1)


def name_of(user: Profile) -> str:
    """The name that people see; "" where there is none."""
    profile = values.mapping(user.get("profile"))
    said = (profile.get("display_name"), profile.get("real_name"), user.get("real_name"), user.get("name"))
    return next((name for one in said if (name := one_line(one))), "")


def avatar(pictures: Any) -> File | None:
    """The picture of a profile, or of a message's icons; it is everybody's to see."""
    found = values.mapping(pictures)
    url = next((one for size in _SIZES if isinstance(one := found.get(size), str)), "")
    return File(name="avatar", mime="image/png", ref=FileRef(AVATAR + url)) if url.startswith("https://") else None


def one_line(value: Any) -> str:
    """A name: words on one line; "" for what is none."""
    return " ".join(clean(value).split())[:200] if isinstance(value, str) else ""

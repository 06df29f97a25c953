"""A Slack workspace in memory, where a test plays the people: ``workspace.say("#general", "alice", "salut")``.

Channels are given by id or name, people by id or handle, messages by ts or as they are.
"""

from collections.abc import Iterable

from tchap_bridges.testing.slack import transcript
from tchap_bridges.testing.slack.model import Bot, Channel, Kind, Message, Note, SlackError, User, Usergroup
from tchap_bridges.testing.slack.talk import Talk


class Workspace(Talk):
    """Raises SlackError wherever Slack would refuse."""

    # ---- people

    def add_user(
        self, name: str, *, real_name: str = "", display_name: str = "", image: str | None = None, email: str = ""
    ) -> User:
        """A person, told as team_join."""
        id_ = self.new_id("U")
        picture = f"{self.url}/avatar/{id_}" if image is None else image
        user = User(id_, name, real_name or name.capitalize(), display_name, picture, email, updated=self.now())
        self.users[id_] = user
        self.emit("team_join", user=self.user_json(user))
        return user

    def add_bot(self, name: str, *, app_id: str = "") -> Bot:
        """The bot of an app, with its user."""
        bot = Bot(self.new_id("B"), self.new_id("U"), app_id or self.new_id("A"), name, self.now())
        self.bots[bot.id] = bot
        self.users[bot.user_id] = User(
            bot.user_id, name, name, "", f"{self.url}/avatar/bot", bot_id=bot.id, updated=self.now()
        )
        self.emit("team_join", user=self.user_json(self.users[bot.user_id]))
        return bot

    def change_user(
        self,
        user: str | User,
        *,
        real_name: str | None = None,
        display_name: str | None = None,
        image: str | None = None,
        deleted: bool | None = None,
    ) -> User:
        """Told as user_change. One who is deleted leaves all channels, without a word, as in Slack."""
        one = self.user(user)
        one.real_name = one.real_name if real_name is None else real_name
        one.display_name = one.display_name if display_name is None else display_name
        one.image = one.image if image is None else image
        if deleted is not None:
            one.deleted = deleted
            for channel in self.channels.values() if deleted else ():
                channel.members = [member for member in channel.members if member != one.id]
        one.updated = self.now()
        self.emit("user_change", user=self.user_json(one), cache_ts=one.updated)
        return one

    def add_usergroup(self, handle: str, users: Iterable[str | User], *, name: str = "") -> Usergroup:
        members = [self.user(one).id for one in users]
        group = Usergroup(self.new_id("S"), handle, name or handle, members, self.now(), members[0] if members else "")
        self.usergroups[group.id] = group
        return group

    def add_emoji(self, name: str, value: str) -> None:
        """value: the picture's address, or ``alias:other``."""
        self.emoji[name] = value
        self.emit("emoji_changed", subtype="add", name=name, value=value)

    def remove_emoji(self, name: str) -> None:
        del self.emoji[name]
        self.emit("emoji_changed", subtype="remove", names=[name])

    # ---- channels

    def add_channel(
        self, name: str, *members: str | User, creator: str | User = "", private: bool = False, topic: str = ""
    ) -> Channel:
        """A channel of which `members` are members from the start, without a word. Raises SlackError("name_taken")."""
        if any(one.name == name for one in self.channels.values() if name):
            raise SlackError("name_taken")
        users = [self.user(one).id for one in members]
        author = self.user(creator).id if creator else users[0] if users else ""
        channel = self._new_channel("C", name, "private" if private else "public", author, users)
        channel.topic = Note(topic, author, self.now()) if topic else Note()
        if not private:
            shape = self.channel_json(channel, channel.creator)
            self.tell_place("channel_created", channel, {"channel": shape}, to_members=False)
        return channel

    def open_dm(self, *users: str | User) -> Channel:
        """The conversation between these people alone, found again or made."""
        members = sorted({self.user(one).id for one in users})
        kind: Kind = "im" if len(members) <= 2 else "mpim"
        for channel in self.channels.values():
            if channel.kind == kind and sorted(channel.members) == members:
                return channel
        letter, name = (
            ("D", "") if kind == "im" else ("G", "mpdm-" + "--".join(self.users[m].name for m in members) + "-1")
        )
        return self._new_channel(letter, name, kind, members[0], members)

    def _new_channel(self, letter: str, name: str, kind: Kind, creator: str, members: list[str]) -> Channel:
        now = self.now()
        channel = Channel(self.new_id(letter), name, kind, creator, now, members=members, updated=now * 1000)
        channel.is_general = kind == "public" and not any(one.is_general for one in self.channels.values())
        self.channels[channel.id] = channel
        return channel

    def join(self, channel: str | Channel, user: str | User, *, inviter: str | User = "") -> None:
        """Told as channel_join and member_joined_channel; nothing for one who is in. Raises SlackError."""
        place, who = self.channel(channel), self.user(user)
        if place.archived:
            raise SlackError("is_archived")
        if who.id in place.members:
            return
        place.members.append(who.id)
        invited = {"inviter": self.user(inviter).id} if inviter else {}
        self._note(place, who, "channel_join", f"<@{who.id}> has joined the channel", **invited)
        body = {"user": who.id, "channel_type": place.id[0], "team": self.team.id, **invited}
        self.tell_place("member_joined_channel", place, body | {"channel": place.id})

    def leave(self, channel: str | Channel, user: str | User) -> None:
        """Told as channel_leave and member_left_channel. Raises SlackError("not_in_channel")."""
        place, who = self.channel(channel), self.user(user)
        if who.id not in place.members:
            raise SlackError("not_in_channel")
        body = {"user": who.id, "channel": place.id, "channel_type": place.id[0], "team": self.team.id}
        # The bot that leaves is told of it, as one who was there.
        self._note(place, who, "channel_leave", f"<@{who.id}> has left the channel")
        self.tell_place("member_left_channel", place, body)
        place.members.remove(who.id)

    def rename(self, channel: str | Channel, user: str | User, name: str) -> None:
        """Told as channel_name and channel_rename (group_rename for a private one). Raises SlackError("name_taken")."""
        place, who = self.channel(channel), self.user(user)
        if any(one.name == name for one in self.channels.values()):
            raise SlackError("name_taken")
        old, place.name = place.name, name
        place.previous_names.insert(0, old)
        said = f'has renamed the channel from "{old}" to "{name}"'
        self._note(place, who, "channel_name", said, name=name, old_name=old)
        shape = {
            "id": place.id,
            "name": name,
            "name_normalized": name,
            "created": place.created,
            "is_channel": place.kind == "public",
            "is_mpim": False,
        }
        self.tell_place(f"{self._prefix(place)}_rename", place, {"channel": shape}, to_members=False)

    def set_topic(self, channel: str | Channel, user: str | User, topic: str) -> None:
        place, who = self.channel(channel), self.user(user)
        place.topic = Note(topic, who.id, self.now())
        self._note(place, who, "channel_topic", f"set the channel topic: {topic}", topic=topic)

    def set_purpose(self, channel: str | Channel, user: str | User, purpose: str) -> None:
        place, who = self.channel(channel), self.user(user)
        place.purpose = Note(purpose, who.id, self.now())
        self._note(place, who, "channel_purpose", f"set the channel description: {purpose}", purpose=purpose)

    def archive(self, channel: str | Channel, user: str | User) -> None:
        """Raises SlackError("already_archived"), ("cant_archive_general")."""
        place, who = self.channel(channel), self.user(user)
        if place.archived or place.is_general:
            raise SlackError("already_archived" if place.archived else "cant_archive_general")
        place.archived = True
        self._note(place, who, "channel_archive", f"<@{who.id}> archived the channel")
        body = {"channel": place.id, "user": who.id, "is_moved": 0}
        self.tell_place(f"{self._prefix(place)}_archive", place, body, to_members=False)

    def unarchive(self, channel: str | Channel, user: str | User) -> None:
        """Raises SlackError("not_archived")."""
        place, who = self.channel(channel), self.user(user)
        if not place.archived:
            raise SlackError("not_archived")
        place.archived = False
        self._note(place, who, "channel_unarchive", f"<@{who.id}> un-archived the channel")
        body = {"channel": place.id, **({"user": who.id} if place.kind == "public" else {})}
        self.tell_place(f"{self._prefix(place)}_unarchive", place, body, to_members=False)

    def _note(self, place: Channel, who: User, subtype: str, text: str, **more: str) -> Message:
        return self.store(Message(self.new_ts(), place.id, who.id, text, subtype=subtype, more=dict(more)))

    @staticmethod
    def _prefix(place: Channel) -> str:
        return "channel" if place.kind == "public" else "group"

    # ---- looking

    def transcript(self, channel: str | Channel) -> str:
        """The channel as a person reads it: a line for each message, threads indented, reactions behind."""
        return transcript.of(self, self.channel(channel))

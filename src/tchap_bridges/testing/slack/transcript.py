"""A channel as text, for expectations that a person can read.

::

    Alice: qui vient ? (modifié) [:+1: 2]
      Bob: moi
      Bob: moi aussi (aussi dans le salon)
    · @Carla has joined the channel
    * Bob réfléchit
    Chloé: voici <plan.pdf>
"""

from tchap_bridges.testing.slack.composer import unescaped
from tchap_bridges.testing.slack.model import Channel, Message
from tchap_bridges.testing.slack.state import State


def of(state: State, channel: Channel) -> str:
    """All messages, oldest first, each thread below its first message."""
    lines: list[str] = []
    for message in channel.messages.values():
        if not message.is_reply:
            lines.append(line(state, message))
            lines += [f"  {line(state, reply)}" for reply in channel.replies(message.ts)]
    return "\n".join(lines)


def author(state: State, message: Message) -> str:
    """The name that stands beside a message."""
    if message.username:
        return message.username
    user = state.users.get(message.user)
    return user.shown if user else "?"


def words(state: State, text: str) -> str:
    """A text as it is read: people and channels by their names."""
    for user in state.users.values():
        text = text.replace(f"<@{user.id}>", f"@{user.shown}")
    for channel in state.channels.values():
        text = text.replace(f"<#{channel.id}>", f"#{channel.name}").replace(f"<#{channel.id}|>", f"#{channel.name}")
    return unescaped(text)


def line(state: State, message: Message) -> str:
    """One message: author, words, files, reactions with their number, and what became of it."""
    said = words(state, message.text).replace("\n", "\n    ")
    shown = f"· {author(state, message)} {said}" if message.subtype.startswith("channel_") else ""
    if message.subtype in {"channel_join", "channel_leave", "channel_archive", "channel_unarchive"}:
        shown = f"· {said}"
    elif message.subtype == "me_message":
        shown = f"* {author(state, message)} {said}"
    shown = shown or f"{author(state, message)}: {said}"
    shown = shown.rstrip() + "".join(f" <{state.files[one].name}>" for one in message.files)
    shown += (" (modifié)" if message.edited else "") + (" (aussi dans le salon)" if message.broadcast else "")
    if message.reactions:
        shown += " [" + " ".join(f":{name}: {len(users)}" for name, users in message.reactions.items()) + "]"
    return shown

"""Opaque identifiers: only the part that makes one may look inside it.

Every id is text to the machine and a type of its own to the type checker, so that a chat's id cannot be handed to
something that expects a person's.
"""

from typing import NewType

ChatId = NewType("ChatId", str)
"""A conversation on a network (a list address, a channel), as its bridge writes it."""

PersonId = NewType("PersonId", str)
"""An author on a network (a normalised mail address, a nick, a Slack user id, a Matrix user id)."""

MessageId = NewType("MessageId", str)
"""One message on a network (a Message-ID, a timestamp, an event id)."""

FileRef = NewType("FileRef", str)
"""Where a file's bytes are found again, in the words of the bridge that made the event."""

RoomId = NewType("RoomId", str)
"""A Matrix room, ``!opaque:server`` or, from room version 12 on, ``!opaque``."""

UserId = NewType("UserId", str)
"""A Matrix user, ``@localpart:server``."""

ConnectionName = NewType("ConnectionName", str)
"""A connection as the configuration names it: the key under ``bridges:``."""

"""What was sent in clear into rooms that were encrypted by then, read from the homeserver's own database.

A bridge must never do that, whatever has failed; a test that saw only what its clients show could miss it.
"""

import json
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML

from tchap_bridges.testing.synapse import Synapse

# What an encrypted event may show beside its ciphertext (specification, m.room.encrypted with Megolm; relations stay in
# clear for the server).
_WRAPPING = {"algorithm", "ciphertext", "device_id", "sender_key", "session_id", "m.relates_to"}

# Not looked at: state, which cannot be encrypted, and
_EXEMPT = re.compile(
    r"m\.room\.redaction"  # the server has to read which event it empties
    r"|m\.reaction"  # clients send them in clear, for the server counts them (MSC2677): a key, no words
    r"|m\.call\..*"  # how devices find each other; nobody's words, and nothing that we ever send
)

# Rejected events reached nobody. A redaction hides nothing here: Synapse keeps what was said for days.
_SINCE_ENCRYPTED = """
    SELECT e.room_id, e.event_id, e.type, e.sender, j.json
    FROM events e
    JOIN event_json j ON j.event_id = e.event_id
    JOIN (
        SELECT room_id, min(stream_ordering) AS since
        FROM events
        WHERE type = 'm.room.encryption' AND state_key = '' AND rejection_reason IS NULL
        GROUP BY room_id
    ) encryption ON encryption.room_id = e.room_id
    WHERE e.stream_ordering > encryption.since AND e.state_key IS NULL AND e.rejection_reason IS NULL
    ORDER BY e.stream_ordering
"""


@dataclass(frozen=True, slots=True)
class Leak:
    """An event that others than the people of the room can read; `keys` are those of its content that are in clear."""

    room: str
    event_id: str
    kind: str
    sender: str
    keys: tuple[str, ...]


def plaintext_in_encrypted_rooms(synapse: Synapse, *, ours: Callable[[str], bool] | None = None) -> list[Leak]:
    """Every event with content that `ours` sent in clear after its room's first m.room.encryption, oldest first.

    `ours` tells by user id whose events count: those of the server's appservices, unless told. An event that is
    encrypted but has more beside its ciphertext than belongs there is one too. The server may be running, or stopped.
    """
    counts = ours or of_appservices(synapse)
    database = (synapse.folder / "homeserver.db").resolve()
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as db:
        rows = db.execute(_SINCE_ENCRYPTED).fetchall()
    leaks = []
    for room, event_id, kind, sender, raw in rows:
        content = json.loads(raw)["content"]
        shown = set(content)
        if kind == "m.room.encrypted" and content.get("ciphertext"):
            shown -= _WRAPPING
            if not shown:
                continue
        if counts(sender) and not _EXEMPT.fullmatch(kind):
            leaks.append(Leak(room, event_id, kind, sender, tuple(sorted(shown))))
    return leaks


def of_appservices(synapse: Synapse) -> Callable[[str], bool]:
    """Whether a user id is that of an appservice which this server knows: its sender, or in a namespace of its own."""
    config = json.loads((synapse.folder / "homeserver.yaml").read_text())
    patterns = []
    for path in config["app_service_config_files"]:
        registration = YAML(typ="safe").load(Path(path))
        patterns.append(re.escape(f"@{registration['sender_localpart']}:{synapse.server_name}"))
        patterns += [one["regex"] for one in registration["namespaces"].get("users", []) if one["exclusive"]]
    return lambda user: any(re.match(pattern, user) for pattern in patterns)

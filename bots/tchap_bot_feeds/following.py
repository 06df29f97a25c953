"""From what was seen and what is there now: what is new, and what has changed. Pure.

An entry is known by its guid, else by its link, else by its words. Where one guid is given to several entries of a feed
it tells nothing, and the link is taken with it.
"""

from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from tchap_bot_feeds.model import Entry, Seen

MOST_EDITS: Final = 5
"""Of one message: what changes more often changes at every look."""
MOST_SEEN: Final = 12_000
"""So many are remembered; of those that are no longer there the oldest are forgotten first."""


@dataclass(frozen=True, slots=True)
class News:
    """By key. ``new``: the oldest first; ``changed``: what looks otherwise now; ``seen``: all of them, from now on."""

    new: Mapping[str, Entry]
    changed: Mapping[str, Entry]
    seen: Mapping[str, Seen]


def compare(seen: Mapping[str, Seen], entries: Sequence[Entry]) -> News:
    here = _keyed(seen, entries)
    new = {key: entry for key, entry in here.items() if key not in seen}
    changed = {key: entry for key, entry in here.items() if key in seen and seen[key].shape != shape(entry)}
    gone = {key: one._replace(said="") for key, one in seen.items() if key not in here}
    kept = [*gone.items()][max(0, len(gone) + len(here) - MOST_SEEN) :]
    now = {key: _now(seen.get(key), entry) for key, entry in here.items()}
    return News(new=_oldest_first(new), changed=changed, seen={**dict(kept), **now})


def _now(before: Seen | None, entry: Entry) -> Seen:
    looks, link = shape(entry), _short(entry.link)
    if before is None:
        return Seen(shape=looks, link=link)
    edits = before.edits + (before.shape != looks)
    return Seen(shape=looks, link=link, said=before.said if edits <= MOST_EDITS else "", edits=edits)


def shape(entry: Entry) -> str:
    """The same as long as an entry looks the same."""
    return _short(entry.title, entry.link, entry.summary)


def _keyed(seen: Mapping[str, Seen], entries: Sequence[Entry]) -> dict[str, Entry]:
    """Each once: the first of a key is the one."""
    often = Counter(entry.id for entry in {(one.id, one.link): one for one in entries}.values())
    found: dict[str, Entry] = {}
    for entry in entries:
        found.setdefault(_key(seen, entry, unique=often[entry.id] == 1), entry)
    return found


def _key(seen: Mapping[str, Seen], entry: Entry, *, unique: bool) -> str:
    if not entry.id:
        return _short("link", entry.link) if entry.link else _short("words", entry.title, entry.summary)
    alone, paired = _short("guid", entry.id), _short("guid and link", entry.id, entry.link)
    if paired in seen:
        return paired
    known = seen.get(alone)
    return alone if unique or (known is not None and known.link == _short(entry.link)) else paired


def _oldest_first(new: Mapping[str, Entry]) -> dict[str, Entry]:
    """By their dates; where one has none, feeds begin with the newest."""
    backwards = [*reversed([*new.items()])]
    dated = [(entry.at, key) for key, entry in backwards if entry.at is not None]
    if len(dated) < len(new):
        return dict(backwards)
    return {key: new[key] for _at, key in sorted(dated, key=lambda one: one[0])}


def _short(*parts: str) -> str:
    hashed = blake2b("\0".join(parts).encode("utf-8", "replace"), digest_size=9)
    return urlsafe_b64encode(hashed.digest()).decode()

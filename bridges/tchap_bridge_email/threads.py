"""Who answers whom: RFC 5256 REFERENCES threading over a set of mails, and the ancestors of a single one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tchap_bridge_email.headers import normal_id
from tchap_bridge_email.message import Mail
from tchap_bridge_email.subject import Subject, read_subject

_EPOCH = datetime.fromtimestamp(0, tz=UTC)


def ancestors(mail: Mail) -> tuple[str, ...]:
    """The Message-IDs `mail` descends from: root first, parent last; () for the start of a thread.

    References decides; In-Reply-To only when References is absent or invalid (RFC 5256 step 1), and then its first id.
    The mail's own id and repeats are left out; of a repeated id the last place counts, nearest to the parent.
    """
    return chain(mail.message_id, mail.references, mail.in_reply_to)


def chain(message_id: str | None, references: Sequence[str], in_reply_to: Sequence[str]) -> tuple[str, ...]:
    """`ancestors`, from normalised ids."""
    nearest_first = dict.fromkeys(ref for ref in reversed(references) if ref != message_id)
    if nearest_first:
        return tuple(reversed(nearest_first))
    return tuple(ref for ref in in_reply_to if ref != message_id)[:1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One mail to be threaded. `id` is the caller's name for it; header values may be raw, they are normalised here."""

    id: str
    message_id: str | None
    in_reply_to: str | None
    references: tuple[str, ...]
    subject: str
    date: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """A conversation: `messages` are callers' ids by date; `root` is one of them, or a Message-ID nobody has."""

    root: str
    messages: tuple[str, ...]


@dataclass(slots=True, eq=False)
class _Node:
    """A container of JWZ's algorithm: a mail, or a place kept for one that was only heard of."""

    key: str
    entry: Entry | None = None
    order: int = 0
    parent: _Node | None = None
    children: list[_Node] = field(default_factory=list)
    subject: Subject | None = None
    referring: bool = False

    @property
    def when(self) -> tuple[datetime, int]:
        return (self.entry.date or _EPOCH) if self.entry else _EPOCH, self.order

    def mails(self) -> Iterator[_Node]:
        stack = [self]
        while stack:
            node = stack.pop()
            if node.entry is not None:
                yield node
            stack.extend(node.children)

    def adopt(self, child: _Node, *, replace: bool) -> None:
        """Make `child` this node's, unless that closes a loop (step 1.A) or, without `replace`, it has a parent."""
        if child is self or (child.parent is not None and not replace):
            return
        above: _Node | None = self
        while above is not None:
            if above is child:
                return
            above = above.parent
        if child.parent is not None:
            child.parent.children.remove(child)
        child.parent = self
        self.children.append(child)


def thread(
    entries: Iterable[Entry],
    *,
    subject_merge: bool = True,
    prune_phantoms: bool = True,
    prefixes: Sequence[str] = (),
) -> tuple[Thread, ...]:
    """The threads of `entries`, oldest first (RFC 5256 REFERENCES, steps 1 to 6, flat).

    With `subject_merge`, a mail with no valid reference whose subject carries a reply or forward mark joins the thread
    of the same base subject. Narrower than step 5 on purpose: threads with headers of their own are never merged.
    Without `prune_phantoms` a thread's root may be the Message-ID (brackets off) of a mail that is not there.
    """
    roots = [node for node in _forest(entries, prefixes) if node.parent is None]
    groups = [[root] for root in roots if next(root.mails(), None)]
    if subject_merge:
        groups = _merge_by_subject(groups)
    found = [(_members(group), group[0]) for group in groups]
    found.sort(key=lambda pair: pair[0][0].when)
    return tuple(
        Thread(root=_root_name(root, prune_phantoms), messages=tuple(node.entry.id for node in members if node.entry))
        for members, root in found
    )


def _forest(entries: Iterable[Entry], prefixes: Sequence[str]) -> list[_Node]:
    nodes: dict[str, _Node] = {}

    def node_of(key: str) -> _Node:
        return nodes.setdefault(key, _Node(key))

    for order, entry in enumerate(entries):
        key = normal_id(entry.message_id) if entry.message_id else None
        if key is None or (key in nodes and nodes[key].entry is not None):
            key = f"\0{order}"  # absent, invalid or taken: an identity nothing can refer to
        node = node_of(key)
        node.entry, node.order = entry, order
        node.subject = read_subject(entry.subject, prefixes)
        refs = tuple(ref for ref in map(normal_id, entry.references) if ref)
        parents = chain(key, refs, tuple(filter(None, [normal_id(entry.in_reply_to or "")])))
        node.referring = bool(parents)
        above: _Node | None = None
        for parent in map(node_of, parents):
            if above is not None:
                above.adopt(parent, replace=False)
            above = parent
        if above is not None:
            above.adopt(node, replace=True)
    return list(nodes.values())


def _merge_by_subject(groups: list[list[_Node]]) -> list[list[_Node]]:
    table: dict[str, list[_Node]] = {}
    kept: list[list[_Node]] = []
    strays: list[list[_Node]] = []
    for group in groups:
        (strays if _is_stray(group[0]) else kept).append(group)
    for group in kept:
        first = _members(group)[0]
        if first.subject and first.subject.base:
            table.setdefault(first.subject.key, group)
    for group in strays:
        subject = group[0].subject
        home = table.setdefault(subject.key, group) if subject and subject.base else group
        if home is group:
            kept.append(group)
        else:
            home.extend(group)
    return kept


def _is_stray(root: _Node) -> bool:
    """Nothing but its subject says what it answers."""
    if root.entry is None or root.referring or root.subject is None:
        return False
    return root.subject.reply or root.subject.forward


def _members(group: list[_Node]) -> list[_Node]:
    return sorted((node for root in group for node in root.mails()), key=lambda node: node.when)


def _root_name(root: _Node, prune_phantoms: bool) -> str:
    if root.entry is not None:
        return root.entry.id
    if not prune_phantoms:
        return root.key.strip("<>")
    node = root
    while node.entry is None:  # a phantom kept in the forest has a mail below it, by construction of the groups
        node = min((child for child in node.children if next(child.mails(), None)), key=lambda child: child.when)
    return node.entry.id

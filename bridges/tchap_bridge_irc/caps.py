"""Which of the server's abilities we ask for: CAP LS 302, REQ, ACK, NAK, NEW, DEL.

Only what is wanted and offered is asked for: a server may offer some that nobody should take (inspircd.org/poison), and
one refusal refuses all that was asked with it.

Source: IRCv3 Client Capability Negotiation.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from tchap_bridge_irc.wire import Line

WANTED = (
    "account-notify",
    "account-tag",
    "batch",
    "cap-notify",
    "chghost",
    "draft/channel-rename",
    "draft/chathistory",
    "draft/message-redaction",
    "draft/multiline",
    "draft/relaymsg",
    "echo-message",
    "extended-join",
    "inspircd.org/standard-replies",
    "labeled-response",
    "message-tags",
    "multi-prefix",
    "overdrivenetworks.com/relaymsg",
    "server-time",
    "setname",
    "standard-replies",
    "userhost-in-names",
)
"""What this package understands. "sasl" is added by `registration` when there is something to prove."""
_NEEDS = {"labeled-response": ("batch",), "draft/multiline": ("batch", "message-tags"), "draft/chathistory": ("batch",)}
"""Abilities that their specifications let one take only together with others."""
_REQUEST_BYTES = 300
"""Of names in one REQ: its ACK must fit in a line too, with the server's name and ours in front."""


class Capabilities:
    """What is offered, what is on, and what was asked for. Lines in, lines to send out."""

    def __init__(self, wanted: Iterable[str] = WANTED) -> None:
        self._wanted = tuple(dict.fromkeys(wanted))
        self._offered: dict[str, str] = {}
        self._enabled: set[str] = set()
        self._asked: list[tuple[str, ...]] = []
        self._refused: set[str] = set()
        self._listed = False
        self.supported = False
        """The server has answered: it waits for CAP END."""

    def start(self) -> Line:
        """The question, sent before NICK and USER: registration waits from then on for CAP END."""
        return Line("CAP", ("LS", "302"))

    @property
    def offered(self) -> Mapping[str, str]:
        """Name to value, '' for those without."""
        return self._offered

    def options(self, name: str) -> Mapping[str, str]:
        """The value of an offered capability as its tokens: ``max-bytes=4096,max-lines=9`` of draft/multiline."""
        items = (item.partition("=") for item in self._offered.get(name, "").split(",") if item)
        return {key: value for key, _equals, value in items}

    @property
    def enabled(self) -> frozenset[str]:
        """What is on now."""
        return frozenset(self._enabled)

    @property
    def settled(self) -> bool:
        """The list was seen to its end, and each question has its answer."""
        return self._listed and not self._asked

    def __contains__(self, name: str) -> bool:
        return name in self._enabled

    def receive(self, line: Line) -> Sequence[Line]:
        """A CAP line, ``CAP <client> <subcommand> [*] :<names>``. Returns what is to be asked next.

        What it does not expect it passes over: a server that acknowledges what nobody asked for has switched it on.
        """
        more = line.param(2) == "*" and len(line.params) > 3
        words = line.param(-1).split() if len(line.params) > 2 else []
        self.supported = True
        match line.param(1).upper():
            case "LS":
                self._offer(words)
                if more or self._listed:
                    return ()
                self._listed = True
                return tuple(self._ask(self._wanted))
            case "NEW":
                names = self._offer(words)
                self._refused.difference_update(names)
                return tuple(self._ask(self._wanted)) if self._listed else ()
            case "DEL":
                for name in names_of(words):
                    self._offered.pop(name, None)
                    self._enabled.discard(name)
            case "ACK":
                self._acknowledge(words)
            case "NAK":
                return tuple(self._refuse(words))
            case _other:
                pass
        return ()

    def unsupported(self) -> None:
        """The server has no CAP at all (421, 410, or a welcome without an answer)."""
        self._listed = True
        self._asked.clear()

    def _offer(self, words: Sequence[str]) -> list[str]:
        for word in words:
            name, _equals, value = word.partition("=")
            self._offered[name] = value
        return list(names_of(words))

    def _ask(self, names: Iterable[str]) -> Iterator[Line]:
        pending = {name for group in self._asked for name in group}
        fresh = [
            name for name in names if self._askable(name) and all(self._possible(need) for need in _NEEDS.get(name, ()))
        ]
        for group in _groups(name for name in fresh if name not in pending):
            self._asked.append(group)
            yield Line("CAP", ("REQ", " ".join(group)))

    def _askable(self, name: str) -> bool:
        return name in self._offered and name not in self._enabled and name not in self._refused

    def _possible(self, name: str) -> bool:
        return name in self._enabled or (name in self._wanted and self._askable(name))

    def _acknowledge(self, words: Sequence[str]) -> None:
        answered = set()
        for word in words:
            name = word.lstrip("~=")  # marks of an older version of the specification
            answered.add(name.removeprefix("-"))
            if name.startswith("-"):
                self._enabled.discard(name[1:])
            else:
                self._enabled.add(name)
        self._answered(answered)

    def _refuse(self, words: Sequence[str]) -> Iterator[Line]:
        """All that was asked with it is refused too: each is asked for alone once, to find which one it was."""
        refused = set(words)
        oldest = self._asked[0] if self._asked else ()
        group = next((group for group in self._asked if not refused.isdisjoint(group)), oldest)
        if group:
            self._asked.remove(group)
        if len(group) <= 1:
            self._refused |= set(group) or refused
            return
        for name in group:
            self._asked.append((name,))
            yield Line("CAP", ("REQ", name))

    def _answered(self, names: set[str]) -> None:
        left = (tuple(name for name in group if name not in names) for group in self._asked)
        self._asked = [group for group in left if group]


def names_of(words: Iterable[str]) -> Iterator[str]:
    """Names without their values."""
    for word in words:
        yield word.partition("=")[0]


def _groups(names: Iterable[str]) -> Iterator[tuple[str, ...]]:
    group: list[str] = []
    size = 0
    for name in names:
        if group and size + len(name) + 1 > _REQUEST_BYTES:
            yield tuple(group)
            group, size = [], 0
        group.append(name)
        size += len(name) + 1
    if group:
        yield tuple(group)

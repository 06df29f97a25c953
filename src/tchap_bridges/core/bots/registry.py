"""The bots that are installed, and which of them a typed word calls. In a development folder they come, change and go.

Two bots may have one word: it calls the one that is on in the room, and each is always reached with its name before
it, as in ``!sondages-vote``. Words of the bridge itself are never a bot's.
"""

from collections.abc import Callable, Collection, Container, ItemsView, Iterator, Mapping, Sequence
from typing import Final

from tchap_bridges.bot import Bot, Command
from tchap_bridges.core.bots import GUIDE
from tchap_bridges.core.words import unaccented
from tchap_bridges.errors import Misconfigured
from tchap_bridges.i18n import Phrase, _

Watcher = Callable[[str], None]
_COMMAND: Final = 200  # characters in which the words of a command stand


class Bots(Mapping[str, Bot]):
    """Bots by name. ``builtin`` are the words of the bridge itself.

    One that is developed stands in for the installed one of its name. What a call has begun with, it ends with.
    """

    def __init__(self, installed: Mapping[str, Bot], builtin: Collection[str] = ()) -> None:
        if GUIDE in installed:
            raise Misconfigured(_("un robot ne peut pas s'appeler « {name} »", name=GUIDE), where=f"bots.{GUIDE}")
        self._installed = dict(installed)
        self._developed: dict[str, Bot] = {}
        self._watchers: list[Watcher] = []
        self.builtin = builtin
        self.faults: dict[str, str] = {}
        """By the name of a file that is developed: why it is not what runs."""
        self._changed()

    def __getitem__(self, name: str) -> Bot:
        return self._all[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def items(self) -> ItemsView[str, Bot]:
        """As they are now; another thread looks too."""
        return self._all.items()

    def watch(self, watcher: Watcher) -> None:
        """``watcher`` is told the name of whatever comes, changes or goes from now on."""
        self._watchers.append(watcher)

    def develop(self, name: str, bot: Bot) -> None:
        """From the next call on it is this one."""
        self._developed[name] = bot
        self._changed(name)

    def drop(self, name: str) -> None:
        """No more of it, or the installed one again. Where it was on it stays on, for the day that it comes back."""
        del self._developed[name]
        self._changed(name)

    def _changed(self, *names: str) -> None:
        self._all = {**self._installed, **self._developed}
        self.words = words_of(self._all)
        for name in names:
            for watcher in self._watchers:
                watcher(name)

    def spelt(self, word: str) -> str:
        """A bot's name as it is, where it was typed with other accents; any other word without its accents."""
        return word.lower() if word.lower() in self._all else unaccented(word)

    def typed(self, name: str, words: str, among: Container[str]) -> str:
        """What is typed to call that command, ``!`` included, where the bots ``among`` are on."""
        head = words.partition(" ")[0]
        rivals = [other for other in self.words[head] if other != name and other in among]
        return f"!{name}-{words}" if rivals or head in self.builtin else f"!{words}"

    def shared(self) -> Iterator[Phrase]:
        """The words that a bot's name has to precede, and why."""
        for head in sorted({head for bot in self.values() for head in heads(bot)}):
            names = self.words[head]
            ways = ", ".join(f"!{name}-{head}" for name in names)
            if head in self.builtin:
                yield _("!{word} est un mot du pont : dites {ways}", word=head, ways=ways)
            elif len(names) > 1:
                yield _(
                    "!{word} est un mot de plusieurs robots : où ils sont actifs, dites {ways}", word=head, ways=ways
                )


def words_of(bots: Mapping[str, Bot]) -> Mapping[str, Sequence[str]]:
    """By the first word of a command, with a bot's name before it and without: the bots that it calls."""
    found: dict[str, list[str]] = {}
    for name, bot in bots.items():
        for head in heads(bot):
            found.setdefault(head, []).append(name)
    for name, bot in bots.items():
        for head in heads(bot):
            found.setdefault(f"{name}-{head}", [name])
    return found


def heads(bot: Bot) -> Sequence[str]:
    """The first words of its commands."""
    words = (word.partition(" ")[0] for command in bot.commands for word in command.words)
    return tuple(dict.fromkeys(words))


def called(name: str, bot: Bot, word: str, rest: str) -> tuple[Command, str, str] | None:
    """The command that ``!word rest`` calls, which of its words that is, and what follows: the longest that fits.

    Accents need not be typed.
    """
    head = own_head(name, bot, word)
    said = [unaccented(one) for one in rest[:_COMMAND].split()]
    best: tuple[Command, str, str] | None = None
    for command in bot.commands:
        for words in command.words:
            first, *more = words.split()
            fits = first == head and said[: len(more)] == [unaccented(one) for one in more]
            if fits and (best is None or len(more) > best[1].count(" ")):
                best = command, words, "".join(rest.split(maxsplit=len(more))[len(more) :]) if more else rest
    return best


def own_head(name: str, bot: Bot, word: str) -> str:
    """The word without the bot's name before it, with the accents that the bot gives it."""
    known = {unaccented(head): head for head in reversed(heads(bot))} | {head: head for head in heads(bot)}
    own = word.removeprefix(f"{name}-")
    return known.get(word) or known.get(unaccented(word)) or known.get(unaccented(own), own)


def below(bot: Bot, head: str) -> Sequence[str]:
    """The words that may follow a command's first one."""
    words = (word.partition(" ") for command in bot.commands for word in command.words)
    return tuple(dict.fromkeys(rest for first, _space, rest in words if first == head and rest))

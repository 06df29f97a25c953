"""``!alertes``: what other systems post to the room's webhooks, told, followed until it is over, and seen to."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from tchap_bot_alerts import grouping
from tchap_bot_alerts.book import Book, Say, Step
from tchap_bot_alerts.keeping import MOST_TOLD, Desk, Hook, Kept, Seer
from tchap_bot_alerts.notice import Notice, Refused, Severity, State
from tchap_bot_alerts.policy import Policy
from tchap_bot_alerts.settings import AlertsConfig
from tchap_bot_alerts.telling import Telling
from tchap_bot_alerts.template import check
from tchap_bot_alerts.wording import NAMES
from tchap_bot_alerts.wording import ongoing as going_on
from tchap_bot_alerts.words import bounded, preformatted, stacked
from tchap_bot_alerts.words import words as plain
from tchap_bot_alerts.writing import Style, read_aside, told, write_aside
from tchap_bridges.bot import Bot, Posted, Power, Room, command, daily, on, webhook
from tchap_bridges.dates import Moment, said, understand
from tchap_bridges.dates.meaning import meant, settled
from tchap_bridges.errors import Misconfigured
from tchap_bridges.events import Deletion, Reaction
from tchap_bridges.i18n import Phrase, Translator, _, ngettext

LONGEST_SILENCE: Final = timedelta(days=7)
MOST_TIDIED: Final = 20
"""Hooks a day; those that were silent for longest come first."""
MOST_TRIED: Final = 20
"""Deliveries back that can be tried."""
_UNREADABLE: Final = "!unreadable"
_SEEN: Final = frozenset(("✅", "☑", "✔"))
_EXAMPLE: Final = _("Exemples : !alertes silence 2h, !alertes silence demain 8h")
_ADDRESS: Final = _("Pour faire une adresse : !bot webhook creer alertes")
_NO_SILENCE: Final = frozenset(("fin", "non", "stop", "end", "off", "no"))
_MODEL: Final = "<b>{{ title }}</b> {{ text }} {{ summary }}"


class AlertsBot(Bot):
    """Alertes : dit dans le salon ce que d'autres systèmes envoient, et suit chaque alerte jusqu'à sa fin."""

    name = "alertes"
    Config = AlertsConfig

    @webhook(raw=True)
    async def arrived(self, room: Room[AlertsConfig], posted: Posted) -> None:
        """A delivery, once: one that is handed over again, by whomever, changes nothing."""
        kept = Kept(room.id, room.kv)
        desk, hook = await kept.desk(), await kept.hook(posted.hook)
        notices = await self._read(room, posted, hook.book)
        # Numbers begin anew when a webhook of this name is made anew.
        delivery = f"{posted.number} {posted.at.isoformat()}"
        await Telling(room, kept, desk, hook).tell(
            lambda book, policy: grouping.take(book, notices, policy, room.now, delivery=delivery)
        )

    @staticmethod
    async def _read(room: Room[AlertsConfig], posted: Posted, book: Book) -> list[Notice]:
        """What cannot be read is a trouble of its own, until something can be."""
        found = await read_aside(posted.headers, posted.body, room.language, room.config.format)
        say = Translator(room.language)
        trouble = Notice(
            kind="alertes.unreadable",
            title=say(_("« {hook} » envoie ce que je ne sais pas lire", hook=posted.hook)),
            fingerprint=_UNREADABLE,
        )
        if isinstance(found, Refused):
            told_ = replace(trouble, text=plain(say(found.reason)), severity=Severity.WARNING, state=State.FIRING)
            notices = [told_]
        else:
            broken = book.entries.get(_UNREADABLE)
            readable = [replace(trouble, state=State.RESOLVED)] if broken is not None and broken.ongoing else []
            notices = [*readable, *found]
        return [replace(one, at=one.at or posted.at) for one in notices]

    async def wake(self, room: Room[AlertsConfig], words: str) -> None:
        """What waited may be said; ``words`` is the hook."""
        await self._step(room, words, lambda book, policy: grouping.wake(book, policy, room.now))

    async def refresh(self, room: Room[AlertsConfig], words: str) -> None:
        """Some messages do not show yet what is so; ``words`` is the hook."""
        kept = Kept(room.id, room.kv)
        await Telling(room, kept, await kept.desk(), await kept.hook(words)).refresh()

    async def alarm(self, room: Room[AlertsConfig], words: str) -> None:
        """Those who are told directly may be told again; ``words`` is the hook."""
        kept = Kept(room.id, room.kv)
        await Telling(room, kept, await kept.desk(), await kept.hook(words)).alarm()

    @daily(at="4:40")
    async def tidy(self, room: Room[AlertsConfig]) -> None:
        """What nobody has spoken of for a month is kept no longer, also of a hook that is no more."""
        kept = Kept(room.id, room.kv)
        desk = before = await kept.desk()
        policy = room.config.policy(room.zone, desk.muted, crowded=False)
        for name in before.hooks[:MOST_TIDIED]:
            hook = await kept.hook(name)
            book = grouping.tidied(hook.book, policy, room.now)
            if not book.entries and (hook.wall.at is None or room.now - hook.wall.at >= grouping.FORGOTTEN):
                desk = await kept.forget(desk, name)
            elif book != hook.book and not hook.moved:
                await kept.set_hook(replace(hook, book=book))
        if desk != before:
            await kept.set_desk(desk)

    @on(Reaction)
    async def reacted(self, room: Room[AlertsConfig], event: Reaction) -> None:
        """✅ on a message: somebody sees to what it tells."""
        if event.key.rstrip("\ufe0f") not in _SEEN:
            return
        kept = Kept(room.id, room.kv)
        desk = await kept.desk()
        found = await kept.of_message(desk, event.target)
        if found is None:
            return
        hook, key = found
        seer = Seer(reaction=event.id, key=key, who=_who(room), name=room.caller.name)
        if event.removed:
            gone = next((one for one in hook.wall.seers if (one.key, one.who) == (key, seer.who)), None)
            if gone is not None:
                await self._unseen(room, kept, desk, hook, gone)
            return
        await Telling(room, kept, desk, hook.seen_by(seer)).tell(
            lambda book, policy: grouping.acknowledge(book, key, seer.who, policy, room.now, name=seer.name),
            urgent=True,
        )

    @on(Deletion)
    async def withdrawn(self, room: Room[AlertsConfig], event: Deletion) -> None:
        """A ✅ is taken back, by whomever."""
        kept = Kept(room.id, room.kv)
        desk = await kept.desk()
        if (found := await kept.of_reaction(desk, event.target)) is not None:
            await self._unseen(room, kept, desk, *found)

    @staticmethod
    async def _unseen(room: Room[AlertsConfig], kept: Kept, desk: Desk, hook: Hook, gone: Seer) -> None:
        """Somebody no longer sees to it; the next who has said so does."""
        hook = hook.unseen_by(gone)
        heir = next((one for one in hook.wall.seers if one.key == gone.key), None)

        def handed_on(book: Book, policy: Policy) -> Step:
            step = grouping.release(book, gone.key, gone.who, policy, room.now)
            if heir is None:
                return step
            then = grouping.acknowledge(step.book, heir.key, heir.who, policy, room.now, name=heir.name)
            return Step(then.book, (*step.actions, *then.actions))

        await Telling(room, kept, desk, hook).tell(handed_on, urgent=True)

    @command("alertes", "alertes liste", english=["alerts", "alerts list"])
    async def ongoing(self, room: Room[AlertsConfig]) -> None:
        """Ce qui est en cours, depuis quand, et qui s'en occupe ; ✅ sur un message : je m'en occupe"""
        kept, say = Kept(room.id, room.kv), Translator(room.language)
        desk = await kept.desk()
        told_ = []
        for name in sorted(desk.hooks):
            book = (await kept.hook(name)).book
            going = [one for one in book.entries.values() if one.ongoing and room.now - one.last < grouping.FORGOTTEN]
            told_ += [going_on(name, going, say, room.zone)] if going else []
        if not told_:
            told_.append(plain(say(_("🟢 Aucune alerte en cours."))))
        if not desk.hooks:
            told_.append(plain(say(_("Aucun webhook n'a rien envoyé ici ces temps-ci. {remedy}", remedy=_ADDRESS))))
        if desk.muted is not None and room.now < desk.muted:
            told_.append(plain(say(_("🔕 Silence jusqu'à {when}.", when=_moment(room, desk.muted)))))
        await room.say(bounded(stacked(told_)), about=room.message)

    @command("alertes terminer", english=["alerts close"])
    async def close(self, room: Room[AlertsConfig], words: str) -> Phrase:
        """Dit terminé ce dont la fin ne vient pas : en réponse au message, ou d'un webhook : !alertes terminer prom"""
        kept = Kept(room.id, room.kv)
        desk = await kept.desk()
        found = await kept.of_message(desk, room.answered) if room.answered is not None else None
        if found is None and words not in desk.hooks:
            raise Misconfigured(
                _("je ne vois pas ce qui est terminé"),
                remedy=_("Répondez au message d'une alerte, ou nommez un webhook : !alertes terminer prom"),
            )
        hook, keys = (found[0], [found[1]]) if found is not None else (await kept.hook(words), None)
        before = _going(hook.book)
        telling = Telling(room, kept, desk, hook)
        await telling.tell(lambda book, policy: grouping.close(book, keys, policy, room.now), urgent=True)
        n = before - _going(telling.book)
        return ngettext("✓ {n} alerte est dite terminée.", "✓ {n} alertes sont dites terminées.", n)

    @command("alertes silence", english=["alerts mute"], who=Power.MODERATOR)
    async def silence(self, room: Room[AlertsConfig], words: str) -> Phrase:
        """Ne dit plus rien de nouveau, puis tout d'un coup : !alertes silence 2h ; « fin » le lève"""
        if not words:
            raise Misconfigured(_("jusqu'à quand ?"), remedy=_EXAMPLE)
        kept = Kept(room.id, room.kv)
        desk = await kept.desk()
        if words.lower() in _NO_SILENCE:
            await kept.set_desk(replace(desk, muted=None))
            for name in desk.hooks:
                await room.at(room.now, "unmuted", name, key=f"unmuted {name}")
            return _("🔔 Le silence est levé.")
        until = _until(room, words)
        if not timedelta(0) < until - room.now <= LONGEST_SILENCE:
            raise Misconfigured(_("un silence dure 7 jours au plus"), remedy=_EXAMPLE)
        await kept.set_desk(replace(desk, muted=until))
        return _(
            "🔕 Silence jusqu'à {when} : rien de nouveau n'est dit d'ici là, même critique, et tout l'est alors."
            " Pour le lever : !alertes silence fin",
            when=_moment(room, until),
        )

    async def unmuted(self, room: Room[AlertsConfig], words: str) -> None:
        """A silence has ended early: what waited for its end may be said; ``words`` is the hook."""

        def now(book: Book, policy: Policy) -> Step:
            return grouping.wake(replace(book, due=policy.due(room.now) or room.now), policy, room.now)

        await self._step(room, words, now)

    @command("alertes essayer", english=["alerts try"], who=Power.MODERATOR)
    async def attempt(self, room: Room[AlertsConfig], words: str) -> None:
        """Ce que le modèle, ou celui qu'on donne, fait du dernier envoi (« 2 », de l'avant-dernier) ; rien ne change"""
        first, _space, template = words.partition(" ")
        number, template = (int(first), template) if first.isdecimal() and len(first) < 4 else (1, words)
        posted = await room.posted(max(1, min(number, MOST_TRIED)))
        if not posted:
            raise Misconfigured(_("aucun envoi n'est gardé à essayer"), remedy=_ADDRESS)
        if not 1 <= number <= len(posted):
            raise Misconfigured(
                ngettext("je n'ai que {n} envoi à essayer", "je n'ai que {n} envois à essayer", len(posted)),
                remedy=_("Exemple, pour l'avant-dernier : !alertes essayer 2"),
            )
        one, say = posted[number - 1], Translator(room.language)
        head = _(
            "Essai sur l'envoi n° {n} de « {hook} », de {when} :",
            n=one.number, hook=one.hook, when=_moment(room, one.at),
        )  # fmt: skip
        found = await read_aside(one.headers, one.body, room.language, room.config.format)
        if isinstance(found, Refused):
            text = plain(say(found.reason))
        else:
            step = grouping.take(Book(), found, Policy(zone=room.zone), room.now)
            style = replace(_style(room), template=template.strip() or room.config.template)
            shown = [each.shown for each in step.actions if isinstance(each, Say)]
            text = stacked(await write_aside(shown, style)) or plain(say(_("Cet envoi ne dit rien.")))
        await room.say(bounded(stacked((plain(say(head)), text))), about=room.message)

    @command("alertes modele", english=["alerts template"])
    async def template(self, room: Room[AlertsConfig]) -> None:
        """Le modèle de ce salon, et ce qu'un modèle peut dire"""
        say, source = Translator(room.language), room.config.template
        fault = check(source, NAMES) if source else None
        title = _("Le modèle de ce salon :") if source else _("Ce salon n'a pas de modèle : je choisis les mots.")
        help_ = (
            *((told(fault),) if fault is not None else ()),
            _("Ce qu'un modèle peut dire : {names}.", names=", ".join(sorted(NAMES))),
            _("Pour en essayer un sur le dernier envoi : !alertes essayer {model}", model=_MODEL),
            _("Pour le garder : !bot regler alertes modele=« {model} »", model=_MODEL),
        )
        text = stacked((plain(say(title)), preformatted(source), *(plain(say(one)) for one in help_)))
        await room.say(text, about=room.message)

    @command("alertes moi", english=["alerts me"])
    async def consent(self, room: Room[AlertsConfig]) -> Phrase:
        """Vous dit aussi en privé les alertes critiques"""
        kept, person = Kept(room.id, room.kv), room.caller.person
        desk = await kept.desk()
        if person in desk.told:
            return _("C'est déjà le cas. Pour arrêter : !alertes pas moi")
        if len(desk.told) >= MOST_TOLD:
            raise Misconfigured(_("{n} personnes au plus reçoivent directement les alertes d'un salon", n=MOST_TOLD))
        welcome = _("Vous recevrez ici les alertes critiques d'un salon. Pour arrêter, là-bas : !alertes pas moi")
        if not await room.tell(person, welcome):
            raise Misconfigured(
                _("vous avez refusé que je vous écrive"),
                remedy=_("Ouvrez vous-même une discussion avec moi, puis recommencez"),
            )
        await kept.set_desk(replace(desk, told=(*desk.told, person)))
        return _("✓ {name} recevra directement les alertes critiques.", name=room.caller.name)

    @command("alertes pas moi", english=["alerts not me"])
    async def decline(self, room: Room[AlertsConfig]) -> Phrase:
        """Ne vous les dit plus en privé"""
        kept = Kept(room.id, room.kv)
        desk = await kept.desk()
        if room.caller.person in desk.told:
            await kept.set_desk(replace(desk, told=tuple(one for one in desk.told if one != room.caller.person)))
        return _("✓ {name} ne recevra pas d'alertes directement.", name=room.caller.name)

    @staticmethod
    async def _step(room: Room[AlertsConfig], name: str, step_of: Callable[[Book, Policy], Step]) -> None:
        kept = Kept(room.id, room.kv)
        desk, hook = await kept.desk(), await kept.hook(name)
        if name in desk.hooks:
            await Telling(room, kept, desk, hook).tell(step_of)


def _going(book: Book) -> int:
    return sum(one.ongoing for one in book.entries.values())


def _style(room: Room[AlertsConfig]) -> Style:
    return Style(template=room.config.template, language=room.language, zone=room.zone)


def _who(room: Room[AlertsConfig]) -> str:
    """One person of one place: a nick of IRC is nobody's user id."""
    return f"{room.network} {room.caller.person}" if room.network else room.caller.person


def _until(room: Room[AlertsConfig], words: str) -> datetime:
    """``2h`` is how long; ``demain 8h``, ``jusqu'à 18h`` is until when. Raises `Misconfigured`."""
    for long in (f"dans {words}", f"in {words}"):
        if (found := understand(long, now=room.now, zone=room.zone)) is not None:
            return settled(found, words, room.now, room.zone, room.language).at
    return meant(words, room.now, room.zone, room.language).at


def _moment(room: Room[AlertsConfig], when: datetime) -> Phrase:
    return said(Moment(at=when, words=""), room.now, room.zone)

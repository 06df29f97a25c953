"""``!rappel demain 9h30 appeler Ana``, ``!rappel tous les lundis à 9h réunion``."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

from tchap_bridges.bot import Bot, Power, Room, command
from tchap_bridges.dates import (
    Ambiguous,
    Moment,
    Recurrence,
    Refused,
    parse,
    said,
    said_recurrence,
    split,
    split_recurrence,
)
from tchap_bridges.dates.meaning import settled
from tchap_bridges.errors import Misconfigured, NotAllowed
from tchap_bridges.i18n import Phrase, Translator, _

MOST: Final = 100
LATE: Final = timedelta(minutes=5)
"""After which a reminder says when it was due: we were away."""
_EXAMPLE: Final = _("Exemple : !rappel demain 9h30 appeler Ana, ou : !rappel tous les lundis à 9h réunion d'équipe")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminder:
    """``at``: when it comes next. ``again``: a recurrence as text, "" for once. ``by``: whose it is."""

    number: int
    text: str
    by: str
    name: str
    at: datetime
    again: str = ""


_KEPT: Final = TypeAdapter(Reminder)


class RemindersBot(Bot):
    """Rappels : dit ce qu'on lui a demandé, à l'heure dite."""

    name = "rappels"

    @command("rappel", english=["remind", "reminder"])
    async def remind(self, room: Room, words: str) -> Phrase | str:
        """Rappelle à l'heure dite : !rappel demain 9h30 appeler Ana"""
        if not words:
            return await self.listed(room)
        if len(await _all(room)) >= MOST:
            raise Misconfigured(_("ce salon a déjà {n} rappels", n=MOST), remedy=_("Annulez-en : !rappel liste"))
        if (again := split_recurrence(words)) is not None:
            return await self._again(room, *again)
        if (once := split(words, now=room.now, zone=room.zone)) is None:
            raise Misconfigured(_("je ne vois pas quand"), remedy=_EXAMPLE)
        found, text = once
        moment = settled(found, words, room.now, room.zone, room.language)
        kept = await self._keep(room, text, moment.at)
        when = said(moment, room.now, room.zone)
        return _("⏰ Rappel n° {n}, {when} : {text}", n=kept.number, when=when, text=kept.text)

    @command("rappel liste", "rappels", english=["remind list", "reminders"])
    async def listed(self, room: Room) -> Phrase | str:
        """Les rappels de ce salon, et leurs numéros"""
        found = await _all(room)
        if not found:
            return _("Aucun rappel dans ce salon. {example}", example=_EXAMPLE)
        return "\n".join(map(Translator(room.language), (_line(one, room.zone) for one in found)))

    @command("rappel annuler", "rappel supprimer", "rappel retirer", english=["remind cancel", "remind remove"])
    async def cancel(self, room: Room, number: Annotated[int, _("numéro")]) -> Phrase:
        """Annule un rappel : !rappel annuler 2"""
        said_ = await room.kv.get(f"reminder {number}")
        if said_ is None:
            raise Misconfigured(_("il n'y a pas de rappel n° {n}", n=number), remedy=_("Voyez : !rappel liste"))
        kept = _KEPT.validate_json(said_)
        level = next((one.level for one in await room.members() if one.person == room.caller.person), 0)
        if kept.by != room.caller.person and level < Power.MODERATOR:
            raise NotAllowed(_("seule la personne qui l'a demandé, ou qui modère le salon, peut l'annuler"))
        await room.kv.delete(f"reminder {number}")
        await room.forget(str(number))
        return _("✓ Rappel n° {n} annulé.", n=number)

    async def _again(self, room: Room, found: Recurrence | Ambiguous[Recurrence] | Refused, text: str) -> Phrase:
        match found:
            case Refused(reason=reason):
                raise Misconfigured(reason)
            case Ambiguous(readings=readings):
                ways = " ; ".join(said_recurrence(one) for one in readings)
                raise Misconfigured(
                    _("« {words} » peut se comprendre de plusieurs façons", words=found.words),
                    remedy=_("Dites : {ways}", ways=ways),
                )
            case Recurrence():
                recurrence = found.starting(room.now.date())
        first = recurrence.next(room.now, room.zone)
        kept = await self._keep(room, text, first, again=str(recurrence))
        when = said(Moment(at=first, words=""), room.now, room.zone)
        return _(
            "⏰ Rappel n° {n}, {recurrence} : {text}\nLa première fois {when}.",
            n=kept.number,
            recurrence=said_recurrence(recurrence),
            text=kept.text,
            when=when,
        )

    async def _keep(self, room: Room, text: str, at: datetime, *, again: str = "") -> Reminder:
        if not text.strip():
            raise Misconfigured(_("que faut-il rappeler ?"), remedy=_EXAMPLE)
        number = int(await room.kv.get("last") or 0) + 1
        kept = Reminder(
            number=number, text=text.strip(), by=room.caller.person, name=room.caller.name, at=at, again=again
        )
        await room.kv.set("last", str(number))
        await _set(room, kept)
        return kept

    async def due(self, room: Room, words: str) -> None:
        """The time of one has come; ``words`` is its number."""
        said_ = await room.kv.get(f"reminder {words}")
        if said_ is None:
            return
        kept = _KEPT.validate_json(said_)
        late = room.now - kept.at > LATE
        when = _(" (c'était pour {when})", when=f"{kept.at.astimezone(room.zone):%d/%m %H:%M}") if late else ""
        await room.say(_("⏰ {name} : {text}{late}", name=kept.name, text=kept.text, late=when))
        if kept.again:
            await _set(room, replace(kept, at=parse(kept.again).next(max(room.now, kept.at), room.zone)))
        else:
            await room.kv.delete(f"reminder {words}")


def _line(kept: Reminder, zone: ZoneInfo) -> Phrase:
    when = f"{kept.at.astimezone(zone):%d/%m/%Y %H:%M}"
    if not kept.again:
        return Phrase("{n}. {when} — {text} ({name})", n=kept.number, when=when, text=kept.text, name=kept.name)
    return Phrase(
        "{n}. {when} — {text} ({name}) 🔁 {again}",
        n=kept.number,
        when=when,
        text=kept.text,
        name=kept.name,
        again=said_recurrence(parse(kept.again)),
    )


async def _set(room: Room, kept: Reminder) -> None:
    await room.kv.set(f"reminder {kept.number}", _KEPT.dump_json(kept).decode())
    await room.at(kept.at, "due", str(kept.number), key=str(kept.number))


async def _all(room: Room) -> list[Reminder]:
    found = [_KEPT.validate_json(one) for one in (await room.kv.all("reminder ")).values()]
    return sorted(found, key=lambda one: (one.at, one.number))

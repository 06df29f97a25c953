"""``!enquete``, ``!repondre``: a survey from its questions to its results."""

import re
from dataclasses import replace
from datetime import timedelta
from html import escape
from typing import Annotated, Final

from tchap_bot_surveys import asking, results, taking, wording
from tchap_bot_surveys.keeping import Surveys
from tchap_bot_surveys.model import State, Survey
from tchap_bridges.bot import Bot, Power, Room, RoomConfig, command, daily, field, on
from tchap_bridges.dates import Moment, said
from tchap_bridges.dates.meaning import meant
from tchap_bridges.errors import Misconfigured, NotAllowed
from tchap_bridges.events import Reaction, Text, mention
from tchap_bridges.i18n import Phrase, Translator, _
from tchap_bridges.ids import PersonId

MOST_OPEN: Final = 10
MOST_KEPT: Final = 50
MOST_CALLED: Final = 50
SIGN: Final = "📝"
_YES: Final = frozenset(("oui", "ouvrir", "ok", "yes", "open", "o", "y"))
_NO: Final = frozenset(("non", "no", "n"))
_DONE: Final = frozenset(("fin", "fini", "c'est tout", "done", "end"))
_APART: Final = timedelta(hours=1)
_CLOSE: Final = re.compile(r"\s*(?:n°\s*([0-9]{1,6})|([0-9]{1,6})(?=\s*$))?\s*(.*?)\s*")
"""A number, and when: of « 3 décembre » the 3 is no number of a survey."""
Number = Annotated[int, _("numéro de l'enquête")]


class SurveysConfig(RoomConfig):
    """What a room admin sets of surveys."""

    everybody: bool = field(True, word="tous", label=_("Tous les membres peuvent faire une enquête"))
    keep_days: int = field(
        30, word="jours", label=_("Jours pendant lesquels les réponses sont gardées après la clôture"), ge=1, le=365
    )


class SurveysBot(Bot):
    """Enquêtes : pose plusieurs questions à chacun, en conversation directe, et dit ce qu'il en ressort."""

    name = "enquetes"
    Config = SurveysConfig

    @command("enquete", "enquête", english=["survey"])
    async def make(self, room: Room[SurveysConfig], words: str) -> None:
        """Fait une enquête, une question par ligne ; sans rien après, le robot demande le titre et les questions"""
        if not room.config.everybody and await _level(room) < Power.MODERATOR:
            raise NotAllowed(_("dans ce salon, seule une personne qui modère fait des enquêtes"))
        lines = [line for line in words.splitlines() if line.strip()]
        if len(lines) > 1:
            await self._draft(room, words)
        elif lines:
            asking.titled(lines[0])
            await self._ask_question(room, lines[0])
        else:
            await room.ask(
                _("Quel est le titre de l'enquête ? (« annuler » à tout moment pour arrêter)"), "entitled", key="draft"
            )

    @command("enquete ouvrir", "enquête ouvrir", english=["survey open"])
    async def open(self, room: Room[SurveysConfig]) -> None:
        """Ouvre l'enquête que vous avez écrite"""
        draft = await Surveys(room.kv).draft(room.caller.person)
        if draft is None:
            raise Misconfigured(_("vous n'avez pas d'enquête à ouvrir"), remedy=asking.EXAMPLE)
        await self._open(room, draft)

    @command("enquete liste", "enquête liste", english=["survey list"])
    async def listed(self, room: Room[SurveysConfig]) -> Phrase | str:
        """Les enquêtes de ce salon, et leurs numéros"""
        surveys, words = Surveys(room.kv), Translator(room.language)
        lines = [
            words(wording.line(one, await surveys.tally(one.number), room.now, room.zone)) for one in await _all(room)
        ]
        return "\n".join(lines) or _("Aucune enquête dans ce salon. {example}", example=asking.EXAMPLE)

    @command("enquete resultats", "enquête résultats", english=["survey results"])
    async def results(self, room: Room[SurveysConfig], number: Number = 0) -> Phrase:
        """Dit à qui a fait l'enquête, en conversation directe, ce qui a été répondu"""
        survey = await self._meant(room, number, closed=True)
        if survey.by != room.caller.person:
            raise Misconfigured(_("les réponses ne sont dites qu'à {name}, qui l'a faite", name=survey.name))
        await results.tell(room, survey)
        return _("✉️ {name}, je vous écris en conversation directe.", name=room.caller.name)

    @command("enquete relancer", "enquête relancer", english=["survey nudge"])
    async def nudge(self, room: Room[SurveysConfig], number: Number = 0) -> None:
        """Rappelle l'enquête au salon, et qui a commencé sans finir"""
        survey = await self._theirs(room, number)
        if survey.nudged is not None and room.now - survey.nudged < _APART:
            raise Misconfigured(_("une relance par heure suffit"))
        surveys = Surveys(room.kv)
        here = {member.person for member in await room.members()}
        parts = [] if survey.anonymous else await surveys.parts(survey.number)
        late = [(part.person, part.name) for part in parts if part.sent is None and part.person in here]
        tally = await surveys.tally(survey.number)
        await room.say(_calling(Translator(survey.language)(wording.nudge(survey, tally)), late))
        await surveys.keep(replace(survey, nudged=room.now))

    @command("enquete clore", "enquête clore", english=["survey close"])
    async def close(self, room: Room[SurveysConfig], words: str = "") -> Phrase | None:
        """Clôt l'enquête, ou dit quand elle le sera : !enquete clore vendredi 17h, !enquete clore 2"""
        found = _CLOSE.fullmatch(words)
        number, when = (int(found[1] or found[2] or 0), found[3]) if found else (0, words)
        survey = await self._theirs(room, number)
        if not when:
            await self._end(room, survey)
            return None
        closes = meant(when, room.when, room.zone, room.language).at
        await Surveys(room.kv).keep(replace(survey, closes=closes))
        await room.at(closes, "due", str(survey.number), key=f"closes {survey.number}")
        back = said(Moment(at=closes, words=""), room.now, room.zone)
        return _("⏱ L'enquête n° {n} sera close {when}.", n=survey.number, when=back)

    @command("repondre", "répondre", english=["answer"])
    async def take(self, room: Room[SurveysConfig], number: Number = 0) -> None:
        """Répond à l'enquête en cours, ou y revient : !repondre, !repondre 2"""
        await taking.begin(room, await self._meant(room, number))

    @command("repondre retirer", "répondre retirer", english=["answer withdraw"])
    async def withdraw(self, room: Room[SurveysConfig], number: Number = 0) -> Phrase:
        """Efface vos réponses à une enquête, qui n'est pas anonyme"""
        return await taking.withdraw(room, await self._meant(room, number, closed=True))

    @on(Reaction)
    async def reacted(self, room: Room[SurveysConfig], event: Reaction) -> Phrase | None:
        """📝 on what announces a survey takes part in it."""
        if event.key.removesuffix("\ufe0f") != SIGN or event.removed or room.network:
            return None
        surveys = Surveys(room.kv)
        number = await surveys.announced_by(event.target)
        survey = await surveys.get(number) if number is not None else None
        if survey is None:
            return None
        try:
            await taking.begin(room, survey)
        except Misconfigured as error:  # nobody would be told of it: a reaction is no command
            return _("{name} : {reason}", name=room.caller.name, reason=error.reason)
        return None

    async def answered(self, room: Room[SurveysConfig], answer: str, words: str) -> Phrase | None:
        """Somebody has answered in their conversation; ``words`` is the number of the survey."""
        return await taking.answer(room, answer, int(words))

    # How a survey is made

    async def entitled(self, room: Room[SurveysConfig], answer: str, _words: str) -> None:
        """The title of a survey that is made by dialogue."""
        if len(answer.splitlines()) > 1:  # all of it at once
            await self._draft(room, answer)
            return
        asking.titled(answer)
        await self._ask_question(room, answer)

    async def questioned(self, room: Room[SurveysConfig], answer: str, words: str) -> None:
        """One more question; ``words`` are the lines so far."""
        if answer.strip().casefold().rstrip(".! ") in _DONE:
            await self._draft(room, words)
            return
        lines = f"{words}\n{answer}"
        await self._ask_question(room, lines)

    async def _ask_question(self, room: Room[SurveysConfig], lines: str) -> None:
        words = Translator(room.language)
        if "\n" not in lines:
            text = words(_("Première question ? {example}", example=asking.QUESTION))
        else:
            asked = asking.read(lines, words).questions
            last = next(wording.questions(asked[-1:], words, first=len(asked)))
            text = words(_("{question}\nQuestion suivante, ou « fin » ?", question=last))
        await room.ask(text, "questioned", lines, key="draft")

    async def _draft(self, room: Room[SurveysConfig], lines: str) -> None:
        words = Translator(room.language)
        asked = asking.read(lines, words)
        closes = meant(asked.closes, room.when, room.zone, room.language).at if asked.closes else None
        draft = Survey(
            title=asked.title,
            questions=asked.questions,
            by=room.caller.person,
            name=room.caller.name,
            anonymous=asked.anonymous,
            closes=closes,
            language=room.language,
        )
        await Surveys(room.kv).keep_draft(draft)
        await room.ask(wording.draft(draft, room.now, room.zone, words), "confirmed", key="draft")

    async def confirmed(self, room: Room[SurveysConfig], answer: str, _words: str) -> Phrase | None:
        """Whether the survey that was read back is what was meant."""
        said_ = answer.strip().casefold().rstrip(".! ")
        surveys = Surveys(room.kv)
        draft = await surveys.draft(room.caller.person)
        if draft is None:
            return _("Cette enquête est déjà ouverte, ou abandonnée.")
        if said_ in _NO:
            await surveys.drop_draft(room.caller.person)
            return _("✓ L'enquête est abandonnée.")
        if said_ not in _YES:
            raise Misconfigured(_("répondez « oui » ou « non »"), remedy=_("Plus tard : !enquete ouvrir"))
        await self._open(room, draft)
        return None

    async def _open(self, room: Room[SurveysConfig], draft: Survey) -> None:
        surveys = Surveys(room.kv)
        if draft.closes is not None and draft.closes <= room.now:
            raise Misconfigured(_("la fin de l'enquête est passée"), remedy=_("Renvoyez-la avec une autre fin."))
        kept = await _all(room)
        if len([one for one in kept if one.state is State.OPEN]) >= MOST_OPEN or len(kept) >= MOST_KEPT:
            raise Misconfigured(
                _("ce salon a déjà {n} enquêtes", n=len(kept)),
                remedy=_("Attendez que d'anciennes soient effacées, ou clôturez-en une : !enquete liste"),
            )
        survey = replace(draft, number=await surveys.next_number(), state=State.OPEN)
        text = wording.announcement(survey, room.now, room.zone, Translator(survey.language))
        survey = replace(survey, announced=await room.say(text))
        await surveys.keep(survey)
        await surveys.drop_draft(room.caller.person)
        await room.withdraw("draft", of=room.caller.person)
        if survey.closes is not None:
            await room.at(survey.closes, "due", str(survey.number), key=f"closes {survey.number}")

    async def _end(self, room: Room[SurveysConfig], survey: Survey) -> None:
        number = survey.number
        closed = replace(survey, state=State.CLOSED, ended=room.now)
        await Surveys(room.kv).keep(closed)
        await room.forget(f"closes {number}")
        await room.withdraw(taking.key_of(number))
        if await results.publish(room, closed):
            await room.at(room.now, "handed_over", str(number), key=f"hands {number}")
        await room.at(room.now, "swept", str(number), key=f"sweeps {number}")

    # Times that have come; ``words`` is the number of the survey

    async def due(self, room: Room[SurveysConfig], words: str) -> None:
        """It ends."""
        survey = await Surveys(room.kv).get(int(words))
        put_off = survey is not None and survey.closes is not None and room.when < survey.closes
        if survey is not None and survey.state is State.OPEN and not put_off:
            await self._end(room, survey)

    async def handed_over(self, room: Room[SurveysConfig], words: str) -> None:
        """Its owner is told."""
        survey = await Surveys(room.kv).get(int(words))
        if survey is not None:
            await results.hand_over(room, survey)

    async def swept(self, room: Room[SurveysConfig], words: str) -> None:
        """What was begun and not sent is forgotten, a part at a time."""
        if await Surveys(room.kv).clear_unsent(int(words)):
            await room.at(room.now, "swept", words, key=f"sweeps {words}")

    async def expired(self, room: Room[SurveysConfig], words: str) -> None:
        """All of it is forgotten, a part at a time."""
        surveys = Surveys(room.kv)
        survey = await surveys.get(int(words))
        if survey is not None and await surveys.clear(survey):
            await room.at(room.now, "expired", words, key=f"expires {words}")

    @daily(at="4:30")
    async def tidy(self, room: Room[SurveysConfig]) -> None:
        """What has been kept long enough is forgotten; what should have ended while the bot was off ends."""
        longest, now = timedelta(days=room.config.keep_days), room.now
        for survey in await _all(room):
            number = survey.number
            if survey.ended is not None and survey.ended + longest <= now:
                await room.at(now, "expired", str(number), key=f"expires {number}")
            elif survey.state is State.OPEN and survey.closes is not None and survey.closes <= now:
                await room.at(now, "due", str(number), key=f"closes {number}")

    # Which is meant

    async def _meant(self, room: Room[SurveysConfig], number: int, *, closed: bool = False) -> Survey:
        """The one of this number, or that is answered, or else the last that is open; ``closed``: or was."""
        surveys = Surveys(room.kv)
        if not number and room.answered is not None:
            number = await surveys.announced_by(room.answered) or 0
        for one in [number] if number else reversed(await surveys.numbers()):
            survey = await surveys.get(one)
            if survey is not None and (closed or number or survey.state is State.OPEN):
                return survey
        if number:
            raise Misconfigured(_("il n'y a pas d'enquête n° {n}", n=number), remedy=_("Voyez : !enquete liste"))
        raise Misconfigured(_("aucune enquête n'est ouverte dans ce salon"), remedy=asking.EXAMPLE)

    async def _theirs(self, room: Room[SurveysConfig], number: int) -> Survey:
        """An open one that whoever calls may end."""
        survey = await self._meant(room, number)
        if survey.by != room.caller.person and await _level(room) < Power.MODERATOR:
            raise Misconfigured(_("cela revient à {name}, qui l'a faite, ou à qui modère le salon", name=survey.name))
        if survey.state is not State.OPEN:
            raise Misconfigured(_("l'enquête n° {n} est close", n=survey.number))
        return survey


def _calling(text: str, people: list[tuple[str, str]]) -> Text:
    """The text, and people called by their names."""
    if not people:
        return Text(plain=text)
    called = people[:MOST_CALLED]
    names = ", ".join(name for _person, name in called)
    links = ", ".join(mention(PersonId(person), name) for person, name in called)
    return Text(plain=f"{text}\n{names}", html=f"{escape(text, quote=False)}<br>{links}")


async def _all(room: Room[SurveysConfig]) -> list[Survey]:
    """Those that are kept, oldest first."""
    surveys = Surveys(room.kv)
    return [one for number in await surveys.numbers() if (one := await surveys.get(number)) is not None]


async def _level(room: Room[SurveysConfig]) -> int:
    return next((one.level for one in await room.members() if one.person == room.caller.person), 0)

"""``!qr Quand ouvre la cantine ?``: questions of the room, ranked by 👍, taken one after the other."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from tchap_bot_questions import table
from tchap_bot_questions.alike import alike
from tchap_bot_questions.keeping import Kept, united, with_vote, without
from tchap_bot_questions.model import PUBLIC, Question, Session, State
from tchap_bot_questions.rules import EXAMPLE, check, key, meant, moderates, needs_moderator, who
from tchap_bot_questions.settings import QuestionsConfig
from tchap_bot_questions.showing import hint, line, ranking, staged
from tchap_bridges.bot import Bot, Power, Room, command, on
from tchap_bridges.dates.words import fold
from tchap_bridges.errors import Misconfigured
from tchap_bridges.events import Deletion, Reaction
from tchap_bridges.i18n import Phrase, Translator, _
from tchap_bridges.ids import MessageId, PersonId
from tchap_bridges.roomconfig.values import NO, YES

MOST_JUDGES: Final = 10
MOST_WITHDRAWN: Final = 20
"""Questions that moderators are asked, or asked no more, in one call."""
TWICE: Final = timedelta(seconds=5)
"""Within which two moderators mean the same « suivante »."""
_AND: Final = frozenset(("et", "and"))
_UP: Final = "👍"
_APPROVED: Final = frozenset("✅✔☑")
_REFUSED: Final = frozenset("❌✖❎")


class QuestionsBot(Bot):
    """Questions : chacun pose les siennes, les 👍 les classent, on répond à la plus demandée."""

    name = "questions"
    Config = QuestionsConfig

    @command("qr", "question", english=["qa"], linked=True)
    async def questions(self, room: Room[QuestionsConfig], words: str) -> Phrase | str | None:
        """Pose une question : !qr Quand ouvre la cantine ? « privé », « liste » ; et pour qui modère « suivante »…"""
        match [fold(part).lstrip("#").removeprefix("n°").rstrip(",") for part in words.split()]:
            case [] | ["liste" | "list"]:
                return await self._list(room)
            case ["prive" | "private"] | ["en", "prive"]:
                return await self._ask_alone(room)
            case ["retirer" | "remove", number]:
                return await self._remove(room, number)
            case ["suivante" | "next", *number] if len(number) < 2 and all(map(str.isdecimal, number)):
                return await self._next(room, *number)
            case ["fusionner" | "merge", *numbers] if all(one.isdecimal() or one in _AND for one in numbers):
                return await self._merge(room, [one for one in numbers if one not in _AND])
            case ["approuver" | "approve", number]:
                return await self._judge(room, number, approved=True)
            case ["refuser" | "refuse", number]:
                return await self._judge(room, number, approved=False)
            case ["moderer" | "moderate", *no] if len(no) < 2 and NO.issuperset(no):
                return await self._moderate(room, wanted=not no)
            case ["export" | "exporter", *how] if len(how) < 2 and {"csv", "md", "salon", "room"}.issuperset(how):
                return await self._export(room, *how)
            case ["ouvrir" | "open"]:
                return await self._open(room, opened=True)
            case ["fermer" | "close"]:
                return await self._open(room, opened=False)
            case ["vider" | "clear"]:
                return await self._clear(room)
            case _question:
                return await self._asked(room, words)

    # Asking

    async def alone(self, room: Room[QuestionsConfig], answer: str, words: str) -> str:
        """What somebody asks in their direct conversation."""
        del words
        question, near = await self._new(room, answer, private=True)
        waits = question.state is State.WAITING
        said = _("✓ Question n° {n} posée, sans votre nom.", n=question.number)
        later = _("✓ Question n° {n} posée, sans votre nom. Elle attend d'être approuvée.", n=question.number)
        return "\n".join(map(Translator(room.language), [later if waits else said, *([hint(near)] if near else [])]))

    async def _asked(self, room: Room[QuestionsConfig], words: str) -> Phrase | None:
        question, near = await self._new(room, words)
        return hint(near, question) if near is not None and question.state is State.SHOWN else None

    async def _ask_alone(self, room: Room[QuestionsConfig]) -> Phrase:
        if room.network:
            raise Misconfigured(_("cela ne se fait que depuis le salon"))
        if not (await Kept(room.kv).session()).open:
            raise Misconfigured(_("les questions sont closes"))
        text = _(
            "Écrivez votre question ici, en un message (« annuler » pour ne rien poser). Elle paraîtra dans « {room} » "
            "sans votre nom, ni pour les membres ni pour qui modère. Le salon a vu que vous avez demandé à la poser en "
            "privé. Votre serveur Tchap garde ce que vous écrivez ici, à votre nom ; qui exploite le pont peut le lire "
            "au passage. Le pont l'efface de chez lui une fois la question posée, et n'en garde que votre nombre de "
            "questions.",
            room=await room.name() or room.id,
        )
        if not await room.ask(text, "alone", private=True, secret=True, key="alone"):
            raise Misconfigured(
                _("je ne peux pas vous écrire en privé : vous ne l'avez pas voulu"),
                remedy=_("Ouvrez vous-même une conversation avec moi, puis écrivez de nouveau : !qr privé"),
            )
        return _("✓ Je vous écris en privé.")

    async def _new(
        self, room: Room[QuestionsConfig], words: str, *, private: bool = False
    ) -> tuple[Question, Question | None]:
        """The question, and one that may be the same. Raises `Misconfigured`."""
        kept = Kept(room.kv)
        session, text = await kept.session(), " ".join(words.split())
        check(room, session, text)
        others = session.in_state(State.SHOWN, State.STAGE)
        question = Question(
            number=len(session.questions) + 1,
            text=text,
            state=State.WAITING if room.config.moderated else State.SHOWN,
            who="" if private else who(room),
            name="" if private else room.caller.name,
            private=private,
            at=None if private else room.when,
            asked="" if private else str(room.message or ""),
        )
        question = await (self._wait(room, session, question) if room.config.moderated else self._show(room, question))
        asked = {**session.asked, who(room): session.asked.get(who(room), 0) + 1}
        await kept.keep(replace(session.with_question(question), asked=asked))
        return question, alike(text, others)

    async def _show(self, room: Room[QuestionsConfig], question: Question) -> Question:
        shown = replace(question, state=State.SHOWN)
        return replace(shown, said=await room.say(line(shown, named=room.config.named), everywhere=True))

    # Approving

    async def _wait(self, room: Room[QuestionsConfig], session: Session, question: Question) -> Question:
        """Asked in the room it waits there; asked alone it is read by moderators alone, who want to."""
        if not question.private:
            notice = _("🕓 N° {n} attend d'être approuvée : ✅ ou ❌ de qui modère.", n=question.number)
            return replace(question, notice=await room.say(notice, about=room.message))
        judges = await self._judges(room, session)
        asked = [await self._ask_judge(room, session, PersonId(one), question) for one in judges]
        if any(asked):
            text = _("🕓 N° {n}, posée en privé, attend d'être approuvée.", n=question.number)
        else:
            text = _(
                "🕓 N° {n}, posée en privé, attend d'être approuvée. Qui modère la reçoit par : !qr moderer",
                n=question.number,
            )
        return replace(question, notice=await room.say(text))

    async def _judges(self, room: Room[QuestionsConfig], session: Session) -> Sequence[str]:
        """Those who want to be asked, and moderate still."""
        levels = {one.person: one.level for one in await room.members()}
        return [one for one in session.judges if levels.get(PersonId(one), 0) >= Power.MODERATOR]

    async def _ask_judge(
        self, room: Room[QuestionsConfig], session: Session, person: PersonId, question: Question
    ) -> bool:
        words = key(session, question)
        text = _("N° {n} : {text}\nL'approuver ? Répondez oui ou non.", n=question.number, text=question.text)
        return await room.ask(text, "judged", words, of=person, private=True, key=words)

    async def judged(self, room: Room[QuestionsConfig], answer: str, words: str) -> Phrase:
        """A moderator has answered, in their direct conversation."""
        word = fold(answer).strip(" .!")
        if word not in YES | NO:
            raise Misconfigured(_("répondez oui ou non"))
        session = await Kept(room.kv).session()
        question = next((one for one in session.in_state(State.WAITING) if key(session, one) == words), None)
        if question is None:
            return _("Elle n'attend plus d'être approuvée.")
        if not await moderates(room):
            return _("Vous ne modérez plus ce salon.")
        return await self._judge(room, str(question.number), approved=word in YES)

    @on(Reaction)
    async def reacted(self, room: Room[QuestionsConfig], event: Reaction) -> None:
        kept = Kept(room.kv)
        session = await kept.session()
        question = session.shown_by(event.target)
        if question is None:
            return
        if event.key.startswith(_UP):
            await self._voted(room, kept, session, question, event)
        elif event.key[:1] in _APPROVED | _REFUSED and question.state is State.WAITING and not event.removed:
            await self._judge(room, str(question.number), approved=event.key[:1] in _APPROVED)

    async def _judge(self, room: Room[QuestionsConfig], number: str, *, approved: bool) -> Phrase:
        await needs_moderator(room)
        kept = Kept(room.kv)
        session = await kept.session()
        question = meant(session, number)
        if question.state is not State.WAITING:
            raise Misconfigured(_("la n° {n} n'attend plus d'être approuvée", n=question.number))
        judged = await self._show(room, question) if approved else replace(question, state=State.REFUSED)
        said = _("✅ N° {n} : approuvée", n=judged.number) if approved else line(judged, named=False)
        if judged.notice:
            await room.edit(MessageId(judged.notice), said)
        await room.withdraw(key(session, question))
        await kept.keep(session.with_question(judged))
        return said

    async def _moderate(self, room: Room[QuestionsConfig], *, wanted: bool) -> Phrase:
        await needs_moderator(room)
        kept, person = Kept(room.kv), room.caller.person
        session = await kept.session()
        others = tuple(one for one in session.judges if one != person)
        if not wanted:
            for question in session.in_state(State.WAITING):
                await room.withdraw(key(session, question), of=person)
            await kept.keep(replace(session, judges=others))
            return _("✓ Vous ne recevrez plus les questions à approuver.")
        if len(others) >= MOST_JUDGES:
            raise Misconfigured(_("{n} personnes reçoivent déjà les questions à approuver", n=MOST_JUDGES))
        text = _("Vous recevrez ici les questions à approuver de « {room} ».", room=await room.name() or room.id)
        if not await room.tell(person, text):
            raise Misconfigured(
                _("je ne peux pas vous écrire en privé : vous ne l'avez pas voulu"),
                remedy=_("Ouvrez vous-même une conversation avec moi, puis écrivez de nouveau : !qr moderer"),
            )
        waiting = [one for one in session.in_state(State.WAITING) if one.private]
        for question in waiting[:MOST_WITHDRAWN]:
            await self._ask_judge(room, session, person, question)
        await kept.keep(replace(session, judges=(*others, person)))
        return _("✓ Vous recevrez en privé les questions à approuver.")

    # Ranking

    async def _voted(
        self, room: Room[QuestionsConfig], kept: Kept, session: Session, question: Question, event: Reaction
    ) -> None:
        root = session.root(question)
        votes = await kept.votes_of(session, root)
        if event.removed:  # by a network that names what was set, not which setting
            await kept.keep_votes(session, root, without(votes, who=who(room)))
        elif root.state in PUBLIC:
            await kept.keep_votes(session, root, with_vote(votes, who(room), event.id))

    @on(Deletion)
    async def withdrawn(self, room: Room[QuestionsConfig], event: Deletion) -> None:
        """A reaction is taken back, or the words that asked, by whoever may."""
        kept = Kept(room.kv)
        session = await kept.session()
        question = session.shown_by(event.target)
        if question is not None and event.target == question.asked and question.state is not State.REMOVED:
            await self._withdraw(room, kept, session, question)
            return
        for number, votes in (await kept.votes(session)).items():
            question = session.get(number)
            if question is not None and any(event.target in theirs for theirs in votes.values()):
                await kept.keep_votes(session, question, without(votes, reaction=event.target))

    async def _list(self, room: Room[QuestionsConfig]) -> str:
        kept = Kept(room.kv)
        session = await kept.session()
        counts = await kept.counts(session)
        t = Translator(room.language)
        return ranking(session, session.ranked(counts), counts, t, named=room.config.named)

    async def _next(self, room: Room[QuestionsConfig], number: str = "") -> Phrase | None:
        await needs_moderator(room)
        kept = Kept(room.kv)
        session = await kept.session()
        if session.staged_at is not None and room.when - session.staged_at < TWICE and session.staged_by != who(room):
            raise Misconfigured(_("quelqu'un vient de passer à la suivante"))
        counts = await kept.counts(session)
        ranked = [meant(session, number)] if number else session.ranked(counts)
        if number and ranked[0].state is not State.SHOWN:
            raise Misconfigured(_("la n° {n} n'attend pas de réponse", n=number), remedy=_("Voyez : !qr liste"))
        for before in session.in_state(State.STAGE):
            session = await self._become(room, session, replace(before, state=State.ANSWERED))
        if ranked:
            question = replace(ranked[0], state=State.STAGE)
            session = await self._become(room, session, question)
            text = staged(question, counts.get(question.number, 0), named=room.config.named)
            await room.say(text, about=MessageId(question.said))
        await kept.keep(replace(session, staged_at=room.when, staged_by=who(room)))
        return None if ranked else _("Il n'y a plus de question.")

    async def _merge(self, room: Room[QuestionsConfig], numbers: Sequence[str]) -> Phrase:
        await needs_moderator(room)
        kept = Kept(room.kv)
        session = await kept.session()
        if not 2 <= len(set(numbers)) <= 11:
            raise Misconfigured(_("dites de deux à onze numéros"), remedy=_("Exemple : !qr fusionner 3 5"))
        first, *others = (meant(session, number) for number in dict.fromkeys(numbers))
        if wrong := next((one for one in (first, *others) if one.state not in {State.SHOWN, State.STAGE}), None):
            raise Misconfigured(_("la n° {n} n'attend pas de réponse", n=wrong.number), remedy=_("Voyez : !qr liste"))
        if any(one.state is State.STAGE for one in others):
            raise Misconfigured(_("la question en cours vient en premier"), remedy=_("Exemple : !qr fusionner 3 5"))
        votes = await kept.votes_of(session, first)
        for other in others:
            votes = united(votes, await kept.votes_of(session, other))
            await kept.keep_votes(session, other, {})
            session = await self._become(room, session, replace(other, state=State.MERGED, into=first.number))
        await kept.keep_votes(session, first, votes)
        await kept.keep(session)
        merged = ", ".join(str(other.number) for other in others)
        return _("✓ N° {merged} réunie à la n° {n} : {votes} voix.", merged=merged, n=first.number, votes=len(votes))

    async def _become(self, room: Room[QuestionsConfig], session: Session, question: Question) -> Session:
        """Shown as it is now, where it was said."""
        if question.said:
            await room.edit(MessageId(question.said), line(question, named=room.config.named))
        return session.with_question(question)

    async def _remove(self, room: Room[QuestionsConfig], number: str) -> Phrase:
        kept = Kept(room.kv)
        session = await kept.session()
        question = meant(session, number)
        if question.private or question.who != who(room):
            await needs_moderator(room)
        return await self._withdraw(room, kept, session, question)

    async def _withdraw(self, room: Room[QuestionsConfig], kept: Kept, session: Session, question: Question) -> Phrase:
        gone = replace(question, state=State.REMOVED, text="", name="", into=0)
        if question.notice and question.state is State.WAITING:
            await room.edit(MessageId(question.notice), line(gone, named=False))
        await room.withdraw(key(session, question))
        await kept.keep_votes(session, question, {})
        await kept.keep(await self._become(room, session, gone))
        return line(gone, named=False)

    # The session

    async def _open(self, room: Room[QuestionsConfig], *, opened: bool) -> Phrase:
        await needs_moderator(room)
        kept = Kept(room.kv)
        await kept.keep(replace(await kept.session(), open=opened))
        if opened:
            return _("✓ Les questions sont ouvertes. {example}", example=EXAMPLE)
        await room.withdraw("alone")
        return _("✓ Les questions sont closes ; on peut encore voter.")

    async def _clear(self, room: Room[QuestionsConfig]) -> Phrase:
        await needs_moderator(room)
        kept = Kept(room.kv)
        session = await kept.session()
        for question in session.in_state(State.WAITING)[:MOST_WITHDRAWN]:
            await room.withdraw(key(session, question))
        await kept.keep(Session(era=session.era + 1, judges=session.judges))
        await room.at(room.now, "sweep", key="sweep")
        return _("✓ Toutes les questions sont oubliées ; on peut en poser.")

    async def sweep(self, room: Room[QuestionsConfig], words: str) -> None:
        """The votes of sessions that are over."""
        del words
        kept = Kept(room.kv)
        if await kept.sweep(await kept.session()):
            await room.at(room.now + timedelta(seconds=1), "sweep", key="sweep")

    async def _export(self, room: Room[QuestionsConfig], how: str = "csv") -> Phrase | None:
        await needs_moderator(room)
        kept = Kept(room.kv)
        session, t, named = await kept.session(), Translator(room.language), room.config.named
        counts = await kept.counts(session)
        here = how in {"salon", "room"}
        chosen = session.in_state(*PUBLIC) if here else session.questions
        if how == "md":
            name, mime, data = "questions.md", "text/markdown", table.markdown(chosen, counts, t, named=named)
        else:
            name, mime, data = "questions.csv", "text/csv", table.csv(chosen, counts, t, room.zone, named=named)
        if here:
            await room.file(name, mime, data, about=room.message)
            return None
        if not await room.tell_file(room.caller.person, name, mime, data):
            raise Misconfigured(
                _("je ne peux pas vous écrire en privé : vous ne l'avez pas voulu"),
                remedy=_("Pour le fichier dans le salon, sans ce qui attend ni ce qui est refusé : !qr export salon"),
            )
        return _("✓ Je vous l'envoie en privé.")

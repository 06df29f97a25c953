"""What has come of a survey: the room is told the totals, its owner all of it, in their direct conversation."""

from asyncio import to_thread

from tchap_bot_surveys import bars, table
from tchap_bot_surveys.chart import pngs
from tchap_bot_surveys.keeping import Given, Surveys
from tchap_bot_surveys.model import FEWEST, State, Survey
from tchap_bot_surveys.summary import summaries
from tchap_bridges.bot import Room
from tchap_bridges.errors import Misconfigured
from tchap_bridges.i18n import Translator, _, ngettext
from tchap_bridges.ids import MessageId, PersonId


async def publish(room: Room, survey: Survey) -> bool:
    """Tell the room what its survey has come to. Returns whether there is more for its owner."""
    words, about = Translator(survey.language), MessageId(survey.announced)
    given = await Surveys(room.kv).given(survey)
    many = ngettext("{n} réponse", "{n} réponses", len(given))
    if _too_few(survey, given):
        await Surveys(room.kv).forget_pool(survey.number)
        many = _("{many}, trop peu pour rester anonymes : elles sont effacées", many=many)
    said = _("L'enquête n° {n} « {title} » est close : {many}.", n=survey.number, title=survey.title, many=many)
    await room.say(words(said), about=about)
    if not given or _too_few(survey, given):
        return False
    found = summaries(survey.questions, [one.answers for one in given])
    for message in bars.texts_of(survey.title, found, survey.language):
        await room.say(message, about=about)
    for n, picture in enumerate(await to_thread(pngs, survey.title, found, survey.language), 1):
        await room.file(_picture(survey, n), "image/png", picture)
    return True


async def hand_over(room: Room, survey: Survey) -> None:
    """At the end the owner is told what the room is not; the room, where they cannot be or have left it."""
    given = await Surveys(room.kv).given(survey)
    if not await _told(room, survey, given, whole=False):
        lost = _(
            "{name} n'a pas reçu le tableau des réponses. Pour l'avoir, dans ce salon : !bot prive, puis"
            " !enquete resultats {n}",
            name=survey.name,
            n=survey.number,
        )
        await room.say(Translator(survey.language)(lost), about=MessageId(survey.announced))


async def tell(room: Room, survey: Survey) -> None:
    """Tell the owner, who asks. Raises `Misconfigured` where nothing may be told, or they want no conversation."""
    if survey.anonymous and survey.state is not State.CLOSED:
        sent = (await Surveys(room.kv).tally(survey.number)).sent
        raise Misconfigured(
            ngettext(
                "une enquête anonyme n'a de résultats qu'une fois close ; {n} réponse jusqu'ici",
                "une enquête anonyme n'a de résultats qu'une fois close ; {n} réponses jusqu'ici",
                sent,
            ),
            remedy=_("Pour la clore : !enquete clore {n}", n=survey.number),
        )
    given = await Surveys(room.kv).given(survey)
    if not given:
        raise Misconfigured(_("il n'y a pas de réponses"))
    if not await _told(room, survey, given, whole=True):
        raise Misconfigured(
            _("je ne peux pas vous écrire : vous avez décliné notre conversation directe, ou l'avez quittée"),
            remedy=_("Écrivez !bot prive, puis redites-le."),
        )


async def _told(room: Room, survey: Survey, given: list[Given], *, whole: bool) -> bool:
    """``whole``: with what the room is told at the end."""
    owner = PersonId(survey.by)
    if owner not in {member.person for member in await room.members()}:
        return False
    found = summaries(survey.questions, [one.answers for one in given])
    messages = bars.texts_of(survey.title, found, survey.language, words_too=True)
    wanted = True
    if whole or any(summary.texts for summary in found):
        for message in messages:
            wanted = wanted and await room.tell(owner, message)
    if whole:
        for n, picture in enumerate(await to_thread(pngs, survey.title, found, survey.language), 1):
            wanted = wanted and await room.tell_file(owner, _picture(survey, n), "image/png", picture)
    for n, part in enumerate(table.tables(survey, given, survey.language), 1):
        name = f"enquete-{survey.number}-{n}.csv"
        wanted = wanted and await room.tell_file(owner, name, "text/csv", part)
    return wanted


def _picture(survey: Survey, n: int) -> str:
    return f"enquete-{survey.number}-{n}.png"


def _too_few(survey: Survey, given: list[Given]) -> bool:
    return survey.anonymous and 0 < len(given) < FEWEST

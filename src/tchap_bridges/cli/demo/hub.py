"""The second half: the same room is linked to an IRC channel and a Slack channel too, and one conversation crosses all.

The IRC server is a real ngIRCd. Slack cannot run here: `tchap_bridges.testing.slack` stands in for it.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rich.panel import Panel
from rich.rule import Rule
from rich.text import Text

from tchap_bridges.cli.demo.mailing import Mailing, shown
from tchap_bridges.cli.demo.stage import Stage, StepFailed
from tchap_bridges.testing.irc_client import IrcClient
from tchap_bridges.testing.mail_sink import Transmission
from tchap_bridges.testing.ngircd import Ngircd
from tchap_bridges.testing.process import eventually
from tchap_bridges.testing.slack import Slack
from tchap_bridges.testing.timeline import render_timeline
from tchap_bridges.testing.world import LIST_DOMAIN, World, list_mail

CHANNEL = "#moyens"
PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Abroad:
    """The servers elsewhere, and Zoé on IRC (None where there is no ngIRCd); Marc is on Slack."""

    slack: Slack
    irc: Ngircd | None = None
    zoe: IrcClient | None = None

    @property
    def channel(self) -> str:
        return self.slack.workspace.transcript(CHANNEL)


def words(sent: Transmission) -> str:
    """The plain text of a mail that left."""
    body = sent.message().get_body(("plain",))
    return str(body.get_content()) if body is not None else ""


class Hub:
    """One conversation, and what each of the four sees of it."""

    def __init__(self, stage: Stage, world: World, mailing: Mailing, abroad: Abroad) -> None:
        self._stage = stage
        self._world = world
        self._camille, self._room, self._address = mailing.camille, mailing.room, mailing.address
        self._abroad = abroad
        self._thread = mailing.thread

    async def tell(self) -> None:
        networks = [f"un canal IRC ({CHANNEL})"] if self._abroad.zoe else []
        networks.append(f"un canal Slack ({CHANNEL})")
        self._stage.console.print(Rule(f"Le même salon, relié aussi à {' et à '.join(networks)}", style="dim"))
        for command in ([f"irc {CHANNEL}"] if self._abroad.zoe else []) + [f"slack {CHANNEL}"]:
            linking = self._world.link(self._camille, self._room, command)
            answer = await self._stage.step(f"Camille tape [b]!pont {command}[/b]", linking)
            self._stage.console.print(Panel(Text(answer), title="le pont répond", width=100))
            self._stage.check(f"le salon est relié à {CHANNEL}", "✓" in answer)
        await self._marc_asks()
        if self._abroad.zoe:
            await self._zoe_answers(self._abroad.zoe)
        await self._the_list_goes_on()
        await self._marc_answers_the_list()
        await self._camille_corrects()
        await self._show()

    async def _marc_asks(self) -> None:
        question = "*Qui* a les clés de la salle serveur ? :key:"
        asked = self._abroad.slack.workspace.say(CHANNEL, "marc", question)
        there = await self._stage.step("Marc demande, sur Slack", self._in_room("les clés de la salle serveur"))
        self._stage.check("le gras et l'émoji sont ceux du salon", "🔑" in there["content"]["body"])
        await self._camille.react(self._room, there["event_id"], "👀")
        await self._stage.step(
            "Camille réagit par 👀 : Marc le voit",
            self._until(lambda: "eyes" in self._abroad.slack.workspace.message(CHANNEL, asked.ts).reactions),
        )

    async def _zoe_answers(self, zoe: IrcClient) -> None:
        await zoe.wait_for(lambda line: "<Marc" in line.text and "les clés" in line.text)
        zoe.say(CHANNEL, "moi, je les pose à l'accueil")
        await self._stage.step("Zoé répond, sur IRC", self._in_room("à l'accueil"))
        await self._stage.step("… et Marc la lit, sous son nom à elle", self._in_slack("zoe", "à l'accueil"))

    async def _the_list_goes_on(self) -> None:
        mail = list_mail(
            "Nadia Kaci",
            "nadia.kaci@moyens.tchap.localhost",
            "Re: [projet] Déménagement du service : le plan des bureaux",
            "Faut-il réserver le monte-charge ?",
            list_name="projet",
            parents=self._thread,
        )
        sending = asyncio.to_thread(self._world.mail, mail, sender=f"projet-bounces@{LIST_DOMAIN}", to=self._address)
        await self._stage.step("Nadia écrit à la liste, dans le fil du plan", sending)
        event = await self._in_room("le monte-charge")
        self._stage.check("le salon la montre dans ce fil", event["content"]["m.relates_to"]["rel_type"] == "m.thread")
        await self._stage.step("Slack aussi la montre", self._in_slack("Nadia Kaci", "le monte-charge"))

    async def _marc_answers_the_list(self) -> None:
        workspace = self._abroad.slack.workspace
        asked = next(m for m in workspace.channel(CHANNEL).messages.values() if "le monte-charge" in m.text)
        workspace.say(CHANNEL, "marc", "Oui, le 7 dès 8 h.", thread_ts=asked.thread_ts or asked.ts)
        left = await self._stage.step(
            "Marc répond dans ce fil, sur Slack : un courriel part à la liste",
            self._world.sink.wait_for(lambda sent: "le 7 dès 8 h" in words(sent), timeout=PATIENCE),
        )
        self._stage.console.print(shown(left))
        self._stage.check("il est de Marc, et répond à Nadia", "Marc Petit" in str(left.message()["From"]))

    async def _camille_corrects(self) -> None:
        sent = await self._camille.send_text(self._room, "On se retrouve lundi à 9 h devant l'acceuil")
        await self._in_slack("Camille Martin", "l'acceuil")
        await self._camille.edit(self._room, sent, "On se retrouve lundi à 9 h devant l'accueil")
        await self._stage.step(
            "Camille écrit à tous, puis corrige une faute : corrigé sur Slack",
            self._in_slack("Camille Martin", "devant l'accueil"),
        )
        if self._abroad.zoe:
            corrected = self._abroad.zoe.wait_for(lambda line: "(corrigé)" in line.text)
            await self._stage.step("… et dit en deux mots sur IRC", corrected)

    async def _show(self) -> None:
        console, zoe = self._stage.console, self._abroad.zoe
        timeline = render_timeline(await self._camille.timeline(self._room), width=console.width - 6)
        console.print(Panel(Text(timeline), title="le salon"))
        console.print(Panel(Text(self._abroad.channel), title=f"Slack, {CHANNEL}"))
        if zoe is not None:
            lines = "\n".join(f"<{nick}> {''.join(filter(str.isprintable, text))}" for nick, text in zoe.said(CHANNEL))
            console.print(Panel(Text(lines), title=f"IRC, {CHANNEL}, tel que Zoé le lit"))

    async def _in_room(self, words: str) -> dict[str, Any]:
        return await self._camille.wait_for_text(self._room, words, timeout=PATIENCE)

    async def _in_slack(self, name: str, words: str) -> None:
        await self._until(
            lambda: any(name in line and words in line for line in self._abroad.channel.splitlines()),
        )

    @staticmethod
    async def _until(look: Callable[[], bool]) -> None:
        async def looked() -> bool:
            return look()

        if not await eventually(looked, timeout=PATIENCE):
            raise StepFailed("rien n'est venu")

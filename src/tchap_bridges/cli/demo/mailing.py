"""The first half of the story: a mailing list lives in a room."""

import asyncio
import re
from typing import Any

from rich.panel import Panel
from rich.rule import Rule
from rich.text import Text

from tchap_bridges.cli.demo.mails import conversation
from tchap_bridges.cli.demo.stage import Stage
from tchap_bridges.testing.mail_sink import Transmission
from tchap_bridges.testing.matrix_client import Client
from tchap_bridges.testing.timeline import render_timeline
from tchap_bridges.testing.world import LIST_DOMAIN, World

SHOWN_HEADERS = ("From", "To", "Reply-To", "Subject", "Message-ID", "In-Reply-To", "References", "Content-Type")
ANSWER = "Noté pour les prises : je passe commande aujourd'hui. — Camille"


class Mailing:
    """What happens in the two rooms. ``address`` is what the list of ``room`` is subscribed to."""

    def __init__(self, stage: Stage, world: World, camille: Client) -> None:
        self._stage = stage
        self._world = world
        self._console = stage.console
        self.camille = camille
        self.room = self.address = ""
        self.thread: tuple[str, ...] = ()  # the Message-IDs of the list's conversation, root first

    async def tell(self) -> None:
        self.room, self.address = await self._room("Service des moyens", "projet", tchap=False)
        event = await self._conversation(self.room, "projet", self.address)
        await self._answer(self.room, event)
        room, address = await self._room("Service des moyens (salon Tchap)", "moyens", tchap=True)
        await self._conversation(room, "moyens", address)

    async def _room(self, name: str, list_name: str, *, tchap: bool) -> tuple[str, str]:

        kind = "réglé comme sur Tchap, le pont y est sans pouvoir" if tchap else "les correspondants peuvent y entrer"
        self._console.print(Rule(f"Un salon : {kind}", style="dim"))
        camille = self.camille
        room = await self._stage.step(
            f"Camille ouvre « {name} » et y invite le pont", self._world.room(camille, name, tchap=tchap)
        )
        command = f"courriel {list_name}@{LIST_DOMAIN}"
        answer = await self._stage.step(
            f"Camille tape [b]!pont {command}[/b]", self._world.link(camille, room, command)
        )
        self._console.print(Panel(Text(answer), title="le pont répond", width=100))
        found = re.search(r"[\w.+-]+@pont\.tchap\.localhost", answer)
        self._stage.check("le pont donne l'adresse à abonner à la liste", found)
        assert found is not None
        return room, found.group(0)

    async def _conversation(self, room: str, list_name: str, address: str) -> Any:

        camille = self.camille
        mails = list(conversation(list_name))
        self.thread = self.thread or tuple(str(mail["Message-ID"]) for mail in mails)
        for mail in mails:
            title = f"La liste envoie par SMTP le courriel de {str(mail['From']).partition('<')[0].strip()}"
            body = mail.get_body(("plain",))
            charset = body.get_content_charset() if body is not None else "?"
            await self._stage.step(
                title,
                asyncio.to_thread(self._world.mail, mail, sender=f"{list_name}-bounces@{LIST_DOMAIN}", to=address),
                f"250, encodé en {charset}",
            )
        last = await camille.wait_for_text(room, "340 €", timeout=30)
        events = await camille.timeline(room)
        shown = render_timeline(events, width=self._console.width - 6)
        said = [event for event in events if event["type"] == "m.room.message"]
        self._console.print(Panel(Text(shown), title="le salon, tel qu'un client le montre"))
        self._stage.check(
            "le fil de la liste est un fil du salon",
            last["content"]["m.relates_to"]["rel_type"] == "m.thread",
        )
        self._stage.check(
            "les citations sont repliées : seul le texte neuf est montré",
            not any("a écrit" in event["content"].get("body", "") for event in said),
        )
        image = next((event for event in said if event["content"].get("msgtype") == "m.image"), None)
        self._stage.check("la pièce jointe est un fichier du salon", image)
        assert image is not None
        data = await camille.download(image["content"]["url"])
        original = next(mails[0].iter_attachments()).get_payload(decode=True)
        self._stage.check(f"… identique à l'octet près ({len(data)} octets)", data == original)
        self._stage.check(
            "aucune image distante n'a été gardée", not any("traceur" in str(event["content"]) for event in said)
        )
        return last

    async def _answer(self, room: str, event: dict[str, Any]) -> None:
        world, camille = self._world, self.camille
        root = event["content"]["m.relates_to"]["event_id"]
        await camille.send_text(room, "ok pour moi (hors du fil : ceci reste dans le salon)")
        sent = await self._stage.step(
            "Camille répond dans le fil",
            camille.send_text(room, ANSWER, thread=root, reply_to=event["event_id"]),
        )
        left = await self._stage.step("le courriel part vers la liste", world.sink.wait_for(lambda _: True, timeout=30))
        mail = left.message()
        self._console.print(shown(left))
        self._stage.check(
            "il répond au bon message, références comprises",
            mail["In-Reply-To"] and mail["In-Reply-To"] in mail["References"],
        )
        await self._stage.step(
            "le pont marque le message comme lu : il est bien parti",
            camille.wait_for_receipt(room, world.bot, sent, timeout=30),
        )
        self._stage.check("ce qui n'était pas dans le fil n'est pas parti", len(world.sink.mails) == 1)


def shown(sent: Transmission) -> Panel:
    """A mail that left, as whoever gets it sees it."""
    mail = sent.message()
    headers = "\n".join(f"{name}: {mail[name]}" for name in SHOWN_HEADERS if mail[name])
    body = mail.get_body(("plain",))
    text = body.get_content() if body is not None else ""
    return Panel(Text(f"{headers}\n\n{text}"), title=f"courriel sorti vers {sent.recipients[0]}")

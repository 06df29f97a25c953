"""``demo --robots``: what a room admin does with bots, from switching them on to the minutes of a vote.

Everything is typed, sent and read as a client does it; thirty people vote. ``--write`` keeps what was said and shown as
a page of the documentation.
"""

import asyncio
import json
import re
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import aiohttp
from rich.console import Console
from rich.panel import Panel
from rich.rule import Rule
from rich.text import Text
from selectolax.lexbor import LexborHTMLParser

from tchap_bridges.cli.demo.album import Album
from tchap_bridges.cli.demo.crowd import NAMES, START, Crowd
from tchap_bridges.cli.demo.stage import Stage, StepFailed
from tchap_bridges.testing.matrix_client import Client
from tchap_bridges.testing.process import MissingServerError, ServerFailedError
from tchap_bridges.testing.world import World

BOTS: Final = ("sondages", "rappels", "enquetes", "questions", "alertes", "flux")
SETTINGS: Final = {
    "sondages": "noms=oui",
    "enquetes": "jours=15",
    "questions": "par_personne=3",
    "alertes": 'regroupement="5 min"',
    "flux": 'intervalle="1 h"',
}
"""What Camille types of each that can be set."""
SOON: Final = 'fin="dans 1 minute"'
PATIENCE: Final = 120.0
_ALERT: Final = {
    "version": "4",
    "groupKey": '{}:{alertname="DisquePlein"}',
    "status": "firing",
    "receiver": "tchap",
    "groupLabels": {"alertname": "DisquePlein"},
    "commonLabels": {"alertname": "DisquePlein", "severity": "critical"},
    "commonAnnotations": {"summary": "Le disque de srv-fichiers-2 est plein à 97 %"},
    "externalURL": "https://alertmanager.exemple.gouv.fr",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "DisquePlein", "severity": "critical", "instance": "srv-fichiers-2"},
            "annotations": {"summary": "Le disque de srv-fichiers-2 est plein à 97 %"},
            "startsAt": "2026-11-27T08:00:00Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "fingerprint": "9f3c2b1a5d6e7f80",
        }
    ],
}


async def play_robots(folder: Path, console: Console, *, template: Path | None, write: Path | None) -> int:
    """Tell it, step by step; returns the exit code."""
    console.print(Rule("[b]tchap-bridges : les robots d'un salon, trente votants"))
    stage = Stage(console)
    async with AsyncExitStack() as servers:
        try:
            starting = World.start(folder, template=template, changes={"bots": {name: {} for name in BOTS}})
            world = await servers.enter_async_context(
                await stage.step("Synapse et le pont démarrent", starting, "tous deux répondent")
            )
        except (MissingServerError, ServerFailedError) as error:
            console.print(Text(f"✗ {error}", style="red"))
            return 1
        try:
            camille = await stage.step("Un compte d'agent : Camille Martin", world.agent())
            room = await stage.step("Camille ouvre un salon comme sur Tchap", world.room(camille, "DNUM", tchap=True))
            crowd = await stage.step(f"{len(NAMES)} collègues y entrent", Crowd.come(world, room, camille))
            album = Album(camille, room)
            await Robots(stage, world, camille, crowd, album).tell()
        except (StepFailed, TimeoutError, AssertionError) as error:
            console.print(f"[red]✗ {type(error).__name__}[/red] {error}")
            console.print(Panel(Text(world.bridge.log.read_text()[-2000:]), title="journal du pont"))
            return 1
        console.print(f"\n[green]✓[/green] {stage.steps} étapes vérifiées en {stage.seconds:.0f} s.")
        if write is not None:
            await album.write(write)
            console.print(f"Écrit dans {write}")
    return 0


class Robots:
    """One room, its admin, and what the bots do for it."""

    def __init__(self, stage: Stage, world: World, camille: Client, crowd: Crowd, album: Album) -> None:
        self._stage = stage
        self._world = world
        self._camille = camille
        self._crowd = crowd
        self._album = album
        self._room = crowd.room

    async def tell(self) -> None:
        await self._switch_on()
        await self._set()
        await self._ask_and_vote()
        await self._results()
        await self._survey()
        await self._questions()
        await self._alert()
        await self._remind()

    # What every chapter does

    async def _type(self, words: str, answer: str, *, reply_to: str | None = None) -> dict[str, Any]:
        """Camille types it, and the bridge says something with ``answer`` in it."""
        before = {event["event_id"] for event in self._camille.seen(self._room)}
        await self._camille.send_text(self._room, words, reply_to=reply_to)
        return await self._stage.step(
            f"Camille tape [b]{words.splitlines()[0]}[/b]",
            self._camille.wait_for(
                self._room,
                lambda e: e["event_id"] not in before and e["sender"] == self._world.bot and answer in _said(e),
                timeout=PATIENCE,
            ),
        )

    async def _poll(self, words: str) -> str:
        """The id of the poll that a command makes."""
        known = {event["event_id"] for event in self._camille.seen(self._room)}
        await self._camille.send_text(self._room, words)
        asked = await self._stage.step(
            f"Camille tape [b]{words}[/b]",
            self._camille.wait_for(
                self._room, lambda e: e["event_id"] not in known and e["type"] == START, timeout=PATIENCE
            ),
        )
        return str(asked["event_id"])

    async def _in_room(self, words: str, kind: str = "") -> dict[str, Any]:
        return await self._camille.wait_for(
            self._room,
            lambda e: e["sender"] == self._world.bot and words in _said(e) and not (kind and START in e["content"]),
            timeout=PATIENCE,
        )

    async def _direct(self) -> str:
        return await self._crowd.direct(self._camille)

    # Chapters

    async def _switch_on(self) -> None:
        await self._album.chapter("Activer")
        await self._type("!bot", "sondages")
        for bot in BOTS:
            await self._type(f"!bot activer {bot}", f"{bot} est actif")

    async def _set(self) -> None:
        """Each bot by a command, and by the page behind the link that is given in private."""
        await self._album.chapter("Régler, par une commande et par le formulaire")
        for bot, setting in SETTINGS.items():
            await self._type(f"!bot regler {bot} {setting}", "C'est réglé")
            await self._type(f"!bot regler {bot}", "Je vous écris en privé")
            direct = await self._direct()
            said = await self._stage.step("un lien vers un formulaire, en privé", self._link(direct, bot))
            await self._fill(bot, re.findall(r"http://\S+/reglages/\S+", _said(said))[0])
        await self._camille.send_text(direct, "annuler")

    async def _link(self, direct: str, bot: str) -> dict[str, Any]:
        about = f"du robot {bot},"
        return await self._camille.wait_for(
            direct, lambda e: about in _said(e) and "/reglages/" in _said(e), timeout=PATIENCE
        )

    async def _fill(self, bot: str, link: str) -> None:
        """Send the page as it is shown: a browser is not needed for that, but for its picture."""
        if bot == "alertes":
            await self._album.page("Le formulaire des alertes, tel que le navigateur le montre", "formulaire.png", link)
        async with aiohttp.ClientSession() as http:
            async with http.get(link) as page:
                filled = _inputs(await page.text())
            async with http.post(link, data=filled) as sent:
                self._stage.check(f"le formulaire de {bot} ({len(filled)} champs) est enregistré", sent.status == 200)
        await self._in_room(f"a changé les réglages du robot {bot}")

    async def _ask_and_vote(self) -> None:
        """All of them end within two minutes, by themselves."""
        await self._album.chapter("Six sondages et trente votants ; tous se closent seuls")
        crowd = self._crowd
        single = await self._poll(f"!sondage On mange où ? Cantine / Crêperie / Pique-nique {SOON}")
        await self._stage.step("trente votes par le client", crowd.vote(single, ["1"], ["2"], ["1"]))
        several = await self._poll(f"!sondage Quels jours ? lundi / mardi / jeudi choix=2 quorum=10 {SOON}")
        await self._stage.step("trente votes par réaction", crowd.react(several, "1\ufe0f\u20e3", "3\ufe0f\u20e3"))
        await self._type(f"!sondage Quel nom ? Iris / Atlas / Boréal type=classement {SOON}", "Quel nom")
        await self._stage.step("trente classements", crowd.type("!vote 2 1 3", "!vote 2 3 1", "!vote 3 1 2"))
        dates = await self._poll(f"!date Séminaire ? 7 décembre 9h / 8 décembre 14h {SOON}")
        await self._stage.step("trente disponibilités", crowd.vote(dates, ["1", "2?"], ["2"], ["2", "1?"]))
        await self._type(f"!sondage Faut-il déménager ? Oui / Non / Blanc secret=oui {SOON}", "déménager")
        await self._stage.step("trente demandes de bulletin", crowd.type("!voter"))
        await self._stage.step(
            "trente bulletins secrets, en conversation directe", crowd.answer("déménager", "1", "1", "2")
        )
        own = await self._own_poll()
        await self._type("!clore dans 1 minute", "sera clos", reply_to=own)
        await self._stage.step("trente votes de plus", crowd.vote(own, ["bleu"], ["vert"], ["vert"]))

    async def _own_poll(self) -> str:
        """One that somebody makes with their own client, without a word to the bot."""
        colours = ("bleu", "vert")
        text = "org.matrix.msc1767.text"
        asked = "Quelle couleur pour l'accueil ?"
        poll = {
            "kind": "org.matrix.msc3381.poll.disclosed",
            "max_selections": 1,
            "question": {text: asked},
            "answers": [{"id": one, text: one.capitalize()} for one in colours],
        }
        content = {text: f"{asked}\n1. Bleu\n2. Vert", START: poll}
        sending = self._camille.send_event(self._room, START, content)
        return await self._stage.step("Camille fait un sondage avec son client, sans le robot", sending)

    async def _results(self) -> None:
        await self._album.chapter("Les résultats, à l'heure dite")
        for title, words in (
            ("choix unique", "Cantine — 20 voix"),
            ("plusieurs choix", "jeudi — 15 voix"),
            ("classement", "Atlas"),
            ("dates", "8 décembre"),
            ("bulletins secrets", "Oui — 20 voix"),
            ("le sondage d'un client", "Vert — 20 voix"),
        ):
            await self._stage.step(f"Résultat : {title}", self._in_room(words, "m.text"))
        await self._pictures(6)
        await self._type("!pv", "pv")
        await self._camille.send_text(self._room, "!csv")
        for end, title, room in (
            ("pv.md", "Le procès-verbal", self._room),
            ("csv", "Le tableau, en conversation directe", await self._direct()),
        ):
            event = await self._stage.step(f"{title} est un fichier", self._file(room, end))
            self._album.keep(title, _said(event), await self._camille.download(event["content"]["url"]))

    async def _file(self, room: str, end: str) -> dict[str, Any]:
        return await self._camille.wait_for(
            room, lambda e: e["content"].get("msgtype") == "m.file" and _said(e).endswith(end), timeout=PATIENCE
        )

    async def _pictures(self, number: int) -> None:
        def images() -> list[dict[str, Any]]:
            return [e for e in self._camille.seen(self._room) if e["content"].get("msgtype") == "m.image"]

        await self._camille.wait_for(self._room, lambda _e: len(images()) >= number, timeout=PATIENCE)
        for n, image in enumerate(images(), 1):
            data = await self._camille.download(image["content"]["url"])
            self._stage.check(f"image {n} : {len(data)} octets de PNG", data.startswith(b"\x89PNG"))
            self._album.keep(f"Résultat {n}", f"resultat-{n}.png", data)

    async def _survey(self) -> None:
        await self._album.chapter("Une enquête")
        await self._type(
            "!enquete Cantine\n1*. Y mangez-vous ? Oui / Non\n2. Note de 1 à 5\nCommentaire libre :", "Cantine"
        )
        await self._type("!enquete ouvrir", "!repondre")
        person = self._crowd.people[0]
        await person.send_text(self._room, "!repondre")
        direct = await self._crowd.direct(person)
        for asked, answer in (("Y mangez-vous", "oui"), ("Note", "retour"), ("Y mangez-vous", "non"), ("Note", "4")):
            await self._answer(person, direct, asked, answer)
        await self._answer(person, direct, "Commentaire", "passer")
        await self._answer(person, direct, "envoyer", "oui")
        await self._stage.step("Awa répond, revient en arrière, passe une question", asyncio.sleep(0))
        self._album.private(await person.timeline(direct))
        await self._type("!enquete clore", "Cantine")

    async def _answer(self, person: Client, direct: str, asked: str, answer: str) -> None:
        """To the last question in a direct conversation."""
        await person.wait_for(
            direct, lambda e: asked.lower() in _said(e).lower() and _is_last(person, direct, e), timeout=PATIENCE
        )
        await person.send_text(direct, answer)

    async def _questions(self) -> None:
        await self._album.chapter("Des questions, classées par les 👍, et une posée en privé")
        await self._type("!qr Quand ouvre la nouvelle cantine ?", "cantine")
        second = await self._type("!qr Le télétravail change-t-il ?", "télétravail")
        await self._stage.step("vingt 👍", self._crowd.react(second["event_id"], "👍", "👍", "👀"))
        shy = self._crowd.people[1]
        await shy.send_text(self._room, "!qr privé")
        direct = await self._crowd.direct(shy)
        await self._answer(shy, direct, "question", "Y aura-t-il des suppressions de poste ?")
        await self._stage.step("une question sans nom paraît dans le salon", self._in_room("suppressions de poste"))
        await self._type("!qr suivante", "télétravail")
        await self._type("!qr liste", "cantine")

    async def _alert(self) -> None:
        await self._album.chapter("Une alerte, de son début à sa fin")
        await self._type("!bot webhook creer alertes", "privé")
        direct = await self._direct()
        said = await self._camille.wait_for(direct, lambda e: "/hook/" in _said(e), timeout=PATIENCE)
        address = re.search(r"http://\S+/hook/\S+", _said(said))
        self._stage.check("l'adresse est donnée en privé", address)
        assert address is not None
        for status, icon in (("firing", "🔴 Le disque"), ("resolved", "🟢 Le disque")):
            body = json.loads(json.dumps(_ALERT).replace('"firing"', f'"{status}"'))
            async with aiohttp.ClientSession() as http, http.post(address[0], json=body) as answer:
                self._stage.check(f"Alertmanager envoie « {status} » : 202", answer.status == 202)
            await self._stage.step(f"… « {icon} », en un seul message", self._in_room(icon))
            if status == "firing":
                alert = await self._in_room(icon)
                await self._camille.react(self._room, alert["event_id"], "✅")
                await self._stage.step("Camille met ✅ : elle s'en occupe", self._in_room("Camille Martin s'en occupe"))

    async def _remind(self) -> None:
        await self._album.chapter("Un rappel")
        await self._type("!rappel dans 1 minute relire le procès-verbal", "Rappel n°")
        await self._stage.step("il vient à l'heure", self._in_room("⏰ Camille Martin : relire"))


def _is_last(person: Client, room: str, event: dict[str, Any]) -> bool:
    return bool(person.seen(room)) and person.seen(room)[-1]["event_id"] == event["event_id"]


def _inputs(page: str) -> list[tuple[str, str]]:
    """What a browser would send of a form that nobody has touched."""
    found: list[tuple[str, str]] = []
    for node in LexborHTMLParser(page).css("form input, form textarea, form select"):
        a = node.attributes
        name, kind = a.get("name") or "", a.get("type")
        if node.tag == "textarea":
            found.append((name, node.text()))
        elif node.tag == "select":
            chosen = node.css_first("option[selected]") or node.css_first("option")
            found.append((name, (chosen.attributes.get("value") or "") if chosen is not None else ""))
        elif name and (kind not in {"checkbox", "radio"} or "checked" in a):
            found.append((name, a.get("value") or ""))
    return found


def _said(event: dict[str, Any]) -> str:
    return str(event["content"].get("body", ""))

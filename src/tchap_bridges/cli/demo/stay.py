"""What can be tried once the story is told, until Ctrl-C."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.rule import Rule

from tchap_bridges.cli.demo.hub import CHANNEL, Abroad
from tchap_bridges.cli.demo.mailing import Mailing, shown
from tchap_bridges.testing.world import World


def latest_thread(events: Sequence[Mapping[str, Any]], ghosts: str) -> tuple[str, str] | None:
    """(root, last message) of the thread in which a correspondent spoke last; ``ghosts`` is how their ids begin."""
    for event in reversed(events):
        if event["sender"].startswith(ghosts) and event["content"].get("msgtype") == "m.text":
            relation = event["content"].get("m.relates_to", {})
            in_thread = relation.get("rel_type") == "m.thread"
            return (relation["event_id"] if in_thread else event["event_id"]), event["event_id"]
    return None


class Stay:
    """What can be tried next, until Ctrl-C."""

    def __init__(self, console: Console, world: World, mailing: Mailing, abroad: Abroad | None = None) -> None:
        self._console = console
        self._world = world
        self._abroad = abroad
        self._camille, self._room, self._address = mailing.camille, mailing.room, mailing.address

    async def until_stopped(self) -> None:
        world, console = self._world, self._console
        script = self._script()
        console.print(Rule("[b]À vous"))
        for line in (
            f"Synapse          {world.synapse.url}   (agent : camille, mot de passe : motdepasse-de-demo)",
            f"Adresse du salon {self._address}",
            f"Santé, mesures   http://127.0.0.1:{world.bridge.ports.operate}/health   /metrics",
            f"Configuration    {world.bridge.folder}/config.yaml",
            *self._elsewhere(),
            "",
            "Envoyer un autre courriel à la liste, dans un autre terminal :",
            f'    {script} "Un autre sujet" "Bonjour à tous !"',
            "",
            "Ici, tapez une ligne puis Entrée : Camille répond dans le fil du dernier courriel, et ce qui part à",
            "la liste s'affiche. Une commande (!aide, !pont etat…) se dit hors du fil. Ctrl-C arrête tout.",
            "Un sondage : !bot activer sondages, puis !sondage On mange où ? Cantine / Crêperie",
        ):
            console.print(line, markup=False)
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        await self.live(sys.stdin.fileno(), stop)

    def _elsewhere(self) -> Sequence[str]:
        """Where to speak as somebody who is not on Matrix."""
        if self._abroad is None:
            return ()
        lines = [f"Slack            {self._abroad.slack.url}   (parlez-y au nom de Marc, dans {CHANNEL})"]
        if self._abroad.irc is not None:
            irc = self._abroad.irc
            lines.append(f"IRC              {irc.host} port {irc.port}, sans TLS, canal {CHANNEL}, tout client IRC")
        return lines

    async def live(self, typed: int, stop: asyncio.Event) -> None:
        """``typed`` is the descriptor that lines come from."""
        async with asyncio.TaskGroup() as group:
            doing = (self._follow(), self._mails(), self._type(typed))
            tasks = [group.create_task(each) for each in doing]
            await stop.wait()
            for task in tasks:
                task.cancel()

    async def _follow(self) -> None:
        """Print what happens in the room from now on."""
        seen = {event["event_id"] for event in await self._camille.timeline(self._room)}
        while True:
            event = await self._camille.wait_for(
                self._room,
                lambda e: e["event_id"] not in seen and e["type"] == "m.room.message",
                timeout=3600 * 24,
            )
            seen.add(event["event_id"])
            name = (
                (await self._camille.members(self._room)).get(event["sender"], {}).get("displayname", event["sender"])
            )
            self._console.print(f"  {name} : {event['content'].get('body', '')}", markup=False)

    async def _mails(self) -> None:
        """Print what leaves from now on."""
        sink = self._world.sink
        known = {id(mail) for mail in sink.mails}
        while True:
            sent = await sink.wait_for(lambda mail: id(mail) not in known, timeout=3600 * 24)
            known.add(id(sent))
            self._console.print(shown(sent))

    async def _type(self, typed: int) -> None:
        loop = asyncio.get_running_loop()
        chunks: asyncio.Queue[bytes] = asyncio.Queue()
        try:
            loop.add_reader(typed, lambda: chunks.put_nowait(os.read(typed, 1 << 16)))
        except (OSError, ValueError):  # no terminal: nothing to type
            return
        rest = b""
        try:
            while chunk := await chunks.get():
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    await self._say(line.decode("utf-8", "replace").strip())
        finally:
            loop.remove_reader(typed)

    async def _say(self, line: str) -> None:
        """In the thread of the last mail, for what is said elsewhere stays in the room; commands stand alone."""
        if not line:
            return
        thread = latest_thread(await self._camille.timeline(self._room), f"{self._world.bot.partition(':')[0]}_")
        if thread is None or line.startswith("!"):
            await self._camille.send_text(self._room, line)
        else:
            root, last = thread
            await self._camille.send_text(self._room, line, thread=root, reply_to=last)

    def _script(self) -> Path:
        """A one-line way to write to the list again."""
        script: Path = self._world.folder / "envoyer"
        script.write_text(
            f"""#!{sys.executable}
import smtplib, sys
from tchap_bridges.testing.world import LIST_DOMAIN, list_mail
from email.policy import SMTP
subject, text = (sys.argv[1:] + ["Un autre sujet", "Bonjour !"])[:2]
mail = list_mail("Nadia Kaci", "nadia.kaci@moyens.tchap.localhost", subject, text)
with smtplib.SMTP("127.0.0.1", {self._world.bridge.ports.smtp}) as smtp:
    smtp.sendmail("projet-bounces@" + LIST_DOMAIN, ["{self._address}"], mail.as_bytes(policy=SMTP))
print("envoyé : regardez le salon")
""",
            encoding="utf-8",
        )
        script.chmod(0o755)
        return script

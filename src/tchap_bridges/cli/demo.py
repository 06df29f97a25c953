"""``tchap-bridges demo``: a mailing list lives in a room, on a real homeserver, before one's eyes."""

import asyncio
import os
import re
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.panel import Panel
from rich.rule import Rule
from rich.text import Text

if TYPE_CHECKING:
    from tchap_bridges.testing.mail_sink import Transmission

app = typer.Typer()
T = TypeVar("T")
SHOWN_HEADERS = ("From", "To", "Reply-To", "Subject", "Message-ID", "In-Reply-To", "References", "Content-Type")
ANSWER = "Noté pour les prises : je passe commande aujourd'hui. — Camille"


@app.command()
def demo(
    *,
    once: Annotated[bool, typer.Option("--once", help="Montre tout, vérifie chaque étape, puis s'arrête.")] = False,
) -> None:
    """Montre une liste de diffusion vivre dans un salon, sans rien installer sur cette machine.

    Un vrai Synapse, le pont, un agent, deux salons : l'un où les correspondants entrent, l'autre réglé comme sur Tchap,
    où le pont parle pour eux. Trois courriels arrivent par SMTP ; l'agent répond ; le courriel qui part est montré.

    Exemple : tchap-bridges demo --once
    """
    with tempfile.TemporaryDirectory(prefix="tchap-bridges-demo-") as folder:
        sys.exit(asyncio.run(Demo(Path(folder), Console(highlight=False)).run(once=once)))


class StepFailed(Exception):
    """A step of the demo did not show what it should."""


class Demo:
    """The story, step by step; each step is checked."""

    def __init__(self, folder: Path, console: Console) -> None:
        self.folder = folder
        self.console = console
        self.began = time.monotonic()
        self.steps = 0

    async def run(self, *, once: bool) -> int:
        from tchap_bridges.testing.process import MissingServerError, ServerFailedError  # noqa: PLC0415
        from tchap_bridges.testing.world import World  # noqa: PLC0415

        self.console.print(Rule("[b]tchap-bridges : une liste de diffusion dans un salon"))
        try:
            world = await self.step(
                "Synapse et le pont démarrent", World.start(self.folder, template=_template()), "tous deux répondent"
            )
        except (MissingServerError, ServerFailedError) as error:
            self.console.print(Text(f"✗ {error}", style="red"))
            return 1
        async with world:
            try:
                story = Story(self, world)
                await story.tell()
            except (StepFailed, TimeoutError, AssertionError) as error:
                self.console.print(f"[red]✗ {type(error).__name__}[/red] {error}")
                self.console.print(Panel(world.bridge.log.read_text()[-2000:], title="journal du pont"))
                return 1
            seconds = time.monotonic() - self.began
            self.console.print(f"\n[green]✓[/green] {self.steps} étapes vérifiées en {seconds:.0f} s.")
            if not once:
                await Stay(self, world, story).until_stopped()
        return 0

    async def step(self, title: str, work: Awaitable[T], found: str = "") -> T:
        """Do, with a spinner; tick, or raise."""
        with self.console.status(f"{title}…"):
            result = await work
        self.steps += 1
        self.console.print(f"[green]✓[/green] {title}{f' : {found}' if found else ''}")
        return result

    def check(self, title: str, good: object) -> None:
        if not good:
            raise StepFailed(title)
        self.steps += 1
        self.console.print(f"[green]✓[/green] {title}")


class Story:
    """What happens in the two rooms."""

    def __init__(self, demo: Demo, world: Any) -> None:
        self.demo = demo
        self.world = world
        self.console = demo.console
        self.camille: Any = None
        self.room = self.address = ""

    async def tell(self) -> None:
        world = self.world
        self.camille = await self.demo.step("Un compte d'agent : Camille Martin", world.agent())
        self.room, self.address = await self._room("Service des moyens", "projet", tchap=False)
        event = await self._conversation(self.room, "projet", self.address)
        await self._answer(self.room, event)
        room, address = await self._room("Service des moyens (salon Tchap)", "moyens", tchap=True)
        await self._conversation(room, "moyens", address)

    async def _room(self, name: str, list_name: str, *, tchap: bool) -> tuple[str, str]:
        from tchap_bridges.testing.world import LIST_DOMAIN  # noqa: PLC0415

        kind = "réglé comme sur Tchap, le pont y est sans pouvoir" if tchap else "les correspondants peuvent y entrer"
        self.console.print(Rule(f"Un salon : {kind}", style="dim"))
        camille = self.camille
        room = await self.demo.step(
            f"Camille ouvre « {name} » et y invite le pont", self.world.room(camille, name, tchap=tchap)
        )
        command = f"courriel {list_name}@{LIST_DOMAIN}"
        answer = await self.demo.step(f"Camille tape [b]!pont {command}[/b]", self.world.link(camille, room, command))
        self.console.print(Panel(Text(answer), title="le pont répond", width=100))
        found = re.search(r"[\w.+-]+@pont\.tchap\.localhost", answer)
        self.demo.check("le pont donne l'adresse à abonner à la liste", found)
        assert found is not None
        return room, found.group(0)

    async def _conversation(self, room: str, list_name: str, address: str) -> Any:
        from tchap_bridges.cli.demo_mails import conversation  # noqa: PLC0415
        from tchap_bridges.testing.timeline import render_timeline  # noqa: PLC0415
        from tchap_bridges.testing.world import LIST_DOMAIN  # noqa: PLC0415

        camille = self.camille
        mails = list(conversation(list_name))
        for mail in mails:
            title = f"La liste envoie par SMTP le courriel de {str(mail['From']).partition('<')[0].strip()}"
            body = mail.get_body(("plain",))
            charset = body.get_content_charset() if body is not None else "?"
            await self.demo.step(
                title,
                asyncio.to_thread(self.world.mail, mail, sender=f"{list_name}-bounces@{LIST_DOMAIN}", to=address),
                f"250, encodé en {charset}",
            )
        last = await camille.wait_for_text(room, "340 €", timeout=30)
        events = await camille.timeline(room)
        shown = render_timeline(events, width=self.console.width - 6)
        said = [event for event in events if event["type"] == "m.room.message"]
        self.console.print(Panel(Text(shown), title="le salon, tel qu'un client le montre"))
        self.demo.check(
            "le fil de la liste est un fil du salon",
            last["content"]["m.relates_to"]["rel_type"] == "m.thread",
        )
        self.demo.check(
            "les citations sont repliées : seul le texte neuf est montré",
            not any("a écrit" in event["content"].get("body", "") for event in said),
        )
        image = next((event for event in said if event["content"].get("msgtype") == "m.image"), None)
        self.demo.check("la pièce jointe est un fichier du salon", image)
        assert image is not None
        data = await camille.download(image["content"]["url"])
        original = next(mails[0].iter_attachments()).get_payload(decode=True)
        self.demo.check(f"… identique à l'octet près ({len(data)} octets)", data == original)
        self.demo.check(
            "aucune image distante n'a été gardée", not any("traceur" in str(event["content"]) for event in said)
        )
        return last

    async def _answer(self, room: str, event: dict[str, Any]) -> None:
        world, camille = self.world, self.camille
        root = event["content"]["m.relates_to"]["event_id"]
        await camille.send_text(room, "ok pour moi (hors du fil : ceci reste dans le salon)")
        sent = await self.demo.step(
            "Camille répond dans le fil",
            camille.send_text(room, ANSWER, thread=root, reply_to=event["event_id"]),
        )
        left = await self.demo.step("le courriel part vers la liste", world.sink.wait_for(lambda _: True, timeout=30))
        mail = left.message()
        self.console.print(shown(left))
        self.demo.check(
            "il répond au bon message, références comprises",
            mail["In-Reply-To"] and mail["In-Reply-To"] in mail["References"],
        )
        await self.demo.step(
            "le pont marque le message comme lu : il est bien parti",
            camille.wait_for_receipt(room, world.bot, sent, timeout=30),
        )
        self.demo.check("ce qui n'était pas dans le fil n'est pas parti", len(world.sink.mails) == 1)


def shown(sent: "Transmission") -> Panel:
    """A mail that left, as whoever gets it sees it."""
    mail = sent.message()
    headers = "\n".join(f"{name}: {mail[name]}" for name in SHOWN_HEADERS if mail[name])
    body = mail.get_body(("plain",))
    text = body.get_content() if body is not None else ""
    return Panel(Text(f"{headers}\n\n{text}"), title=f"courriel sorti vers {sent.recipients[0]}")


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

    def __init__(self, demo: Demo, world: Any, story: Story) -> None:
        self.demo = demo
        self.world = world
        self.camille, self.room, self.address = story.camille, story.room, story.address

    async def until_stopped(self) -> None:
        world, console = self.world, self.demo.console
        script = self._script()
        console.print(Rule("[b]À vous"))
        for line in (
            f"Synapse          {world.synapse.url}   (agent : camille, mot de passe : motdepasse-de-demo)",
            f"Adresse du salon {self.address}",
            f"Santé, mesures   http://127.0.0.1:{world.bridge.ports.operate}/health   /metrics",
            f"Configuration    {world.bridge.folder}/config.yaml",
            "",
            "Envoyer un autre courriel à la liste, dans un autre terminal :",
            f'    {script} "Un autre sujet" "Bonjour à tous !"',
            "",
            "Ici, tapez une ligne puis Entrée : Camille répond dans le fil du dernier courriel, et ce qui part à",
            "la liste s'affiche. Une commande (!aide, !pont etat…) se dit hors du fil. Ctrl-C arrête tout.",
        ):
            console.print(line, markup=False)
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        await self.live(sys.stdin.fileno(), stop)

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
        seen = {event["event_id"] for event in await self.camille.timeline(self.room)}
        while True:
            event = await self.camille.wait_for(
                self.room,
                lambda e: e["event_id"] not in seen and e["type"] == "m.room.message",
                timeout=3600 * 24,
            )
            seen.add(event["event_id"])
            name = (await self.camille.members(self.room)).get(event["sender"], {}).get("displayname", event["sender"])
            self.demo.console.print(f"  {name} : {event['content'].get('body', '')}", markup=False)

    async def _mails(self) -> None:
        """Print what leaves from now on."""
        sink = self.world.sink
        known = {id(mail) for mail in sink.mails}
        while True:
            sent = await sink.wait_for(lambda mail: id(mail) not in known, timeout=3600 * 24)
            known.add(id(sent))
            self.demo.console.print(shown(sent))

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
        thread = latest_thread(await self.camille.timeline(self.room), f"{self.world.bot.partition(':')[0]}_")
        if thread is None or line.startswith("!"):
            await self.camille.send_text(self.room, line)
        else:
            root, last = thread
            await self.camille.send_text(self.room, line, thread=root, reply_to=last)

    def _script(self) -> Path:
        """A one-line way to write to the list again."""
        script: Path = self.demo.folder / "envoyer"
        script.write_text(
            f"""#!{sys.executable}
import smtplib, sys
from tchap_bridges.testing.world import LIST_DOMAIN, list_mail
from email.policy import SMTP
subject, text = (sys.argv[1:] + ["Un autre sujet", "Bonjour !"])[:2]
mail = list_mail("Nadia Kaci", "nadia.kaci@moyens.tchap.localhost", subject, text)
with smtplib.SMTP("127.0.0.1", {self.world.bridge.ports.smtp}) as smtp:
    smtp.sendmail("projet-bounces@" + LIST_DOMAIN, ["{self.address}"], mail.as_bytes(policy=SMTP))
print("envoyé : regardez le salon")
""",
            encoding="utf-8",
        )
        script.chmod(0o755)
        return script


def _template() -> Path | None:
    """Where an empty Synapse database is kept from one run to the next, in a checkout."""
    root = Path(__file__).parents[3]
    return root / ".cache" / "synapse" if (root / "pyproject.toml").exists() else None

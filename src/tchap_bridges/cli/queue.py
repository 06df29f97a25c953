"""``tchap-bridges queue``: what waits, what failed, and what to do about it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tchap_bridges.config import load
from tchap_bridges.core import clock, codec
from tchap_bridges.core.outbox import DESK, REVIEW
from tchap_bridges.events import Message
from tchap_bridges.store.database import Database, Reader, Row
from tchap_bridges.store.sealing import Sealer

app = typer.Typer(
    help="Ce qui attend de partir, ce qui a échoué (lettres mortes), et quoi en faire.", no_args_is_help=True
)

Config = Annotated[Path, typer.Option("--config", "-c", help="Le fichier de configuration.")]
Number = Annotated[str, typer.Argument(help="Le numéro donné par « queue list » : 12:3 (à partir) ou r7 (reçu).")]
DEFAULT = Path("config.yaml")
MOST = 200
ACTIONS = {
    "send": "message",
    "edit": "correction",
    "delete": "suppression",
    "react": "réaction",
    "command": "commande",
    "join": "invitation",
    "gone": "départ du salon",
    "follow": "changement de salon",
    "refresh": "relecture du salon",
}


@app.command("list")
def list_(
    config: Config = DEFAULT,
    every: Annotated[bool, typer.Option("--all", help="Aussi ce qui attend normalement son tour.")] = False,
) -> None:
    """Les lettres mortes, et avec --all ce qui attend.

    Exemple : tchap-bridges queue list --all
    """

    async def work(db: Database, sealer: Sealer) -> None:
        del sealer
        async with db.snapshot() as tx:
            dead = await tx.all("outbox_dead_list", limit=MOST)
            unread = await tx.all("inbox_dead_list", limit=MOST)
            waiting = await tx.all("outbox_waiting_list", limit=MOST) if every else []
            where = await _places(tx, (*dead, *waiting))
        table = Table("numéro", "état", "quoi", "où", "depuis", "essais", "pourquoi")

        def add(row: Row, state: str) -> None:
            what, error = ACTIONS.get(row["action"], row["action"]), escape(row["error"] or "")
            table.add_row(_number(row), state, what, where[row["target"]], _when(row), str(row["attempts"]), error)

        for row in dead:
            add(row, "mort")
        for row in unread:
            at = f"{clock.moment(row['received_at']).astimezone():%d/%m %H:%M}"
            table.add_row(f"r{row['id']}", "illisible", "arrivée", row["source"], at, "", escape(row["error"] or ""))
        for row in waiting:
            add(row, "attend")
        console = Console()
        console.print(table if table.row_count else "Rien n'attend et rien n'a échoué.")

    _with_store(config, work)


@app.command()
def show(number: Number, config: Config = DEFAULT) -> None:
    """Le contenu d'une ligne : auteur, texte, fichiers ; ou les octets reçus.

    Exemple : tchap-bridges queue show 12:3
    """

    async def work(db: Database, sealer: Sealer) -> None:
        console = Console()
        async with db.snapshot() as tx:
            if number.startswith("r"):
                row = await tx.one("inbox_get", id=_int(number[1:]))
                if row is None or row["raw"] is None:
                    raise typer.BadParameter(f"{number} : il n'y a pas, ou plus, de contenu")
                console.print(f"[b]{row['source']}[/b] — {escape(row['error'] or 'en attente')}")
                first = sealer.open(row["raw"], place="inbox.raw")
                console.print(first[:4000].decode("utf-8", "replace"), markup=False)
                return
            lane, seq = _pair(number)
            found = [r for r in await tx.all("outbox_dead_list", limit=MOST) if (r["lane"], r["seq"]) == (lane, seq)]
            found += [
                r for r in await tx.all("outbox_waiting_list", limit=MOST) if (r["lane"], r["seq"]) == (lane, seq)
            ]
            if not found:
                raise typer.BadParameter(f"{number} : aucune ligne de ce numéro n'attend ni n'a échoué")
            message = await tx.one("message_get", id=found[0]["message"])
            where = (await _places(tx, found))[found[0]["target"]]
        what = ACTIONS.get(found[0]["action"], found[0]["action"])
        console.print(f"[b]{what}[/b] vers {where} — {escape(found[0]['error'] or 'en attente')}")
        if message is None or message["body"] is None:
            console.print("Le contenu a été effacé.")
            return
        event = codec.load(sealer.open(message["body"], place="message.body"))
        if isinstance(event, Message):
            console.print(f"De : {event.author.name or event.author.person}", markup=False)
            console.print(event.text.plain, markup=False)
            for file in event.files:
                console.print(f"Fichier : {file.name} ({file.mime})", markup=False)

    _with_store(config, work)


@app.command()
def retry(number: Number, config: Config = DEFAULT) -> None:
    """Remet une lettre morte en route ; le pont en marche la reprend dans les vingt secondes.

    Exemple : tchap-bridges queue retry 12:3
    """

    async def work(db: Database, sealer: Sealer) -> None:
        del sealer
        async with db.transaction() as tx:
            if number.startswith("r"):
                done = await tx.run("inbox_retry", id=_int(number[1:]))
            else:
                lane, seq = _pair(number)
                done = await tx.run("outbox_revive", lane=lane, seq=seq, now=clock.now())
        _told(number, done, "repart")

    _with_store(config, work)


@app.command()
def discard(number: Number, config: Config = DEFAULT) -> None:
    """Renonce à une ligne : elle ne partira pas, son contenu sera effacé.

    Exemple : tchap-bridges queue discard r7
    """

    async def work(db: Database, sealer: Sealer) -> None:
        del sealer
        async with db.transaction() as tx:
            if number.startswith("r"):
                done = await tx.run("inbox_discard", id=_int(number[1:]))
                await tx.run("inbox_pieces_discard", id=_int(number[1:]))
            else:
                lane, seq = _pair(number)
                done = await tx.run("outbox_discard", lane=lane, seq=seq)
        _told(number, done, "est abandonnée")

    _with_store(config, work)


def _with_store(config: Path, work: Callable[[Database, Sealer], Awaitable[None]]) -> None:
    settings = load(config)
    keys = [key.get_secret_value() for key in (settings.storage.key, *settings.storage.old_keys)]

    async def main() -> None:
        db = await Database.open(settings.database)
        try:
            await work(db, Sealer(keys))
        finally:
            await db.close()

    asyncio.run(main())


async def _places(tx: Reader, rows: Sequence[Row]) -> dict[str, str]:
    """Each target in words: the link's name, the room, or the bridge itself."""
    found: dict[str, str] = dict.fromkeys((DESK, REVIEW), "le pont")
    for target in {row["target"] for row in rows} - found.keys():
        kind, _colon, number = target.partition(":")
        link = await tx.one("link_get", id=int(number)) if kind == "link" else None
        found[target] = escape(f"{link['name']} ({link['connection']})" if link else target)
    return found


def _number(row: Any) -> str:
    return f"{row['lane']}:{row['seq']}"


def _when(row: Any) -> str:
    at: datetime = clock.moment(row["created_at"]).astimezone()
    return f"{at:%d/%m %H:%M}"


def _pair(number: str) -> tuple[int, int]:
    lane, _, seq = number.partition(":")
    return _int(lane), _int(seq)


def _int(text: str) -> int:
    if not text.isdecimal():
        raise typer.BadParameter(
            f"« {text} » n'est pas un numéro ; prenez ceux de « queue list », par exemple 12:3 ou r7"
        )
    return int(text)


def _told(number: str, done: int, what: str) -> None:
    if not done:
        raise typer.BadParameter(f"{number} : aucune lettre morte de ce numéro (voyez « queue list »)")
    Console().print(f"{number} {what}.")

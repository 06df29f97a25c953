"""``tchap-bridges queue``: what waits, what failed, and what to do about it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tchap_bridges.cli.options import DEFAULT, Config
from tchap_bridges.cli.store import Store, with_store
from tchap_bridges.core import codec
from tchap_bridges.core.links import standing_by
from tchap_bridges.core.outbox import DESK, REVIEW, revive
from tchap_bridges.core.outbox import discard as give_up
from tchap_bridges.core.strangers import held
from tchap_bridges.core.words import state_words
from tchap_bridges.events import Message
from tchap_bridges.i18n import Phrase, Translator, _, ngettext
from tchap_bridges.store.database import Reader, Row

app = typer.Typer(
    help="Ce qui attend de partir, ce qui a échoué (lettres mortes), et quoi en faire.", no_args_is_help=True
)

Number = Annotated[str, typer.Argument(help="Le numéro donné par « queue list » : 12:3 (à partir) ou r7 (reçu).")]
MOST = 200
ACTIONS: Mapping[str, Phrase] = {
    "send": _("message"),
    "edit": _("correction"),
    "delete": _("suppression"),
    "react": _("réaction"),
    "command": _("commande"),
    "join": _("invitation"),
    "gone": _("départ du salon"),
    "follow": _("changement de salon"),
    "refresh": _("relecture du salon"),
}
NEW, HELD = 0, 3  # inbox.state


@app.command("list")
def list_(
    config: Config = DEFAULT,
    every: Annotated[bool, typer.Option("--all", help="Aussi ce qui attend normalement son tour.")] = False,
) -> None:
    """Les lettres mortes, et avec --all ce qui attend : de partir, d'être lu, un lien suspendu, une décision.

    Exemple : tchap-bridges queue list --all
    """

    async def work(store: Store) -> None:
        async with store.db.snapshot() as tx:
            dead = await tx.all("outbox_dead_list", limit=MOST)
            unread = await tx.all("inbox_dead_list", limit=MOST)
            leaving = await tx.all("outbox_waiting_list", limit=MOST) if every else []
            kept = await tx.all("inbox_open_list", limit=MOST) if every else []
            waiting = sum(row["depth"] for row in await tx.all("lanes_depth"))
            waiting += int(await tx.value("inbox_open_count"))
            links = await tx.all("links_known") if kept else []
            where = await _places(store, tx, (*dead, *leaving))
        table = Table(*map(store.say, _columns()))
        for state, rows in ((_("mort"), dead), (_("attend"), leaving)):
            for row in rows:
                table.add_row(
                    _number(row),
                    store.say(state),
                    store.say(ACTIONS.get(row["action"], row["action"])),
                    where[row["target"]],
                    store.when(row["created_at"]),
                    str(row["attempts"]),
                    escape(row["error"] or ""),
                )
        for row in unread:
            table.add_row(*_arrival(store, row, _("illisible"), row["source"], row["error"] or ""))
        for row in kept:
            table.add_row(*_arrival(store, row, *_kept(store, row, links)))
        console = Console()
        if table.row_count:
            console.print(table)
        for line in _summary(len(dead) + len(unread), waiting, len(leaving) + len(kept)):
            console.print(store.say(line), markup=False)

    with_store(config, work)


def _columns() -> Sequence[Phrase]:
    return (_("numéro"), _("état"), _("quoi"), _("où"), _("depuis"), _("essais"), _("pourquoi"))


def _arrival(store: Store, row: Row, state: Phrase, where: str, why: str) -> Sequence[str]:
    say = store.say
    return (
        f"r{row['id']}",
        say(state),
        say(_("arrivée")),
        escape(where),
        store.when(row["received_at"]),
        "",
        escape(why),
    )


def _kept(store: Store, row: Row, links: Sequence[Row]) -> tuple[Phrase, str, str]:
    """Of a row of the inbox that is not over yet: its state, where it is to go as far as that is known, and why."""
    awaits = row["awaits"] or ""
    if row["state"] == NEW:
        return _("attend"), row["source"], store.say(_("pas encore lu"))
    if row["state"] == HELD:
        link = next((each for each in links if awaits.startswith(held(each["id"], ""))), None)
        return _("retenu"), _link(link, row), store.say(_("un membre du salon doit accepter son auteur, ou le refuser"))
    until = store.when(row["due_at"])
    link = next((each for each in links if awaits == standing_by(each["id"])), None)
    if link is None:
        why = _("ce dont il parle n'est pas encore arrivé ; attend jusqu'au {until}", until=until)
    else:
        state = state_words(link["state"])
        why = _("l'état du lien : {state} ; attend jusqu'au {until}", state=state, until=until)
    return _("attend"), _link(link, row), store.say(why)


def _link(link: Row | None, row: Row) -> str:
    return f"{link['name']} ({link['connection']})" if link else str(row["source"])


def _summary(failed: int, waiting: int, shown: int) -> Iterator[Phrase]:
    """What the table does not say: that nothing failed, and that more waits."""
    if not failed and not shown:
        yield _("Rien n'a échoué.") if waiting else _("Rien n'attend et rien n'a échoué.")
    if waiting > shown > 0:
        yield ngettext("{n} autre attend.", "{n} autres attendent.", waiting - shown)
    elif waiting > shown:
        yield ngettext(
            "{n} attend son tour : « queue list --all » dit pourquoi.",
            "{n} attendent leur tour : « queue list --all » dit pourquoi.",
            waiting,
        )


@app.command()
def show(number: Number, config: Config = DEFAULT) -> None:
    """Le contenu d'une ligne : auteur, texte, fichiers ; ou les octets reçus.

    Exemple : tchap-bridges queue show 12:3
    """

    async def work(store: Store) -> None:
        console, say = Console(), store.say
        async with store.db.snapshot() as tx:
            if number.startswith("r"):
                row = await tx.one("inbox_get", id=_int(say, number[1:]))
                if row is None or row["raw"] is None:
                    raise typer.BadParameter(say(_("{number} : il n'y a pas, ou plus, de contenu", number=number)))
                console.print(f"[b]{row['source']}[/b] — {escape(row['error'] or say(_('en attente')))}")
                first = store.sealer.open(row["raw"], place="inbox.raw")
                console.print(first[:4000].decode("utf-8", "replace"), markup=False)
                return
            lane, seq = _pair(say, number)
            found = [r for r in await tx.all("outbox_dead_list", limit=MOST) if (r["lane"], r["seq"]) == (lane, seq)]
            found += [
                r for r in await tx.all("outbox_waiting_list", limit=MOST) if (r["lane"], r["seq"]) == (lane, seq)
            ]
            if not found:
                raise typer.BadParameter(
                    say(_("{number} : aucune ligne de ce numéro n'attend ni n'a échoué", number=number))
                )
            message = await tx.one("message_get", id=found[0]["message"])
            where = (await _places(store, tx, found))[found[0]["target"]]
        what = say(ACTIONS.get(found[0]["action"], found[0]["action"]))
        why = escape(found[0]["error"] or say(_("en attente")))
        console.print(say(_("{what} vers {where} — {why}", what=f"[b]{what}[/b]", where=where, why=why)))
        if message is None or message["body"] is None:
            console.print(say(_("Le contenu a été effacé.")))
            return
        event = codec.load(store.sealer.open(message["body"], place="message.body"))
        if isinstance(event, Message):
            console.print(say(_("De : {author}", author=event.author.name or event.author.person)), markup=False)
            console.print(event.text.plain, markup=False)
            for file in event.files:
                console.print(say(_("Fichier : {name} ({mime})", name=file.name, mime=file.mime)), markup=False)

    with_store(config, work)


@app.command()
def retry(number: Number, config: Config = DEFAULT) -> None:
    """Remet une lettre morte en route ; le pont en marche la reprend dans les vingt secondes.

    Exemple : tchap-bridges queue retry 12:3
    """

    async def work(store: Store) -> None:
        async with store.db.transaction() as tx:
            if number.startswith("r"):
                done = await tx.run("inbox_retry", id=_int(store.say, number[1:]))
            else:
                lane, seq = _pair(store.say, number)
                done = await revive(tx, store.sealer, lane, seq)
        _told(store.say, number, done, _("{number} repart.", number=number))

    with_store(config, work)


@app.command()
def discard(number: Number, config: Config = DEFAULT) -> None:
    """Renonce à une ligne : elle ne partira pas, son contenu sera effacé.

    Exemple : tchap-bridges queue discard r7
    """

    async def work(store: Store) -> None:
        async with store.db.transaction() as tx:
            if number.startswith("r"):
                done = await tx.run("inbox_discard", id=_int(store.say, number[1:]))
                await tx.run("inbox_pieces_discard", id=_int(store.say, number[1:]))
            else:
                lane, seq = _pair(store.say, number)
                done = await give_up(tx, lane, seq)
        _told(store.say, number, done, _("{number} est abandonnée.", number=number))

    with_store(config, work)


async def _places(store: Store, tx: Reader, rows: Sequence[Row]) -> dict[str, str]:
    """Each target in words: the link's name, the room, or the bridge itself."""
    found: dict[str, str] = dict.fromkeys((DESK, REVIEW), store.say(_("le pont")))
    for target in {row["target"] for row in rows} - found.keys():
        kind, _colon, number = target.partition(":")
        link = await tx.one("link_get", id=int(number)) if kind == "link" else None
        found[target] = escape(f"{link['name']} ({link['connection']})" if link else target)
    return found


def _number(row: Row) -> str:
    return f"{row['lane']}:{row['seq']}"


def _pair(say: Translator, number: str) -> tuple[int, int]:
    lane, _, seq = number.partition(":")
    return _int(say, lane), _int(say, seq)


def _int(say: Translator, text: str) -> int:
    if not text.isdecimal():
        raise typer.BadParameter(
            say(
                _(
                    "« {text} » n'est pas un numéro ; prenez ceux de « queue list », par exemple 12:3 ou r7",
                    text=text,
                )
            )
        )
    return int(text)


def _told(say: Translator, number: str, done: int, said: Phrase) -> None:
    if not done:
        raise typer.BadParameter(
            say(_("{number} : aucune lettre morte de ce numéro (voyez « queue list »)", number=number))
        )
    Console().print(say(said), markup=False)

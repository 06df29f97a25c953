"""What came by the webhooks of a room: counted and listed there, read in private, and called for once more."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from tchap_bridges.core import clock
from tchap_bridges.core.bots.deliveries import Deliveries, State
from tchap_bridges.core.bots.hook_asked import Asked
from tchap_bridges.core.bots.hooks import Hook, Hooks
from tchap_bridges.core.commands import Apply
from tchap_bridges.core.ports import Database, Row, Tx
from tchap_bridges.errors import Misconfigured
from tchap_bridges.i18n import Phrase, _

SHOWN: Final = 10  # deliveries in a list
READ: Final = 8_000  # characters of one that are shown

_BECAME: Final[Mapping[State, Phrase]] = {
    State.WAITING: _("en attente"),
    State.DONE: _("traité"),
    State.REFUSED: _("refusé par le robot"),
    State.UNWANTED: _("robot arrêté"),
}


class HookLooks:
    """The verbs that change nothing: they show, and hand on."""

    def __init__(self, db: Database, hooks: Hooks, deliveries: Deliveries) -> None:
        self._db = db
        self._hooks = hooks
        self._deliveries = deliveries

    async def list(self, asked: Asked) -> Apply:
        async with self._db.snapshot() as tx:
            rows = await tx.all("hooks_of", room=asked.room)
        example = _("Pour en créer un : !bot webhook creer {bot}", bot=asked.example)
        lines = [self._line(asked, row) for row in rows] or [asked.t(_("Aucun webhook dans ce salon."))]
        return _said("\n".join((*lines, asked.t(example))))

    def _line(self, asked: Asked, row: Row) -> str:
        refused = self._hooks.refusals(row["id"])
        parts = [_("envois : {n}, répétés : {again}", n=row["deliveries"], again=row["repeated"])]
        if row["last_at"] is not None:
            parts.append(_("le dernier {when}", when=asked.when(clock.moment(row["last_at"]))))
        if refused.at is not None:
            parts.append(
                _(
                    "refusés depuis le démarrage : {n}, le dernier {when} ({reason})",
                    n=refused.count,
                    when=asked.when(refused.at),
                    reason=refused.reason or "",
                )
            )
        if row["expires_at"] is not None:
            at = clock.moment(row["expires_at"])
            over = at <= clock.moment(clock.now())
            parts.append(_("expiré {when}", when=asked.when(at)) if over else _("expire {when}", when=asked.when(at)))
        return " ; ".join((f"{row['name']} → {row['bot']} ({row['scheme']})", *map(asked.t, parts)))

    async def show(self, asked: Asked) -> Apply:
        """The last deliveries; of one, by its number, what was in it."""
        hook, words = asked.meant()
        if words:
            return await self._content(asked, hook, words)
        async with self._db.snapshot() as tx:
            rows = await tx.all("deliveries_last", hook=hook.id, limit=SHOWN)
        if not rows:
            return _said(asked.t(_("Rien n'est encore arrivé par « {name} ».", name=hook.name)))
        lines = [
            _(
                "{n}. {when}, {size} octets : {state}",
                n=row["n"],
                when=asked.when(clock.moment(row["received_at"])),
                size=row["size"],
                state=_BECAME[State(row["state"])],
            )
            for row in rows
        ]
        more = _("Le contenu d'un envoi, en privé : !bot webhook voir {name} {n}", name=hook.name, n=rows[0]["n"])
        return _said("\n".join(map(asked.t, (*lines, more))))

    async def _content(self, asked: Asked, hook: Hook, words: Sequence[str]) -> Apply:
        row = await self._delivery(hook, words)
        posted = self._deliveries.posted({**row, "name": hook.name})
        body = posted.body.decode(errors="replace")
        more = len(body) - READ
        parts = (
            asked.t(_("Envoi n° {n} de « {name} », {when}", n=row["n"], name=hook.name, when=asked.when(posted.at))),
            self._deliveries.reason(row),
            "\n".join(f"{name}: {value}" for name, value in sorted(posted.headers.items())),
            body[:READ] + (asked.t(_("… ({n} caractères de plus)", n=more)) if more > 0 else ""),
        )

        async def apply(tx: Tx) -> str:
            await asked.audit(tx, "hook looked into", f"{hook.name} {row['n']}")
            await asked.in_private(tx, "\n\n".join(filter(None, parts)))
            return asked.t(_("✓ Je vous écris en privé ce qu'il y avait."))

        return apply

    async def replay(self, asked: Asked) -> Apply:
        hook, words = asked.meant()
        row = await self._delivery(hook, words)

        async def apply(tx: Tx) -> str:
            await self._deliveries.again(tx, asked.room, hook.bot, row["id"], cause=f"replay {asked.call.key}")
            await asked.audit(tx, "hook replayed", f"{hook.name} {row['n']}")
            return asked.t(_("✓ Envoi n° {n} rendu au robot {bot}.", n=row["n"], bot=hook.bot))

        return apply

    async def _delivery(self, hook: Hook, words: Sequence[str]) -> Row:
        """The one of this number. Raises `Misconfigured` when its content is kept no more."""
        number = words[0].removeprefix("#") if len(words) == 1 else ""
        row = None
        if re.fullmatch(r"[0-9]{1,15}", number):
            async with self._db.snapshot() as tx:
                row = await tx.one("delivery_find", hook=hook.id, n=int(number))
        if not words:
            raise Misconfigured(
                _("quel envoi ? Il manque son numéro"),
                remedy=_("Voyez : !bot webhook voir {name}", name=hook.name),
            )
        if row is None or row["content"] is None:
            raise Misconfigured(
                _("il n'y a pas d'envoi « {n} », ou il n'est plus gardé", n=" ".join(words)[:50]),
                remedy=_("Voyez : !bot webhook voir {name}", name=hook.name),
            )
        return row


def _said(text: str) -> Apply:
    async def apply(tx: Tx) -> str:
        del tx
        return text

    return apply

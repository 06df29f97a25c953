"""What a row asks of its destination, done there: send, edit, delete, react.

What is shown is made in `resolve`; a network that has no such thing is `Unsupported`, in words for people.
"""

from collections.abc import Sequence

from tchap_bridges.bridge import AsksPolls, Deletes, Edits, Reacts
from tchap_bridges.core.files import LeftOut, left_out, screen, without_left_out
from tchap_bridges.core.outbox import CANCELLED, THERE
from tchap_bridges.core.ports import Database, Row
from tchap_bridges.core.resolve import Pointless, Resolver, RowSteps, Way
from tchap_bridges.errors import Undeliverable, Unsupported
from tchap_bridges.events import Author, Deletion, Edit, Event, Form, Message, PollEnded, PollStarted, Reaction, Text
from tchap_bridges.i18n import _
from tchap_bridges.ids import MessageId
from tchap_bridges.outgoing import OutgoingDeletion, OutgoingEdit, OutgoingPoll, OutgoingPollEnd, OutgoingReaction


class Acts:
    """Raises what the connection raises, and `Pointless` when there is nothing left to do."""

    def __init__(self, db: Database, resolver: Resolver) -> None:
        self._db = db
        self._resolver = resolver

    async def look(self, row: Row, way: Way, message: Row, event: Event, steps: RowSteps) -> None:
        """Have the files of a message looked at, before anything is shown that could be shown twice."""
        if isinstance(event, Message) and event.files and row["action"] == "send":
            await screen(await self._resolver.outgoing(row, way, message, event, steps))

    async def do(
        self, row: Row, way: Way, message: Row, event: Event, steps: RowSteps
    ) -> tuple[Sequence[MessageId], Sequence[LeftOut]]:
        """The ids under which it is seen now, and what of it is not."""
        match row["action"], event:
            case "send", Message():
                outgoing = without_left_out(await self._resolver.outgoing(row, way, message, event, steps))
                return await way.connection.send(outgoing), left_out(outgoing)
            case "send", PollStarted() if isinstance(way.connection, AsksPolls):
                return [await way.connection.ask(_poll(row, way, event, steps))], ()
            case "send", PollStarted():
                outgoing = await self._resolver.outgoing(row, way, message, _in_words(event), steps)
                return await way.connection.send(outgoing), ()
            case "end", PollEnded():
                await self._end(row, way, message, event)
            case "edit", Edit():
                await self._edit(row, way, message, event)
            case "delete", Deletion() | Reaction():
                await self._delete(row, way, message, event)
            case "react", Reaction():
                return await self._react(row, way, message, event), ()
            case action, _:
                raise Undeliverable(f"{action}: no such action on {type(event).__name__}")
        return (), ()

    async def _edit(self, row: Row, way: Way, message: Row, event: Edit) -> None:
        parts = await self._resolver.copies(message, way)
        if not isinstance(way.connection, Edits):
            raise Unsupported(
                "Edits",
                _("ce qui est parti ne peut plus y être modifié"),
                remedy=_("Envoyez un nouveau message pour corriger."),
            )
        network, author = await self._resolver.speaker(message, event.author, event.chat)
        await way.connection.edit(
            OutgoingEdit(
                key=row["key"],
                chat=way.chat,
                author=author,
                network=network,
                at=event.at,
                target=parts[0],
                before=await self._resolver.before(message, way),
                parts=tuple(parts),
                foreign=self._resolver.is_foreign(message, way),
                text=await self._resolver.text(event.text, message, way),
                options=way.options,
                link_to_text=self._resolver.link_to_text(message["parent"], way),
            )
        )

    async def _end(self, row: Row, way: Way, message: Row, event: PollEnded) -> None:
        (poll, *_more) = await self._resolver.copies(message, way)
        if isinstance(way.connection, AsksPolls):
            end = OutgoingPollEnd(key=row["key"], chat=way.chat, at=event.at, poll=poll, text=event.text)
            await way.connection.end_poll(end)

    async def _delete(self, row: Row, way: Way, message: Row, event: Deletion | Reaction) -> None:
        parts = await self._resolver.copies(message, way)
        async with self._db.snapshot() as tx:
            about = await tx.one("message_get", id=message["parent"])
        network, author = await self._resolver.speaker(message, event.author, event.chat)
        if about is not None and about["kind"] == "reaction" and isinstance(way.connection, Reacts):
            await self._take_back(row, way, about, parts[0], network, author)
            return
        if not isinstance(way.connection, Deletes):
            raise Unsupported(
                "Deletes",
                _("ce qui est parti ne peut plus y être supprimé"),
                remedy=_("Prévenez les destinataires si c'est nécessaire."),
            )
        await way.connection.delete(
            OutgoingDeletion(
                key=row["key"],
                chat=way.chat,
                author=author,
                network=network,
                target=parts[0],
                parts=tuple(parts),
                options=way.options,
            )
        )

    async def _react(self, row: Row, way: Way, message: Row, event: Reaction) -> Sequence[MessageId]:
        parts = await self._resolver.copies(message, way)
        if not isinstance(way.connection, Reacts):
            raise Unsupported("Reacts", _("les réactions n'y sont pas montrées"))
        network, author = await self._resolver.speaker(message, event.author, event.chat)
        id_ = await way.connection.react(
            OutgoingReaction(
                key=row["key"],
                chat=way.chat,
                author=author,
                network=network,
                target=parts[0],
                symbol=event.key,
                options=way.options,
            )
        )
        return () if id_ is None else (id_,)

    async def _take_back(
        self, row: Row, way: Way, reaction: Row, remote: MessageId, network: str, author: Author | None
    ) -> None:
        assert isinstance(way.connection, Reacts)
        if await self._inherited(reaction, way.target, remote):
            return
        async with self._db.snapshot() as tx:
            reacted = await self._resolver.remote(tx, reaction["parent"], way.target)
        if reacted is None:
            raise Pointless("what was reacted to was never seen there")
        await way.connection.react(
            OutgoingReaction(
                key=row["key"],
                chat=way.chat,
                author=author,
                network=network,
                target=reacted,
                symbol=reaction["symbol"],
                removed=True,
                reaction=remote,
                options=way.options,
            )
        )

    async def _inherited(self, reaction: Row, target: str, remote: MessageId) -> bool:
        """Whether it stays there for somebody else: where one account of ours speaks for all, it reacts but once."""
        async with self._db.transaction() as tx:
            heir = await tx.value(
                "reaction_heir",
                parent=reaction["parent"],
                symbol=reaction["symbol"],
                message=reaction["id"],
                target=target,
            )
            if heir is None:
                return False
            await tx.run("copy_add", message=reaction["id"], target=target, part=0, remote=None, state=CANCELLED)
            await tx.run("copy_add", message=heir, target=target, part=0, remote=remote, state=THERE)
        return True


def _poll(row: Row, way: Way, event: PollStarted, steps: RowSteps) -> OutgoingPoll:
    return OutgoingPoll(
        key=row["key"],
        chat=way.chat,
        at=event.at,
        question=event.question,
        options=event.options,
        steps=steps,
        most=event.most,
        disclosed=event.disclosed,
    )


def _in_words(event: PollStarted) -> Message:
    """The question and its numbered answers, where there are no polls."""
    lines = [event.question, *(f"{n}. {option.text}" for n, option in enumerate(event.options, 1))]
    text = Text(plain="\n".join(lines))
    return Message(id=event.id, chat=event.chat, author=event.author, at=event.at, text=text, form=Form.NOTICE)

"""The part of the contract suite about what leaves: shown once, in order, whole, and harmless whatever stands in it."""

import asyncio
import random
from contextlib import suppress
from dataclasses import replace

import pytest

from tchap_bridges.errors import NotReady, Undeliverable
from tchap_bridges.events import Author, Form, Text, mention
from tchap_bridges.ids import MessageId, PersonId
from tchap_bridges.testing.contract_incoming import HOSTILE, PeerTests
from tchap_bridges.testing.rig import JEANNE, TEXT_LINK, FakeAttachment

LONG = 40_000
"""Characters of a text that is long, where the network names no limit."""


class OutgoingContract(PeerTests):
    """From the core to the network."""

    async def test_what_is_sent_is_shown(self) -> None:
        async with self.rig() as rig:
            ids = await rig.send(rig.message("bonjour du salon"))
            (shown,) = await rig.shows(1)
            assert "bonjour du salon" in shown.text
            assert JEANNE.name in shown.author
            assert list(ids[:1]) in ([shown.id], [])
            assert len(set(ids)) == len(ids)

    async def test_the_bridge_itself_can_speak(self) -> None:
        async with self.rig() as rig:
            await rig.send(rig.message("une annonce", author=None, form=Form.NOTICE))
            (shown,) = await rig.shows(1)
            assert "une annonce" in shown.text

    async def test_order_is_kept(self) -> None:
        async with self.rig() as rig:
            for n in range(8):
                await rig.send(rig.message(f"envoi {n}"))
            shown = await rig.shows(8)
            assert [f"envoi {n}" in one.text for n, one in enumerate(shown)] == [True] * 8

    async def test_sent_twice_is_shown_once(self) -> None:
        async with self.rig() as rig:
            if not rig.connection.limits.repeatable:
                pytest.skip("this network cannot repeat, and says so")
            message = rig.message("une seule fois", files=[FakeAttachment("une.txt", b"fois")])
            first = await rig.send(message)
            assert await rig.send(replace(message, steps=rig.message().steps)) == first
            await rig.send(rig.message("la suite"))
            await rig.shows(2)
            assert len(rig.peer.shown()) == 2

    async def test_an_answer_that_is_lost(self) -> None:
        """Shown, and not known to be: not ready where repeating is harmless, uncertain where it is not."""
        async with self.rig() as rig:
            message = rig.message("arrivé peut-être")
            rig.peer.lose_answer()
            if rig.connection.limits.repeatable:
                with pytest.raises(NotReady):
                    await rig.connection.send(message)
                await rig.send(message)
            else:
                with pytest.raises(Undeliverable) as error:
                    await rig.connection.send(message)
                assert not error.value.certain
            await rig.shows(1)
            await rig.send(rig.message("la suite"))
            assert len(await rig.shows(2)) == 2

    async def test_sends_after_the_session_is_back(self) -> None:
        async with self.rig() as rig:
            await rig.send(rig.message("avant"))
            await rig.peer.cut()
            await rig.send(rig.message("après"))
            shown = await rig.shows(2)
            assert "après" in shown[1].text

    async def test_our_own_copies_are_no_news(self) -> None:
        """What the network shows us of our own sending is marked ``echo``, or not told at all."""
        async with self.rig() as rig:
            ids = await rig.send(rig.message("de nous"))
            await rig.peer.say("d'eux")
            heard = await rig.hears()
            assert [message.text.plain.strip() for message in heard] == ["d'eux"]
            assert not {message.id for message in heard} & set(ids)

    async def test_long_text_is_shown_whole(self) -> None:
        """At the limit in one post; above it in several, each within the limit, all their ids returned.

        A text that would be too many posts may be shortened, if it ends with a link to the whole.
        """
        async with self.rig() as rig:
            limit = rig.connection.limits.text_bytes
            just = _prose(limit or LONG)
            ids = await rig.send(rig.message(just))
            assert len(ids) <= 1
            over = _prose(3 * (limit or LONG))
            parts = await rig.send(rig.message(over))
            shown = await rig.shows(1 + max(1, len(parts)))
            assert _squeezed(just) in _squeezed(shown[0].text)
            rest = "".join(one.text for one in shown[1:])
            assert _squeezed(over) in _squeezed(rest) or TEXT_LINK in rest
            if limit is not None:
                assert all(len(one.text.encode()) <= limit for one in shown)

    @pytest.mark.parametrize("text", HOSTILE)
    async def test_hostile_text_is_only_text(self, text: str) -> None:
        """One message, readable, and nothing that it could start."""
        async with self.rig() as rig:
            await rig.send(rig.message(text))
            await rig.send(rig.message("ensuite"))
            first, second = await rig.shows(2)
            assert first.text.index("avant") < first.text.rindex("après")
            assert "\0" not in first.text
            first.text.encode()
            assert "ensuite" in second.text

    @pytest.mark.parametrize("name", [*HOSTILE, "", "x" * 5000, "@everyone", "a: b\n\nc"])
    async def test_hostile_names_are_only_names(self, name: str) -> None:
        async with self.rig() as rig:
            author = Author(person=PersonId("@mallory:exemple.fr"), name=name)
            files = [FakeAttachment(name or "f", b"x", mime="text/plain\r\nX-Evil: 1")]
            await rig.send(rig.message("dit par quelqu'un", author=author, title=name, files=files))
            await rig.send(rig.message("ensuite"))
            first, second = await rig.shows(2)
            assert "dit par quelqu'un" in first.text
            assert not {"\n", "\r", "\0", "\u202e"} & set(first.author)
            assert all("\n" not in name and "/" not in name for name in first.files)
            assert "ensuite" in second.text

    @pytest.mark.parametrize(
        "name", ["Zoé", "@channel", "<!here>", "@everyone", "<script>x</script>", "a\u202eb", "x" * 500]
    )
    async def test_people_who_are_named(self, name: str) -> None:
        """By their name, whoever they are; the link that calls them is nothing that anybody reads."""
        async with self.rig() as rig:
            words = Text(plain=f"demande à {name}", html=f"demande à {mention(PersonId('nul/ne <connaît>'), name)}")
            await rig.send(replace(rig.message(), text=words))
            (shown,) = await rig.shows(1)
            assert "demande à" in shown.text
            assert "person:" not in shown.text
            assert "nul%2Fne" not in shown.text
            if name == "Zoé":
                assert "Zoé" in shown.text

    async def test_threads_and_answers(self) -> None:
        """What is answered is named by the network's own id."""
        async with self.rig() as rig:
            if not rig.peer.threads:
                pytest.skip("this network does not tell who answers what")
            await rig.peer.say("question")
            (root,) = await rig.hears()
            await rig.send(rig.message("réponse", thread=(root.id,), reply_to=root.id))
            (shown,) = await rig.shows(1)
            assert root.id in {shown.thread, shown.reply_to}

    async def test_answers_to_what_is_gone_still_pass(self) -> None:
        async with self.rig() as rig:
            gone = MessageId("<0.nobody-knows-it@exemple.invalid>")
            await rig.send(rig.message("réponse", thread=(gone,), reply_to=gone))
            (shown,) = await rig.shows(1)
            assert "réponse" in shown.text

    async def test_files_pass(self) -> None:
        data = random.Random(5).randbytes(300_000)  # noqa: S311  bytes, not a secret
        async with self.rig() as rig:
            if rig.connection.limits.file_bytes == 0:
                pytest.skip("this network takes no files")
            attached = [FakeAttachment("grand.bin", data), FakeAttachment("vide.txt", b"", mime="text/plain")]
            message = rig.message("deux fichiers", files=attached)
            await rig.send(message)
            passed = {"grand.bin": data, "vide.txt": b""} if rig.peer.empty_files else {"grand.bin": data}
            left = [n for n in (0, 1) if message.left_out(n) is not None]
            assert left == ([] if rig.peer.empty_files else [1]), "their sender is told of a loss, and of no other"
            (shown,) = await rig.shows(1)
            assert "deux fichiers" in shown.text
            assert dict(shown.files) == passed
            assert [one.opened for one in attached] == [one.closed for one in attached], "a file was left open"

    @pytest.mark.parametrize("known", [True, False])
    async def test_a_file_too_large_does_not_hold_the_text_back(self, *, known: bool) -> None:
        async with self.rig() as rig:
            limit = rig.connection.limits.file_bytes
            if not limit:
                pytest.skip("this network names no limit for files, or takes none")
            attached = FakeAttachment("énorme.bin", bytes(limit + 1), size_known=known)
            message = rig.message("le texte passe", files=[attached])
            await rig.send(message)
            (shown,) = await rig.shows(1)
            assert "le texte passe" in shown.text
            assert "énorme.bin" in shown.text, "nobody is told of the file that is missing"
            why = message.left_out(0)
            assert why is not None, "whoever sent it is not told: call Outgoing.leave_out"
            assert why.reason
            assert attached.opened == 0 or not known, "its size was known, and it was read all the same"
            assert attached.opened == attached.closed

    async def test_a_file_that_is_gone_does_not_hold_the_text_back(self) -> None:
        async with self.rig() as rig:
            if rig.connection.limits.file_bytes == 0:
                pytest.skip("this network takes no files: who follows a link finds out")
            message = rig.message("le texte passe", files=[FakeAttachment("perdu.bin", b"", gone=True)])
            await rig.send(message)
            (shown,) = await rig.shows(1)
            assert "le texte passe" in shown.text
            assert "perdu.bin" in shown.text
            assert message.left_out(0) is not None, "whoever sent it is not told: call Outgoing.leave_out"

    async def test_a_file_is_left_out_before_the_rest_is_shown(self) -> None:
        """Else a stop in between forgets it: the next attempt may find the file and show nothing new."""
        async with self.rig() as rig:
            if rig.connection.limits.file_bytes == 0:
                pytest.skip("this network takes no files: who follows a link finds out")
            message = rig.message("le texte passe", files=[FakeAttachment("perdu.bin", b"", gone=True)])
            rig.peer.lose_answer()
            with suppress(NotReady, Undeliverable):
                await rig.connection.send(message)
            assert message.left_out(0) is not None, "what is shown, and may never be heard of, is not written down yet"

    @pytest.mark.parametrize("address", ["https://fichiers.exemple.fr/f/3", ""])
    async def test_a_file_where_none_pass_is_linked(self, address: str) -> None:
        """Or named, where the operator has no address for links."""
        async with self.rig() as rig:
            if rig.connection.limits.file_bytes != 0:
                pytest.skip("this network takes files")
            attached = [FakeAttachment("plan.pdf", b"x", address=address)]
            message = rig.message("le texte passe", files=attached)
            await rig.send(message)
            assert (message.left_out(0) is None) == bool(address), "whoever sent it is told where there is no link"
            await rig.send(rig.message(files=attached))
            texts = "\n".join(one.text for one in await rig.shows(2))
            assert "le texte passe" in texts
            assert texts.count(address or "plan.pdf") >= 2

    async def test_sends_can_be_cancelled(self) -> None:
        """The core stops at any moment; what was begun is sent again under its key."""
        async with self.rig() as rig:
            message = rig.message("interrompu")
            sending = asyncio.create_task(rig.connection.send(message))
            await asyncio.sleep(0)
            sending.cancel()
            await asyncio.wait({sending}, timeout=2)
            assert sending.done()
            if rig.connection.limits.repeatable:
                await rig.send(message)
                await rig.send(rig.message("la suite"))
                assert len(await rig.shows(2)) == 2

    async def test_a_chat_that_is_gone_is_said_so(self) -> None:
        async with self.rig() as rig:
            if rig.peer.vanished is None:
                pytest.skip("chats of this network do not vanish")
            with pytest.raises(Undeliverable) as error:
                await rig.connection.send(replace(rig.message("où donc ?"), chat=rig.peer.vanished))
            assert error.value.reason


def _prose(size: int) -> str:
    """So many bytes of words, accents among them."""
    dice, words = random.Random(size), []  # noqa: S311  the same words every time
    left = size
    while left > 0:
        word = dice.choice(("été", "hiver", "naïve", "œuvre", "a", "pont", "Île-de-France"))[:left]
        word = word.encode()[: left - 1].decode(errors="ignore") + " "
        words.append(word)
        left -= len(word.encode())
    return "".join(words)[:-1] + "."


def _squeezed(text: str) -> str:
    return "".join(text.split())

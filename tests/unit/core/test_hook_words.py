"""``!bot webhook``: who may, what is said to whom, and that no room hears a secret."""

import hashlib
import hmac
import json
import re
from typing import Any

import pytest

from tchap_bridges.bot import Bot, Room, webhook
from tchap_bridges.core.bots.deliveries import Outcome
from tchap_bridges.core.bots.hook_words import MOST
from tchap_bridges.testing.bench import ADMIN, Bench, BenchRoom


class Feed(Bot):
    """Fil."""

    name = "fil"

    @webhook(verify="hmac-sha256")
    async def came(self, room: Room, body: dict[str, Any]) -> str:
        del room
        return f"reçu {body['n']}"


class Two(Bot):
    """Deux."""

    name = "deux"

    @webhook(verify="path")
    async def first(self, room: Room, body: Any) -> str:
        del room, body
        return "premier"

    @webhook(verify="github")
    async def second(self, room: Room, body: Any) -> str:
        del room, body
        return "second"


def private(bench: Bench) -> str:
    """What the moderator was told last, alone."""
    return bench.direct(ADMIN).said[-1]


def address(text: str) -> tuple[str, str, str]:
    """The id, what follows it, and the secret, as they were told."""
    found = re.search(r"https://pont\.exemple\.fr/hook/([\w-]+)(?:/([\w-]+))?", text)
    assert found is not None, text
    secret = re.search(r"Secret : (\S+)", text)
    return found[1], found[2] or "", secret[1] if secret else ""


async def post(bench: Bench, told: str, body: Any) -> Outcome:
    id_, path, secret = address(told)
    data = json.dumps(body).encode()
    signature = hmac.new(secret.encode(), data, hashlib.sha256).hexdigest()
    outcome = await bench.kernel.crew.hooks.accept(id_, path, {"x-hub-signature-256": f"sha256={signature}"}, data)
    await bench.settle()
    return outcome


async def audit(bench: Bench) -> list[tuple[str, str]]:
    async with bench.db.snapshot() as tx:
        rows = await tx.all("audit_list", after=0, limit=99)
    return [(row["what"], row["detail"]) for row in rows if row["what"].startswith("hook ")]


async def test_a_hook_is_made_and_told_to_the_moderator_alone() -> None:
    async with Bench(Feed) as bench:
        room = await bench.room(Feed)
        said = await room.say(ADMIN, "!bot webhook creer fil")
        told = private(bench)
        id_, path, secret = address(told)
        assert "✓" in said
        assert not path
        assert not any(part in line for part in (id_, secret) for line in room.said)
        assert "Salon d'essai" in told
        assert await post(bench, told, {"n": 1}) is Outcome.TAKEN
        assert room.said[-1] == "reçu 1"
        assert await audit(bench) == [("hook made", "fil fil hmac-sha256")]


async def test_a_secret_in_the_address_is_said_once() -> None:
    async with Bench(Feed) as bench:
        room = await bench.room(Feed)
        await room.say(ADMIN, "!bot webhook creer fil sonde PATH")
        id_, path, secret = address(private(bench))
        assert (bool(path), secret) == (True, "")
        assert await bench.kernel.crew.hooks.accept(id_, path, {}, b'{"n": 2}') is Outcome.TAKEN
        assert "sonde → fil (path)" in await room.say(ADMIN, "!bot webhook")


async def test_the_bot_s_own_handlers_and_names() -> None:
    async with Bench(Two) as bench:
        room = await bench.room(Two)
        for words in ("deux", "deux second", "deux lundi second path"):
            assert "✓" in await room.say(ADMIN, f"!bot webhook creer {words}")
        known = bench.kernel.crew.hooks.of(room.id)
        assert {name: (one.handler, one.scheme.value) for name, one in known.items()} == {
            "deux": ("first", "path"),
            "deux-2": ("second", "github"),
            "lundi": ("second", "path"),
        }


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("creer", "quel robot"),
        ("creer inconnu", "quel robot"),
        ("creer fil a b", "ni un nom ni un type"),
        ("creer fil 12", "ni un nom ni un type"),
        ("creer fil a/b", "ni un nom ni un type"),
        ("creer fil sentry", "choisit le secret"),
        ("tourner", "Ce salon n'en a pas"),
        ("supprimer", "Ce salon n'en a pas"),
        ("voir", "Ce salon n'en a pas"),
        (
            "danser",
            "je ne connais pas « danser ». Possibles : creer, tourner, supprimer, expire, voir, rejouer. Exemple",
        ),
    ],
)
async def test_mistakes_are_told_with_a_remedy(words: str, answer: str) -> None:
    async with Bench(Feed) as bench:
        room = await bench.room(Feed)
        said = await room.say(ADMIN, f"!bot webhook {words}")
        assert said.startswith("✗")
        assert answer in said
        assert await audit(bench) == []


async def test_none_for_a_bot_that_is_off_none_twice_and_not_too_many() -> None:
    async with Bench(Feed) as bench:
        off, room = await bench.room(), await bench.room(Feed)
        assert "pas actif" in await off.say(ADMIN, "!bot webhook creer fil")
        for _n in range(MOST):
            assert "✓" in await room.say(ADMIN, "!bot webhook creer fil")
        assert f"déjà {MOST} webhooks" in await room.say(ADMIN, "!bot webhook creer fil")
        assert "✓" in await room.say(ADMIN, "!bot webhook supprimer fil-7")
        assert "déjà un webhook" in await room.say(ADMIN, "!bot webhook creer fil fil-8")


@pytest.mark.parametrize("words", ["", " creer fil", " tourner fil", " supprimer fil", " voir fil", " rejouer fil 1"])
@pytest.mark.parametrize("who", ["member", "everybody"])
async def test_a_moderator_of_their_own_right_alone(words: str, who: str) -> None:
    async with Bench(Feed) as bench:
        room = await bench.room(Feed)
        await room.say(ADMIN, "!bot webhook creer fil")
        await post(bench, private(bench), {"n": 1})
        before = bench.kernel.crew.hooks.of(room.id)
        if who == "everybody":
            room.users_default = 100
        assert "✗" in await room.say("@m:exemple.fr", f"!bot webhook{words}")
        async with bench.db.snapshot() as tx:
            last = (await tx.all("audit_list", after=0, limit=99))[-1]
        assert (last["who"], last["room"]) == ("@m:exemple.fr", room.id)
        assert bench.kernel.crew.hooks.of(room.id) == before


async def test_another_room_s_hooks_are_not_there() -> None:
    async with Bench(Feed) as bench:
        room, other = await bench.room(Feed), await bench.room(Feed)
        await room.say(ADMIN, "!bot webhook creer fil")
        for words in ("tourner fil", "supprimer fil", "voir fil", "rejouer fil 1", "expire fil demain"):
            assert "n'en a pas" in await other.say(ADMIN, f"!bot webhook {words}")


async def test_a_secret_is_replaced_and_the_old_one_opens_for_a_while() -> None:
    async with Bench(Feed) as bench:
        room = await bench.room(Feed)
        await room.say(ADMIN, "!bot webhook creer fil")
        old = private(bench)
        said = await room.say(ADMIN, "!bot webhook tourner")
        new = private(bench)
        assert "mercredi 25 novembre 2026" in said
        assert address(old)[0] == address(new)[0]
        assert address(old)[2] not in new
        assert address(new)[2] not in said
        for n, told in enumerate((old, new)):
            assert await post(bench, told, {"n": n}) is Outcome.TAKEN
        await bench.clock.forward(days=2)
        assert await post(bench, old, {"n": 3}) is Outcome.FORGED


async def test_a_hook_ends_when_it_is_said_to() -> None:
    async with Bench(Feed) as bench:
        room = await bench.room(Feed)
        await room.say(ADMIN, "!bot webhook creer fil")
        assert "vendredi 27 novembre 2026" in await room.say(ADMIN, "!bot webhook expire vendredi 17h")
        assert "?" in await room.say(ADMIN, "!bot webhook expire") or "quand" in room.said[-1]
        assert "✗" in await room.say(ADMIN, "!bot webhook expire fil n'importe quoi")
        told = private(bench)
        await bench.clock.forward(days=5)
        assert await post(bench, told, {"n": 1}) is Outcome.FORGED
        assert "expiré" in await room.say(ADMIN, "!bot webhook")
        assert "n'expire pas" in await room.say(ADMIN, "!bot webhook expire fil jamais")
        assert await post(bench, told, {"n": 1}) is Outcome.TAKEN


async def test_what_came_is_listed_in_the_room_and_read_in_private() -> None:
    async with Bench(Feed) as bench:
        room = await bench.room(Feed)
        await room.say(ADMIN, "!bot webhook creer fil")
        told = private(bench)
        await post(bench, told, {"n": "intime"})
        await post(bench, told, {"autre": "casse"})
        await bench.kernel.crew.hooks.accept(address(told)[0], "", {}, b"{}")
        said = await room.say(ADMIN, "!bot webhook voir")
        assert "2. " in said
        assert "refusé par le robot" in said
        assert "traité" in said
        assert "intime" not in said
        listed = await room.say(ADMIN, "!bot webhook")
        assert "envois : 2" in listed
        assert "refusés depuis le démarrage : 1" in listed
        assert "x-hub-signature-256" in listed
        assert "intime" not in await room.say(ADMIN, "!bot webhook voir fil 1")
        assert '{"n": "intime"}' in private(bench)
        await room.say(ADMIN, "!bot webhook voir 2")
        assert "erreur interne du robot fil" in private(bench)
        for words in ("3", "0", "-1", "x", "1 2", "9" * 30):
            assert "✗" in await room.say(ADMIN, f"!bot webhook voir fil {words}")


async def test_the_number_of_the_one_to_call_for_once_more_is_asked() -> None:
    async with Bench(Feed) as bench:
        room = await bench.room(Feed)
        await room.say(ADMIN, "!bot webhook creer fil")
        said = await room.say(ADMIN, "!bot webhook rejouer fil")
        assert said == "✗ quel envoi ? Il manque son numéro. Voyez : !bot webhook voir fil"
        assert await room.say(ADMIN, "!bot webhook liste") == await room.say(ADMIN, "!bot webhook")


async def test_one_is_called_for_once_more() -> None:
    async with Bench(Feed) as bench:
        room = await bench.room(Feed)
        await room.say(ADMIN, "!bot webhook creer fil")
        await post(bench, private(bench), {"n": 1})
        room.timeline.clear()
        assert "reçu 1" in await room.say(ADMIN, "!bot webhook rejouer 1")
        assert "reçu 1" in await room.say(ADMIN, "!bot webhook rejouer fil #1")
        assert [what for what, _detail in await audit(bench)] == ["hook made", "hook replayed", "hook replayed"]


async def test_whoever_left_the_conversation_is_asked_again_when_they_make_one() -> None:
    async with Bench(Feed) as bench:
        room = await bench.room(Feed)
        await room.say(ADMIN, "!bot webhook creer fil")
        await bench.direct(ADMIN).leaves(ADMIN)
        await room.say(ADMIN, "!bot webhook tourner")
        assert "Secret : " in private(bench)


async def test_in_english() -> None:
    async with Bench(Feed) as bench:
        room = await bench.room(Feed)
        assert "created" in await room.say(ADMIN, "!bots webhook create fil ci gitlab")
        assert "Address:" in private(bench)
        for words in ("", " show ci", " rotate ci", " expires ci friday 17:00", " delete ci"):
            assert not re.search(r"[éèêà]|webhook « ", await room.say(ADMIN, f"!bots webhook{words}"))


async def test_without_a_public_address_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Bench(Feed) as bench:
        room: BenchRoom = await bench.room(Feed)
        monkeypatch.setattr(bench.kernel.crew.switch._hooks, "_url", None)
        assert "adresse publique" in await room.say(ADMIN, "!bot webhook creer fil")

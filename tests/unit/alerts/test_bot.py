"""The alerts bot on the bench: told, followed, seen to, kept quiet; however much comes, and over a restart."""

import json
import re
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from tests.unit.alerts.deliveries import CASES, body_of

from tchap_bot_alerts import AlertsBot
from tchap_bot_alerts.grouping import MOST_AT_ONCE
from tchap_bridges.core.bots.deliveries import Outcome
from tchap_bridges.ids import RoomId
from tchap_bridges.testing.bench import ADMIN, START, Bench, BenchRoom

ANA, BOB = "@ana:exemple.fr", "@bob:exemple.fr"
PARIS = ZoneInfo("Europe/Paris")
DOCS = Path(__file__).resolve().parents[3] / "docs"


@pytest_asyncio.fixture
async def bench() -> AsyncIterator[Bench]:
    async with Bench(AlertsBot) as found:
        yield found


def alert(name: str, *, over: bool = False, severity: str = "warning", **more: str) -> dict[str, Any]:
    return {
        "status": "resolved" if over else "firing",
        "labels": {"alertname": name, "severity": severity, **more},
        "annotations": {},
        "fingerprint": name,
    }


def prom(*alerts: Mapping[str, Any], group: str = "g") -> dict[str, Any]:
    """As Alertmanager posts it."""
    return {"version": "4", "groupKey": group, "alerts": list(alerts)}


async def post(room: BenchRoom, *alerts: Mapping[str, Any], group: str = "g", name: str = "prom") -> str:
    return await room.hook(AlertsBot, prom(*alerts, group=group), name=name)


async def test_an_alert_is_told_and_its_message_becomes_its_end(bench: Bench) -> None:
    room = await bench.room(AlertsBot)
    assert await post(room, alert("Disque", instance="db1")) == "🟠 Disque\ninstance=db1\ndepuis 09:30"
    await bench.clock.forward(minutes=12)
    await post(room, alert("Disque", instance="db1", over=True))
    assert room.said == ["🟢 Disque\ninstance=db1\nterminé à 09:42, après 12 min"]
    assert room.timeline[0].edited


@pytest.mark.parametrize("sender", sorted({case["sender"] for case in CASES}))
async def test_every_sender_is_told_apart(bench: Bench, sender: str) -> None:
    room = await bench.room(AlertsBot)
    for case in (case for case in CASES if case["sender"] == sender):
        data = body_of(case)
        if len(data) < 1_000_000:
            await room.hook(AlertsBot, data, headers=case.get("headers", {}))
            await bench.clock.forward(hours=1)
    assert room.said or sender == "unknown"


async def test_the_same_delivery_handed_over_again_changes_nothing(bench: Bench) -> None:
    room = await bench.room(AlertsBot)
    await post(room, alert("Disque"))
    await bench.clock.forward(minutes=1)
    assert (await room.say(ADMIN, "!bot webhook rejouer prom 1")).startswith("✓")
    assert room.said[0] == "🟠 Disque\ndepuis 09:30"
    assert len(room.said) == 2


async def test_what_comes_again_later_is_counted(bench: Bench) -> None:
    room = await bench.room(AlertsBot)
    for _hour in range(3):
        await post(room, alert("Disque"))
        await bench.clock.forward(hours=1)
    assert room.said == ["🟠 Disque\ndepuis 09:30 · 3 fois"]


async def test_a_hook_that_is_made_anew_under_its_name_is_heard(bench: Bench) -> None:
    room = await bench.room(AlertsBot)
    await post(room, alert("Disque"))
    async with bench.db.transaction() as tx:
        await bench.kernel.crew.hooks.remove(tx, bench.kernel.crew.hooks.of(room.id)["prom"])
    await bench.clock.forward(minutes=1)
    await post(room, alert("Disque", over=True))
    assert room.said[-1].startswith("🟢")


async def test_five_hundred_alerts_of_one_delivery_are_one_message(bench: Bench) -> None:
    room = await bench.room(AlertsBot)
    many = [alert(f"Serveur{n}") for n in range(500)]
    await post(room, *many)
    assert len(room.said) == 1
    assert room.said[0].startswith("201 messages, alertes en cours : 200\n")
    await bench.clock.forward(minutes=1)
    await post(room, *(alert(f"Serveur{n}", over=True) for n in range(500)))
    assert "alertes en cours : 0" in room.said[0]


async def test_a_thousand_alerts_in_a_storm_are_a_few_messages(bench: Bench) -> None:
    room = await bench.room(AlertsBot)
    await post(room, alert("S0"), group="g0")
    hook = bench.kernel.crew.hooks.of(room.id)["prom"]
    for n in range(1, 200):
        body = json.dumps(prom(*(alert(f"S{n} {k}") for k in range(5)), group=f"g{n}")).encode()
        assert await bench.kernel.crew.hooks.accept(hook.id, hook.secret, {}, body) is Outcome.TAKEN
        if n % 50 == 0:
            await bench.settle()
    await bench.settle()
    await bench.clock.forward(seconds=6)
    assert len(room.said) == MOST_AT_ONCE
    told = sum(int(one.split()[0]) if "messages" in one else 1 for one in room.said)
    assert told == 996
    assert (await room.say(ANA, "!alertes")).startswith("prom : 500 alertes en cours")


async def test_a_flapping_alert_is_one_message_edited_now_and_then(bench: Bench) -> None:
    room = await bench.room(AlertsBot)
    edits = 0
    for n in range(60):
        was = room.said[:1]
        await post(room, alert("Porte", over=bool(n % 2), n=str(n)))
        edits += room.said[:1] != was
        await bench.clock.forward(seconds=1)
    await bench.clock.forward(seconds=6)
    assert len(room.said) == 1
    assert edits <= 15
    assert room.said[0].startswith("🟢 Porte")


async def test_a_restart_in_the_middle(tmp_path: Path) -> None:
    async with Bench(AlertsBot, folder=tmp_path) as bench:
        room = await bench.room(AlertsBot, quiet=True, quiet_from="08:00", quiet_until="10:00")
        await post(room, alert("Pire", severity="critical"))
        await post(room, alert("Disque"), group="h")
        await room.react(ANA, room.timeline[0], "✅")
        assert room.said == ["🔴 Pire\ndepuis 09:30 · ✅ ana s'en occupe depuis 09:30"]
    async with Bench(AlertsBot, folder=tmp_path, at=START.replace(hour=10, minute=5)) as later:
        again = later.rejoin(room)
        again.timeline.extend(room.timeline)
        await later.settle()
        assert again.said[1:] == ["1 message, dont 1 alerte en cours\n🟠 Disque (depuis 09:30)"]
        await post(again, alert("Pire", severity="critical", over=True))
        assert again.said[0] == "🟢 Pire\nterminé à 10:05, après 35 min"


async def test_quiet_hours_over_the_night_in_which_clocks_are_put_back() -> None:
    night = datetime(2026, 10, 24, 23, 0, tzinfo=PARIS)
    async with Bench(AlertsBot, at=night) as bench:
        room = await bench.room(AlertsBot, quiet=True, quiet_from="22:00", quiet_until="07:00")
        await post(room, alert("Disque"))
        await bench.clock.to(datetime(2026, 10, 25, 6, 59, tzinfo=PARIS))
        assert room.said == []
        await bench.clock.to(datetime(2026, 10, 25, 7, 0, tzinfo=PARIS))
        assert room.said == ["1 message, dont 1 alerte en cours\n🟠 Disque (depuis 24/10 23:00)"]


async def test_a_digest_says_what_has_waited_and_what_is_critical_does_not_wait(bench: Bench) -> None:
    room = await bench.room(AlertsBot, digest=["17h"])
    await post(room, alert("Un"))
    await post(room, alert("Deux", severity="critical"), group="h")
    assert room.said == ["🔴 Deux\ndepuis 09:30"]
    await bench.clock.to("17:00")
    assert room.said[1] == "1 message, dont 1 alerte en cours\n🟠 Un (depuis 09:30)"


async def test_somebody_sees_to_it_and_no_longer(bench: Bench) -> None:
    room = await bench.room(AlertsBot)
    await post(room, alert("Disque"))
    ana = await room.react(ANA, room.timeline[0], "✅")
    assert room.said == ["🟠 Disque\ndepuis 09:30 · ✅ ana s'en occupe depuis 09:30"]
    bob = await room.react(BOB, room.timeline[0], "✔️")
    assert "ana s'en occupe" in room.said[0]
    await room.react(BOB, room.timeline[0], "👀")
    await room.redact(ANA, ana)
    assert "bob s'en occupe" in room.said[0]
    await room.redact(ADMIN, bob)
    assert room.said == ["🟠 Disque\ndepuis 09:30"]


async def test_of_two_who_are_called_the_same_each_takes_back_their_own(bench: Bench) -> None:
    room = await bench.room(AlertsBot)
    room.called(ANA, "Camille")
    room.called(BOB, "Camille")
    await post(room, alert("Disque"))
    await room.react(ANA, room.timeline[0], "✅")
    await bench.clock.forward(minutes=1)
    bob = await room.react(BOB, room.timeline[0], "✅")
    await room.redact(BOB, bob)
    assert room.said == ["🟠 Disque\ndepuis 09:30 · ✅ Camille s'en occupe depuis 09:30"]


async def test_what_goes_on_is_listed_with_who_sees_to_it(bench: Bench) -> None:
    room = await bench.room(AlertsBot)
    assert "!bot webhook" in await room.say(ANA, "!alertes")
    await post(room, alert("Disque"))
    await post(room, alert("Pire", severity="critical"), group="h")
    await post(room, alert("Réseau"), name="autre")
    await room.react(ANA, room.timeline[2], "✅")
    assert await room.say(BOB, "!alertes") == (
        "autre : 1 alerte en cours\n"
        "🟠 Réseau (depuis 09:30)\n"
        "prom : 2 alertes en cours\n"
        "🔴 Pire (depuis 09:30 · ✅ ana s'en occupe depuis 09:30)\n"
        "🟠 Disque (depuis 09:30)"
    )
    assert "prom: 2 ongoing alerts" in await room.say(BOB, "!alerts")
    await bench.clock.forward(days=31)
    assert (await room.say(BOB, "!alertes liste")).startswith("🟢 Aucune alerte en cours.")


async def test_silence(bench: Bench) -> None:
    room = await bench.room(AlertsBot)
    assert "niveau 50" in await room.say(ANA, "!alertes silence 2h")
    assert "11\u00a0h\u00a030" in await room.say(ADMIN, "!alertes silence 2h")
    room.timeline.clear()
    await post(room, alert("Pire", severity="critical"))
    assert room.said == []
    assert "🔕" in await room.say(ANA, "!alertes")
    await bench.clock.to("11:30")
    assert room.said[-1] == "1 message, dont 1 alerte en cours\n🔴 Pire (depuis 09:30)"
    await room.say(ADMIN, "!alertes silence demain 8h")
    await post(room, alert("Autre"), group="h")
    before = len(room.said)
    assert "levé" in await room.say(ADMIN, "!alertes silence fin")
    assert room.said[before + 1 :] == ["1 message, dont 1 alerte en cours\n🟠 Autre (depuis 11:30)"]
    assert "7 jours" in await room.say(ADMIN, "!alertes silence 10 jours")
    assert "18\u00a0h" in await room.say(ADMIN, "!alertes silence jusqu'à 18h")
    assert "ne dit pas" in await room.say(ADMIN, "!alertes silence bientôt")


async def test_a_template_of_the_rooms_own(bench: Bench) -> None:
    room = await bench.room(AlertsBot)
    await room.say(ADMIN, "!bot regler alertes modele=« {{ severity|upper }} <b>{{ title }}</b> »")
    room.timeline.clear()
    assert await post(room, alert("Disque")) == "WARNING Disque"
    assert "{{ severity|upper }}" in await room.say(ANA, "!alertes modele")


LOOPS = "{% for a in entries %}" * 7 + "x" + "{% endfor %}" * 7


@pytest.mark.parametrize(
    ("template", "wrong"),
    [
        ("{{ absent }}", "⚠ Modèle, ligne 1 : « absent » n'existe pas."),
        ("{% if %}", "⚠ Modèle, ligne 1 : Le modèle est mal écrit"),
        ("\n{{ title < 3 }}", "⚠ Modèle, ligne 2 : Le modèle échoue"),
        (LOOPS, "⚠ Modèle, ligne 1 : Le modèle fait trop de tours de boucle."),
        ("{% if false %}x{% endif %}", "⚠ Modèle : Le modèle ne dit rien."),
    ],
)
async def test_a_broken_template_loses_no_alert_and_says_what_is_wrong(bench: Bench, template: str, wrong: str) -> None:
    room = await bench.room(AlertsBot, template=template)
    said = await post(room, *(alert(f"S{n}") for n in range(30)))
    assert "S7" in said
    assert wrong in said
    assert "⚠ Modèle" in await room.say(ADMIN, "!alertes essayer")


async def test_trying_changes_nothing(bench: Bench) -> None:
    room = await bench.room(AlertsBot)
    assert "aucun envoi n'est gardé" in await room.say(ADMIN, "!alertes essayer")
    assert "modérateur" in await room.say(ANA, "!alertes essayer {{ text }}")  # what the settings keep from the room
    await post(room, alert("Un"))
    await bench.clock.forward(minutes=30)
    await post(room, alert("Deux"))
    before, rows = list(room.said), await kept(bench)
    said = await room.say(ADMIN, "!alertes essayer {{ title }}\n!")
    assert said.startswith("Essai sur l'envoi n° 2 de « prom »")
    assert said.endswith(":\nDeux\n!")
    assert (await room.say(ADMIN, "!alertes essayer 2")).endswith("🟠 Un\ndepuis 10:00")
    assert "2 envois" in await room.say(ADMIN, "!alertes essayer 3")
    assert "« absent » n'existe pas" in await room.say(ADMIN, "!alertes essayer 2 {{ absent }}")
    assert room.said[: len(before)] == before
    assert await kept(bench) == rows


async def kept(bench: Bench) -> list[tuple[Any, ...]]:
    async with bench.db.snapshot() as tx:
        rows = await tx.all("kv_all", space=f"bot:alertes {next(iter(bench.rooms))}")
        return sorted((row["key"], row["value"]) for row in rows)


async def test_what_cannot_be_read_is_said_once_and_is_over_when_something_can(bench: Bench) -> None:
    room = await bench.room(AlertsBot)
    for n in range(3):
        await room.hook(AlertsBot, f'{{"a": {n}', name="prom")
        await bench.clock.forward(minutes=1)
    (said,) = room.said
    assert said.startswith("🟠 « prom » envoie ce que je ne sais pas lire\nLe corps n'est pas du JSON valide.")
    assert "3 fois" in said
    await post(room, alert("Disque"))
    assert room.said[0].startswith("🟢")
    assert room.said[1].startswith("🟠 Disque")


async def test_only_who_asked_is_told_directly_and_only_what_is_critical(bench: Bench) -> None:
    room = await bench.room(AlertsBot)
    await post(room, alert("Avant", severity="critical"))
    with pytest.raises(KeyError):
        bench.direct(ANA)
    assert "✓ ana" in await room.say(ANA, "!alertes moi")
    await post(room, alert("Disque"), group="h")
    await post(room, alert("Pire", severity="critical"), group="i")
    assert bench.direct(ANA).said[1:] == ["🔔 prom\n🔴 Pire\ndepuis 09:30"]
    await bench.clock.forward(minutes=1)
    await post(room, alert("Pire", severity="critical"), group="i")
    assert len(bench.direct(ANA).said) == 2, "not again"
    assert "✓ ana" in await room.say(ANA, "!alertes pas moi")
    await post(room, alert("Pire2", severity="critical"), group="j")
    assert len(bench.direct(ANA).said) == 2
    with pytest.raises(KeyError):
        bench.direct(BOB)


async def test_in_a_storm_people_are_told_directly_once_a_minute(bench: Bench) -> None:
    room = await bench.room(AlertsBot)
    await room.say(ANA, "!alertes moi")
    for n in range(30):
        await post(room, alert(f"Pire{n}", severity="critical"), group=f"g{n}")
    assert len(bench.direct(ANA).said) == 2
    await post(room, alert("Pire5", severity="critical", over=True), group="g5")
    await bench.clock.forward(minutes=1)
    assert len(bench.direct(ANA).said) == 3
    assert bench.direct(ANA).said[2].startswith("🔔 prom\n28 messages, alertes en cours : 28\n")
    await bench.clock.forward(minutes=5)
    assert len(bench.direct(ANA).said) == 3


async def test_many_hooks_at_once_do_not_say_more_than_a_bot_may(bench: Bench) -> None:
    room = await bench.room(AlertsBot)
    for n in range(100):
        await post(room, alert(f"S{n}"), group=f"g{n}", name=f"h{n % 10}")
    assert 20 <= len(room.said) <= 30
    for n in range(100):
        await post(room, alert(f"S{n}", over=True), group=f"g{n}", name=f"h{n % 10}")
    for _time in range(15):
        await bench.clock.forward(seconds=6)
    assert not [one for one in room.said if "parle trop" in one]
    assert not [one for one in room.said if "🟠" in one], "all shows in the end what is so"


async def test_no_message_waits_for_ever_while_others_come(bench: Bench) -> None:
    room = await bench.room(AlertsBot)
    await post(room, alert("Un"), group="g0")
    await post(room, alert("Un", over=True), group="g0")
    for n in range(1, 9):
        await bench.clock.forward(seconds=1)
        await post(room, alert(f"S{n}"), group=f"g{n}")
        await post(room, alert(f"S{n}", over=True), group=f"g{n}")
        if n > 5:
            assert room.said[0].startswith("🟢 Un")


async def test_in_a_storm_what_is_critical_is_still_a_message(bench: Bench) -> None:
    room = await bench.room(AlertsBot)
    for n in range(15):
        await post(room, alert(f"S{n}"), group=f"g{n}")
    assert await post(room, alert("Pire", severity="critical"), group="p") == "🔴 Pire\ndepuis 09:30"
    assert await post(room, alert("Pire2", severity="critical"), group="q") == ""
    await bench.clock.forward(seconds=6)
    assert room.said[-1].startswith("2 messages, alertes en cours : 2\n🔴 Pire")


async def test_an_end_that_nobody_sends_is_said_by_people(bench: Bench) -> None:
    room = await bench.room(AlertsBot)
    await post(room, alert("Un"))
    await post(room, alert("Deux"), group="h")
    await post(room, alert("Trois"), name="autre")
    assert "✗" in await room.say(ANA, "!alertes terminer")
    assert "✗" in await room.say(ANA, "!alertes terminer inconnu")
    assert "1 alerte" in await room.say(ANA, "!alertes terminer", answers=room.timeline[0].id)
    assert room.said[0] == "🟢 Un\nterminé à 09:30, après 0 s"
    assert "prom : 1 alerte en cours" in await room.say(ANA, "!alertes")
    assert "1 alerte" in await room.say(ANA, "!alertes terminer prom")
    assert await room.say(ANA, "!alertes") == "autre : 1 alerte en cours\n🟠 Trois (depuis 09:30)"
    assert "0 alerte" in await room.say(ANA, "!alertes terminer prom")
    await bench.clock.forward(hours=1)
    assert (await post(room, alert("Un"))).startswith("🟠 Un"), "what is heard of again is back"


async def test_what_becomes_critical_among_others_is_a_message_of_its_own(bench: Bench) -> None:
    room = await bench.room(AlertsBot)
    await post(room, alert("Un"))
    await post(room, alert("Deux"))
    await post(room, alert("Trois", severity="critical"))
    await post(room, alert("Quatre", severity="critical"))
    await bench.clock.forward(seconds=6)
    assert [one.split("\n")[0] for one in room.said] == ["2 messages, alertes en cours : 2"] * 2


async def test_who_declines_or_leaves_the_room_is_told_no_more(bench: Bench) -> None:
    room = await bench.room(AlertsBot)
    await room.say(ANA, "!alertes moi")
    await room.say(BOB, "!alertes moi")
    await bench.direct(ANA).leaves(ANA)
    await room.leaves(BOB)
    await post(room, alert("Pire", severity="critical"))
    assert len(bench.direct(ANA).said) == 1
    assert len(bench.direct(BOB).said) == 1
    assert "refusé" in await room.say(ANA, "!alertes moi")


async def test_what_is_critical_calls_those_who_are_there(bench: Bench) -> None:
    room = await bench.room(AlertsBot, call=[ANA, "@absente:exemple.fr"])
    room.called(ANA, "Ana")
    assert await post(room, alert("Disque")) == "🟠 Disque\ndepuis 09:30"
    assert await post(room, alert("Pire", severity="critical"), group="h") == "🔴 Pire\ndepuis 09:30\nAna"


async def test_what_goes_on_is_said_again_unless_somebody_sees_to_it(bench: Bench) -> None:
    room = await bench.room(AlertsBot, repeat="PT1H")
    for n in range(2):
        await post(room, alert("Disque", n=str(n)))
        await bench.clock.forward(hours=1)
    assert room.said[1:] == ["🔴 Toujours en cours depuis 09:30 (1 h 00) : Disque"]
    assert room.timeline[1].answers == room.timeline[0].id
    await room.react(ANA, room.timeline[1], "✅")
    assert "✅ ana" in room.said[0]
    await bench.clock.forward(hours=2)
    await post(room, alert("Disque", n="3"))
    assert len(room.said) == 2


@pytest.mark.parametrize("words", ["silence", "silence blabla", "modele x", "pas", "moi toi", "toto"])
async def test_what_is_not_understood_is_refused_with_what_would_be(bench: Bench, words: str) -> None:
    room = await bench.room(AlertsBot)
    said = await room.say(ADMIN, f"!alertes {words}")
    assert said.startswith("✗")
    assert "xemple" in said or "!alertes" in said


async def test_settings_are_set_in_words(bench: Bench) -> None:
    room = await bench.room(AlertsBot)
    said = await room.say(
        ADMIN,
        "!bot regler alertes heures_calmes=oui calme_de=21h calme_a=6h30 resumes=9h,17h30 passe_toujours=erreur"
        " regroupement=30min rappel=aucun format=grafana appeler=@ana:exemple.fr",
    )
    assert said.startswith("✓"), said
    assert "une heure est attendue" in await room.say(ADMIN, "!bot regler alertes resumes=9")
    assert "un identifiant est attendu" in await room.say(ADMIN, "!bot regler alertes appeler=ana")
    assert "Résumés : 09:00, 17:30" in await room.say(ADMIN, "!bot regler alertes")


async def test_of_a_hook_that_is_silent_for_a_month_nothing_is_kept(bench: Bench) -> None:
    room = await bench.room(AlertsBot)
    await post(room, alert("Disque"))
    await post(room, alert("Disque", over=True))
    await post(room, alert("Réseau"), name="autre")
    await bench.clock.forward(seconds=6)
    await bench.clock.forward(days=29)
    await post(room, alert("Réseau"), name="autre")
    assert [row[0] for row in await kept(bench)] == ["book autre", "book prom", "desk", "wall autre", "wall prom"]
    await bench.clock.forward(days=2)
    assert [row[0] for row in await kept(bench)] == ["book autre", "desk", "wall autre"]
    assert (await room.say(ANA, "!alertes")).startswith("autre : 1 alerte en cours\n🟠 Réseau")


async def replaced(bench: Bench, old: BenchRoom) -> BenchRoom:
    new = BenchRoom(bench, RoomId("!nouveau:exemple.fr"))
    new.levels, new.names = old.levels, old.names
    bench.rooms[new.id] = new
    async with bench.db.transaction() as tx:
        await bench.kernel.crew.switch._hearing.move(tx, old.id, new.id)
        await bench.kernel.crew.hooks.move(tx, old.id, new.id)
    return new


async def test_what_was_left_to_be_shown_is_shown_in_the_room_that_replaces_it(bench: Bench) -> None:
    old = await bench.room(AlertsBot)
    await post(old, alert("Un"))
    await post(old, alert("Deux"))
    assert len(old.said) == 1, "the second is shown in a few seconds"
    new = await replaced(bench, old)
    await bench.clock.forward(seconds=6)
    assert new.said == ["2 messages, alertes en cours : 2\n🟠 Un (depuis 09:30)\n🟠 Deux (depuis 09:30)"]
    await post(new, alert("Un", over=True))
    await bench.clock.forward(seconds=6)
    assert "🟢 Un" in new.said[0]


async def test_in_a_room_that_replaces_another_what_goes_on_is_said_anew(bench: Bench) -> None:
    old = await bench.room(AlertsBot)
    await post(old, alert("Disque"))
    await old.react(ANA, old.timeline[0], "✅")
    await old.say(ANA, "!alertes moi")
    new = await replaced(bench, old)
    was = list(old.said)
    await bench.clock.forward(minutes=1)
    assert "ana s'en occupe" in await new.say(BOB, "!alertes")
    await post(new, alert("Autre"), group="k")
    said = "1 message, dont 1 alerte en cours\n🟠 Disque (depuis 09:30 · ✅ ana s'en occupe depuis 09:30)"
    assert new.said[1:] == [said, "🟠 Autre\ndepuis 09:31"]
    await bench.clock.forward(minutes=1)
    await post(new, alert("Disque", over=True))
    assert new.said[1].endswith("🟢 Disque (terminé à 09:32, après 2 min)")
    await post(new, alert("Pire", severity="critical"), group="h")
    assert bench.direct(ANA).said[-1].startswith("🔔 prom\n🔴 Pire")
    assert old.said == was


GUIDES = {"fr": DOCS / "fr" / "robot-alertes.md", "en": DOCS / "en" / "bot-alerts.md"}
COMMANDS = sorted({found for guide in GUIDES.values() for found in re.findall(r"`(!alert[^`]*)`", guide.read_text())})


@pytest.mark.parametrize("typed", COMMANDS)
async def test_every_command_of_the_guides_does_what_it_says(bench: Bench, typed: str) -> None:
    room = await bench.room(AlertsBot)
    await post(room, alert("Un"))
    await post(room, alert("Deux"), group="h")
    said = await room.say(ADMIN, typed, answers=room.timeline[0].id)
    assert said
    assert "✗" not in said


@pytest.mark.parametrize("language", GUIDES)
async def test_the_example_of_a_template_in_the_guides_works(bench: Bench, language: str) -> None:
    source = next(line.strip() for line in GUIDES[language].read_text().splitlines() if line.startswith("    <b>{{"))
    room = await bench.room(AlertsBot, template=source)
    assert await post(room, alert("Disque", equipe="bleue", team="blue")) in {
        "Disque (warning) depuis 09:30 — bleue",
        "Disque (warning) depuis 09:30 — blue",
    }


async def test_words_of_a_script_are_said(bench: Bench) -> None:
    room = await bench.room(AlertsBot)
    curl = {"Content-Type": "application/x-www-form-urlencoded"}
    assert await room.hook(AlertsBot, "Sauvegarde finie", headers=curl) == "Sauvegarde finie"
    assert await room.hook(AlertsBot, {"text": "*Fini* <https://ex.fr|ici>"}) == "Fini ici (https://ex.fr)"
    assert await room.hook(AlertsBot, {"message": "<b>Fini</b>", "message_format": "html"}) == "Fini"

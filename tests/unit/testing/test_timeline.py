"""What a person would see of a room, from its events."""

from itertools import count

import pytest

from tchap_bridges.testing.timeline import render_timeline


@pytest.fixture
def room(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    __import__("time").tzset()
    numbers = count()

    class Room(list):
        def add(self, sender, kind="m.room.message", **content):
            number = next(numbers)
            event = {"event_id": f"${number}", "type": kind, "sender": sender, "content": content}
            event["origin_server_ts"] = 36_000_000 + number * 60_000
            if kind == "m.room.member":
                event["state_key"] = sender
            if kind == "m.room.redaction":
                event["redacts"] = content["redacts"]
            self.append(event)
            return event["event_id"]

        def say(self, sender, body, **content):
            return self.add(sender, msgtype="m.text", body=body, **content)

        def thread(self, sender, body, root):
            relation = {"rel_type": "m.thread", "event_id": root, "is_falling_back": True}
            return self.say(sender, body, **{"m.relates_to": relation | {"m.in_reply_to": {"event_id": root}}})

    made = Room()
    for user, name in (("@camille:s", "Camille Martin [Finances]"), ("@jean:s", "Jean Dupont (courriel)")):
        made.add(user, "m.room.member", membership="join", displayname=name)
    return made


def test_thread_stands_under_its_root(room):
    root = room.say("@jean:s", "Réunion de jeudi ?")
    room.say("@camille:s", "Tout autre chose")
    room.thread("@camille:s", "Oui, à 14 h", root)
    assert render_timeline(room).splitlines() == [
        "        · Camille Martin [Finances] entre dans le salon; Jean Dupont (courriel) entre dans le salon",
        "10:02  Jean Dupont (courriel)",
        "       Réunion de jeudi ?",
        "  │ 10:04  Camille Martin [Finances]",
        "  │        Oui, à 14 h",
        "10:03  Camille Martin [Finances]",
        "       Tout autre chose",
    ]


def test_edits_only_by_the_author(room):
    said = room.say("@jean:s", "Jeudi")
    new = {"msgtype": "m.text", "body": "Vendredi"}
    relation = {"rel_type": "m.replace", "event_id": said}
    room.say("@jean:s", "* Vendredi", **{"m.new_content": new, "m.relates_to": relation})
    forged = {"msgtype": "m.text", "body": "Jamais"}
    room.say("@camille:s", "* Jamais", **{"m.new_content": forged, "m.relates_to": relation})
    text = render_timeline(room)
    assert "Jean Dupont (courriel) (modifié)\n       Vendredi" in text
    assert "Jeudi" not in text
    assert "Jamais" not in text


def test_redaction_and_reactions(room):
    said = room.say("@jean:s", "Secret")
    kept = room.say("@jean:s", "Public")
    for user in ("@camille:s", "@jean:s"):
        room.add(user, "m.reaction", **{"m.relates_to": {"rel_type": "m.annotation", "event_id": kept, "key": "👍"}})
    room.add("@jean:s", "m.room.redaction", redacts=said)
    text = render_timeline(room)
    assert "Secret" not in text
    assert "(message supprimé)" in text
    assert "       👍 Camille Martin [Finances], Jean Dupont (courriel)" in text


def test_the_bot_lends_its_voice(room):
    profile = {"id": "x", "displayname": "Zoé Petit (courriel)", "has_fallback": True}
    first = room.say("@bot:s", "Zoé Petit (courriel): Bonjour", **{"com.beeper.per_message_profile": profile})
    room.say("@camille:s", "Bonjour Zoé", **{"m.relates_to": {"m.in_reply_to": {"event_id": first}}})
    lines = render_timeline(room).splitlines()[1:]
    assert lines == [
        "10:02  Zoé Petit (courriel)  [par @bot:s]",
        "       Bonjour",
        "10:03  Camille Martin [Finances]",
        "       ↱ en réponse à Zoé Petit (courriel)  [par @bot:s] : « Bonjour »",
        "       Bonjour Zoé",
    ]


@pytest.mark.parametrize(
    ("size", "shown"), [(12, "12 o"), (12_345, "12,3 ko"), (3_000_000, "3,0 Mo"), (2_500_000_000, "2,5 Go")]
)
def test_files_show_their_size(room, size, shown):
    info = {"size": size, "mimetype": "application/pdf"}
    room.say("@jean:s", "ordre du jour.pdf", url="mxc://s/1", info=info, filename="ordre du jour.pdf")
    assert f"       📎 ordre du jour.pdf ({shown}, application/pdf)" in render_timeline(room)


def test_a_long_line_is_wrapped_under_its_margin(room):
    room.say("@jean:s", "mot " * 60)
    lines = render_timeline(room, width=60).splitlines()
    assert all(len(line) <= 60 for line in lines)
    assert all(line.startswith("       mot") for line in lines[-4:])

"""The contents of our events: always small enough, always in the same words for both voices."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tchap_bridges.events import Author, Form, Text
from tchap_bridges.matrix import compose
from tchap_bridges.matrix.ghosts import Profile
from tchap_bridges.outgoing import Outgoing, OutgoingEdit

PROFILE = Profile("_pont_abc", "Jean <Dupont> (courriel)", "mxc://x/y")
AUTHOR = Author(person="jean@exemple.fr", name="Jean")
AT = datetime(2025, 3, 12, 10, 42, tzinfo=UTC)


class NoSteps:
    def get(self, step):
        return None

    async def done(self, step, result): ...


def message(text=Text(), **more) -> Outgoing:  # noqa: B008 (it is frozen)
    return Outgoing(key="k", chat="!r:x", author=AUTHOR, network="courriel", at=AT, text=text, steps=NoSteps(), **more)


def size(content) -> int:
    return len(json.dumps(content, ensure_ascii=False).encode("utf-8", "surrogatepass"))


pieces = st.sampled_from(["a", "é", "🙂", '"', "\n", "\\", "<b>", "&", " mot", "\x00", "\ud800"])
long_texts = st.builds(lambda piece, count: piece * count, pieces, st.integers(0, 80_000))


@settings(max_examples=80, deadline=None)
@given(plain=long_texts, html=st.none() | long_texts, title=st.none() | long_texts, spoken=st.booleans())
def test_no_event_is_too_large(plain, html, title, spoken):
    text = Text(plain=plain, html=html)
    cut = text if compose.fits(text) else compose.shortened(text, "[…]")
    profile = PROFILE if spoken else None
    content = compose.words(message(cut, title=title, late=True), cut, str, profile)
    content |= compose.relation(("$" + "r" * 43,), "$" + "p" * 43, first=True) | compose.origin("courriel", "k", "0")
    assert size(content) < 60_000
    edit = OutgoingEdit(key="k", chat="!r:x", author=AUTHOR, network="courriel", at=AT, target="$t", text=text)
    assert size(compose.edited(edit, str, profile)) < 60_000
    json.dumps(content, ensure_ascii=False).encode()  # no half of a character


def test_a_cut_text_ends_at_a_line_and_says_so():
    lines = "\n".join("x" * 100 for _ in range(1_000))
    cut = compose.shortened(Text(plain=lines), "[… suite]")
    assert cut.plain.endswith("x" * 100 + "\n[… suite]")
    assert lines.startswith(cut.plain.removesuffix("\n[… suite]"))
    assert compose.shortened(Text(plain="court", html="x" * 80_000), "[…]") == Text(plain="court")


def test_both_voices_say_the_same():
    text = Text(plain="bonjour <à> tous")
    own = compose.words(message(title="Réunion"), text, str, None)
    spoken = compose.words(message(title="Réunion"), text, str, PROFILE)
    assert own["body"] == "Réunion\n\nbonjour <à> tous"
    assert own["formatted_body"] == "<strong>Réunion</strong><br>bonjour &lt;à&gt; tous"
    assert spoken["body"] == f"{PROFILE.name}: {own['body']}"
    name = "<strong data-mx-profile-fallback>Jean &lt;Dupont&gt; (courriel): </strong>"
    assert spoken["formatted_body"] == name + own["formatted_body"]
    assert spoken[compose.PROFILE] == {
        "id": "_pont_abc",
        "displayname": PROFILE.name,
        "has_fallback": True,
        "avatar_url": "mxc://x/y",
    }
    assert compose.words(message(form=Form.EMOTE), Text(plain="rit"), str, None) == {
        "msgtype": "m.emote",
        "body": "rit",
        "m.mentions": {},
    }


def test_a_late_message_is_dated_as_its_author_s_house_tells_the_time():
    late = replace(message(late=True), at=datetime(2025, 7, 13, 0, 30, tzinfo=ZoneInfo("Europe/Paris")))
    body = compose.words(late, Text(plain="enfin"), str, None)["body"]
    assert body == "(message arrivé en retard, daté du 13/07/2025 00:30)\nenfin"


def test_a_file_in_the_bots_mouth_keeps_its_name():
    content = compose.file("a\nb.pdf", "application/pdf", 12, "mxc://x/y", PROFILE)
    assert (content["filename"], content["body"]) == ("a b.pdf", f"{PROFILE.name}: a b.pdf")
    assert "formatted_body" not in content
    assert compose.file("", "video/mp4", 1, "mxc://x/y", None)["filename"] == "fichier"


def test_request_ids_differ_where_they_must():
    ids = {compose.txn_id(key, part, sender) for key in "ab" for part in "01" for sender in ("@a:x", "@b:x")}
    assert len(ids) == 8
    assert compose.mark("a", "0") != compose.mark("a", "1")


def test_sizes_for_people():
    assert [compose.octets(size) for size in (0, 999, 1_500, 1_000_000, 52_428_800)] == [
        "0 ko", "1 ko", "1,5 ko", "1 Mo", "52,4 Mo",
    ]  # fmt: skip


THREADS = [
    (("$root",), "$root", True, "$root", True),
    (("$root",), None, True, "$root", True),
    (("$root",), "$parent", True, "$parent", False),
    (("$root", "$parent"), "$parent", True, "$parent", False),
    (("$root",), "$parent", False, "$parent", True),  # a file of it answers nobody
]


@pytest.mark.parametrize(("thread", "reply_to", "first", "shown", "falls_back"), THREADS)
def test_who_is_answered_in_a_thread(thread, reply_to, first, shown, falls_back):
    assert compose.relation(thread, reply_to, first=first)["m.relates_to"] == {
        "rel_type": "m.thread",
        "event_id": "$root",
        "m.in_reply_to": {"event_id": shown},
        "is_falling_back": falls_back,
    }

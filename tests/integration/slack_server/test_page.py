"""The page where a person plays the people, through HTTP alone: it works without its script."""

import asyncio
import html
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from html.parser import HTMLParser

import aiohttp
import pytest
import pytest_asyncio

from tchap_bridges.testing.ports import free_port
from tchap_bridges.testing.slack import Slack


@pytest_asyncio.fixture
async def browser(slack: Slack) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(slack.url) as session:
        yield session


async def act(browser: aiohttp.ClientSession, slack: Slack, who: str = "alice", **fields: object) -> str:
    """Send a form as alice in #general; gives the page that is shown then."""
    given = {"utilisateur": slack.workspace.user(who).id, "salon": slack.workspace.channel("#general").id, **fields}
    form = aiohttp.FormData(quote_fields=False, default_to_multipart=True)
    for name, value in given.items():
        if isinstance(value, tuple):
            form.add_field(name, value[1], filename=value[0])
        else:
            form.add_field(name, str(value))
    async with browser.post("/agir", data=form) as answer:
        assert (answer.status, answer.method) == (200, "GET")
        return await answer.text()


async def test_a_person_is_played_by_hand(slack: Slack, browser, listen):
    listener, space = await listen(), slack.workspace
    shown = await act(browser, slack, action="dire", texte="Salut @Bob Durand & <les autres>, voir #general\n> cité")
    first = await listener.event("message")
    bob, general = space.user("bob").id, space.channel("#general").id
    assert first["text"] == f"Salut <@{bob}> &amp; &lt;les autres&gt;, voir <#{general}>\n&gt; cité"
    assert first["blocks"][0]["elements"][0]["elements"][1] == {"type": "user", "user_id": bob}
    assert '<span class="mention">@Bob Durand</span> &amp; &lt;les autres&gt;' in shown
    await act(browser, slack, "bob", action="dire", texte="oui", ts=first["ts"], aussi="1")
    await listener.event("message", "thread_broadcast")
    await act(browser, slack, action="reagir", emoji="tada", ts=first["ts"])
    await listener.event("reaction_added")
    await act(browser, slack, action="reagir", emoji="tada", ts=first["ts"])
    await listener.event("reaction_removed")
    await act(browser, slack, action="modifier", texte="Salut", ts=first["ts"])
    await listener.event("message", "message_changed")
    await act(browser, slack, action="dire", texte="", fichier=("été.txt", b"soleil"))
    shared = await listener.event("message", "file_share")
    assert space.transcript("#general") == (
        "Alice: Salut (modifié)\n  Bob Durand: oui (aussi dans le salon)\nAlice: <été.txt>"
    )
    async with browser.get(f"/fichier/{shared['files'][0]['id']}") as answer:
        assert await answer.read() == b"soleil"
    await act(browser, slack, action="supprimer", ts=shared["ts"])
    await listener.event("message", "message_deleted")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"action": "dire", "texte": "  "}, "Écrivez quelque chose"),
        ({"action": "supprimer", "ts": "1.000001"}, "Ce message n'existe plus."),
        ({"action": "nonsense"}, "Slack refuse : unknown_method"),
    ],
)
async def test_a_refusal_is_said_on_the_page(slack: Slack, browser, fields: dict[str, str], said: str):
    shown = await act(browser, slack, **fields)
    alert = re.search(r'<p role="alert">(.*?)</p>', shown)
    assert alert is not None
    assert said in html.unescape(alert[1])


async def test_nothing_that_is_said_becomes_markup(slack: Slack, browser):
    evil = '<script>alert(1)</script><img src=x onerror="alert(1)">'
    slack.workspace.add_user("eve", display_name=evil)
    slack.workspace.join("#general", "eve")
    slack.workspace.add_channel('"><b>', "eve")
    blocks = [
        {
            "type": "rich_text",
            "elements": [
                {
                    "type": "rich_text_section",
                    "elements": [
                        {"type": "link", "url": "javascript:alert(1)", "text": evil},
                        {"type": "text", "text": evil},
                    ],
                }
            ],
        }
    ]
    slack.workspace.say("#general", "eve", blocks=blocks)
    slack.workspace.set_topic("#general", "eve", evil)
    file = slack.workspace.upload("eve", evil, evil.encode(), "text/html")
    said = slack.workspace.say("#general", "eve", evil, files=[file])
    slack.workspace.react("#general", said, "eve", "tada")
    async with browser.get("/", params={"utilisateur": slack.workspace.user("eve").id, "repondre": said.ts}) as answer:
        shown = await answer.text()
    assert "onerror" not in re.sub(r"&lt;.*?&gt;", "", shown)
    assert "<b>" not in shown
    assert "javascript:" not in shown
    async with browser.get(f"/fichier/{file.id}") as answer:
        assert answer.content_type == "application/octet-stream"


class _Controls(HTMLParser):
    """Which controls a screen reader can name: those in a label, and buttons and links with words."""

    def __init__(self) -> None:
        super().__init__()
        self.depth = 0
        self.unnamed: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.depth += tag == "label"
        self.ids += [str(given["id"])] if "id" in given else []
        if tag in {"input", "select", "textarea"} and given.get("type") != "hidden" and not self.depth:
            self.unnamed.append(str(given))
        if tag == "img" and "alt" not in given:
            self.unnamed.append(str(given))

    def handle_endtag(self, tag: str) -> None:
        self.depth -= tag == "label"


async def test_every_control_has_a_name(slack: Slack, browser):
    said = slack.workspace.say("#general", "alice", "salut")
    slack.workspace.say("#general", "bob", "oui", thread_ts=said.ts)
    slack.workspace.react("#general", said, "bob", "tada")
    for query in ({}, {"repondre": said.ts}, {"modifier": said.ts}):
        async with browser.get("/", params={"utilisateur": slack.workspace.user("alice").id, **query}) as answer:
            shown = await answer.text()
        controls = _Controls()
        controls.feed(shown)
        assert controls.unnamed == []
        assert len(controls.ids) == len(set(controls.ids))
        assert set(re.findall(r'aria-describedby="(.*?)"', shown)) <= set(controls.ids)
        assert '<html lang="fr">' in shown
        assert 'aria-live="polite"' in shown


async def test_the_log_changes_where_something_changed(slack: Slack, browser):
    one, two = (slack.workspace.say("#general", "alice", words) for words in ("un", "deux"))

    async def states() -> dict[str, str]:
        async with browser.get("/messages") as answer:
            found = re.findall(r'<li id="m([\d.]+)" data-state="(\w+)"', await answer.text())
            return dict(found)

    before = await states()
    slack.workspace.edit("#general", two, "deux !")
    after = await states()
    assert before.keys() == after.keys() == {one.ts, two.ts}
    assert [ts for ts in before if before[ts] != after[ts]] == [two.ts]


async def test_who_is_outside_may_join_and_an_archived_channel_is_closed(slack: Slack, browser):
    slack.workspace.add_user("carol")
    quiet = slack.workspace.add_channel("quiet", "alice")
    carol = slack.workspace.user("carol").id
    async with browser.get("/", params={"utilisateur": carol, "salon": quiet.id}) as answer:
        shown = await answer.text()
    assert "Rejoindre le salon" in shown
    assert "<textarea" not in shown
    await act(browser, slack, "carol", action="rejoindre", salon=quiet.id)
    assert carol in quiet.members
    slack.workspace.archive(quiet, "alice")
    async with browser.get("/", params={"utilisateur": carol, "salon": quiet.id}) as answer:
        assert "archivé : personne" in await answer.text()


async def test_an_empty_workspace_says_so():
    async with Slack() as slack, aiohttp.ClientSession() as session, session.get(f"{slack.url}/") as answer:
        assert answer.status == 404
        assert "ni personne ni salon" in await answer.text()


async def test_it_is_started_by_hand():
    port = free_port()
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tchap_bridges.testing.slack",
        "--port",
        str(port),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ},
    )
    try:
        assert child.stdout is not None
        async with asyncio.timeout(60):
            said = (await child.stdout.readuntil(b"conserv")).decode()
        assert f"http://127.0.0.1:{port}/" in said
        token = re.search(r"xoxb-\S+", said)
        assert token is not None
        headers = {"Authorization": f"Bearer {token[0]}"}
        async with aiohttp.ClientSession(headers=headers) as session:
            async with session.post(f"http://127.0.0.1:{port}/api/auth.test") as answer:
                assert (await answer.json())["ok"]
            async with session.get(f"http://127.0.0.1:{port}/") as answer:
                assert "Bonjour à tous 🎉" in await answer.text()
    finally:
        child.send_signal(signal.SIGINT)
        async with asyncio.timeout(60):
            await child.communicate()
    assert child.returncode == 0

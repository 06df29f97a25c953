"""Feeds on the bench: a site of ours, the real core, and a clock."""

import socket
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from tchap_bot_feeds.bot import FeedsBot
from tchap_bot_feeds.fetching import Sockets
from tchap_bridges.core.bots.runner import Runner
from tchap_bridges.public import AddressInfo
from tchap_bridges.testing.bench import ADMIN, START, Bench, BenchRoom

from .site import Site, item, rss


def anywhere(info: AddressInfo) -> socket.socket:
    return socket.socket(*info[:3])


class LocalFeeds(FeedsBot):
    """Flux, aussi de cette machine."""

    @property
    def sockets(self) -> Sockets:
        return anywhere


@pytest_asyncio.fixture
async def site() -> AsyncIterator[Site]:
    async with Site() as found:
        yield found


@pytest_asyncio.fixture
async def bench() -> AsyncIterator[Bench]:
    async with Bench(LocalFeeds) as found:
        yield found


@pytest_asyncio.fixture
async def room(bench: Bench, site: Site) -> BenchRoom:
    """A room that follows a feed of two entries, every half hour."""
    site.pages["/f"] = rss(item(2), item(1))
    room = await bench.room(LocalFeeds, summary=False)
    assert "✓ Flux n° 1 « Le site » : 2 entrées" in await room.say(ADMIN, f"!flux {site.url}/f")
    room.timeline.clear()
    return room


async def later(bench: Bench, **spans: float) -> None:
    await bench.clock.forward(**(spans or {"minutes": 34}))


async def test_the_first_fetch_is_silent_and_what_comes_is_said(bench: Bench, site: Site, room: BenchRoom) -> None:
    await later(bench)
    assert room.said == []
    site.pages["/f"] = rss(item(4), item(3), item(2), item(1))
    await later(bench)
    assert room.said == [
        "📰 Le site — Titre 3\nhttps://exemple.fr/3",
        "📰 Le site — Titre 4\nhttps://exemple.fr/4",
    ]
    await later(bench, days=1)
    assert len(room.said) == 2, "once"


async def test_it_is_fetched_at_its_own_time(bench: Bench, site: Site, room: BenchRoom) -> None:
    before = len(site.asked)
    await later(bench, minutes=29)
    assert len(site.asked) == before
    await later(bench, minutes=5)
    assert len(site.asked) == before + 1


async def test_an_entry_that_changes_is_edited(bench: Bench, site: Site, room: BenchRoom) -> None:
    site.pages["/f"] = rss(item(3, "Fuate"), item(2), item(1))
    await later(bench)
    site.pages["/f"] = rss(item(3, "Faute"), item(2, "changé aussi"), item(1))
    await later(bench)
    assert room.said == ["📰 Le site — Faute\nhttps://exemple.fr/3"], "what was never said is not edited"
    assert room.timeline[0].edited


async def test_reordered_vanished_returned(bench: Bench, site: Site, room: BenchRoom) -> None:
    for page in (rss(item(1), item(2)), rss(), rss(item(2)), rss(item(2), item(1))):
        site.pages["/f"] = page
        await later(bench)
    assert room.said == []


async def test_no_more_than_wanted_at_once(bench: Bench, site: Site, room: BenchRoom) -> None:
    site.pages["/f"] = rss(*(item(n) for n in range(40, 0, -1)))
    await later(bench)
    assert [line.split("\n")[0] for line in room.said] == [
        *(f"📰 Le site — Titre {n}" for n in range(36, 41)),
        "… et 33 autres entrées de « Le site ».",
    ]


async def test_the_most_that_may_be_set_is_within_what_a_call_may_do(bench: Bench, site: Site) -> None:
    site.pages["/f"] = rss(*(item(n) for n in range(20)))
    room = await bench.room(LocalFeeds, most=20)
    await room.say(ADMIN, f"!flux {site.url}/f")
    site.pages["/f"] = rss(*(item(n) for n in range(100)))
    await later(bench)
    before = len(room.said)
    site.pages["/f"] = rss(*(item(n, f"autre {n}") for n in range(200)))
    await later(bench)
    assert len(room.said) - before == 21
    assert len([one for one in room.timeline if one.edited]) == 20


async def test_thousands(bench: Bench, site: Site, room: BenchRoom) -> None:
    entries = [item(n) for n in range(3_000)]
    site.pages["/f"] = rss(*entries)
    await later(bench)
    assert room.said[-1] == "… et 2993 autres entrées de « Le site »."
    room.timeline.clear()
    site.pages["/f"] = rss(item("neuf"), *reversed(entries[:-1]))
    await later(bench)
    assert room.said == ["📰 Le site — Titre neuf\nhttps://exemple.fr/neuf"]


async def test_words(bench: Bench, site: Site, room: BenchRoom) -> None:
    await room.say(ADMIN, "!bot regler flux keep=décret, arrêté leave_out=rectificatif")
    room.timeline.clear()
    site.pages["/f"] = rss(
        item(6, "Décrets du jour"),
        item(5, "Rectificatif au décret"),
        item(4, "Avis", summary="un arrêté de la mairie"),
        item(3, "Indécretable"),
    )
    await later(bench)
    assert [said.split("\n")[0] for said in room.said] == ["📰 Le site — Avis", "📰 Le site — Décrets du jour"]


async def test_a_summary_as_text(bench: Bench, site: Site) -> None:
    site.pages["/f"] = rss()
    room = await bench.room(LocalFeeds)
    await room.say(ADMIN, f"!flux {site.url}/f")
    site.pages["/f"] = rss(
        item(1, "A &amp;amp; B", summary="&lt;script&gt;x&lt;/script&gt;&lt;p&gt;Le début&lt;/p&gt;")
    )
    await later(bench)
    assert room.said[-1] == "📰 Le site — A & B\nLe début\nhttps://exemple.fr/1"


async def test_digest(bench: Bench, site: Site, room: BenchRoom) -> None:
    assert "C'est réglé" in await room.say(ADMIN, "!bot regler flux digest=12h, chaque jour ouvré à 17h")
    room.timeline.clear()
    site.pages["/f"] = rss(item(3, "Fuate"), item(2), item(1))
    await later(bench)
    site.pages["/f"] = rss(item(4), item(3, "Faute"), item(2), item(1))
    await later(bench)
    assert room.said == []
    await bench.clock.to("12:00")
    told = "📰 Résumé : 2 nouvelles entrées\nLe site\n• Faute https://exemple.fr/3\n• Titre 4 https://exemple.fr/4"
    assert room.said == [told]
    await bench.clock.to("17:00")
    assert room.said == [told], "nothing to tell"


async def test_a_digest_of_many(bench: Bench, site: Site, room: BenchRoom) -> None:
    await room.say(ADMIN, "!bot regler flux digest=12h")
    room.timeline.clear()
    site.pages["/f"] = rss(*(item(n, "x" * 190 + str(n)) for n in range(1, 501)))
    await later(bench)
    await bench.clock.to("12:00")
    assert "498 nouvelles entrées" in room.said[0]
    assert len(room.said[0].encode()) < 30_000
    assert "autres." in room.said[0]
    shown = room.said[0].count("\n• ")
    assert f"… et {498 - shown} autres." in room.said[0]


async def test_a_digest_that_is_given_up_is_still_told(bench: Bench, site: Site, room: BenchRoom) -> None:
    await room.say(ADMIN, "!bot regler flux digest=12h")
    site.pages["/f"] = rss(item(3), item(2), item(1))
    await later(bench)
    await room.say(ADMIN, "!bot regler flux digest=aucun")
    room.timeline.clear()
    await bench.clock.to("12:00")
    assert "Titre 3" in room.said[0]


async def test_what_no_digest_is(bench: Bench, room: BenchRoom) -> None:
    said = await room.say(ADMIN, "!bot regler flux digest=quand tu veux")
    assert "n'est ni une heure ni un rythme" in said


async def test_a_page_names_its_feed(bench: Bench, site: Site) -> None:
    link = "<link rel=alternate type=application/rss+xml href="
    site.pages["/"] = f"<html><head>{link}/f>{link}/g></head></html>".encode()
    site.pages["/f"] = rss(item(1))
    room = await bench.room(LocalFeeds)
    said = await room.say(ADMIN, f"!flux {site.url}")
    assert "« Le site » : 1 entrée." in said
    assert f"La page nomme aussi : {site.url}/g" in said
    assert f"1. Le site — {site.url}/f" in await room.say(ADMIN, "!flux liste")


@pytest.mark.parametrize(
    ("page", "said"),
    [
        (404, "le serveur répond 404"),
        (410, "ce flux est fermé"),
        (b"<html>Rien</html>", "la page n'en nomme pas"),
        (b"", "la page n'en nomme pas"),
    ],
    ids=["404", "410", "page", "empty"],
)
async def test_what_cannot_be_followed(bench: Bench, site: Site, page: bytes | int, said: str) -> None:
    site.pages["/f"] = page
    room = await bench.room(LocalFeeds)
    assert said in await room.say(ADMIN, f"!flux {site.url}/f")
    assert "Aucun flux dans ce salon. Exemples" in await room.say(ADMIN, "!flux liste"), "nothing is kept"


async def test_the_inside_is_refused_unless_a_test_says_otherwise(site: Site) -> None:
    site.pages["/f"] = rss()
    async with Bench(FeedsBot) as bench:
        room = await bench.room(FeedsBot)
        assert "n'est pas sur l'internet public" in await room.say(ADMIN, f"!flux {site.url}/f")
        bare = site.url.removeprefix("http://")
        assert "n'est pas sur l'internet public. Vérifiez l'adresse" in await room.say(ADMIN, f"!flux {bare}/f")
    assert site.asked == []


async def test_list_remove_and_the_words_for_it(bench: Bench, site: Site, room: BenchRoom) -> None:
    assert "suit déjà ce flux : n° 1" in await room.say(ADMIN, f"!flux {site.url}/f")
    assert await room.say(ADMIN, "!flux") == f"1. Le site — {site.url}/f"
    assert "pas de flux n° 7" in await room.say(ADMIN, "!flux retirer 7")
    assert "pas compris" in await room.say(ADMIN, "!flux bonjour")
    assert "« Le site » retiré" in await room.say(ADMIN, "!flux retirer 1")
    asked = len(site.asked)
    await later(bench, days=1)
    assert len(site.asked) == asked
    assert "n° 2" in await room.say(ADMIN, f"!flux {site.url}/f"), "a number is never another's"


async def test_members_do_not_choose_what_is_followed(bench: Bench, site: Site, room: BenchRoom) -> None:
    asked = len(site.asked)
    assert (await room.say("@ana:exemple.fr", f"!flux {site.url}/autre")).startswith("✗")
    assert len(site.asked) == asked


async def test_as_many_as_a_room_may_follow(
    bench: Bench, site: Site, room: BenchRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tchap_bot_feeds.bot.MOST", 3)
    site.pages |= {"/2": rss(), "/3": rss(), "/4": rss()}
    for n in (2, 3):
        assert f"✓ Flux n° {n}" in await room.say(ADMIN, f"!flux {site.url}/{n}")
    assert "suit déjà 3 flux" in await room.say(ADMIN, f"!flux {site.url}/4")
    before = len(site.asked)
    assert "Je lis 3 flux" in await room.say(ADMIN, "!flux lire")
    assert len(site.asked) == before + 3


async def test_one_that_cannot_be_read_in_time(
    bench: Bench, site: Site, room: BenchRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tchap_bot_feeds.worker.SECONDS", 0.01)
    site.pages["/f"] = rss(item(3))
    await room.say(ADMIN, "!flux lire 1")
    assert "ce qu'il envoie est illisible" in room.said[-1]


async def test_read_now(bench: Bench, site: Site, room: BenchRoom) -> None:
    await room.say(ADMIN, "!flux lire")
    assert room.said[-1] == "Flux n° 1 « Le site » : rien de nouveau."
    site.pages["/f"] = rss(item(3), item(2), item(1))
    await bench.clock.forward(seconds=1)
    await room.say(ADMIN, "!flux lire 1")
    assert room.said[-2:] == [
        "📰 Le site — Titre 3\nhttps://exemple.fr/3",
        "Flux n° 1 « Le site » : 1 nouvelle entrée.",
    ]
    site.pages["/f"] = 500
    await bench.clock.forward(seconds=1)
    await room.say(ADMIN, "!flux lire 1")
    assert room.said[-1] == "⚠ Le flux n° 1 « Le site » : le serveur répond 500."


async def test_in_english(bench: Bench, site: Site, room: BenchRoom) -> None:
    assert "already follows this feed" in await room.say(ADMIN, f"!feed {site.url}/f")
    assert "removed" in await room.say(ADMIN, "!feed remove 1")
    assert "2 entries" in await room.say(ADMIN, f"!feed {site.url}/f")


async def test_failures_are_told_once_and_so_is_the_end_of_them(bench: Bench, site: Site, room: BenchRoom) -> None:
    site.pages["/f"] = 500
    asked = len(site.asked)
    await later(bench, hours=12)
    assert room.said == []
    assert "en panne depuis" in await room.say(ADMIN, "!flux liste")
    room.timeline.clear()
    for _hour in range(60):
        await later(bench, hours=1)
    assert len(room.said) == 1
    assert "ne se lit plus depuis le" in room.said[0]
    assert "le serveur répond 500" in room.said[0]
    assert len(site.asked) - asked < 12, "it is asked less and less often"
    site.pages["/f"] = rss(item(3), item(2), item(1))
    for _hour in range(30):
        await later(bench, hours=1)
    assert room.said[1:] == [
        "📰 Le site — Titre 3\nhttps://exemple.fr/3",
        "✓ Le flux n° 1 « Le site » répond de nouveau.",
    ]


async def test_a_failure_or_two_are_told_to_nobody(bench: Bench, site: Site, room: BenchRoom) -> None:
    page = site.pages["/f"]
    site.pages["/f"] = 500
    await later(bench)
    site.pages["/f"] = page
    await later(bench, hours=3)
    assert room.said == []
    assert "panne" not in await room.say(ADMIN, "!flux liste")


async def test_the_server_says_when(bench: Bench, site: Site, room: BenchRoom) -> None:
    site.pages["/f"], site.headers = 429, {"Retry-After": "18000"}
    await later(bench)
    asked = len(site.asked)
    await later(bench, hours=4)
    assert len(site.asked) == asked
    await later(bench, hours=2)
    assert len(site.asked) == asked + 1


async def test_a_server_that_asks_for_a_year_is_asked_in_a_day(bench: Bench, site: Site, room: BenchRoom) -> None:
    site.pages["/f"], site.headers = 429, {"Retry-After": "999999999"}
    await later(bench)
    asked = len(site.asked)
    await later(bench, days=1, minutes=10)
    assert len(site.asked) == asked + 1


async def test_gone_is_told_once_and_asked_no_more(bench: Bench, site: Site, room: BenchRoom) -> None:
    site.pages["/f"] = 410
    await later(bench)
    assert room.said == ["Le flux n° 1 « Le site » est fermé par son site : je ne le lis plus."]
    asked = len(site.asked)
    await later(bench, days=7)
    assert (len(room.said), len(site.asked)) == (1, asked)
    assert "(fermé par son site)" in await room.say(ADMIN, "!flux liste")
    site.pages["/f"] = rss(item(3))
    await room.say(ADMIN, "!flux lire 1")
    assert "1 nouvelle entrée" in room.said[-1], "unless somebody asks for it"


async def test_moved_for_good(bench: Bench, site: Site, room: BenchRoom) -> None:
    site.pages["/neuf"] = site.pages["/f"]
    site.moves("/f", "/neuf")
    await later(bench)
    await later(bench)
    assert [path for path, _ in site.asked[-2:]] == ["/neuf", "/neuf"]
    assert f"{site.url}/neuf" in await room.say(ADMIN, "!flux liste")
    assert len(room.said) == 1


async def test_what_becomes_a_page_is_a_failure(bench: Bench, site: Site, room: BenchRoom) -> None:
    site.pages["/f"] = b"<html><body>Maintenance</body></html>"
    await room.say(ADMIN, "!flux lire 1")
    assert "ce n'est plus un flux" in room.said[-1]


async def test_two_rooms_each_their_own(bench: Bench, site: Site, room: BenchRoom) -> None:
    other = await bench.room(LocalFeeds)
    await other.say(ADMIN, f"!flux {site.url}/f")
    other.timeline.clear()
    site.pages["/f"] = rss(item(3), item(2), item(1))
    await later(bench)
    assert (len(room.said), len(other.said)) == (1, 1)


async def test_a_call_that_is_cut_short_is_made_again_and_says_each_entry_once(
    bench: Bench, site: Site, room: BenchRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first call sees one new entry and dies before it is written; by the second there is another."""
    real = Runner.handle
    cut: list[int] = []

    async def dies(self: Runner, *arguments: object) -> object:
        written = await real(self, *arguments)
        if not cut:
            cut.append(1)
            site.pages["/f"] = rss(item(4), item(3), item(2), item(1))
            return await real(self, *arguments)
        return written

    monkeypatch.setattr(Runner, "handle", dies)
    site.pages["/f"] = rss(item(3), item(2), item(1))
    await later(bench)
    await later(bench)
    assert cut
    assert [said.split("\n")[0] for said in room.said] == ["📰 Le site — Titre 3", "📰 Le site — Titre 4"]


async def test_after_a_week_away(site: Site, tmp_path: Path) -> None:
    site.pages["/f"] = rss(item(1))
    async with Bench(LocalFeeds, folder=tmp_path) as bench:
        room = await bench.room(LocalFeeds)
        await room.say(ADMIN, f"!flux {site.url}/f")
    site.pages["/f"] = rss(item(3), item(2), item(1))
    async with Bench(LocalFeeds, folder=tmp_path, at=START + timedelta(days=7)) as bench:
        again = bench.rejoin(room)
        await bench.settle()
        assert [said.split("\n")[0] for said in again.said] == ["📰 Le site — Titre 2", "📰 Le site — Titre 3"]
        asked = len(site.asked)
        await bench.clock.forward(minutes=34)
        assert len(site.asked) == asked + 1, "one call, not one for each half hour"


async def test_switched_off_and_on_again_it_goes_on(bench: Bench, site: Site, room: BenchRoom) -> None:
    await room.say(ADMIN, "!bot desactiver flux")
    await later(bench, hours=3)
    asked = len(site.asked)
    await room.say(ADMIN, "!bot activer flux")
    room.timeline.clear()
    site.pages["/f"] = rss(item(3), item(2), item(1))
    await later(bench, hours=2)
    await later(bench, minutes=10)
    assert len(site.asked) > asked
    assert [said.split("\n")[0] for said in room.said] == ["📰 Le site — Titre 3"]


async def test_the_summer_time_changes_no_digest(site: Site) -> None:
    """On the night of 29 March 2026, 2 o'clock is 3."""
    site.pages["/f"] = rss()
    async with Bench(LocalFeeds, at=datetime(2026, 3, 28, 22, tzinfo=START.tzinfo)) as bench:
        room = await bench.room(LocalFeeds, digest=["8h"])
        await room.say(ADMIN, f"!flux {site.url}/f")
        site.pages["/f"] = rss(item(1))
        room.timeline.clear()
        await bench.clock.forward(minutes=40)
        await bench.clock.to(datetime(2026, 3, 29, 7, 59, tzinfo=START.tzinfo))
        assert room.said == []
        await bench.clock.forward(minutes=1)
        assert len(room.said) == 1

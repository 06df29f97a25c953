"""What is read of feeds, of pages, and of what is neither."""

import asyncio
import os
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter
from ruamel.yaml import YAML

from tchap_bot_feeds import worker
from tchap_bot_feeds.model import Document
from tchap_bot_feeds.reading import LONGEST_SUMMARY, LONGEST_TITLE, MOST_ENTRIES, read
from tchap_bot_feeds.worker import read_apart
from tchap_bridges.errors import RemoteViolation

from .site import item, rss

VECTORS = Path(__file__).parents[2] / "vectors" / "feeds" / "reading.yaml"
CASES = YAML(typ="safe").load(VECTORS.read_text("utf-8"))["cases"]
URL = "https://site.exemple.fr/dossier/flux.xml"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_read(case: dict[str, Any]) -> None:
    body = case["body"].encode(case.get("encoding", "utf-8"))
    found = read(body, case.get("url", URL), case.get("type", ""))
    if "feeds" in case:
        assert (found.is_feed, list(found.feeds)) == (False, case["feeds"])
        return
    assert found.is_feed
    assert TypeAdapter(Document).validate_json(TypeAdapter(Document).dump_json(found)) == found
    assert found.title == case.get("title", found.title)
    assert len(found.entries) == len(case["entries"])
    for entry, expected in zip(found.entries, case["entries"], strict=True):
        shown = {**asdict(entry), "at": entry.at.isoformat() if entry.at else None}
        assert {name: shown[name] for name in expected} == expected


def test_what_is_long_is_cut_between_words() -> None:
    long = "mot " * 200
    found = read(rss(item(1, long, summary=long + "x" * 70_000)), URL, "").entries[0]
    assert found.title.endswith("mot…")
    assert len(found.title) <= LONGEST_TITLE
    assert len(found.summary) <= LONGEST_SUMMARY
    assert len(read(rss(item(1, "x" * 500)), URL, "").entries[0].title) == LONGEST_TITLE


async def test_a_process_reads_the_same() -> None:
    body = rss(item(1, "Été", summary="&lt;p&gt;Oui&lt;/p&gt;"))
    assert await read_apart(body, URL, "text/xml") == read(body, URL, "text/xml")


async def test_ten_thousand_entries_with_the_work_that_one_may_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "SECONDS", 60.0)  # others may have the processors: `worker.WORK` is what binds
    body = rss(
        *(item(n, summary=f"&lt;p&gt;Du texte &lt;b&gt;{n}&lt;/b&gt;&lt;/p&gt;") for n in range(MOST_ENTRIES + 5))
    )
    found = await read_apart(body, URL, "")
    assert len(found.entries) == MOST_ENTRIES


@pytest.mark.parametrize(
    "body",
    [
        b"<rss version='2.0'><channel>" + b"<item>" * 300_000,
        b"<rss><channel><item><description>" + b"<![CDATA[" * 100_000,
        rss(item(1, summary="&lt;div&gt;" * 100_000)),
        b"<" * 1_000_000,
        b"<!DOCTYPE r [" + b"<!ENTITY a 'b'>" * 50_000 + b"]><rss version='2.0'><channel/></rss>",
        f"<!DOCTYPE r [<!ENTITY a '{'x' * 100_000}'>]><rss version='2.0'><channel><title>{'&a;' * 100_000}".encode(),
        b"<html>" + b"<a " * 500_000,
        b"\0" * 1_000_000,
    ],
    ids=["nested", "sections", "divs", "brackets", "entities", "quadratic", "attributes", "nothing"],
)
async def test_whatever_it_is_it_ends_in_time(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read, or given up: never more than the seconds that it has, nor the memory."""
    monkeypatch.setattr(worker, "SECONDS", 3.0)
    began = time.perf_counter()
    with suppress(RemoteViolation):
        await read_apart(body, URL, "")
    assert time.perf_counter() - began < 4


async def test_one_that_takes_too_long_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "SECONDS", 0.01)
    before = children()
    with pytest.raises(RemoteViolation, match="more than"):
        await read_apart(rss(item(1)), URL, "")
    assert children() <= before


def children() -> set[str]:
    """The processes of this one, ended ones that nobody has waited for among them: other tests may have some."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            pid, rest = stat.parent.name, stat.read_text().rpartition(")")[2].split()
            if int(rest[1]) == os.getpid():
                found.add(pid)
    return found


async def test_one_that_takes_too_much_memory_dies(monkeypatch: pytest.MonkeyPatch) -> None:
    body = rss(*(item(n) for n in range(5_000)))
    assert len((await read_apart(body, URL, "")).entries) == 5_000
    monkeypatch.setattr(worker, "MEMORY", 30_000_000)
    with pytest.raises(RemoteViolation, match="ended with 1"):
        await read_apart(body, URL, "")


async def test_nothing_of_our_environment_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TCHAP_SECRET", "très secret")
    seen: dict[str, str] = {}
    real = asyncio.create_subprocess_exec

    async def spied(*arguments: Any, **more: Any) -> Any:
        seen.update(more["env"])
        return await real(*arguments, **more)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", spied)
    await read_apart(rss(item(1)), URL, "")
    assert set(seen) <= {"PATH", "PYTHONPATH", "LANG"}

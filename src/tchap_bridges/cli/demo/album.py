"""What was said and shown in the demo, kept as a page of the documentation."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tchap_bridges.testing.matrix_client import Client
from tchap_bridges.testing.timeline import render_timeline

WIDTH: Final = 110
_LEFT_OUT: Final = frozenset(("m.room.member", "m.reaction"))


@dataclass(frozen=True, slots=True)
class Paper:
    """Something to be seen beside the words: a picture, or a text in a language of its own."""

    title: str
    name: str
    data: bytes


@dataclass(slots=True)
class Chapter:
    """``since`` and ``until``: ids of the room's last events when it began and ended."""

    title: str
    since: str
    papers: list[Paper] = field(default_factory=list)
    private: list[str] = field(default_factory=list)


class Album:
    """Of one room, as ``camille`` sees it. Pictures of web pages need Chromium; without it there are none."""

    def __init__(self, camille: Client, room: str) -> None:
        self._camille = camille
        self._room = room
        self._chapters: list[Chapter] = []

    async def chapter(self, title: str) -> None:
        events = await self._camille.timeline(self._room)
        self._chapters.append(Chapter(title, events[-1]["event_id"]))

    def keep(self, title: str, name: str, data: bytes) -> None:
        self._chapters[-1].papers.append(Paper(title, name, data))

    def private(self, events: Sequence[Mapping[str, Any]]) -> None:
        """What was said in a direct conversation."""
        self._chapters[-1].private.append(_shown(events))

    async def page(self, title: str, name: str, url: str) -> None:
        """How a browser shows it."""
        chromium = shutil.which("chromium")
        try:
            from playwright.async_api import async_playwright  # noqa: PLC0415  only where tests are run
        except ModuleNotFoundError:
            return
        if chromium is None:
            return
        async with async_playwright() as tools:
            browser = await tools.chromium.launch(executable_path=chromium)
            page = await browser.new_page(locale="fr-FR", viewport={"width": 720, "height": 700})
            await page.goto(url)
            self.keep(title, name, await page.screenshot())
            await browser.close()

    async def write(self, docs: Path) -> None:
        """``fr/seance-robots.md``, and its pictures in ``images/robots``."""
        pictures = docs / "images" / "robots"
        pictures.mkdir(parents=True, exist_ok=True)
        events = await self._camille.timeline(self._room)
        ids = [event["event_id"] for event in events]
        starts = [ids.index(chapter.since) + 1 for chapter in self._chapters]
        lines = [_HEAD]
        for chapter, start, end in zip(self._chapters, starts, [*starts[1:], len(events)], strict=True):
            names = [event for event in events[:start] if event["type"] == "m.room.member"]
            lines += [f"## {chapter.title}", "", "```text", _shown(events[start:end], names), "```", ""]
            for said in chapter.private:
                lines += ["En conversation directe :", "", "```text", said, "```", ""]
            for paper in chapter.papers:
                lines += self._put(paper, pictures)
        (docs / "fr").mkdir(exist_ok=True)
        (docs / "fr" / "seance-robots.md").write_text("\n".join(lines), encoding="utf-8")

    @staticmethod
    def _put(paper: Paper, pictures: Path) -> list[str]:
        kind = paper.name.rpartition(".")[2]
        if kind == "png":
            (pictures / paper.name).write_bytes(paper.data)
            return [f"![{paper.title}](../images/robots/{paper.name})", ""]
        text = paper.data.decode("utf-8-sig").strip()
        return [f"{paper.title} :", "", f"````{'markdown' if kind == 'md' else 'text'}", text, "````", ""]


_HEAD: Final = """# Une séance avec les robots

Cette page est écrite par `tchap-bridges demo --robots --write docs` : un vrai Synapse, le pont, une administratrice de
salon et trente collègues, et rien d'autre que ce qu'un client Matrix peut faire. Les arrivées, les réactions et les
votes faits dans les sondages mêmes ne sont pas montrés.
"""


def _shown(events: Sequence[Any], before: Sequence[Any] = ()) -> str:
    """``before``: memberships that give people their names."""
    told = [event for event in events if event["type"] not in _LEFT_OUT]
    joined = [event for event in (*before, *events) if event["type"] == "m.room.member"]
    return render_timeline(told, width=WIDTH, before=joined)

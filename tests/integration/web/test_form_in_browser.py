"""The page of a bot's settings in a browser: by keyboard alone, small, dark, enlarged, and by axe-core's rules.

https://www.w3.org/TR/WCAG22/
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import time, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from playwright.async_api import Browser, Page
from pydantic import SecretStr
from tests.every_kind import EveryKind, Results
from tests.integration.web.conftest import Settings

pytestmark = pytest.mark.asyncio(loop_scope="module")  # that of the one browser

AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text("utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
CONTROLS = "input:not([type=hidden]), select, textarea, button"


@asynccontextmanager
async def opened(chromium: Browser, url: str, **context: Any) -> AsyncIterator[Page]:
    """What the browser calls an error, a stylesheet that the policy refuses for one, fails the test."""
    complaints: list[str] = []
    page = await chromium.new_page(**{"locale": "fr-FR", **context})
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await page.goto(url)
    yield page
    await page.close()
    expected = "the server responded with a status of 4"  # 422 where a form is refused, 404 for the favicon
    assert [told for told in complaints if expected not in told] == []


async def refused(page: Page) -> None:
    """Send the form with several mistakes in it."""
    await page.fill("#f-jours", "11")
    await page.fill("#f-equipe", "")
    await page.fill("#f-delai", "0")
    await page.fill("#f-cle", "x" * 41)
    await page.evaluate("document.querySelector('[name=resultats]:checked').value = 'jamais'")
    await page.click("button")
    await page.wait_for_selector(".summary")


async def focused(page: Page) -> str:
    """The id of what has the focus, or its class."""
    return await page.evaluate("document.activeElement.id || document.activeElement.className")


async def keys(page: Page, *pressed: str) -> None:
    for key in pressed:
        await page.keyboard.press(key)


async def tab_to(page: Page, ident: str) -> None:
    for _n in range(60):
        if await focused(page) == ident:
            return
        await keys(page, "Tab")
    pytest.fail(f"no way to {ident} by keyboard")


async def test_filled_in_by_keyboard_alone(chromium: Browser, settings: Settings) -> None:
    settings.config = EveryKind(jeton=SecretStr("ancien"))
    async with opened(chromium, settings.url) as page:
        await tab_to(page, "f-rappel")
        await keys(page, "Space")
        await tab_to(page, "f-secret-2")
        await keys(page, "ArrowUp")
        await tab_to(page, "f-jours")
        await keys(page, "Control+A")
        await page.keyboard.type("11")
        await tab_to(page, "f-equipe")
        await keys(page, "Control+A")
        await page.keyboard.type("Équipe <b>")
        await tab_to(page, "f-accueil")
        await page.keyboard.type("\nBonjour,\nà tous")
        await tab_to(page, "f-resultats-1")
        await keys(page, "ArrowUp")
        await tab_to(page, "f-priorite")
        await page.keyboard.type("5")
        await tab_to(page, "f-heure")
        await page.keyboard.type("1045")
        await tab_to(page, "f-delai")
        await keys(page, "Control+A")
        await page.keyboard.type("3")
        await keys(page, "Tab")
        await page.keyboard.type("jours")
        await tab_to(page, "f-choix")
        await page.keyboard.type("pain\nvin\n")
        await tab_to(page, "f-cle")
        await page.keyboard.type("hunter2")
        await tab_to(page, "f-jeton-clear")
        await keys(page, "Space", "Tab", "Enter")

        # Refused: one is led to the summary, from there to the field, and everything else is as it was.
        await page.wait_for_selector(".summary")
        assert await focused(page) == "summary"
        assert settings.config.jours == 3
        await keys(page, "Tab")
        assert await page.evaluate("document.activeElement.textContent") == "Jours"
        await keys(page, "Enter")
        assert await focused(page) == "f-jours"
        await keys(page, "Control+A")
        await page.keyboard.type("9")
        await tab_to(page, "f-cle")
        await page.keyboard.type("hunter2")
        await keys(page, "Shift+Tab", "Tab", "Enter")  # Enter sends from anywhere but a text of several lines
        await page.wait_for_selector("text=enregistré")
    assert settings.config == EveryKind(
        rappel=False,
        secret=False,
        jours=9,
        equipe="Équipe <b>",
        accueil="\nBonjour,\nà tous",
        resultats=Results.LIVE,
        priorite=5,
        heure=time(10, 45),
        delai=timedelta(days=3),
        choix=["pain", "vin"],
        cle=SecretStr("hunter2"),
        jeton=None,
    )
    assert settings.tokens == ["un-jeton", "un-jeton"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["fr", "en"])
async def test_axe_finds_nothing(chromium: Browser, settings: Settings, language: str, scheme: str) -> None:
    settings.config = EveryKind(cle=SecretStr("x"))
    async with opened(chromium, f"{settings.url}?l={language}", color_scheme=scheme) as page:
        for state in ("fresh", "refused"):
            if state == "refused":
                await refused(page)
            await page.evaluate(AXE)
            found = await page.evaluate("tags => axe.run({runOnly: tags})", RULES)
            assert len(found["passes"]) > 20
            assert [
                (one["id"], node["html"], node["failureSummary"])
                for one in found["violations"]
                for node in one["nodes"]
            ] == []
            unsure = {one["id"] for one in found["incomplete"]}
            assert unsure <= {"target-size"}, found["incomplete"]


async def test_the_rules_would_find_something(chromium: Browser, settings: Settings) -> None:
    async with opened(chromium, settings.url) as page:
        await page.evaluate("document.querySelector('label[for=f-jours]').remove()")
        await page.evaluate("document.querySelector('h1').style.color = '#bbb'")
        await page.evaluate(AXE)
        found = await page.evaluate("tags => axe.run({runOnly: tags})", RULES)
        assert {"label", "color-contrast"} <= {one["id"] for one in found["violations"]}


WIDER = """
    const rule = "* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important }";
    document.styleSheets[0].insertRule(rule);
    document.styleSheets[0].insertRule("p { margin-bottom: 2em !important }");
"""
CUT = """
    [...document.querySelectorAll("main *:not(.unseen, input, textarea)")]
        .filter(e => e.getBoundingClientRect().right > 320.5 || (e.clientWidth && e.scrollWidth > e.clientWidth + 1))
        .map(e => e.outerHTML)
"""


@pytest.mark.parametrize("options", [{}, {"device_scale_factor": 4}], ids=["narrow", "enlarged"])
async def test_320_pixels_are_enough(chromium: Browser, settings: Settings, options: dict[str, Any]) -> None:
    """1.4.10: a window of 1280 pixels enlarged to 400 % has 320 of them; 1.4.12: with wider spaces too."""
    settings.config = EveryKind(equipe="W" * 80, cle=SecretStr("x"))
    async with opened(chromium, settings.url, viewport={"width": 320, "height": 256}, **options) as page:
        await refused(page)
        for change in ("", WIDER):
            await page.evaluate(change)
            assert await page.evaluate("document.documentElement.scrollWidth") <= 320
            assert await page.evaluate(CUT) == []


@pytest.mark.parametrize("width", [320, 1280])
async def test_targets_are_large_enough(chromium: Browser, settings: Settings, width: int) -> None:
    settings.config = EveryKind(cle=SecretStr("x"))
    async with opened(chromium, settings.url, viewport={"width": width, "height": 800}) as page:
        await refused(page)
        for node in await page.locator(f"{CONTROLS}, .summary a").all():
            box = await node.bounding_box()
            assert box
            assert min(box["width"], box["height"]) >= 24, await node.evaluate("e => e.outerHTML")


SEEN = """() => {
    const style = getComputedStyle(document.activeElement);
    const outer = getComputedStyle(document.body);
    return [style.outlineStyle, parseFloat(style.outlineWidth), style.outlineColor, outer.backgroundColor];
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_focus_goes_down_the_page_and_is_seen(chromium: Browser, settings: Settings, scheme: str) -> None:
    settings.config = EveryKind(cle=SecretStr("x"))
    async with opened(chromium, settings.url, color_scheme=scheme) as page:
        controls = f"""[...document.querySelectorAll("{CONTROLS}")]"""
        expected = await page.evaluate(f"{controls}.filter(e => e.type != 'radio' || e.checked).map(e => e.id)")
        met: list[str] = []
        heights = []
        while len(met) < 60:
            await keys(page, "Tab")
            ident = await page.evaluate("document.activeElement === document.body ? null : document.activeElement.id")
            if ident is None:
                break
            if met[-1:] == [ident]:
                continue  # a time has several parts
            met.append(ident)
            heights.append(await page.evaluate("document.activeElement.getBoundingClientRect().top + scrollY"))
            style, wide, colour, paper = await page.evaluate(SEEN)
            assert style == "solid"
            assert wide >= 3
            assert contrast(colour, paper) >= 3, ident
        assert met == expected
        assert all(above <= below for above, below in pairwise(heights))


COLOURS = "e => [getComputedStyle(e).borderTopColor, getComputedStyle(e).backgroundColor]"


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_borders_can_be_seen(chromium: Browser, settings: Settings, scheme: str) -> None:
    """1.4.11, which axe does not measure."""
    async with opened(chromium, settings.url, color_scheme=scheme) as page:
        await refused(page)
        boxes = "input:not([type=hidden], [type=checkbox], [type=radio]), select, textarea"
        for node in await page.locator(boxes).all():
            border, paper = await node.evaluate(COLOURS)
            assert contrast(border, paper) >= 3


def contrast(one: str, other: str) -> float:
    """https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio"""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(found) / 255 for found in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


async def test_a_bad_number_is_told_by_the_page_not_by_the_browser(chromium: Browser, settings: Settings) -> None:
    async with opened(chromium, settings.url) as page:
        await page.fill("#f-jours", "")
        await page.click("button")
        await page.wait_for_selector("#f-jours-error")
        assert await page.inner_text("#f-jours-error") == "Erreur : une réponse est attendue"
        described = await page.locator("#f-jours").evaluate("e => e.ariaDescribedByElements.map(d => d.id)")
        assert described == ["f-jours-error", "f-jours-help"]

"""Plugins: only what is named is loaded, and what cannot be loaded says why and what to do."""

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from tchap_bridges.errors import Misconfigured
from tchap_bridges.plugins import BOTS, BRIDGES, Plugins


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of modules that nobody has imported yet."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def named(target: str, group: str = BRIDGES) -> Plugins:
    return Plugins([EntryPoint("fax", target, group)])


def test_ours_are_found_through_entry_points() -> None:
    plugins = Plugins()
    assert plugins.bridge("email").name == "email"
    assert plugins.bot("echo").__name__ == "EchoBot"
    assert {plugin.extra for plugin in plugins.installed() if plugin.name == "email"} == {"email"}


def test_only_what_is_named_is_loaded(stranger: Path) -> None:
    (stranger / "boom.py").write_text("raise SystemExit('loaded')")
    plugins = Plugins([EntryPoint("fax", "boom:Fax", BRIDGES), *Plugins()._points.values()])
    assert plugins.bridge("echo").name == "echo"


@pytest.mark.parametrize(
    ("source", "what", "remedy"),
    [
        ("import no_such_library", "no_such_library", "pip install"),
        ("raise ZeroDivisionError('oups')", "ZeroDivisionError : oups", "réinstallez"),
        ("x = 1", "has no attribute 'Fax'", "réinstallez"),
        ("class Fax: pass", "n'est pas une classe Bridge", "prévenez"),
        ("def Fax(): pass", "n'est pas une classe Bridge", "prévenez"),
        ("from tchap_bridges.bridge import Bridge\nclass Fax(Bridge): pass", "n'est pas une classe Bridge", "prévenez"),
        (
            "from tchap_bridges.bridge import Bridge\nclass Fax(Bridge):\n    def open(self, c, h): ...",
            "modèle de configuration",
            "Config",
        ),
    ],
)
def test_what_cannot_be_loaded(source: str, what: str, remedy: str, stranger: Path) -> None:
    (stranger / "fax.py").write_text(source)
    with pytest.raises(Misconfigured) as error:
        named("fax:Fax").bridge("fax")
    assert what in error.value.reason
    assert remedy in error.value.remedy


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("tchap_bridge_email")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tchap_bridge_email.config", None)
    with pytest.raises(Misconfigured) as error:
        Plugins().bridge("email")
    assert error.value.remedy == "pip install 'tchap-bridges[email]'"


def test_an_extra_that_is_only_needed_later_is_named_at_once(stranger: Path) -> None:
    """A plugin imports its library when it connects: by then it is too late to say what to install."""
    (stranger / "fax.py").write_text(
        "from tchap_bridges.bridge import Bridge\n"
        "from pydantic import BaseModel\n"
        "class Fax(Bridge):\n    name = 'fax'\n    Config = BaseModel\n    def open(self, config, host): ...\n"
    )
    (stranger / "fax-1.0.dist-info").mkdir()
    metadata = "Metadata-Version: 2.1\nName: fax\nVersion: 1.0\nProvides-Extra: fax\nRequires-Dist: pydantic\n"
    (stranger / "fax-1.0.dist-info" / "entry_points.txt").write_text(f"[{BRIDGES}]\nfax = fax:Fax\n")
    found = stranger / "fax-1.0.dist-info" / "METADATA"
    found.write_text(f"{metadata}Requires-Dist: pydantic>=2 ; extra == 'fax'\n")
    assert Plugins().bridge("fax").name == "fax"
    found.write_text(f"{metadata}Requires-Dist: no-such.library[x]<2,>=1; extra == 'fax'\n")
    with pytest.raises(Misconfigured) as error:
        Plugins().bridge("fax")
    assert "no-such.library" in error.value.reason
    assert error.value.remedy == "pip install 'fax[fax]'"


def test_the_nearest_name_is_offered() -> None:
    with pytest.raises(Misconfigured) as error:
        Plugins().bridge("e-mail")
    assert "email" in error.value.remedy
    with pytest.raises(Misconfigured) as error:
        Plugins([]).bot("x")
    assert error.value.remedy


def test_a_bot_is_no_bridge() -> None:
    with pytest.raises(Misconfigured):
        named("tchap_bot_echo:EchoBot", BRIDGES).bridge("fax")
    with pytest.raises(Misconfigured):
        named("tchap_bridge_echo:EchoBridge", BOTS).bot("fax")


def test_a_schedule_that_names_nothing_is_found_when_it_is_loaded(stranger: Path) -> None:
    (stranger / "fax.py").write_text(
        "from tchap_bridges.bot import Bot, daily\n"
        "class Fax(Bot):\n"
        "    name = 'fax'\n"
        "    @daily(at='nosuchsetting')\n"
        "    async def tell(self, room): ...\n"
    )
    with pytest.raises(Misconfigured) as error:
        named("fax:Fax", BOTS).bot("fax")
    assert "tell : « nosuchsetting »" in error.value.reason

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

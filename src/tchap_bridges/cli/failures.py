"""What is said instead of a traceback, and the exit code that goes with it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from tchap_bridges import system
from tchap_bridges.config import ConfigError
from tchap_bridges.errors import BridgeError
from tchap_bridges.i18n import Language, Phrase, Translator, _, ngettext


class Telling(Exception):
    """What went wrong is this one's cause; it is told in the language of the configuration that was read by then."""

    def __init__(self, language: Language) -> None:
        super().__init__(language)
        self.language = language


@contextmanager
def telling(language: Language) -> Iterator[None]:
    """For what a command does once it knows the operator's language. The command line's own exceptions pass."""
    try:
        yield
    except (typer.BadParameter, typer.Exit, typer.Abort, ConfigError):
        raise
    except Exception as error:
        raise Telling(language) from error


def tell(error: BaseException) -> int:
    """Say on stderr, in sentences, what went wrong. Returns the exit code."""
    language: Language = "fr"
    if isinstance(error, Telling) and error.__cause__ is not None:
        language, error = error.language, error.__cause__
    error = _first(error)
    if isinstance(error, ConfigError):
        translator = Translator(error.language)
        count = ngettext("{n} erreur de configuration.", "{n} erreurs de configuration.", len(error.problems))
        print(error.read_in(translator), translator(count), sep="\n", file=sys.stderr)  # noqa: T201
        return 2
    translator = Translator(language)
    print(_sentence(error, translator), file=sys.stderr)  # noqa: T201
    return 1


def _first(error: BaseException) -> BaseException:
    """What really happened, out of the groups that task groups make."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _sentence(error: BaseException, translator: Translator) -> str:
    if isinstance(error, BridgeError):
        where = getattr(error, "where", "")
        reason = translator(getattr(error, "reason", "") or str(error))
        remedy = translator(getattr(error, "remedy", ""))
        return (f"{where}: " if where else "") + reason + (f" — {remedy}" if remedy else "")
    if isinstance(error, ModuleNotFoundError):
        return translator(
            _("Il manque le module {name} — pip install 'tchap-bridges[email,irc,slack]'", name=error.name or error)
        )
    if isinstance(error, OSError) and error.strerror:
        why = system.reason(error)
        return translator(
            _("{file} : {reason}", file=error.filename, reason=why)
            if error.filename
            else _("Le système refuse : {reason}", reason=why)
        )
    if error.args and isinstance(error.args[0], Phrase):
        return translator(error.args[0])
    if type(error).__module__.startswith("tchap_bridges.cli") and str(error):
        return str(error)
    return translator(
        _(
            "Erreur imprévue ({kind}) : {reason} — relancez avec --debug et signalez-la",
            kind=type(error).__name__,
            reason=str(error) or "–",
        )
    )

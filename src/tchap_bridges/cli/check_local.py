"""What ``check`` can see on this machine: files' rights, listening addresses, the database, labels that contradict."""

import sqlite3
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tchap_bridges.app import policy_rules
from tchap_bridges.bridge import Destination, Finding, Level
from tchap_bridges.config import ConfigError, Settings, places, probe_ports
from tchap_bridges.core.bots.frames import Grounds
from tchap_bridges.core.bots.registry import Bots
from tchap_bridges.core.bots.stops import told
from tchap_bridges.core.bots.watchdog import Marks
from tchap_bridges.core.builtin import BUILTIN
from tchap_bridges.i18n import _, ngettext
from tchap_bridges.store.sqlite_file import path_of


def files(settings: Settings) -> Iterator[Finding]:
    """Secrets are for one reader."""
    for path in (settings.path, settings.appservice.registration, *dict.fromkeys(settings.document.secrets)):
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o007:
            yield Finding(
                subject=path.name,
                level=Level.WARN,
                detail=_("lisible de tous sur cette machine (droits {mode})", mode=f"{mode:03o}"),
                remedy=_("chmod 600 {path}", path=path),
            )


def ports(settings: Settings, *, running: bool) -> Iterator[Finding]:
    """Whether the bridge could listen; a running one holds its own ports."""
    if running:
        yield Finding(subject=_("ports d'écoute"), level=Level.OK, detail=_("le pont est lancé"))
        return
    try:
        probe_ports(settings)
    except ConfigError as error:
        for problem in error.problems:
            yield Finding(subject=problem.key, level=Level.FAIL, detail=problem.what, remedy=problem.remedy)
    else:
        yield Finding(subject=_("ports d'écoute"), level=Level.OK, detail=_("libres"))


def labels(settings: Settings) -> Iterator[Finding]:
    """A connection whose destination the policy refuses carries nothing."""
    for name, (_bridge, config) in settings.bridges.items():
        destination = getattr(config, "destination", None)
        if isinstance(destination, Destination) and destination not in settings.policy.destinations:
            yield Finding(
                subject=f"bridges.{name}.destination",
                level=Level.WARN,
                detail=_(
                    "« {label} » n'est pas dans policy.destinations : aucun lien ne pourra se faire", label=destination
                ),
                remedy=_("ajoutez-la à policy.destinations, si c'est bien votre décision"),
            )


def policy(settings: Settings) -> Iterator[Finding]:
    """What the operator consents to, where two consents make more than each, and what cannot be done at all."""
    rules = policy_rules(settings)
    for name in sorted(rules.agents_only - settings.bridges.keys()):
        yield Finding(
            subject="policy.agents_only",
            level=Level.WARN,
            detail=_("aucune connexion ne s'appelle « {name} »", name=name),
            remedy=_("écrivez un nom de la section bridges"),
        )
    if rules.restricted_rooms and Destination.ABROAD in rules.destinations:
        yield Finding(
            subject="policy.restricted_rooms",
            level=Level.WARN,
            detail=_("les messages de salons réservés aux agents peuvent partir hors de l'Union européenne"),
            remedy=_("retirez hors-ue de policy.destinations, si ce n'est pas votre décision"),
        )
    if rules.encrypts and not rules.operator:
        yield Finding(
            subject="policy.operator",
            level=Level.WARN,
            detail=_("les salons chiffrés ne sauront pas qui exploite le pont"),
            remedy=_("écrivez policy.operator"),
        )
    if not rules.encrypts:
        yield Finding(
            subject=_("salons chiffrés"),
            level=Level.OK,
            detail=_("refusés : sans io.element.msc4190 dans l'enregistrement, le pont ne peut pas chiffrer"),
        )


def bots(settings: Settings) -> Iterator[Finding]:
    """What authors of bots leave behind, and words that several bots have."""
    if settings.development.bots is not None:
        yield Finding(
            subject="development.bots",
            level=Level.WARN,
            detail=_("le code de {path} est chargé et exécuté dès qu'il change", path=settings.development.bots),
            remedy=_("retirez « development » en production : installez vos robots avec pip"),
        )
    found = Bots({name: each.bot() for name, each in settings.bots.items()}, BUILTIN)
    for phrase in found.shared():
        yield Finding(subject=_("robots"), level=Level.WARN, detail=phrase)


def stopped(settings: Settings, health: Mapping[str, Any] | None) -> Iterator[Finding]:
    """Those that did harm: as the running bridge tells, or as the last one has left word."""
    for one in health.get("bots_stopped", ()) if health is not None else ():
        yield Finding(
            subject=_("robot {bot}", bot=one["bot"]),
            level=Level.WARN,
            detail=ngettext(
                "arrêté dans {n} salon : {why}", "arrêté dans {n} salons : {why}", one["rooms"], why=told(one["why"])
            ),
            remedy=_("réparez-le ; puis un modérateur de chaque salon écrit : !bot activer {bot}", bot=one["bot"]),
        )
    if health is None and settings.bots:
        installed = {name: each.bot() for name, each in settings.bots.items()}
        for blame in Marks(settings.marks).read(Grounds(installed)):
            yield Finding(
                subject=_("robot {bot}", bot=blame.bot),
                level=Level.WARN,
                detail=_(
                    "il a bloqué tout le pont ({where}) ; au prochain lancement il sera arrêté partout",
                    where=blame.where,
                ),
                remedy=_("réparez-le, ou retirez-le de la section bots"),
            )


async def database(settings: Settings) -> Finding:
    """Looks without touching: a schema is only ever changed by ``run``."""
    if settings.database.startswith("sqlite:"):
        path = path_of(settings.database)
        problems = () if path.exists() else places.unusable(settings.database, settings.document, "allow")
        for problem in problems:
            return Finding(subject=problem.key, level=Level.FAIL, detail=problem.what, remedy=problem.remedy)
        return _sqlite(path)
    return await _postgresql(settings.database)


def _sqlite(path: Path) -> Finding:
    subject = _("base SQLite")
    if not path.exists():
        return Finding(subject=subject, level=Level.OK, detail=_("{path} sera créée au premier lancement", path=path))
    try:
        connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=5)
        try:
            found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        finally:
            connection.close()
    except sqlite3.Error as error:
        return Finding(
            subject=subject,
            level=Level.FAIL,
            detail=_("{path} ne s'ouvre pas ({reason})", path=path, reason=error),
            remedy=_("vérifiez ses droits et son disque, ou restaurez une sauvegarde (tchap-bridges restore)"),
        )
    if found != "ok":
        return Finding(
            subject=subject,
            level=Level.FAIL,
            detail=_("{path} est abîmée ({reason})", path=path, reason=found),
            remedy=_("arrêtez le pont et restaurez une sauvegarde (tchap-bridges restore)"),
        )
    return Finding(subject=subject, level=Level.OK, detail=_("{path} s'ouvre et est saine", path=path))


async def _postgresql(url: str) -> Finding:
    import asyncpg  # noqa: PLC0415  only for those who have one

    subject = _("base PostgreSQL")
    try:
        connection = await asyncpg.connect(url, timeout=10)
        try:
            version = await connection.fetchval("SHOW server_version")
        finally:
            await connection.close(timeout=5)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        return Finding(
            subject=subject,
            level=Level.FAIL,
            detail=_("elle refuse ({reason})", reason=str(error) or type(error).__name__),
            remedy=_("vérifiez storage.url : hôte, utilisateur, mot de passe et nom de la base"),
        )
    return Finding(subject=subject, level=Level.OK, detail=_("répond (version {version})", version=str(version)))

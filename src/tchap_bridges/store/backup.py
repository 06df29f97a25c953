"""Backs up the database while the bridge runs, with whatever files belong to it, and restores them.

A backup is one .tar (or .tar.gz), readable by its owner alone:

    manifest.json     version, program, created, engine, and the SHA-256 of every other member
    database.sqlite   a whole SQLite file, or
    database.sql      what pg_dump writes
    extra/<name>      files that the caller adds: the configuration, the registration

Sealed content stays sealed in it; the key is in the configuration, and without it the content will not open.
"""

import asyncio
import json
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from hashlib import file_digest
from importlib import metadata
from pathlib import Path
from types import MappingProxyType
from typing import Literal, TypeVar

from tchap_bridges import system
from tchap_bridges.i18n import _

from .dump import Progress, check_free, dump, folder_of, install, load
from .engine import settle
from .errors import BackupRefused, StoreUnavailable
from .sql import Dialect, dialect_of

T = TypeVar("T")

VERSION = 1
_DATABASE: dict[Dialect, str] = {"sqlite": "database.sqlite", "postgresql": "database.sql"}
_NOTHING: Mapping[str, Path] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself."""

    version: int
    program: str  # the release of tchap-bridges that wrote it
    created: str  # ISO 8601, UTC
    engine: Dialect
    files: Mapping[str, str]  # member → SHA-256


async def backup(
    url: str, target: Path, *, extra: Mapping[str, Path] = _NOTHING, progress: Progress | None = None
) -> Manifest:
    """Write a backup of the database at *url*, and of the *extra* files by name, to a new file *target*.

    *progress* is called with the pages copied and their total (SQLite only). A cancellation is obeyed at the end.
    Raises BackupRefused when *target* exists, a file is missing or pg_dump is not installed; StoreUnavailable and
    StoreCorrupt as everywhere.
    """
    engine = dialect_of(url)
    await _in_thread(partial(_check_new, target, extra))
    with _workshop(target.parent) as workshop:
        await dump(url, workshop / _DATABASE[engine], progress)
        return await _in_thread(partial(_pack, target, workshop, engine, extra))


async def restore(source: Path, url: str, *, overwrite: bool = False, extra: Mapping[str, Path] = _NOTHING) -> Manifest:
    """Put the backup *source* in the place of the database at *url*, and its extra files, by name, at their paths.

    The bridge must be stopped. Raises BackupRefused, with nothing changed, when something is in the way and not
    *overwrite*, when the archive is of the other engine, incomplete or altered; StoreUnavailable when the database is
    in use or cannot be reached.
    """
    manifest = await _in_thread(partial(read_manifest, source))
    engine = dialect_of(url)
    if manifest.engine != engine:
        raise BackupRefused(
            _(
                "{source} est une sauvegarde de {there}, qui ne se restaure pas dans {here}",
                source=source,
                there=manifest.engine,
                here=engine,
            )
        )
    await check_free(url, overwrite=overwrite)
    if not overwrite:
        for path in extra.values():
            await _in_thread(partial(_check_new, path, _NOTHING))
    with _workshop(folder_of(url)) as workshop:
        await _in_thread(partial(_unpack, source, workshop, manifest, [_DATABASE[engine], *map(_member, extra)]))
        await load(workshop / _DATABASE[engine], url)
        for name, path in extra.items():
            await _in_thread(partial(install, workshop / _member(name), path))
    return manifest


def read_manifest(source: Path) -> Manifest:
    """What the backup says of itself. Blocks; raises BackupRefused when the file is no backup of ours."""
    with _readable(source) as archive:
        member = archive.extractfile("manifest.json")
        found = json.load(member) if member else {}
        if found["version"] != VERSION:
            program = found.get("program")
            raise BackupRefused(
                _("{source} a été écrite par un tchap-bridges plus récent ({program})", source=source, program=program)
            )
        return Manifest(**found)


def _check_new(target: Path, extra: Mapping[str, Path]) -> None:
    if target.exists():
        raise BackupRefused(_("{target} existe déjà : déplacez-le, ou choisissez un autre nom", target=target))
    for name, path in extra.items():
        if Path(name).name != name or not path.is_file():
            raise BackupRefused(
                _("{path} ne peut pas être ajouté sous le nom {name} : ce doit être un fichier", path=path, name=name)
            )


def _pack(target: Path, workshop: Path, engine: Dialect, extra: Mapping[str, Path]) -> Manifest:
    members = [_DATABASE[engine], *map(_member, extra)]
    (workshop / "extra").mkdir()
    for name, path in extra.items():
        shutil.copyfile(path, workshop / _member(name))  # lest it change between its sum and the archive
    manifest = Manifest(
        version=VERSION,
        program=metadata.version("tchap-bridges"),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        engine=engine,
        files={member: _checksum(workshop / member) for member in members},
    )
    (workshop / "manifest.json").write_text(json.dumps(asdict(manifest), indent=2))
    mode: Literal["w", "w:gz"] = "w:gz" if target.name.endswith("gz") else "w"
    with tarfile.open(workshop / "archive", mode) as archive:
        for member in ("manifest.json", *members):
            archive.add(workshop / member, member, filter=_anonymous)
    install(workshop / "archive", target)
    return manifest


def _unpack(source: Path, workshop: Path, manifest: Manifest, members: Iterable[str]) -> None:
    (workshop / "extra").mkdir()
    with _readable(source) as archive:
        for name in members:
            if name not in manifest.files or (member := archive.extractfile(name)) is None:
                raise BackupRefused(_("{name} manque à la sauvegarde {source}", source=source, name=name))
            with member, (workshop / name).open("wb") as copy:
                shutil.copyfileobj(member, copy)
            if _checksum(workshop / name) != manifest.files[name]:
                raise BackupRefused(
                    _("{source} est abîmée : {name} n'est pas ce qui a été sauvegardé", source=source, name=name)
                )


@contextmanager
def _readable(source: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(source) as archive:
            yield archive
    except (OSError, EOFError, zlib.error, tarfile.TarError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            why = system.reason(error)
            refusal = _("la sauvegarde {source} ne peut pas être lue ({reason})", source=source, reason=why)
        else:
            refusal = _("{source} n'est pas une sauvegarde de tchap-bridges, ou elle est abîmée", source=source)
        raise BackupRefused(refusal) from error


@contextmanager
def _workshop(folder: Path | None) -> Iterator[Path]:
    """A folder that only we can enter, on the disk where the result will be renamed into place."""
    try:
        with tempfile.TemporaryDirectory(prefix=".tchap-bridges-", dir=folder) as name:
            yield Path(name)
    except OSError as error:
        raise StoreUnavailable(
            _(
                "impossible d'écrire dans {folder} ({reason})",
                folder=error.filename or folder,
                reason=system.reason(error),
            )
        ) from error


async def _in_thread(work: Callable[[], T]) -> T:
    return await settle(asyncio.to_thread(work))


def _member(name: str) -> str:
    return f"extra/{name}"


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.mode = 0o600
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()

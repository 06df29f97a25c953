"""A real Dovecot on free loopback ports: mailboxes with IDLE, LMTP into them, and passwords for a Postfix."""

import asyncio
import grp
import imaplib
import os
import pwd
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

from tchap_bridges.testing.certificates import Certificate
from tchap_bridges.testing.ports import free_port
from tchap_bridges.testing.process import Daemon, find_program, listens, open_folder
from tchap_bridges.testing.server import Server

_T = TypeVar("_T")

_DOVECOT = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
instance_name = {folder}
protocols = imap lmtp
listen = 127.0.0.1
default_internal_user = {internal}
default_internal_group = {internal_group}
default_login_user = {login}
first_valid_uid = 1
mail_uid = {mail_user}
mail_gid = {mail_group}
mail_home = {folder}/mail/%u
mail_location = maildir:~/Maildir
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{key}
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_failure_delay = 0
mail_max_userip_connections = 1000
imap_idle_notify_interval = 29 mins
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {folder}/users
}}
userdb {{
  driver = static
  args = uid={mail_user} gid={mail_group} home={folder}/mail/%u
}}
namespace inbox {{
  inbox = yes
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp_port}
  }}
}}
service auth {{
  inet_listener {{
    address = 127.0.0.1
    port = {auth_port}
  }}
}}
service anvil {{
  chroot =
  # No growing delay after wrong passwords.
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """One mail in a mailbox."""

    uid: int
    flags: frozenset[str]
    data: bytes


class Dovecot(Server):
    """One Dovecot. `start` makes it; stop it, or use it in `async with`.

    Users sign in by their full address. `port` speaks IMAP with STARTTLS, `tls_port` IMAP over TLS, `lmtp_port` takes
    mail for any user, `auth_port` answers a Postfix.
    """

    def __init__(
        self,
        folder: Path,
        *,
        users: Mapping[str, str],
        ports: tuple[int, int, int, int],
        certificate: Certificate,
        daemon: Daemon,
    ) -> None:
        self.folder, self.users, self.certificate = folder, dict(users), certificate
        self.port, self.tls_port, self.lmtp_port, self.auth_port = ports
        self._daemon = daemon

    @classmethod
    async def start(cls, folder: Path, *, users: Mapping[str, str], certificate: Certificate | None = None) -> Self:
        """Lay out `folder` for `users` (address → password), start, and return once it answers.

        Raises MissingServerError without Dovecot, ServerFailedError with the end of its log.
        """
        program = find_program("dovecot", "dovecot-imapd dovecot-lmtpd")
        folder = open_folder(folder)
        certificate = certificate or Certificate.make(folder / "tls")
        ports = (free_port(), free_port(), free_port(), free_port())
        root = os.geteuid() == 0
        me, mine = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name
        settings = {
            "folder": folder,
            "internal": "dovecot" if root else me,
            "internal_group": "dovecot" if root else mine,
            "login": "dovenull" if root else me,
            "mail_user": "nobody" if root else me,
            "mail_group": "nogroup" if root else mine,
            "certificate": certificate.certificate,
            "key": certificate.key,
            "port": ports[0],
            "tls_port": ports[1],
            "lmtp_port": ports[2],
            "auth_port": ports[3],
        }
        (folder / "dovecot.conf").write_text(_DOVECOT.format_map(settings))
        (folder / "users").write_text("".join(f"{user}:{password}\n" for user, password in users.items()))
        (folder / "mail").mkdir(exist_ok=True)
        if root:
            os.chown(folder / "mail", pwd.getpwnam("nobody").pw_uid, grp.getgrnam("nogroup").gr_gid)

        async def ready() -> bool:
            return all([await listens(port) for port in ports[:3]])

        command = [program, "-F", "-c", str(folder / "dovecot.conf")]
        # Stopped just after its start it would wait 5 s for its own children.
        daemon = Daemon("Dovecot", command, log=folder / "dovecot.log", ready=ready, patience=1.5)
        self = cls(folder, users=users, ports=ports, certificate=certificate, daemon=daemon)
        await self.restart()
        return self

    async def restart(self) -> None:
        """Same ports, same mailboxes."""
        await self._daemon.restart(timeout=20)

    # ---- looking into the mailboxes, by the standard library's IMAP client

    async def append(self, user: str, mail: bytes, *, folder: str = "INBOX") -> None:
        """Put a mail into a mailbox, byte for byte."""
        await self._imap(user, lambda imap: _ok(imap.append(folder, "", "", mail)))

    async def mails(self, user: str, *, folder: str = "INBOX") -> list[Kept]:
        """All that a mailbox holds, oldest first; its flags are left as they are."""

        def read(imap: imaplib.IMAP4) -> list[Kept]:
            _ok(imap.select(folder, readonly=True))
            kept = []
            for uid in _ok(imap.uid("SEARCH", "ALL"))[0].split():
                head, data = _ok(imap.uid("FETCH", uid, "(FLAGS BODY.PEEK[])"))[0]
                flags = frozenset(flag.decode() for flag in imaplib.ParseFlags(head))
                kept.append(Kept(uid=int(uid), flags=flags, data=data))
            return kept

        return await self._imap(user, read)

    async def _imap(self, user: str, work: Callable[[imaplib.IMAP4], _T]) -> _T:
        def run() -> _T:
            with imaplib.IMAP4("127.0.0.1", self.port, timeout=10) as imap:
                imap.login(user, self.users[user])
                return work(imap)

        return await asyncio.to_thread(run)


def _ok(answer: tuple[str, list[Any]]) -> list[Any]:
    status, data = answer
    if status != "OK":
        raise imaplib.IMAP4.error(f"{status} {data!r}")
    return data

"""A real ngIRCd on free loopback ports: the IRC of before IRCv3, with no account, no history and no tags.

It throws out whoever sends a line of more than 512 octets. For a netsplit take two InspIRCd: a link between two ngIRCd
26.1 breaks by itself when many people come at once ("Compression error", ngircd/ngircd issue 342).
"""

import os
import pwd
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tchap_bridges.testing.certificates import Certificate
from tchap_bridges.testing.irc_client import IrcClient, IrcClosedError, IrcRefusedError
from tchap_bridges.testing.ports import free_port
from tchap_bridges.testing.process import Daemon, find_program, hand_over, open_folder, unprivileged
from tchap_bridges.testing.server import OwnStart

OPERATOR = ("gardien", "secret")

_CONFIG = """\
[Global]
 Name = {name}
 Info = {name}
 AdminEMail = irc@localhost
 Listen = {host}
 Ports = {port}
 MotdPhrase = Bonjour
 PidFile = {folder}/ngircd.pid
 ServerUID = {user}
 ServerGID = {group}
 {password}
[Limits]
 MaxConnections = 0
 MaxConnectionsIP = 0
{limits}
[Options]
 PAM = no
 Ident = no
 DNS = no
 MorePrivacy = no
[SSL]
 CertFile = {folder}/tls/certificate.pem
 KeyFile = {folder}/tls/key.pem
 Ports = {tls_port}
[Operator]
 Name = {operator[0]}
 Password = {operator[1]}
"""

# A test waits for no penalty, unless it is about that: `limits={"MaxPenaltyTime": "-1"}` is ngIRCd's own.
_LIMITS = {"MaxNickLength": "30", "MaxJoins": "200", "MaxPenaltyTime": "0", "PingTimeout": "120"}


class Ngircd(OwnStart):
    """One ngIRCd, running in `async with`, or from `start` to `stop`.

    `port` speaks plainly, `tls_port` TLS with `certificate`; `password` is for PASS. As root it runs as the user irc.
    """

    host = "127.0.0.1"

    def __init__(
        self,
        folder: Path,
        *,
        name: str = "ng.essai.localhost",
        password: str = "",
        limits: Mapping[str, str] | None = None,
        certificate: Certificate | None = None,
    ) -> None:
        """Lay out `folder`, which every user must be able to enter. limits: any of [Limits].

        Raises MissingServerError without ngIRCd, ServerFailedError for a closed folder.
        """
        self.folder, self.name = open_folder(folder), name
        self.port, self.tls_port = free_port(), free_port()
        self._password, self._user = password, unprivileged("irc")
        self._limits = {**_LIMITS, **(limits or {})}
        made = certificate or Certificate.make(self.folder / "made")
        self.certificate = Certificate(self.folder / "tls" / "certificate.pem", self.folder / "tls" / "key.pem")
        self.certificate.key.parent.mkdir(exist_ok=True)
        shutil.copy(made.certificate, self.certificate.certificate)
        shutil.copy(made.key, self.certificate.key)
        config = self.folder / "ngircd.conf"
        self._daemon = Daemon(
            "ngIRCd",
            [find_program("ngircd", "ngircd"), "--nodaemon", "--config", str(config)],
            log=self.folder / "ngircd.log",
            ready=self._lets_in,
            user=self._user,
        )

    async def start(self) -> None:
        """Start, or start again on the same ports; returns once a client could register."""
        limits = "".join(f" {name} = {value}\n" for name, value in self._limits.items())
        owner = pwd.getpwnam(self._user) if self._user else pwd.getpwuid(os.geteuid())
        config = _CONFIG.format(
            user=owner.pw_uid,
            group=owner.pw_gid,
            name=self.name,
            host=self.host,
            port=self.port,
            tls_port=self.tls_port,
            folder=self.folder,
            password=f"Password = {self._password}" if self._password else "",
            limits=limits,
            operator=OPERATOR,
        )
        (self.folder / "ngircd.conf").write_text(config)
        hand_over(self.folder, self._user)
        await self._daemon.restart(timeout=20)

    async def client(
        self, nick: str, *, tls: bool = False, own: Certificate | None = None, **options: Any
    ) -> IrcClient:
        """One that is connected and registered; the options are IrcClient.connect's. own: what it shows over TLS."""
        options.setdefault("password", self._password or None)
        if not tls:
            return await IrcClient.connect(self.port, nick, **options)
        return await IrcClient.connect(self.tls_port, nick, tls=self.certificate.for_client(own), **options)

    async def _lets_in(self) -> bool:
        try:
            async with await self.client("veilleur", timeout=2) as client:
                await client.quit()
        except (OSError, IrcClosedError, IrcRefusedError, TimeoutError):
            return False
        return True

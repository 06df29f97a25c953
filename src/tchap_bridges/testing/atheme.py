"""Atheme, the services of an InspIRCd: accounts by NickServ, SASL PLAIN and EXTERNAL. Started by `inspircd.py`."""

from pathlib import Path

from tchap_bridges.testing.process import Daemon, find_program, hand_over, unprivileged
from tchap_bridges.testing.server import OwnStart

NAME = "services.essai.localhost"
LINK_PASSWORD = "lien"  # noqa: S105 (between two processes of one test)

_MODULES = (
    "protocol/inspircd",
    "backend/opensex",
    "crypto/pbkdf2v2",
    *(f"nickserv/{part}" for part in ("main", "cert", "register", "identify", "verify", "group")),
    *(f"chanserv/{part}" for part in ("main", "register")),
    *(f"saslserv/{part}" for part in ("main", "external", "plain")),
)

# A reconnection is tried after recontime seconds; accounts are written every commit_interval minutes, and at the end.
_CONFIG = """\
serverinfo {{
  name = "{name}"; desc = "services"; numeric = "00A"; netname = "essai"; recontime = 1;
  adminname = "essai"; adminemail = "irc@localhost"; registeremail = "irc@localhost"; auth = none;
  casemapping = "rfc1459"; loglevel = {{ error; info; network; }};
}};
general {{ commit_interval = 1; }};
uplink "{uplink}" {{
  host = "127.0.0.1"; port = {port}; send_password = "{password}"; receive_password = "{password}";
}};
nickserv {{ nick = "NickServ"; spam; }};
saslserv {{ nick = "SaslServ"; }};
"""


class Atheme(OwnStart):
    """Services that link themselves to the InspIRCd on `link_port`, and again within two seconds when it comes back.

    Stopped, the InspIRCd offers no SASL. Accounts outlive a `stop`; those of the last minute do not outlive a `kill`.
    """

    def __init__(self, folder: Path, *, uplink: str, link_port: int) -> None:
        """`uplink`: the name of the InspIRCd. Raises MissingServerError."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._user = unprivileged("irc")
        modules = "".join(f'loadmodule "modules/{module}";\n' for module in _MODULES)
        config = _CONFIG.format(name=NAME, uplink=uplink, port=link_port, password=LINK_PASSWORD)
        (folder / "atheme.conf").write_text(modules + config)
        program = find_program("atheme-services", "atheme-services")
        options = {"-c": "atheme.conf", "-l": "services.log", "-p": "atheme.pid"}
        files = [word for option, name in options.items() for word in (option, str(folder / name))]
        self._daemon = Daemon(
            "Atheme",
            [program, "-n", *files, "-D", str(folder)],
            log=folder / "atheme.log",
            ready=self._links,
            user=self._user,
        )

    async def start(self) -> None:
        """Start, or start again with the accounts that were saved; the InspIRCd tells when they can be used."""
        await self.stop()
        (self.folder / "atheme.pid").unlink(missing_ok=True)
        hand_over(self.folder, self._user)
        await self._daemon.restart(timeout=20)

    async def _links(self) -> bool:
        return (self.folder / "atheme.pid").exists()

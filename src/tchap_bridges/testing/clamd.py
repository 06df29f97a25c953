"""A real clamd on a free loopback port and a Unix socket, with signatures of our own and nothing from the network.

    async with Clamd(folder) as clamd:
        place = clamd.place

Debian's package brings no signatures. The only one here is that of the EICAR test file, which is no virus and which
every antivirus knows (https://www.eicar.org/download-anti-malware-testfile/): `eicar` makes it, and it lies nowhere.
"""

from collections.abc import Mapping
from pathlib import Path

from tchap_bridges.fields import Endpoint
from tchap_bridges.testing.ports import free_port
from tchap_bridges.testing.process import Daemon, find_program, hand_over, listens, open_folder, unprivileged
from tchap_bridges.testing.server import OwnStart

SIGNATURE = "Essai-EICAR"
FOUND = f"{SIGNATURE}.UNOFFICIAL"
"""What clamd calls what it finds by a signature that is not its maker's."""
_HALVES = (r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-", "ANTIVIRUS-TEST-FILE!$H+H*")

_CONFIG = """\
Foreground yes
LogFile {folder}/clamd.log
LogTime yes
DatabaseDirectory {folder}/signatures
TemporaryDirectory {folder}/files
LocalSocket {folder}/clamd.sock
TCPAddr 127.0.0.1
TCPSocket {port}
{settings}
"""


def eicar() -> bytes:
    """The test file. Never write it to a disk that an antivirus watches."""
    return "".join(_HALVES).encode()


class Clamd(OwnStart):
    """One clamd, running in `async with`, or from `start` to `stop`. `settings` are lines of clamd.conf.

    As root it runs as the user clamav. Raises MissingServerError without clamd, ServerFailedError for a closed folder.
    """

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        self.folder = open_folder(folder)
        self.port = free_port()
        self._settings = {"StreamMaxLength": "2M", "AlertExceedsMax": "yes", **(settings or {})}
        self._user = unprivileged("clamav")
        config = self.folder / "clamd.conf"
        self._daemon = Daemon(
            "clamd",
            [find_program("clamd", "clamav-daemon"), "--config-file", str(config)],
            log=self.folder / "output.log",
            ready=self._listens,
            user=self._user,
        )

    @property
    def place(self) -> Endpoint:
        return Endpoint("127.0.0.1", self.port)

    @property
    def socket(self) -> Endpoint:
        return Endpoint(str(self.folder / "clamd.sock"), 0)

    async def start(self) -> None:
        """Start, or start again on the same port; returns once it takes commands."""
        for name in ("signatures", "files"):
            (self.folder / name).mkdir(exist_ok=True)
        # name:target type (0 any):offset (* anywhere):what is there, in hexadecimal
        (self.folder / "signatures" / "essai.ndb").write_text(f"{SIGNATURE}:0:*:{eicar().hex()}\n")
        settings = "\n".join(f"{name} {value}" for name, value in self._settings.items())
        config = _CONFIG.format(folder=self.folder, port=self.port, settings=settings)
        (self.folder / "clamd.conf").write_text(config)
        hand_over(self.folder, self._user)
        await self._daemon.restart()

    async def _listens(self) -> bool:
        return await listens(self.port)

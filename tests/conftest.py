"""What every test may ask for: real servers on loopback, in temporary folders.

Servers hold nothing of an event loop, so one may serve a whole session while each test has its own loop.
"""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

import hypothesis
import pytest
import pytest_asyncio

from tchap_bridges.testing import ports
from tchap_bridges.testing.certificates import Certificate
from tchap_bridges.testing.dovecot import Dovecot
from tchap_bridges.testing.inspircd import Inspircd
from tchap_bridges.testing.irc_client import IrcClient
from tchap_bridges.testing.mail_sink import MailSink
from tchap_bridges.testing.ngircd import Ngircd
from tchap_bridges.testing.plaintext import plaintext_in_encrypted_rooms
from tchap_bridges.testing.postfix import Postfix
from tchap_bridges.testing.synapse import Synapse

LEAKS = "leaks-on-purpose"
"""A file of this name, in the folder of a homeserver whose tests say things in clear to see whether that is found."""

SynapseFactory = Callable[..., AbstractAsyncContextManager[Synapse]]
IrcConnect = Callable[..., Awaitable[IrcClient]]

# As under CI=true: the clock fails no test. In a fresh clone the first text drawn costs a second, spent once on
# Hypothesis' table of the characters of UTF-8.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")


@pytest.fixture
def free_port() -> Callable[[], int]:
    """Each call gives a loopback port that nobody uses."""
    return ports.free_port


@pytest.fixture(scope="session")
def synapse_factory(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> SynapseFactory:
    """`async with synapse_factory(registrations=[…]) as synapse:` one of your own; the options are Synapse.start's."""
    template = Path(request.config.rootpath) / ".cache" / "synapse"

    @asynccontextmanager
    async def make(**options) -> AsyncIterator[Synapse]:
        folder = options.pop("folder", None) or tmp_path_factory.mktemp("synapse")
        async with await Synapse.start(folder, template=template, **options) as synapse:
            yield synapse

    return make


@pytest.fixture(scope="session", autouse=True)
def nothing_in_clear() -> Iterator[None]:
    """Whatever a test was about: when its homeserver stops, nothing of ours stands in clear in an encrypted room."""
    stop = Synapse.stop

    async def stop_and_look(self: Synapse) -> None:
        await stop(self)
        if (self.folder / "homeserver.db").exists() and not (self.folder / LEAKS).exists():
            assert plaintext_in_encrypted_rooms(self) == []

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Synapse, "stop", stop_and_look)
        yield


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def synapse(synapse_factory: SynapseFactory) -> AsyncIterator[Synapse]:
    """One homeserver for all tests that need no appservice: make your own users and rooms, and do not stop it."""
    async with synapse_factory() as server:
        yield server


# ---- mail


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """For `localhost` and the loopback addresses; `certificate.for_client()` trusts it."""
    return Certificate.make(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def server_folder() -> Iterator[Callable[[], Path]]:
    """Each call gives a folder that every user may enter, for servers that change users (tmp_path is ours alone)."""
    made: list[Path] = []

    def make() -> Path:
        made.append(Path(tempfile.mkdtemp(prefix="tchap-bridges-")))
        return made[-1]

    yield make
    for folder in made:
        shutil.rmtree(folder)


@pytest_asyncio.fixture
async def mail_sink() -> AsyncIterator[MailSink]:
    """Where mail ends; plain SMTP. For STARTTLS, AUTH: `MailSink.start(certificate=…, require_tls=True, users=…)`."""
    async with await MailSink.start() as sink:
        yield sink


@pytest_asyncio.fixture
async def dovecot(server_folder: Callable[[], Path]) -> AsyncIterator[Dovecot]:
    """Two mailboxes: agent@pont.example and liste@pont.example, password `secret`."""
    users = dict.fromkeys(("agent@pont.example", "liste@pont.example"), "secret")
    async with await Dovecot.start(server_folder(), users=users) as server:
        yield server


@pytest.fixture
def needs_root() -> None:
    """Skip for an ordinary user what only root can start; CI is root and skips nothing."""
    if os.geteuid() != 0 and os.environ.get("CI") != "true":
        pytest.skip("Postfix can be started by root only")


@pytest_asyncio.fixture
async def postfix(
    needs_root: None, server_folder: Callable[[], Path], mail_sink: MailSink, dovecot: Dovecot
) -> AsyncIterator[Postfix]:
    """Mail for pont.example goes into `dovecot` by LMTP, all other to `mail_sink`; dovecot's users may submit."""
    deliver = {"pont.example": f"lmtp:inet:127.0.0.1:{dovecot.lmtp_port}"}
    relay_to = ("127.0.0.1", mail_sink.port)
    async with await Postfix.start(server_folder(), relay_to=relay_to, deliver=deliver, auth=dovecot) as server:
        yield server


# ---- IRC


@pytest.fixture(scope="session")
def irc_folder() -> Iterator[Callable[[], Path]]:
    """As `server_folder`, for servers that serve a whole module or session; with their logs, gone at the end."""
    made: list[Path] = []

    def make() -> Path:
        made.append(Path(tempfile.mkdtemp(prefix="tchap-bridges-")))
        return made[-1]

    yield make
    for folder in made:
        shutil.rmtree(folder)


@pytest_asyncio.fixture
async def irc_client() -> AsyncIterator[IrcConnect]:
    """`zoe = await irc_client(inspircd, "zoe", caps=[…])`; the options are the server's `client`'s."""
    async with AsyncExitStack() as stack:

        async def connect(server: Ngircd | Inspircd, nick: str, **options) -> IrcClient:
            return await stack.enter_async_context(await server.client(nick, **options))

        yield connect

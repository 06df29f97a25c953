"""A real InspIRCd 3 with Atheme's services, on free loopback ports: IRCv3, accounts, SASL, history on joining.

Two of them can be linked, and parted in a netsplit.
"""

import asyncio
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tchap_bridges.testing import atheme
from tchap_bridges.testing.atheme import Atheme
from tchap_bridges.testing.certificates import Certificate
from tchap_bridges.testing.irc_client import IrcClient, IrcClosedError, IrcRefusedError, WebIrc
from tchap_bridges.testing.ports import free_port
from tchap_bridges.testing.process import (
    Daemon,
    ServerFailedError,
    eventually,
    find_program,
    hand_over,
    listens,
    open_folder,
    tail,
    unprivileged,
)
from tchap_bridges.testing.server import OwnStart

OPERATOR = ("gardien", "secret")
WEBIRC_PASSWORD = "passerelle"  # noqa: S105 (of a server of one test)

_MODULES = (
    *("ssl_gnutls", "sslinfo", "starttls", "spanningtree", "services_account", "sasl", "svshold", "chghost", "sajoin"),
    *("cap", "ircv3", "setname", "namesx", "uhnames", "monitor", "botmode", "chanhistory", "cgiirc", "hidechans"),
    *("deaf", "banexception", "inviteexception", "muteban", "noctcp"),
    *(
        f"ircv3_{part}"
        for part in (
            *("accounttag", "batch", "capnotify", "chghost", "ctctags", "echomessage"),
            *("invitenotify", "labeledresponse", "msgid", "servertime"),
        )
    ),
)

# A test waits for no penalty, unless it is about that: `connect={"commandrate": "1000"}` is InspIRCd's own.
_CONNECT = {
    "name": "main",
    "allow": "*",
    "resolvehostnames": "no",
    "recvq": "65536",
    "softsendq": "1048576",
    "hardsendq": "4M",
    "timeout": "15",
    "pingfreq": "60",
    "localmax": "5000",
    "globalmax": "5000",
    "commandrate": "100000",
    "fakelag": "yes",
    "threshold": "20",
    "maxchans": "200",
}

_CONFIG = """\
<server name="{name}" description="essai" network="essai">
<dns server="127.0.0.1" timeout="1">
<admin name="essai" nick="essai" email="irc@localhost">
<bind address="{host}" port="{port}" type="clients">
<bind address="{host}" port="{tls_port}" type="clients" sslprofile="tls">
<bind address="{host}" port="{link_port}" type="servers">
<sslprofile name="tls" provider="gnutls" certfile="{folder}/tls/certificate.pem" keyfile="{folder}/tls/key.pem"
  requestclientcert="yes" hash="sha256">
<class name="all" commands="*" privs="*" usermodes="*" chanmodes="*" snomasks="*">
<type name="all" classes="all">
<oper name="{operator[0]}" password="{operator[1]}" host="*@*" type="all">
<options casemapping="rfc1459" defaultmodes="not">
<security announceinvites="none" hideserver="">
<performance nouserdns="yes" softlimit="10000">
<limits maxnick="30" maxchan="64" maxline="512" maxident="12" maxtopic="307" maxkick="300" maxgecos="128" maxaway="200">
<sasl target="{services}" requiressl="no">
<uline server="{services}" silent="yes">
<chanhistory maxlines="{history}" prefixmsg="no" enableumode="no">
<cgihost type="webirc" mask="127.0.0.1" password="{webirc}">
<log method="file" type="* -USERINPUT -USEROUTPUT" level="default" flush="1" target="{folder}/inspircd.log">
<pid file="{folder}/inspircd.pid">
"""

_LINK = '<link name="{name}" ipaddr="127.0.0.1" port="{port}" recvpass="{password}" sendpass="{password}">\n'


class Inspircd(OwnStart):
    """One InspIRCd, running in `async with`, or from `start` to `stop`.

    `port` speaks plainly, `tls_port` TLS with `certificate` and asks for the client's. `services` is its Atheme, or
    None. As root both run as the user irc. After a `kill` its services run on and wait for it.
    """

    host = "127.0.0.1"

    def __init__(
        self,
        folder: Path,
        *,
        name: str = "irc.essai.localhost",
        services: bool = True,
        connect: Mapping[str, str] | None = None,
        certificate: Certificate | None = None,
        history: int = 50,
    ) -> None:
        """Lay out `folder`, which every user must be able to enter.

        connect: any attribute of its <connect>, such as what a client may send in how much time. history: how many
        lines a channel may keep (mode +H).

        Raises MissingServerError without InspIRCd or Atheme, ServerFailedError for a closed folder.
        """
        self.folder, self.name = open_folder(folder), name
        self.port, self.tls_port, self.link_port = free_port(), free_port(), free_port()
        self._connect = {**_CONNECT, **(connect or {})}
        self._history = history
        self._peers: list[Inspircd] = []
        self._user = unprivileged("irc")
        made = certificate or Certificate.make(self.folder / "made")
        self.certificate = Certificate(self.folder / "tls" / "certificate.pem", self.folder / "tls" / "key.pem")
        self.certificate.key.parent.mkdir(exist_ok=True)
        shutil.copy(made.certificate, self.certificate.certificate)
        shutil.copy(made.key, self.certificate.key)
        self.services: Atheme | None = None
        if services:
            self.services = Atheme(self.folder / "atheme", uplink=name, link_port=self.link_port)
        log = self.folder / "inspircd.log"
        log.touch()
        command = [find_program("inspircd", "inspircd"), "--nofork", "--config", str(self.folder / "inspircd.conf")]
        # It lets people in once a second: let that be waited for only once.
        ready = self._listens if services else self._lets_in
        self._daemon = Daemon("InspIRCd", command, log=log, ready=ready, user=self._user)

    async def start(self) -> None:
        """Start, or start again on the same ports; returns once a client could register, with services by SASL.

        Services that ran on are started anew, with their accounts, because by themselves they would come back after
        three seconds. Raises ServerFailedError with the end of the log.
        """
        (self.folder / "inspircd.conf").write_text(self._config())
        hand_over(self.folder, self._user)
        await self._daemon.restart(timeout=20)
        if self.services is not None:
            await self.services.start()
            await self.wait_for_services()

    async def wait_for_services(self) -> None:
        """Return once SASL is offered. Raises ServerFailedError with the end of Atheme's log."""
        assert self.services is not None
        if not await eventually(self._offers_sasl, timeout=20):
            raise ServerFailedError(f"no SASL after 20 s. The end of Atheme's log:\n{tail(self.services.log)}")

    async def stop(self) -> None:
        """Both, the services first: they keep their accounts."""
        if self.services is not None:
            await self.services.stop()
        await super().stop()

    async def client(
        self, nick: str, *, tls: bool = False, own: Certificate | None = None, **options: Any
    ) -> IrcClient:
        """One that is connected and registered; the options are IrcClient.connect's. own: what it shows over TLS.

        InspIRCd lets people in once a second: `asyncio.gather` for several waits no longer than for one.
        """
        if not tls:
            return await IrcClient.connect(self.port, nick, **options)
        return await IrcClient.connect(self.tls_port, nick, tls=self.certificate.for_client(own), **options)

    # ---- accounts

    async def register(self, account: str, password: str, *, certificate: Certificate | None = None) -> None:
        """Make an account, as a person does with NickServ; with `certificate` also for SASL EXTERNAL."""
        async with await self.client(account) as client:
            client.say("NickServ", f"REGISTER {password} {account}@essai.example")
            await client.wait_for(lambda line: line.command == "900" or "registered" in line.text)
            if certificate is not None:
                client.say("NickServ", f"CERT ADD {certificate.fingerprint}")
                await client.wait_for(lambda line: line.nick == "NickServ" and "fingerprint" in line.text.lower())
            await client.quit()

    def webirc(self, host: str, address: str) -> WebIrc:
        """What `IrcClient.connect(webirc=…)` needs to come from another host."""
        return WebIrc(password=WEBIRC_PASSWORD, host=host, address=address)

    # ---- two of them

    def know(self, other: "Inspircd") -> None:
        """Before both start: let them be linked with each other. Each needs its own name, and one has the services."""
        self._peers.append(other)
        other._peers.append(self)  # noqa: SLF001 (the same class)

    async def link(self, other: "Inspircd") -> None:
        """Link the two; returns once each knows the people of the other. Takes one or two seconds."""
        await self._tell(f"CONNECT {other.name}", other, linked=True)

    async def split(self, other: "Inspircd") -> None:
        """Cut the link: each side sees the people of the other quit. `link` brings them back."""
        await self._tell(f"SQUIT {other.name} :coupure", other, linked=False)

    async def _tell(self, command: str, other: "Inspircd", *, linked: bool) -> None:
        operator, witness = await asyncio.gather(self._operator(), other.client("temoin"))
        async with operator, witness:
            operator.raw(command)
            if not linked:  # or the other hears nothing of it for minutes, when they had much to say to each other
                witness.raw(f"OPER {OPERATOR[0]} {OPERATOR[1]}")
                witness.raw(f"SQUIT {self.name} :coupure")

            async def done() -> bool:
                sees = await asyncio.gather(_sees(operator, other.name), _sees(witness, self.name))
                return all(one is linked for one in sees)

            if not await eventually(done, timeout=10):
                raise ServerFailedError(f"{command}: not done on {self.name} and {other.name}:\n{tail(self.log)}")

    async def _operator(self) -> IrcClient:
        client = await self.client("gardien")
        client.raw(f"OPER {OPERATOR[0]} {OPERATOR[1]}")
        await client.wait_for(lambda line: line.command == "381")
        return client

    # ---- its configuration and its readiness

    def _config(self) -> str:
        modules = "".join(f'<module name="{module}">\n' for module in _MODULES)
        connect = " ".join(f'{name}="{value}"' for name, value in self._connect.items())
        links = {peer.name: peer.link_port for peer in self._peers}
        if self.services is not None:
            links[atheme.NAME] = self.link_port
        return (
            modules
            + _CONFIG.format(
                name=self.name,
                host=self.host,
                port=self.port,
                tls_port=self.tls_port,
                link_port=self.link_port,
                folder=self.folder,
                operator=OPERATOR,
                services=atheme.NAME,
                webirc=WEBIRC_PASSWORD,
                history=self._history,
            )
            + f"<connect {connect}>\n"
            + "".join(_LINK.format(name=name, port=port, password=atheme.LINK_PASSWORD) for name, port in links.items())
        )

    async def _listens(self) -> bool:
        return await listens(self.port)

    async def _lets_in(self) -> bool:
        return await self._sees_caps() is not None

    async def _offers_sasl(self) -> bool:
        caps = await self._sees_caps("sasl")
        return caps is not None and {"PLAIN", "EXTERNAL"} <= set(caps.get("sasl", "").split(","))

    async def _sees_caps(self, *caps: str) -> dict[str, str] | None:
        """What a client that registers with `caps` is offered; None when it is not let in."""
        try:
            async with await self.client("veilleur", caps=caps, timeout=3) as client:
                await client.quit()
                return client.offered
        except (OSError, IrcClosedError, IrcRefusedError, TimeoutError):
            return None


async def _sees(client: IrcClient, server: str) -> bool:
    """Whether the client's server is linked with that one."""
    start = client.mark()
    client.raw("LINKS")
    await client.wait_for(lambda line: line.command == "365", since=start)
    return any(line.command == "364" and server in line.params for line in client.lines[start:])

"""A real Postfix on free loopback ports: a mail server to receive from and to submit to.

No mail leaves the machine: it goes where the caller says, or nowhere.
"""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from tchap_bridges.testing.certificates import Certificate
from tchap_bridges.testing.dovecot import Dovecot
from tchap_bridges.testing.ports import free_port
from tchap_bridges.testing.process import Daemon, MissingServerError, find_program, listens, open_folder
from tchap_bridges.testing.server import Server

# Postfix's own queue folders with their modes; it refuses to run when they are otherwise.
_QUEUES = {
    **dict.fromkeys(
        ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "saved", "trace"),
        0o700,
    ),
    "maildrop": 0o1730,
    "public": 0o2710,
}

_MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/postfix.log
maillog_file_prefixes = {folder}
mail_owner = postfix
setgid_group = postdrop
myhostname = {hostname}
mydestination =
local_recipient_maps =
alias_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtp_dns_support_level = disabled
smtp_host_lookup = native
relay_domains = {domains}
transport_maps = {transports}
relayhost = {relayhost}
default_transport = {default_transport}
smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination
message_size_limit = 67108864
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {key}
smtpd_tls_security_level = may
smtp_tls_security_level = may
smtpd_client_connection_count_limit = 0
smtpd_sasl_type = dovecot
smtpd_sasl_path = {sasl}
# A test does not wait for minutes.
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 3s
transport_retry_time = 1s
in_flow_delay = 0
smtpd_error_sleep_time = 0
{extra}
"""

_MASTER = """\
{port} inet n - n - - smtpd
{submission} inet n - n - - smtpd
  -o smtpd_tls_security_level=encrypt
  -o smtpd_sasl_auth_enable={auth}
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
  -o smtpd_recipient_restrictions=
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
lmtp unix - - n - - lmtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix(Server):
    """One Postfix. `start` makes it; stop it, or use it in `async with`. Only root can start it: it changes users.

    `port` takes mail for the domains of `deliver`, and relays for anybody on this machine; `submission_port` takes mail
    only after STARTTLS and authentication.
    """

    def __init__(
        self, folder: Path, *, port: int, submission_port: int, certificate: Certificate, daemon: Daemon
    ) -> None:
        self.folder, self.port, self.submission_port = folder, port, submission_port
        self.certificate = certificate
        self._daemon = daemon

    @classmethod
    async def start(
        cls,
        folder: Path,
        *,
        relay_to: tuple[str, int] | None = None,
        deliver: Mapping[str, str] | None = None,
        auth: Dovecot | None = None,
        hostname: str = "mx.localhost",
        certificate: Certificate | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> Self:
        """Lay out `folder`, start, and return once both ports answer.

        relay_to: where mail for all other domains goes, such as a MailSink; without it that mail is bounced.
        deliver: domain → transport, as in `{"pont.example": "lmtp:inet:127.0.0.1:2424"}`; or `"smtp:[127.0.0.1]:2525"`.
        auth: whose users may submit. extra: any setting of main.cf.

        Raises MissingServerError where Postfix cannot run, ServerFailedError with the end of its log.
        """
        if os.geteuid() != 0:
            raise MissingServerError("Postfix can be started by root only: run the tests as root")
        master = find_program("master", "postfix")
        folder = open_folder(folder)
        certificate = certificate or Certificate.make(folder / "tls", names=("localhost", hostname))
        port, submission_port = free_port(), free_port()
        deliver = deliver or {}
        routes = ", ".join(f"{{{domain} = {transport}}}" for domain, transport in deliver.items())
        settings = {
            "folder": folder,
            "hostname": hostname,
            "domains": " ".join(deliver),
            "transports": f"inline:{{ {routes} }}" if routes else "",
            "relayhost": f"[{relay_to[0]}]:{relay_to[1]}" if relay_to else "",
            "default_transport": "smtp" if relay_to else "error:5.4.4 this Postfix sends nothing out",
            "certificate": certificate.certificate,
            "key": certificate.key,
            "sasl": f"inet:127.0.0.1:{auth.auth_port}" if auth else "none",
            "extra": "\n".join(f"{name} = {value}" for name, value in (extra or {}).items()),
        }
        config = folder / "config"
        config.mkdir(exist_ok=True)
        (config / "main.cf").write_text(_MAIN.format_map(settings))
        (config / "master.cf").write_text(
            _MASTER.format(port=port, submission=submission_port, auth="yes" if auth else "no")
        )
        for written in config.iterdir():
            os.utime(written, (1, 1))  # Postfix waits two seconds for a file just written to be complete
        _make_queue(folder)

        async def ready() -> bool:
            return await listens(port) and await listens(submission_port)

        daemon = Daemon("Postfix", [master, "-c", str(config), "-s"], log=folder / "postfix.log", ready=ready)
        self = cls(folder, port=port, submission_port=submission_port, certificate=certificate, daemon=daemon)
        await self.restart()
        return self

    async def restart(self) -> None:
        """Same ports, same queue."""
        await self._daemon.restart(timeout=20)

    def queued(self) -> int:
        """How many mails wait in its queue."""
        folders = (self.folder / "queue" / name for name in ("maildrop", "incoming", "active", "deferred", "hold"))
        return sum(1 for folder in folders for path in folder.rglob("*") if path.is_file())


def _make_queue(folder: Path) -> None:
    queue = folder / "queue"
    queue.mkdir(exist_ok=True)
    for name, mode in _QUEUES.items():
        (queue / name).mkdir(exist_ok=True)
        shutil.chown(queue / name, "postfix", "postdrop" if name in {"maildrop", "public"} else None)
        (queue / name).chmod(mode)
    (queue / "pid").mkdir(exist_ok=True)
    (folder / "data").mkdir(exist_ok=True)
    shutil.chown(folder / "data", "postfix", "postfix")

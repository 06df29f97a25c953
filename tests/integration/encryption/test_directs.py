"""A conversation of two that is encrypted, as clients make them: bots ask there and are answered, secretly too."""

import pytest

from tests.integration.encryption.hall import Hall, sound

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_settings_and_a_secret_vote_in_a_conversation_that_its_owner_has_opened(hall: Hall) -> None:
    alice, bot = hall.alice, hall.world.bot
    direct = await alice.create_room(invite=[bot], is_direct=True, preset="trusted_private_chat")
    sound(await alice.wait_for_text(direct, "Bonjour"))
    await alice.send_text(hall.room, "!bot activer sondages")
    await hall.shown("sondages est actif")
    await alice.send_text(hall.room, "!bot regler sondages")
    sound(await alice.wait_for_text(direct, "1/2"))
    await alice.send_text(direct, "non")
    sound(await alice.wait_for_text(direct, "2/2"))
    await alice.send_text(direct, "ok")
    sound(await alice.wait_for_text(direct, "C'est réglé"))
    await hall.shown("a changé les réglages")

    await alice.send_text(hall.room, "!sondage Qui préside ? Ana / Bob secret=oui")
    await hall.shown("🗳 Vote secret")
    await alice.send_text(hall.room, "!voter")
    sound(await alice.wait_for_text(direct, "2. Bob"))
    await alice.send_text(direct, "2")
    sound(await alice.wait_for_text(direct, "Votre vote est compté"))
    await alice.send_text(hall.room, "!clore")
    await hall.shown("✓ Bob")

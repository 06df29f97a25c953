"""What a command names, and what it may not."""

import pytest

from tchap_bridge_email.naming import Rules, find
from tchap_bridges.bridge import Asker, Chat, Destination, Direction
from tchap_bridges.errors import Misconfigured
from tchap_bridges.i18n import Translator
from tchap_bridges.ids import ChatId, UserId

ASKER = Asker(user=UserId("@jean:tchap"), name="Jean", room_name="Équipe d'accueil")


def rules(*, receives: bool = True, mailboxes: tuple[str, ...] = ("boite@ailleurs.fr",)) -> Rules:
    return Rules(
        domain="pont.fr",
        address="pont@pont.fr",
        mailboxes=mailboxes,
        allowed_domains=("exemple.fr",),
        destination=Destination.STATE,
        receives=receives,
        secret=b"s" * 32,
    )


async def named(argument: str, *taken: str, given: Rules | None = None) -> Chat:
    async def is_taken(chat: ChatId) -> bool:
        return chat in taken

    return await find(argument, ASKER, given or rules(), taken=is_taken)


async def test_a_list_brings_in_and_takes_answers_out() -> None:
    chat = await named("Liste@Exemple.FR")
    assert (chat.id, chat.direction, chat.proof, chat.moderated) == ("liste@exemple.fr", Direction.REPLIES, None, False)
    assert "liste.exemple.fr" in chat.aliases
    (subscriber,) = (alias for alias in chat.aliases if alias.startswith("liste-exemple-fr-"))
    assert subscriber in chat.waiting


@pytest.mark.parametrize(
    "address", ["liste@ailleurs.fr", "liste@sous.exemple.fr", "liste@exemple.fr.evil", "boite@ailleurs.fr"]
)
async def test_beyond_the_operators_rules_a_proof_is_asked(address: str) -> None:
    assert (await named(address)).proof == address


async def test_whoever_proves_an_address_may_be_no_list() -> None:
    assert "faites suivre" in (await named("marie@ailleurs.fr")).waiting


async def test_a_room_gets_an_address_of_its_own() -> None:
    chat = await named("adresse")
    assert chat.id.startswith("equipe-d-accueil-")
    assert (chat.moderated, chat.proof) == (True, None)
    assert (await named("adresse")).id == chat.id
    assert (await named("adresse", chat.id)).id != chat.id
    assert (await named("adresse Permanence")).id.startswith("permanence-")


@pytest.mark.parametrize("argument", ["liste@exemple.fr", "marie@ailleurs.fr", "boite@ailleurs.fr", "adresse"])
async def test_what_is_waited_for_can_stand_among_other_things(argument: str) -> None:
    waiting = (await named(argument)).waiting
    for language in ("fr", "en"):
        said = Translator(language)(waiting)
        assert said
        assert not said.endswith(".")
        assert ". " not in said


async def test_where_only_mailboxes_receive_the_mailbox_subscribes() -> None:
    chat = await named("liste@exemple.fr", given=rules(receives=False))
    assert "boite@ailleurs.fr" in chat.waiting
    assert chat.aliases == ("liste.exemple.fr",)


@pytest.mark.parametrize(
    "argument",
    [
        *("", "liste", "pont@pont.fr", "autre@pont.fr", "a@b.fr c@d.fr", "a@b\r\n.fr", "mailto:pont@pont.fr"),
        *("victime@ailleurs.fr,x@exemple.fr", "victime@ailleurs.fr@exemple.fr", '"victime@ailleurs.fr"@exemple.fr'),
    ],
)
async def test_what_names_nothing_is_refused_with_a_remedy(argument: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        await named(argument)
    assert refused.value.remedy


async def test_nothing_is_promised_that_cannot_be_received() -> None:
    for argument in ("liste@exemple.fr", "adresse"):
        with pytest.raises(Misconfigured):
            await named(argument, given=rules(receives=False, mailboxes=()))

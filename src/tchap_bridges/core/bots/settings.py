"""What a room's admin has set of a bot: how it is kept, and how it is told."""

from collections.abc import Mapping
from typing import Final

import structlog
from pydantic import SecretStr, ValidationError
from pydantic_core import from_json, to_json

from tchap_bridges.bot import Bot, RoomConfig
from tchap_bridges.core.bots.schedules import plans
from tchap_bridges.core.bots.timers import Timers
from tchap_bridges.core.ports import Sealer, Snapshot, Tx
from tchap_bridges.errors import Misconfigured
from tchap_bridges.i18n import Translator, _
from tchap_bridges.ids import RoomId
from tchap_bridges.roomconfig.fields import fields_of
from tchap_bridges.roomconfig.values import told

CONFIG: Final = "room_bot.config"

log = structlog.get_logger(__name__)


class Settings:
    """What is set of each bot in each room, sealed in the store."""

    def __init__(self, sealer: Sealer, bots: Mapping[str, Bot], timers: Timers) -> None:
        self._sealer = sealer
        self._bots = bots
        self._timers = timers

    async def of(self, tx: Snapshot, room: RoomId, bot: str) -> RoomConfig:
        """Raises `Misconfigured` when the bot is not on there."""
        row = await tx.one("room_bot_config", room=room, bot=bot)
        if row is None or bot not in self._bots:
            raise Misconfigured(
                _("le robot {bot} n'est pas actif dans ce salon", bot=bot),
                remedy=_("Activez-le d'abord : !bot activer {bot}", bot=bot),
            )
        return load_config(self._bots[bot], self._sealer, row["config"])

    async def set(self, tx: Tx, room: RoomId, bot: str, config: RoomConfig) -> None:
        """What the room's admin has set, whole; its times are those from now on. Raises `Misconfigured` as `check`."""
        sealed = self._sealer.seal(dump_config(config), place=CONFIG)
        await tx.run("room_bot_configure", room=room, bot=bot, config=sealed)
        if await tx.one("room_bot_config", room=room, bot=bot) is not None:  # it is on
            await self._timers.arrange(tx, room, bot, plans(self._bots[bot], config))

    def check(self, bot: str, config: RoomConfig) -> None:
        """Raises `Misconfigured` for what says no time and should, ``where`` being the setting."""
        plans(self._bots[bot], config)

    async def arrange(self, tx: Tx, room: RoomId, bot: str) -> None:
        """Have the schedules of a bot that is on there come as it declares them now, and as they are set."""
        await self._timers.arrange(tx, room, bot, plans(self._bots[bot], await self.of(tx, room, bot)))


def shown(t: Translator, bot: Bot, config: RoomConfig) -> str:
    """What is set now, as it can be typed again."""
    fields = fields_of(bot.Config)
    lines = [f"{one.key(t.language)} — {t(one.label)} : {t(told(one, getattr(config, one.name)))}" for one in fields]
    if not lines:
        return t(_("Ce robot n'a rien à régler."))
    example = _("Exemple : !bot regler {bot} {key}=…", bot=bot.name, key=fields[0].key(t.language))
    return "\n".join((*lines, t(example)))


def dump_config(config: RoomConfig) -> bytes:
    """As it is sealed: secrets among it."""
    values = {name: getattr(config, name) for name in type(config).model_fields}
    shown = {name: one.get_secret_value() if isinstance(one, SecretStr) else one for name, one in values.items()}
    return to_json(shown)


def load_config(bot: Bot, sealer: Sealer, sealed: bytes | None) -> RoomConfig:
    """What is set; for what a newer bot asks besides, or asks otherwise, its defaults."""
    if sealed is None:
        return bot.Config()
    kept = from_json(sealer.open(sealed, place=CONFIG))
    known = {name: one for name, one in kept.items() if name in bot.Config.model_fields}
    try:
        return bot.Config.model_validate(known)
    except ValidationError as error:
        wrong = {str(detail["loc"][0]) for detail in error.errors() if detail["loc"]} or set(known)
        log.warning("bot.settings_outdated", bot=bot.name, settings=sorted(wrong))
        return bot.Config.model_validate({name: one for name, one in known.items() if name not in wrong})

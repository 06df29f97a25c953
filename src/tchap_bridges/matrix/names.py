"""Who a ghost is, and what it may be called: ids in which no address can be read, names that cannot pass for another.

Pure. A ghost's name ends with its origin, ``Jean Dupont (courriel)``, and never holds what Tchap's clients take for a
ministry, ``[Finances]``.
"""

import base64
import hashlib
import hmac
import re
import unicodedata
from dataclasses import dataclass, field
from typing import TypeGuard

from tchap_bridges.ids import PersonId, UserId

LONGEST = 100  # characters of a name; Synapse takes 256 with the origin
_ID_CHARACTERS = 20  # of base32: 100 bits

# Brackets, and what looks like them. NFKC has turned the full-width, small and mathematical forms into these already,
# or into others of the Unicode classes Ps and Pe, which go whole. Then strokes, corners and boxes, of which a bracket
# can be drawn, and what shows nothing at all and is no format character.
_STROKES = "[]{}|¦ǀǁ׀।॥‖∣∥⏐❘❙❚⦀ʃʅ꜀꜁˥˩⊏⊐⊑⊒⋤⋥⌌⌍⌎⌏⌜⌝⌞⌟⎴⎵⎶ᒥᒪᒧᒣⵎ"
_BOXES = "".join(map(chr, (*range(0x239B, 0x23B4), *range(0x2500, 0x25A0), *range(0x1FB00, 0x1FBF0))))
_BLANK = "ᅟᅠ⠀឴឵\U0001d159\ufffc"
_BRACKET_LIKE = str.maketrans(dict.fromkeys(_STROKES + _BOXES + _BLANK, " "))
_KEPT_OPEN_CLOSE = frozenset(("(", ")", "‘", "’", "“", "”", "«", "»", "‚", "„"))
_DROPPED = frozenset(
    ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Me")
)  # control, format (bidi, zero width), surrogates, private use, marks that enclose (a box around a letter)
# What chooses between forms of a letter, and shows nothing itself.
_SELECTORS = re.compile("[\u034f\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")

# Letters of China and Japan that are brackets to whoever reads Latin: in a Latin word they are no letters.
_LATIN = "A-Za-z\u00c0-\u024f"
_DRAWN = re.compile(f"[匚匸コ](?=[{_LATIN}])|(?<=[{_LATIN}])[匚匸コ]")

# Letters that cannot be told from Latin ones, in a word that has Latin ones too: nobody writes so but to be mistaken.
# https://www.unicode.org/reports/tr39/#Mixed_Script_Detection; a word wholly of another script stays as it is.
_WORD = re.compile(r"\w+")
_HAS_LATIN = re.compile(f"[{_LATIN}]")
_LOOK_ALIKE = str.maketrans(
    "АВЕЅІЈКМНОРСТУХЗавеѕіјкмнорстухԁԛԝһӏΑΒΕΖΗΙΚΜΝΟΡΤΥΧανορυχιΙϲϳᎪᏴᏟᎬᎻᎫᏦᏞᎷᏢᎡᏚᎢᏙᏔᏃ",
    "ABESIJKMHOPCTYX3abesijkmhopctyxdqwhlABEZHIKMNOPTYXavopuxiIcjABCEHJKLMPRSTVWZ",
)
_USER_ID = re.compile(r"@[!-9;-~]+:(?:\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9.-]{1,230})(?::[0-9]{1,5})?", re.ASCII)
_LONGEST_USER_ID = 255
_DOMAIN = re.compile(r"(?<=.)-[a-z0-9_]+(?:\.[a-z0-9_]+)+$")  # jean.dupont-finances.gouv.fr
_MOST_MARKS = 3  # on one letter


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespace:
    """The users of the bridge: the bot, and its ghosts, ``@<prefix>…:<server>``.

    ``secret`` is 32 bytes or more that never change: ids are derived from it, and whoever lacks it can neither tell nor
    test whose ghost one is.
    """

    server: str
    prefix: str
    bot: UserId
    secret: bytes = field(repr=False)

    def __contains__(self, user: object) -> bool:
        return user == self.bot or self.is_ghost(user)

    def is_ghost(self, user: object) -> bool:
        return (
            isinstance(user, str)
            and user.startswith(f"@{self.prefix}")
            and user.endswith(f":{self.server}")
            and user != self.bot
        )

    def ghost_id(self, network: str, person: PersonId) -> UserId:
        digest = self._keyed(f"ghost\0{network}\0{person}")
        return UserId(f"@{self.prefix}{digest.lower()[:_ID_CHARACTERS]}:{self.server}")

    def device(self, user: UserId) -> str:
        """The one device of a ghost or of the bot, the same after a loss of the database."""
        return "PONT" + self._keyed(f"device\0{user}")[:10]

    def _keyed(self, name: str) -> str:
        digest = hmac.digest(self.secret, name.encode("utf-8", "surrogatepass"), hashlib.sha256)
        return base64.b32encode(digest).decode()


def is_user_id(user: object) -> TypeGuard[UserId]:
    """One localpart and one server, the historical characters included: what a pattern of users can be asked about.

    https://spec.matrix.org/v1.17/appendices/#user-identifiers
    """
    return isinstance(user, str) and len(user) <= _LONGEST_USER_ID and _USER_ID.fullmatch(user) is not None


def localpart(user: UserId) -> str:
    return user[1:].partition(":")[0]


def nameless(user: UserId) -> str:
    """What to call somebody without a name: the localpart, but for the domain of an address that Tchap makes it of."""
    return _DOMAIN.sub("", localpart(user))


def shown_name(name: str, origin: str) -> str:
    """The ghost's display name: what is left of ``name``, and where it comes from."""
    clean = harmless(name) or "?"
    return f"{clean} ({harmless(origin)})" if origin else clean


def harmless(name: str) -> str:
    """One line without brackets, bidi controls, invisible characters, piles of accents, or letters in disguise."""
    text = unicodedata.normalize("NFKC", name[: 4 * LONGEST]).translate(_BRACKET_LIKE)
    kept = "".join(
        " " if category.startswith("Z") or category == "Cc" else character
        for character in _SELECTORS.sub("", text)
        if (category := unicodedata.category(character)) not in _DROPPED or character in "\t\r\n"
        if category not in {"Ps", "Pe", "Pi", "Pf"} or character in _KEPT_OPEN_CLOSE
    )
    kept = _WORD.sub(_undisguised, _DRAWN.sub(" ", _few_marks(kept)))
    return " ".join(kept.split())[:LONGEST].rstrip()


def _few_marks(text: str) -> str:
    """Accents of any script: what is piled up on a letter beyond a few goes, and all that stand on none."""
    kept, marks = [], _MOST_MARKS
    for character in text:
        if unicodedata.category(character) == "Mn":
            marks += 1
            if marks > _MOST_MARKS:
                continue
        else:
            marks = 0 if not character.isspace() else _MOST_MARKS
        kept.append(character)
    return "".join(kept)


def _undisguised(word: re.Match[str]) -> str:
    return word[0].translate(_LOOK_ALIKE) if _HAS_LATIN.search(word[0]) else word[0]

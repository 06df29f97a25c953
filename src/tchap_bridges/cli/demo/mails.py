"""The little French conversation that the demo sends to a mailing list."""

import struct
import zlib
from collections.abc import Iterator
from email.message import EmailMessage
from email.utils import make_msgid

from tchap_bridges.testing.world import list_mail

SUBJECT = "Déménagement du service : le plan des bureaux"

FIRST = """\
Bonjour à toutes et à tous,

Le déménagement aura bien lieu le 7 décembre. Le plan des bureaux est joint ;
dites-moi avant vendredi si quelque chose ne va pas.

Bien cordialement,
Éléonore

-- \n\
Éléonore Lefèvre — bureau des moyens
"""

FIRST_HTML = """\
<html><head><style>p { color: #333 }</style></head><body>
<p>Bonjour à toutes et à tous,</p>
<p>Le déménagement aura bien lieu <b>le 7 décembre</b>. Le plan des bureaux est joint ;
dites-moi <i>avant vendredi</i> si quelque chose ne va pas :</p>
<ul><li>l'étage,</li><li>les voisins,</li><li>la lumière…</li></ul>
<p>Bien cordialement,<br>Éléonore</p>
<img src="https://traceur.invalid/1.gif" width="1" height="1">
</body></html>
"""

SECOND = """\
Merci Éléonore ! Pour l'équipe « paie », c'est parfait.
Il manque seulement une prise réseau près de la fenêtre.

Le lun. 23 nov. 2026 à 09:12, Éléonore Lefèvre
<eleonore.lefevre@moyens.tchap.localhost> a écrit :
> Bonjour à toutes et à tous,
>
> Le déménagement aura bien lieu le 7 décembre. Le plan des bureaux est joint ;
> dites-moi avant vendredi si quelque chose ne va pas.
"""

THIRD = """\
Même chose à l'archivage : un cœur de réseau, 12 prises, 340 € la pièce.

De : Benoît Çelik
Envoyé : lundi 23 novembre 2026 09:40
À : projet@listes.tchap.localhost
Objet : RE: Déménagement du service : le plan des bureaux

Merci Éléonore ! Pour l'équipe « paie », c'est parfait.
"""


def conversation(list_name: str) -> Iterator[EmailMessage]:
    """Three mails of one thread, in UTF-8, ISO-8859-1 and windows-1252, as the list sends them on."""
    domain = "moyens.tchap.localhost"
    ids = [make_msgid(domain=domain) for _ in range(3)]
    first = list_mail(
        "Éléonore Lefèvre",
        f"eleonore.lefevre@{domain}",
        f"[{list_name}] {SUBJECT}",
        FIRST,
        html=FIRST_HTML,
        list_name=list_name,
        message_id=ids[0],
    )
    first.add_attachment(_plan(), maintype="image", subtype="png", filename="plan des bureaux — 2ᵉ étage.png")
    yield first
    yield list_mail(
        "Benoît Çelik",
        f"benoit.celik@{domain}",
        f"Re: [{list_name}] {SUBJECT}",
        SECOND,
        charset="iso-8859-1",
        list_name=list_name,
        message_id=ids[1],
        parents=(ids[0],),
    )
    yield list_mail(
        "Zoé N'Guessan",
        f"zoe.nguessan@{domain}",
        f"RE: [{list_name}] {SUBJECT}",
        THIRD,
        charset="windows-1252",
        list_name=list_name,
        message_id=ids[2],
        parents=(ids[0], ids[1]),
    )


def _plan(width: int = 160, height: int = 96) -> bytes:
    """A small PNG: six offices along a corridor (PNG specification, RGB, 8 bits)."""
    wall, floor, corridor = b"\x30\x40\x60", b"\xe8\xee\xf6", b"\xc8\xd6\xea"

    def pixel(x: int, y: int) -> bytes:
        if x in {0, width - 1} or y in {0, height - 1} or (y in {40, 56} and x % 53 > 12):
            return wall
        if not 40 < y < 56:
            return wall if x % 53 == 0 else floor
        return corridor

    rows = b"".join(b"\0" + b"".join(pixel(x, y) for x in range(width)) for y in range(height))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")

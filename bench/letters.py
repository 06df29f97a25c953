"""The mails that are measured with: a list's conversation, a few kilobytes each, every text of its own."""

from collections.abc import Iterator
from dataclasses import dataclass
from email.policy import SMTP
from itertools import count

from tchap_bridges.testing.world import LIST_DOMAIN, list_mail

AUTHORS = (("Jean Dupont", "jean.dupont"), ("Éloïse Müller", "eloise.muller"))
THREAD = 5  # mails in a thread: one that opens it, and answers
_PARAGRAPH = (
    "La réunion de rentrée est déplacée à 15 h, salle Condorcet. Merci d'apporter vos remarques sur le projet de"
    " schéma directeur, et de dire avant jeudi qui viendra à distance ; l'ordre du jour suit dès que possible."
)
_numbers = count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A linked list as the bridge knows it: the list's name, and our address that is subscribed to it."""

    room: str
    name: str
    subscriber: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One mail and its envelope. ``mark`` stands in its text."""

    to: Address
    mark: str
    data: bytes

    @property
    def sender(self) -> str:
        return f"{self.to.name}-bounces@{LIST_DOMAIN}"


def letters(address: Address, number: int) -> Iterator[Letter]:
    """So many mails of one list, in threads; every fourth has HTML beside its text."""
    parents: tuple[str, ...] = ()
    before = ""
    for n in range(number):
        unique = next(_numbers)
        mark = f"[n° {unique:07}]"
        name, local = AUTHORS[n % len(AUTHORS)]
        opening = n % THREAD == 0
        if opening:
            parents = ()
        text = f"{mark} Bonjour à tous,\n\n{_PARAGRAPH}\n\n{_PARAGRAPH}\n\n{name}\n"
        quoted = "" if opening else _quote(before)
        html = f"<p>{mark} Bonjour à tous,</p><p>{_PARAGRAPH}</p><p>{_PARAGRAPH}</p><p>{name}</p>"
        mail = list_mail(
            name,
            f"{local}@exemple.fr",
            f"{'' if opening else 'Re: '}Réunion de rentrée {unique - n % THREAD}",
            text + quoted,
            list_name=address.name,
            parents=parents,
            message_id=f"<mesure.{unique}.{address.name}@exemple.fr>",
            html=html if n % 4 == 3 else None,
        )
        parents, before = (*parents, str(mail["Message-ID"])), text
        yield Letter(to=address, mark=mark, data=mail.as_bytes(policy=SMTP))


def _quote(text: str) -> str:
    lines = "\n".join(f"> {line}" for line in text.splitlines())
    return f"\nLe lun. 23 nov. 2026 à 09:30, {AUTHORS[0][0]} <{AUTHORS[0][1]}@exemple.fr> a écrit :\n{lines}\n"

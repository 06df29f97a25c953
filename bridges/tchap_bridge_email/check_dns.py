"""What the world's DNS says of the bridge's mail domain: MX, SPF, DKIM, DMARC, each with its remedy.

RFC 5321 section 5 and RFC 7505 (MX), RFC 7208 (SPF), RFC 6376 (DKIM), RFC 9989 (DMARC).
"""

from collections.abc import Awaitable, Callable, Sequence

import dns.asyncresolver
import dns.exception
import dns.rdatatype
import dns.resolver

from tchap_bridges.bridge import Finding, Level
from tchap_bridges.i18n import _

Lookup = Callable[[str, str], Awaitable[Sequence[str] | None]]
"""(name, type) → the records as text, empty when the name has none of that type, None when the name does not exist.

Raises `dns.exception.DNSException` when nobody answers.
"""

_SECONDS = 8.0


async def system_lookup(name: str, kind: str) -> Sequence[str] | None:
    """Ask the resolvers that this machine is configured with."""
    try:
        answer = await dns.asyncresolver.Resolver().resolve(name, kind, lifetime=_SECONDS)
    except dns.resolver.NXDOMAIN:
        return None
    except dns.resolver.NoAnswer:
        return ()
    if answer.rdtype == dns.rdatatype.TXT:
        return tuple(b"".join(record.strings).decode("utf-8", "replace") for record in answer)
    return tuple(record.to_text() for record in answer)


async def check_dns(domain: str, *, selector: str | None, receives: bool, lookup: Lookup) -> list[Finding]:
    """``receives``: mail for the domain is meant to come to us, so it must have an MX."""
    try:
        return [
            await _mx(domain, receives=receives, lookup=lookup),
            await _spf(domain, lookup),
            await _dkim(domain, selector, lookup),
            await _dmarc(domain, lookup),
        ]
    except (dns.exception.DNSException, OSError) as error:
        return [
            Finding(
                subject=_("DNS de {domain}", domain=domain),
                level=Level.WARN,
                detail=_(
                    "aucun serveur DNS ne répond ({reason}) : rien n'a pu être vérifié", reason=type(error).__name__
                ),
                remedy=_("relancez check d'une machine qui a accès au DNS public"),
            )
        ]


async def _mx(domain: str, *, receives: bool, lookup: Lookup) -> Finding:
    subject = _("MX de {domain}", domain=domain)
    grave = Level.FAIL if receives else Level.WARN
    records = await lookup(domain, "MX")
    if records is None:
        return Finding(
            subject=subject,
            level=grave,
            detail=_("ce domaine n'existe pas dans le DNS"),
            remedy=_("créez-le, ou corrigez « domain »"),
        )
    hosts = sorted(record.split()[-1].rstrip(".") for record in records)
    if hosts == [""]:
        return Finding(
            subject=subject,
            level=grave,
            detail=_("le domaine dit ne recevoir aucun courriel (MX nul)"),
            remedy=_("remplacez « MX 0 . » par le serveur qui relaie au pont"),
        )
    if not hosts:
        if await lookup(domain, "A") or await lookup(domain, "AAAA"):
            return Finding(
                subject=subject,
                level=Level.WARN,
                detail=_("pas de MX : le courriel va à l'adresse du domaine même"),
                remedy=_("ajoutez un MX vers le serveur qui relaie au pont"),
            )
        return Finding(
            subject=subject,
            level=grave,
            detail=_("pas de MX : personne ne peut écrire au pont"),
            remedy=_("ajoutez un MX vers le serveur qui relaie au pont"),
        )
    for host in hosts:
        if not (await lookup(host, "A") or await lookup(host, "AAAA")):
            return Finding(
                subject=subject,
                level=grave,
                detail=_("le MX {host} n'a pas d'adresse", host=host),
                remedy=_("donnez-lui un enregistrement A ou AAAA, ou corrigez le MX"),
            )
    return Finding(subject=subject, level=Level.OK, detail=", ".join(hosts))


async def _spf(domain: str, lookup: Lookup) -> Finding:
    subject = _("SPF de {domain}", domain=domain)
    policies = [text for text in await lookup(domain, "TXT") or () if (text + " ").lower().startswith("v=spf1 ")]
    if not policies:
        return Finding(
            subject=subject,
            level=Level.WARN,
            detail=_("aucun : les courriels du pont paraîtront suspects"),
            remedy=_("ajoutez un TXT « v=spf1 … -all » qui nomme le serveur d'envoi"),
        )
    if len(policies) > 1:
        return Finding(
            subject=subject,
            level=Level.FAIL,
            detail=_("il y en a {n} : ils s'annulent (RFC 7208)", n=len(policies)),
            remedy=_("réunissez-les en un seul"),
        )
    words = policies[0].lower().split()
    if "+all" in words or "all" in words:
        return Finding(
            subject=subject,
            level=Level.WARN,
            detail=_("« +all » permet à n'importe qui d'écrire au nom du domaine"),
            remedy=_("finissez par « -all »"),
        )
    return Finding(subject=subject, level=Level.OK, detail=policies[0])


async def _dkim(domain: str, selector: str | None, lookup: Lookup) -> Finding:
    subject = _("DKIM de {domain}", domain=domain)
    remedy = _("faites signer par le serveur d'envoi au nom de {domain}, et publiez sa clé", domain=domain)
    if selector is None:
        # RFC 8020: a name that does not exist has nothing below it; one that does, if empty, has some key.
        if await lookup(f"_domainkey.{domain}", "TXT") is None:
            return Finding(subject=subject, level=Level.WARN, detail=_("aucune clé n'est publiée"), remedy=remedy)
        return Finding(
            subject=subject,
            level=Level.OK,
            detail=_("des clés semblent publiées ; « dkim_selector » permettrait de vérifier la bonne"),
        )
    name = f"{selector}._domainkey.{domain}"
    keys = await lookup(name, "TXT")
    if not keys:
        return Finding(subject=subject, level=Level.FAIL, detail=_("{name} n'existe pas", name=name), remedy=remedy)
    tags = dict(_tags(keys[0]))
    if not tags.get("p"):
        return Finding(
            subject=subject,
            level=Level.FAIL,
            detail=_("la clé de {name} est vide : elle est révoquée", name=name),
            remedy=remedy,
        )
    return Finding(subject=subject, level=Level.OK, detail=_("la clé « {selector} » est publiée", selector=selector))


async def _dmarc(domain: str, lookup: Lookup) -> Finding:
    """The tree walk of RFC 9989: the domain itself, then its parents, eight questions at most."""
    subject = _("DMARC de {domain}", domain=domain)
    labels = domain.split(".")
    places = [labels, *(labels[n:] for n in range(max(1, len(labels) - 7), len(labels) - 1))]
    for place in (".".join(each) for each in places):
        for text in await lookup(f"_dmarc.{place}", "TXT") or ():
            tags = dict(_tags(text))
            if tags.get("v") == "DMARC1":
                asked = tags.get("p", "none") if place == domain else tags.get("sp", tags.get("p", "none"))
                return Finding(
                    subject=subject,
                    level=Level.OK,
                    detail=_("{place} demande « {asked} »", place=place, asked=asked),
                )
    return Finding(
        subject=subject,
        level=Level.WARN,
        detail=_("aucun : d'autres peuvent écrire au nom du domaine"),
        remedy=_("ajoutez un TXT à _dmarc.{domain}, par exemple « v=DMARC1; p=quarantine »", domain=domain),
    )


def _tags(text: str) -> list[tuple[str, str]]:
    """``v=DMARC1; p=none`` as pairs."""
    pairs = (part.partition("=") for part in text.split(";"))
    return [(name.strip().lower(), value.strip()) for name, _equals, value in pairs]

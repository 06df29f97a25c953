"""Prometheus Alertmanager, version 4: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config"""

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, Final

from tchap_bot_alerts.notice import Notice, Severity, State
from tchap_bot_alerts.values import Json, block, items, line, link, moment, severity, strings, whole
from tchap_bot_alerts.words import code, linked, row, stacked, words
from tchap_bridges.events import Text
from tchap_bridges.i18n import Translator, _, ngettext

MOST_ALERTS: Final = 200
"""Told one by one of one delivery; of the others, how many they are."""
_TOLD: Final = frozenset(("alertname", "severity", "grafana_folder"))

More = Callable[[Json, Translator], list[Text]]


def read(value: Json, headers: Mapping[str, str], say: Translator) -> list[Notice]:
    """A delivery: a group of alerts, each by itself."""
    del headers
    return alerts(value, say, "alertmanager", _nothing_more)


def alerts(value: Json, say: Translator, sender: str, more: More) -> list[Notice]:
    """The alerts of a delivery, which Grafana writes much alike; ``more``: what else an alert says."""
    listed = items(value, "alerts")
    group = line(value, "groupKey")
    told = [_alert(one, value, say, sender, group, more) for one in listed[:MOST_ALERTS]]
    left = len(listed) - len(told) + whole(value, "truncatedAlerts")
    if left:
        title = say(ngettext("{n} autre alerte du même groupe", "{n} autres alertes du même groupe", left))
        told.append(Notice(kind=sender, title=title, url=link(value, "externalURL"), group=f"{sender}:{group}"))
    return told


def _alert(one: Json, value: Json, say: Translator, sender: str, group: str, more: More) -> Notice:
    labels, notes = strings(one, "labels"), strings(one, "annotations")
    name = labels.get("alertname", "")
    title = notes.get("summary") or name or say(_("Alerte sans nom"))
    resolved = line(one, "status") == "resolved"
    began = moment(one, "startsAt")
    shown = [code(f"{key}={said}") for key, said in labels.items() if key not in _TOLD]
    runbook = link(one, "annotations", "runbook_url") or link(one, "annotations", "runbook")
    description = block(one, "annotations", "description") or block(one, "annotations", "message")
    return Notice(
        kind=sender,
        title=title,
        text=stacked((
            words(name if name not in {"", title} else ""),
            words(description if description != title else ""),
            row(*shown[:10]),
            linked(runbook, say(_("Marche à suivre"))) if runbook else Text(),
            *more(one, say),
        )),
        url=link(one, "generatorURL") or link(value, "externalURL"),
        severity=severity(labels.get("severity", "")) if labels.get("severity") else Severity.NONE,
        state=State.RESOLVED if resolved else State.FIRING,
        fingerprint=f"{sender}:{line(one, 'fingerprint') or _fingerprint(labels, began)}",
        group=f"{sender}:{group}",
        labels=labels,
        at=(moment(one, "endsAt") if resolved else began),
    )  # fmt: skip


def _fingerprint(labels: Mapping[str, str], began: Any) -> str:
    """Of an alert that has none: its labels, and without any when it began."""
    named = sorted(labels.items()) or [("", str(began))]
    return sha256(repr(named).encode()).hexdigest()[:16]


def _nothing_more(one: Json, say: Translator) -> list[Text]:
    del one, say
    return []

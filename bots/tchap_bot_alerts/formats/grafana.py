"""Grafana: unified alerting, and the alerts of dashboards, which it had until version 11.

https://grafana.com/docs/grafana/latest/alerting/contact-points/notifiers/webhook-notifier
https://grafana.com/docs/grafana/v7.5/alerting/notifications/#webhook
"""

from collections.abc import Mapping
from typing import Final

from tchap_bot_alerts.formats.alertmanager import alerts
from tchap_bot_alerts.notice import Notice, State
from tchap_bot_alerts.values import Json, block, items, line, link, severity, strings
from tchap_bot_alerts.words import code, linked, row, stacked, words
from tchap_bridges.events import Text
from tchap_bridges.i18n import Translator, _

_STATES: Final = {"alerting": State.FIRING, "no_data": State.FIRING, "ok": State.RESOLVED}
"""The others (``pending``, ``paused``, ``unknown``) are news."""


def read(value: Json, headers: Mapping[str, str], say: Translator) -> list[Notice]:
    """A delivery: a group of alerts, each by itself, with its values and pages; or one rule of a dashboard."""
    del headers
    return [_rule(value, say)] if of_a_dashboard(value) else alerts(value, say, "grafana", _more)


def of_a_dashboard(value: Json) -> bool:
    """Whether it is the shape of before unified alerting."""
    return "alerts" not in value and bool(line(value, "ruleName")) and bool(line(value, "state"))


def _rule(value: Json, say: Translator) -> Notice:
    """A rule fires for all that its query finds at once, and is over for all of it at once."""
    tags, title = strings(value, "tags"), line(value, "ruleName")
    state = _STATES.get(line(value, "state").lower(), State.NONE)
    said = block(value, "message")
    values = ((line(one, "metric"), line(one, "value")) for one in items(value, "evalMatches"))
    found = (" = ".join(filter(None, pair)) for pair in values)
    image = link(value, "imageUrl")
    return Notice(
        kind="grafana",
        title=title if state is not State.NONE else line(value, "title") or title,
        text=stacked((
            words(said if said != title else ""),
            row(*(code(one) for one in list(dict.fromkeys(found))[:10])),
            row(*(code(f"{name}={one}") for name, one in list(tags.items())[:10] if name != "severity")),
            linked(image, say(_("Image"))) if image else Text(),
        )),
        url=link(value, "ruleUrl"),
        severity=severity(tags.get("severity", "")),
        state=state,
        fingerprint=f"grafana:rule:{line(value, 'ruleId') or title}" if state is not State.NONE else "",
        group=f"grafana:rule:{line(value, 'ruleId') or title}",
        labels=tags,
    )  # fmt: skip


def _more(one: Json, say: Translator) -> list[Text]:
    pages = (
        (link(one, "panelURL") or link(one, "dashboardURL"), say(_("Tableau de bord"))),
        (link(one, "imageURL"), say(_("Image"))),
        (link(one, "silenceURL"), say(_("Mettre en silence"))),
    )
    values = [code(f"{name} = {number}") for name, number in strings(one, "values").items()]
    return [row(*values[:10]), row(*(linked(url, name) for url, name in pages if url), between=" · ")]

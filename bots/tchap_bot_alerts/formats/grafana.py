"""Grafana's unified alerting: https://grafana.com/docs/grafana/latest/alerting/contact-points/notifiers/webhook-notifier"""

from collections.abc import Mapping

from tchap_bot_alerts.formats.alertmanager import alerts
from tchap_bot_alerts.notice import Notice
from tchap_bot_alerts.values import Json, link, strings
from tchap_bot_alerts.words import code, linked, row
from tchap_bridges.events import Text
from tchap_bridges.i18n import Translator, _


def read(value: Json, headers: Mapping[str, str], say: Translator) -> list[Notice]:
    """A delivery: a group of alerts, each by itself, with its values and pages."""
    del headers
    return alerts(value, say, "grafana", _more)


def _more(one: Json, say: Translator) -> list[Text]:
    pages = (
        (link(one, "panelURL") or link(one, "dashboardURL"), say(_("Tableau de bord"))),
        (link(one, "imageURL"), say(_("Image"))),
        (link(one, "silenceURL"), say(_("Mettre en silence"))),
    )
    values = [code(f"{name} = {number}") for name, number in strings(one, "values").items()]
    return [row(*values[:10]), row(*(linked(url, name) for url, name in pages if url), between=" · ")]

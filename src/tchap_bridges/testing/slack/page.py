"""The page at ``/``, where a person plays the people of the workspace by hand."""

import re
from urllib.parse import urlencode

from aiohttp import web

from tchap_bridges.testing.slack import page_html
from tchap_bridges.testing.slack.model import Channel, SlackError, User
from tchap_bridges.testing.slack.workspace import Workspace

_NO_FRAMING = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
# Slack's words for a refusal, for who does not read them.
_REFUSALS = {
    "is_archived": "Ce salon est archivé.",
    "not_in_channel": "Cette personne n'est pas dans ce salon.",
    "message_not_found": "Ce message n'existe plus.",
    "thread_not_found": "Ce message n'existe plus.",
    "no_text": "Écrivez quelque chose, ou choisissez un fichier.",
}


class Page:
    """The routes of the page over one workspace."""

    def __init__(self, workspace: Workspace) -> None:
        self._space = workspace

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/", self._show),
            web.get("/messages", self._messages),
            web.post("/agir", self._act),
            web.get("/fichier/{id}", self._file),
        ]

    def _who_and_where(self, user: str, channel: str) -> tuple[User, Channel]:
        """Those that were chosen, or the first ones. Raises HTTPNotFound where there is nobody or no channel."""
        persons, places = page_html.people(self._space), list(self._space.channels.values())
        if not (persons and places):
            raise web.HTTPNotFound(text="Il n'y a encore ni personne ni salon dans cet espace.")
        who = next((one for one in persons if one.id == user), persons[0])
        where = self._space.channels.get(channel, places[0])
        return who, where

    async def _show(self, request: web.Request) -> web.Response:
        query = request.query
        who, where = self._who_and_where(query.get("utilisateur", ""), query.get("salon", ""))
        error = query.get("erreur", "")
        words = page_html.page(
            self._space,
            who,
            where,
            reply_to=query.get("repondre", ""),
            change=query.get("modifier", ""),
            error=_REFUSALS.get(error, f"Slack refuse : {error}") if error else "",
        )
        return web.Response(text=words, content_type="text/html", headers=_NO_FRAMING)

    async def _messages(self, request: web.Request) -> web.Response:
        who, where = self._who_and_where(request.query.get("utilisateur", ""), request.query.get("salon", ""))
        return web.Response(text=page_html.log(self._space, who, where), content_type="text/html", headers=_NO_FRAMING)

    async def _act(self, request: web.Request) -> web.Response:
        form = await request.post()
        given = {name: value for name, value in form.items() if isinstance(value, str)}
        who, where = self._who_and_where(given.get("utilisateur", ""), given.get("salon", ""))
        upload = form.get("fichier")
        file = upload if isinstance(upload, web.FileField) and upload.filename else None
        back = {"utilisateur": who.id, "salon": where.id}
        try:
            self._do(who, where, given, file)
        except SlackError as error:
            back["erreur"] = error.error
        raise web.HTTPSeeOther(f"/?{urlencode(back)}")

    def _do(self, who: User, where: Channel, given: dict[str, str], file: web.FileField | None) -> None:
        """Raises SlackError."""
        space, ts = self._space, given.get("ts", "")
        text = self.typed(given.get("texte", "").replace("\r\n", "\n"))
        match given.get("action"):
            case "rejoindre":
                space.join(where, who)
            case "supprimer":
                space.delete(where, ts)
            case "reagir":
                name = given.get("emoji", "").strip(": ")
                already = who.id in space.message(where, ts).reactions.get(name, ())
                (space.unreact if already else space.react)(where, ts, who, name)
            case "modifier":
                if not text.strip():
                    raise SlackError("no_text")
                space.edit(where, ts, text)
            case "dire":
                if not text.strip() and file is None:
                    raise SlackError("no_text")
                files = [space.upload(who, file.filename, file.file.read(), file.content_type)] if file else []
                space.say(where, who, text, thread_ts=ts, files=files, broadcast=bool(ts) and given.get("aussi") == "1")
            case _:
                raise SlackError("unknown_method")

    def typed(self, text: str) -> str:
        """What a person types, in Slack's notation: signs escaped, @nom and #nom as references."""
        people = {one.name: one.id for one in self._space.users.values()}
        people |= {one.shown: one.id for one in self._space.users.values()}
        places = {one.name: one.id for one in self._space.channels.values() if one.name}
        text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        text = re.sub(r"(https?://[^\s<>|]+)", r"<\1>", text)
        for sign, known in (("@", people), ("#", places)):
            for name in sorted(known, key=len, reverse=True):
                text = re.sub(rf"(?<![\w&<]){sign}{re.escape(name)}(?!\w)", f"<{sign}{known[name]}>", text)
        return text

    async def _file(self, request: web.Request) -> web.Response:
        file = self._space.files.get(request.match_info["id"])
        if file is None or file.deleted:
            raise web.HTTPNotFound(text="Ce fichier n'existe plus.")
        headers = {**_NO_FRAMING, "Content-Disposition": "attachment"}
        return web.Response(body=file.data, content_type="application/octet-stream", headers=headers)

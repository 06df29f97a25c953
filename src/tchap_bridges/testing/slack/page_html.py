"""The page that plays people by hand, as HTML: pure functions from a workspace to text, in French.

Every control is a native one with a label, so that a keyboard and a screen reader suffice; the log of messages is a
live region, and its items keep their place (and the focus in them) when others change.
"""

from collections.abc import Sequence
from datetime import datetime
from html import escape
from urllib.parse import urlencode

from tchap_bridges.testing.slack import transcript
from tchap_bridges.testing.slack.composer import unescaped
from tchap_bridges.testing.slack.model import SLACKBOT, Channel, Json, Message, User
from tchap_bridges.testing.slack.workspace import Workspace

GLYPHS = {"+1": "👍", "tada": "🎉", "heart": "❤️", "eyes": "👀", "white_check_mark": "✅", "joy": "😂"}
_TAGS = {"bold": "strong", "italic": "em", "strike": "s", "code": "code"}
_CONTAINERS = {"rich_text_section": "p", "rich_text_quote": "blockquote", "rich_text_preformatted": "pre"}

STYLE = """
:root { color-scheme: light dark; font: 100%/1.5 system-ui, sans-serif }
body { margin: 0 auto; max-width: 52rem; padding: 1rem }
h1 { font-size: 1.25rem; margin: 0 0 .75rem } h2 { font-size: 1.1rem; margin: 1rem 0 .5rem }
form { display: flex; flex-wrap: wrap; gap: .5rem; align-items: end } form.inline { display: inline-flex }
label { display: flex; flex-direction: column; font-size: .875rem; font-weight: 600 }
label.wide { flex: 1 1 100% } label.box { flex-direction: row; gap: .5rem; align-items: center }
select, input, textarea, button { font: inherit; padding: .375rem .5rem }
select, input, textarea, button { border-radius: .25rem; border: 1px solid #767676 }
textarea { width: 100%; box-sizing: border-box } button { cursor: pointer }
button.main { background: #000091; color: #fff; border-color: #000091 }
:focus-visible { outline: 3px solid #0a76f6; outline-offset: 2px }
#log, #log ol { list-style: none; margin: 0; padding: 0 }
#log ol { margin-left: 2.5rem; border-left: 3px solid #929292; padding-left: .75rem }
#log .words ol { list-style: decimal; border: 0 }
li { padding: .375rem 0 } .head { display: flex; gap: .5rem; align-items: center } .head img { border-radius: .25rem }
.head time, .note { font-size: .875rem; opacity: .8 } .note { font-style: italic }
.words { overflow-wrap: anywhere } .words p, .words pre, .words blockquote { margin: .125rem 0; white-space: pre-wrap }
.words blockquote { border-left: 4px solid #929292; padding-left: .5rem } .mention { font-weight: 600 }
.acts { display: flex; flex-wrap: wrap; gap: .375rem; align-items: center; font-size: .875rem }
.acts button, .acts summary { padding: .125rem .375rem } details[open] { flex: 1 1 100% }
[role=alert] { border: 2px solid #ce0500; padding: .5rem }
"""

# Only what changed is replaced: who reads or types in a message is not thrown out of it by another.
SCRIPT = """
const log = document.getElementById("log");
const address = log.dataset.from;
let seen = "";
function merge(old, fresh) {
  const before = new Map([...old.children].map(item => [item.id, item]));
  for (const item of [...fresh.children]) {
    const known = before.get(item.id);
    before.delete(item.id);
    if (!known) old.append(item);
    else if (known.dataset.state !== item.dataset.state && !known.contains(document.activeElement))
      known.replaceWith(item);
    else if (known.dataset.state !== item.dataset.state) {
      seen = "";
      known.querySelector(".words").replaceWith(item.querySelector(".words"));
      const thread = known.querySelector("ol"), replies = item.querySelector("ol");
      if (thread && replies) merge(thread, replies); else if (replies) known.append(replies);
    }
  }
  for (const gone of before.values()) gone.remove();
}
async function look() {
  try {
    const answer = await fetch(address);
    const words = await answer.text();
    if (answer.ok && words !== seen) {
      seen = words;
      const made = document.createElement("template");
      made.innerHTML = words;
      merge(log, made.content.firstElementChild);
    }
  } catch { /* the server is stopped: it is asked again */ }
  setTimeout(look, 1000);
}
look();
"""


def page(
    space: Workspace, user: User, channel: Channel, *, reply_to: str = "", change: str = "", error: str = ""
) -> str:
    """The whole page. reply_to, change: the ts of the message that the form at its end is about."""
    live = urlencode({"utilisateur": user.id, "salon": channel.id})
    alert = f'<p role="alert">{escape(error)}</p>' if error else ""
    topic = f"<p>Sujet : {escape(unescaped(channel.topic.value))}</p>" if channel.topic.value else ""
    return f"""<!DOCTYPE html>
<html lang="fr"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{escape(_place(space, channel))}, faux Slack</title><style>{STYLE}</style></head><body>
<header><h1>Faux Slack : {escape(space.team.name)}</h1>{_chooser(space, user, channel)}</header>
<main>{alert}<h2 id="place">{escape(_place(space, channel))}{" (archivé)" if channel.archived else ""}</h2>{topic}
<ol id="log" role="log" aria-live="polite" aria-labelledby="place" data-from="/messages?{escape(live)}">
{items(space, user, channel)}</ol>
<noscript><p><a href="/?{escape(live)}">Actualiser</a></p></noscript>
{_composer(space, user, channel, reply_to, change)}</main>
<script>{SCRIPT}</script></body></html>"""


def log(space: Workspace, user: User, channel: Channel) -> str:
    """The messages alone, as the page's script asks for them."""
    return f"<ol>{items(space, user, channel)}</ol>"


def items(space: Workspace, user: User, channel: Channel) -> str:
    first = [one for one in channel.messages.values() if not one.is_reply]
    return "".join(_item(space, user, one, channel.replies(one.ts)) for one in first)


def people(space: Workspace) -> list[User]:
    """Those whom one can play."""
    return [one for one in space.users.values() if not one.bot_id and not one.deleted and one.id != SLACKBOT]


def _place(space: Workspace, channel: Channel) -> str:
    if channel.kind in {"im", "mpim"}:
        return "Conversation de " + " et ".join(space.users[one].shown for one in channel.members)
    return f"Salon {channel.name}" + (" (privé)" if channel.kind == "private" else "")


def _chooser(space: Workspace, user: User, channel: Channel) -> str:
    persons = [(one.id, one.shown) for one in people(space)]
    places = [(one.id, _place(space, one)) for one in space.channels.values()]
    return f"""<form method="get" action="/">
<label>Vous êtes {_select("utilisateur", persons, user.id)}</label>
<label>Dans {_select("salon", places, channel.id)}</label>
<button>Choisir</button></form>"""


def _select(name: str, options: Sequence[tuple[str, str]], chosen: str) -> str:
    rows = "".join(
        f'<option value="{escape(value)}"{" selected" if value == chosen else ""}>{escape(shown)}</option>'
        for value, shown in options
    )
    return f'<select name="{name}">{rows}</select>'


def _hidden(user: User, message: Message) -> str:
    pairs = (("utilisateur", user.id), ("salon", message.channel), ("ts", message.ts))
    return "".join(f'<input type="hidden" name="{name}" value="{escape(value)}">' for name, value in pairs)


def _item(space: Workspace, user: User, message: Message, replies: Sequence[Message]) -> str:
    author, at = transcript.author(space, message), datetime.fromtimestamp(float(message.ts)).astimezone()
    thread = "".join(_item(space, user, one, ()) for one in replies)
    marks = (" (modifié)" if message.edited else "") + (" (aussi dans le salon)" if message.broadcast else "")
    picture = message.icons.get("image_48") or (space.users[message.user].image if message.user in space.users else "")
    seen = f'<img src="{escape(picture)}" alt="" width="24" height="24">' if picture else ""
    body = (
        f'<div class="head">{seen}<strong>{escape(author)}</strong>'
        f'<time datetime="{at.isoformat()}">{at:%H:%M:%S}</time><span class="note">{marks}</span></div>'
        f'<div class="words">{words(space, message)}{_files(space, message)}</div>{_acts(user, message, author)}'
        + (f'<ol aria-label="Réponses à {escape(author)}">{thread}</ol>' if thread else "")
    )
    state = f"{hash(body) & 0xFFFFFFFF:08x}"
    return f'<li id="m{message.ts}" data-state="{state}">{body}</li>'


def words(space: Workspace, message: Message) -> str:
    """What a message says, from its rich_text blocks, and from its text where it has none."""
    rich = [block for block in message.blocks if block.get("type") == "rich_text"]
    if not rich:
        return f"<p>{escape(transcript.words(space, message.text))}</p>"
    return "".join(_container(space, one) for block in rich for one in block["elements"])


def _container(space: Workspace, element: Json) -> str:
    if element["type"] == "rich_text_list":
        tag = "ol" if element.get("style") == "ordered" else "ul"
        rows = "".join(f"<li>{_inline(space, one['elements'])}</li>" for one in element["elements"])
        return f"<{tag}>{rows}</{tag}>"
    tag = _CONTAINERS.get(element["type"], "p")
    return f"<{tag}>{_inline(space, element['elements'])}</{tag}>"


def _inline(space: Workspace, elements: Sequence[Json]) -> str:
    made = ""
    for one in elements:
        match one.get("type"):
            case "user" if one["user_id"] in space.users:
                shown = f'<span class="mention">@{escape(space.users[one["user_id"]].shown)}</span>'
            case "channel" if one["channel_id"] in space.channels:
                shown = f'<span class="mention">#{escape(space.channels[one["channel_id"]].name)}</span>'
            case "broadcast":
                shown = f'<span class="mention">@{escape(one["range"])}</span>'
            case "emoji":
                shown = escape(GLYPHS.get(one["name"], f":{one['name']}:"))
            case "link" if one["url"].startswith(("https:", "http:", "mailto:")):
                shown = f'<a href="{escape(one["url"])}">{escape(one.get("text") or one["url"])}</a>'
            case _:
                shown = escape(str(one.get("text") or one.get("url") or one.get("fallback") or ""))
        for style, tag in _TAGS.items():
            if one.get("style", {}).get(style):
                shown = f"<{tag}>{shown}</{tag}>"
        made += shown
    return made


def _files(space: Workspace, message: Message) -> str:
    return "".join(
        f'<p><a href="/fichier/{one}">{escape(space.files[one].name)}</a> ({len(space.files[one].data)} octets)</p>'
        for one in message.files
    )


def _acts(user: User, message: Message, author: str) -> str:
    if message.subtype.startswith("channel_") or message.subtype == "tombstone":
        return ""
    about = f'<span hidden id="a{message.ts}">le message de {escape(author)}</span>'
    given = "".join(
        _button(user, message, "reagir", f"{GLYPHS.get(name, f':{name}:')} {len(who)}", name, pressed=user.id in who)
        for name, who in message.reactions.items()
    )
    more = "".join(_button(user, message, "reagir", glyph, name) for name, glyph in GLYPHS.items())
    other = (
        f'<form class="inline" method="post" action="/agir">{_hidden(user, message)}'
        '<label>Autre emoji <input name="emoji" size="12" required pattern="[a-z0-9_+\\-:]+"></label>'
        '<button name="action" value="reagir">Ajouter</button></form>'
    )
    links = _link(user, message, "repondre", "Répondre")
    if message.user == user.id:
        links += _link(user, message, "modifier", "Modifier") + _button(user, message, "supprimer", "Supprimer")
    return f'<div class="acts">{about}{given}{links}<details><summary>Réagir</summary>{more}{other}</details></div>'


def _link(user: User, message: Message, what: str, label: str) -> str:
    query = urlencode({"utilisateur": user.id, "salon": message.channel, what: message.ts})
    return f'<a href="/?{escape(query)}#ecrire" aria-describedby="a{message.ts}">{label}</a>'


def _button(
    user: User, message: Message, action: str, label: str, emoji: str = "", *, pressed: bool | None = None
) -> str:
    name = f'<input type="hidden" name="emoji" value="{escape(emoji)}">' if emoji else ""
    state = "" if pressed is None else f' aria-pressed="{str(pressed).lower()}"'
    return (
        f'<form class="inline" method="post" action="/agir">{_hidden(user, message)}{name}'
        f'<button name="action" value="{action}" aria-describedby="a{message.ts}"{state}>{escape(label)}</button>'
        "</form>"
    )


def _composer(space: Workspace, user: User, channel: Channel, reply_to: str, change: str) -> str:
    if channel.archived:
        return "<p>Ce salon est archivé : personne n'y écrit.</p>"
    if user.id not in channel.members:
        return f"""<form method="post" action="/agir"><p>{escape(user.shown)} n'est pas dans ce salon.</p>
<input type="hidden" name="utilisateur" value="{user.id}"><input type="hidden" name="salon" value="{channel.id}">
<button class="main" name="action" value="rejoindre">Rejoindre le salon</button></form>"""
    action, title, value, more = "dire", f"Écrire comme {user.shown}", "", ""
    changed, root = channel.messages.get(change), channel.messages.get(reply_to)
    if changed is not None:
        action, title = "modifier", "Modifier votre message"
        value = transcript.words(space, changed.text)
        more = f'<input type="hidden" name="ts" value="{changed.ts}">'
    else:
        more = '<label>Fichier <input type="file" name="fichier"></label>'
        if root is not None:
            title = f"Répondre à {transcript.author(space, root)} comme {user.shown}"
            more += f'<input type="hidden" name="ts" value="{root.ts}">'
            more += '<label class="box"><input type="checkbox" name="aussi" value="1"> Aussi dans le salon</label>'
    query = urlencode({"utilisateur": user.id, "salon": channel.id})
    cancel = f'<a href="/?{escape(query)}">Annuler</a>' if more and (changed or root) else ""
    return f"""<h2 id="ecrire">{escape(title)}</h2>
<form method="post" action="/agir" enctype="multipart/form-data">
<input type="hidden" name="utilisateur" value="{user.id}"><input type="hidden" name="salon" value="{channel.id}">
<label class="wide">Message
<textarea name="texte" rows="3" autofocus aria-describedby="aide">{escape(value)}</textarea></label>
<p class="note" id="aide">@nom cite quelqu'un, #nom un salon ; *gras*, _italique_, ~barré~, `code`.</p>
{more}<button class="main" name="action" value="{action}">Envoyer</button> {cancel}</form>"""

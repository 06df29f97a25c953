"""Who and what there is: auth, team, users, bots, emoji, usergroups, the socket. docs.slack.dev/reference/methods."""

from tchap_bridges.testing.slack import shapes
from tchap_bridges.testing.slack.call import Call, Method, next_page
from tchap_bridges.testing.slack.model import Json, SlackError


async def api_test(call: Call) -> Json:
    if call.arguments.has("error"):
        raise SlackError(call.arguments.text("error"), args=dict(call.arguments.given))
    return {"args": dict(call.arguments.given)}


async def auth_test(call: Call) -> Json:
    workspace, bot = call.workspace, call.app.bot
    who: Json = {
        "url": f"{workspace.url}/",
        "team": workspace.team.name,
        "user": workspace.users[bot.user_id].name,
        "team_id": workspace.team.id,
        "user_id": bot.user_id,
        "bot_id": bot.id,
        "is_enterprise_install": False,
    }
    if call.token is call.app.app_token:
        return {"app_name": call.app.name, "app_id": call.app.id}
    return who


async def connections_open(call: Call) -> Json:
    if not call.app.socket_mode:
        raise SlackError("socket_mode_not_enabled")
    return {"url": call.sockets.new_address(call.base)}


async def team_info(call: Call) -> Json:
    if call.arguments.text("team", call.workspace.team.id) != call.workspace.team.id:
        raise SlackError("team_not_found")
    return {"team": shapes.team_json(call.workspace.team, call.workspace.url)}


async def users_list(call: Call) -> Json:
    everybody = list(call.workspace.users.values())
    page, cursor = call.page(everybody, lambda one: one.id, default=len(everybody))
    members = [call.workspace.user_json(one) for one in page]
    return {"members": members, "cache_ts": call.workspace.now(), **next_page(cursor)}


async def users_info(call: Call) -> Json:
    user = call.workspace.users.get(call.arguments.text("user"))
    if user is None:
        raise SlackError("user_not_found")
    shape = call.workspace.user_json(user)
    if call.arguments.flag("include_locale") and not user.deleted:
        shape["locale"] = "fr-FR"
    return {"user": shape}


async def bots_info(call: Call) -> Json:
    bot = call.workspace.bots.get(call.arguments.text("bot"))
    if bot is None:
        raise SlackError("bot_not_found")
    return {"bot": shapes.bot_json(bot, call.workspace.url)}


async def emoji_list(call: Call) -> Json:
    return {"emoji": dict(call.workspace.emoji), "cache_ts": call.workspace.new_ts()}


async def usergroups_list(call: Call) -> Json:
    workspace, all_ = call.workspace, call.arguments.flag("include_disabled")
    users = call.arguments.flag("include_users")
    groups = [one for one in workspace.usergroups.values() if all_ or not one.disabled]
    return {"usergroups": [shapes.usergroup_json(one, workspace.team, users=users) for one in groups]}


METHODS = {
    "api.test": Method(api_test, tier=100),
    "auth.test": Method(auth_test, tier=0),
    "apps.connections.open": Method(connections_open, ("connections:write",), tier=1, for_app=True),
    "team.info": Method(team_info, ("team:read",), json=False),
    "users.list": Method(users_list, ("users:read",), tier=20, json=False),
    "users.info": Method(users_info, ("users:read",), tier=100, json=False),
    "bots.info": Method(bots_info, ("users:read",), json=False),
    "emoji.list": Method(emoji_list, ("emoji:read",), tier=20, json=False),
    "usergroups.list": Method(usergroups_list, ("usergroups:read",), tier=20, json=False),
}

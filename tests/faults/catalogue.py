"""All scenarios, in the order in which they are run."""

from . import disks, echoes, homeservers, hooks, irc, mailservers, points, slack, slack_limits, storms, timers
from .scenario import Scenario

SCENARIOS = (
    Scenario("kills-mail-to-room", "1", storms.kills_mail_to_room, limit=900),
    Scenario("kills-room-to-mail", "1", storms.kills_room_to_mail, limit=900),
    Scenario("outages-mail-to-room", "1", storms.outages_mail_to_room, limit=600),
    Scenario("outages-room-to-mail", "1, 6", storms.outages_room_to_mail, limit=600),
    Scenario("kill-before-200", "2", points.before_200),
    Scenario("kill-before-250", "2", points.before_250),
    Scenario("kill-after-send", "3", points.after_send),
    Scenario("kill-after-submission", "14", points.after_submission),
    Scenario("kill-in-upload", "3", points.in_upload),
    Scenario("kill-in-command", "2", points.in_command),
    Scenario("timers-kills", "1", timers.kills_while_firing, limit=1800),
    Scenario("two-ghosts", "5", mailservers.two_ghosts),
    Scenario("queue-lost", "6", homeservers.queue_lost),
    Scenario("old-transaction", "7", homeservers.old_transaction),
    Scenario("same-transaction-at-once", "8", homeservers.same_transaction_at_once),
    Scenario("poison", "9", homeservers.poison),
    Scenario("disk-full", "10", disks.disk_full),
    Scenario("database-gone", "10", disks.database_gone),
    Scenario("refusals", "22", homeservers.refusals),
    Scenario("early-changes", "27", homeservers.early_changes),
    Scenario("no-echo", "21", echoes.no_echo, limit=900),
    Scenario("client-hangs-up", "12", mailservers.client_hangs_up),
    Scenario("handler-fails", "13", mailservers.handler_fails),
    Scenario("submission-dies", "14", mailservers.submission_dies),
    Scenario("irc-kills-with-history", "1", irc.kills_with_history, limit=900),
    Scenario("irc-kills-without-history", "1", irc.kills_without_history, limit=900),
    Scenario("irc-cut-before-echo", "19", irc.cut_before_echo),
    Scenario("irc-absence", "20", irc.absence, limit=600),
    Scenario("hooks-kills", "1, 2", hooks.kills, limit=2400),
    Scenario("slack-kills", "1, 15, 17", slack.kills, limit=900),
    Scenario("slack-limited", "16", slack_limits.limited, limit=180),
    Scenario("slack-told-again", "15", slack_limits.told_again, limit=240),
)

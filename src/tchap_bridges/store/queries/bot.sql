-- Bots: where they are on, what they have said, keep, and ordered for later.

-- name: bots_everywhere [slow]
SELECT room, bot FROM room_bot WHERE stopped = ''

-- name: room_bots_of
SELECT room FROM room_bot WHERE bot = :bot AND stopped = '' ORDER BY room

-- name: room_bots_stopped [slow]
SELECT bot, stopped, count(*) AS count FROM room_bot WHERE stopped <> '' GROUP BY bot, stopped ORDER BY bot, stopped

-- name: room_bot_by
SELECT enabled_by FROM room_bot WHERE room = :room AND bot = :bot AND stopped = ''

-- name: room_bot_stop
UPDATE room_bot SET stopped = :why, stopped_at = :at WHERE room = :room AND bot = :bot

-- name: room_bot_config
SELECT config FROM room_bot WHERE room = :room AND bot = :bot AND stopped = ''

-- name: room_bot_configure
UPDATE room_bot SET config = :config WHERE room = :room AND bot = :bot

-- name: room_bots_leave
DELETE FROM room_bot WHERE room = :room

-- name: timers_leave
DELETE FROM timer WHERE room = :room

-- name: room_bots_yield
DELETE FROM room_bot WHERE room = :old AND bot IN (SELECT bot FROM room_bot WHERE room = :new)

-- name: timers_yield
DELETE FROM timer WHERE room = :old AND (bot, key) IN (SELECT bot, key FROM timer WHERE room = :new)

-- name: kv_yield
DELETE FROM kv WHERE space = :old AND key IN (SELECT key FROM kv WHERE space = :new)

-- name: room_bots_move
UPDATE room_bot SET room = :new WHERE room = :old

-- name: timers_move
UPDATE timer SET room = :new WHERE room = :old

-- name: kv_move
UPDATE kv SET space = :new WHERE space = :old

-- name: said_add
INSERT INTO said (handle, message) VALUES (:handle, :message) ON CONFLICT DO NOTHING

-- name: said_message
SELECT message FROM said WHERE handle = :handle

-- name: said_handle
SELECT handle FROM said WHERE message = :message

-- name: kv_add
INSERT INTO kv (space, key, value) VALUES (:space, :key, :value) ON CONFLICT DO NOTHING

-- name: kv_all
SELECT key, value FROM kv WHERE space = :space ORDER BY key

-- name: kv_delete
DELETE FROM kv WHERE space = :space AND key = :key

-- name: timer_set
INSERT INTO timer (room, bot, key, due_at, handler, words) VALUES (:room, :bot, :key, :due_at, :handler, :words)
ON CONFLICT (room, bot, key) DO UPDATE SET due_at = excluded.due_at, handler = excluded.handler, words = excluded.words

-- name: timer_delete
DELETE FROM timer WHERE room = :room AND bot = :bot AND key = :key

-- name: timer_postpone
UPDATE timer SET due_at = :at WHERE room = :room AND bot = :bot AND key = :key

-- name: timers_due
SELECT room, bot, key, due_at, handler, words FROM timer WHERE due_at <= :now ORDER BY due_at LIMIT 100

-- name: timer_get
SELECT room, bot, key, due_at, handler, words FROM timer WHERE room = :room AND bot = :bot AND key = :key

-- name: timers_of
SELECT room, bot, key, due_at, handler, words FROM timer WHERE room = :room AND bot = :bot

-- name: timers_scheduled [slow]
SELECT DISTINCT room, bot FROM timer WHERE key LIKE '@%'

-- Schedules whose call is under way, and that no call will end.

-- name: timers_stranded [slow]
SELECT room, bot, key, due_at, handler, words FROM timer
WHERE due_at >= :under_way AND NOT EXISTS (
    SELECT 1 FROM lane JOIN outbox ON outbox.lane = lane.id
    WHERE lane.room = timer.room AND lane.target = 'bot:' || timer.bot AND outbox.state = 0 AND outbox.action = 'timer'
)
LIMIT 100

-- name: timer_next
SELECT min(due_at) AS due_at FROM timer

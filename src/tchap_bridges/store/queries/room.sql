-- Rooms, the bots switched on in them, small values, the audit.

-- name: room_encrypted
INSERT INTO room (id, encrypted) VALUES (:id, 1) ON CONFLICT (id) DO UPDATE SET encrypted = 1

-- name: rooms_encrypted
SELECT id FROM room WHERE encrypted = 1

-- name: room_joined
INSERT INTO room (id, joined) VALUES (:id, :joined) ON CONFLICT (id) DO UPDATE SET joined = :joined

-- name: room_standing
SELECT standing FROM room WHERE id = :id

-- name: room_stands
INSERT INTO room (id, standing) VALUES (:id, :standing) ON CONFLICT (id) DO UPDATE SET standing = excluded.standing

-- name: room_is_left
SELECT id FROM room WHERE id = :id AND joined = 0

-- name: room_is_joined
SELECT id FROM room WHERE id = :id AND joined = 1

-- name: room_replaced
INSERT INTO room (id, replaced) VALUES (:id, :to) ON CONFLICT (id) DO UPDATE SET replaced = excluded.replaced

-- name: room_replaced_by
SELECT id FROM room WHERE replaced = :to

-- name: read_upto
SELECT message.id, copy.remote FROM message JOIN copy ON copy.message = message.id AND copy.target = message.room
WHERE message.room = :room AND message.origin = :room AND message.kind = 'message' AND copy.remote IS NOT NULL
  AND message.id > coalesce((SELECT read_upto FROM room WHERE id = :room), 0)
  AND message.id < coalesce((
        SELECT min(other.id) FROM message AS other JOIN copy AS open ON open.message = other.id AND open.state = 0
        WHERE other.room = :room AND other.origin = :room
          AND other.id > coalesce((SELECT read_upto FROM room WHERE id = :room), 0)
      ), 9223372036854775807)
ORDER BY message.id DESC LIMIT 1

-- name: room_read
INSERT INTO room (id, read_upto) VALUES (:id, :upto) ON CONFLICT (id) DO UPDATE SET read_upto = :upto

-- name: room_bots
SELECT bot, stopped, stopped_at FROM room_bot WHERE room = :room

-- name: room_bot_add
INSERT INTO room_bot (room, bot, enabled_by) VALUES (:room, :bot, :by)
ON CONFLICT (room, bot) DO UPDATE SET enabled_by = excluded.enabled_by, stopped = '', stopped_at = NULL
WHERE room_bot.stopped <> ''

-- name: room_bot_remove
DELETE FROM room_bot WHERE room = :room AND bot = :bot

-- name: kv_get
SELECT value FROM kv WHERE space = :space AND key = :key

-- name: kv_set
INSERT INTO kv (space, key, value) VALUES (:space, :key, :value)
ON CONFLICT (space, key) DO UPDATE SET value = excluded.value

-- name: audit_add
INSERT INTO audit (at, who, what, room, detail, rule) VALUES (:at, :who, :what, :room, :detail, :rule)

-- name: audit_list
SELECT id, at, who, what, room, detail, rule FROM audit WHERE id > :after ORDER BY id LIMIT :limit

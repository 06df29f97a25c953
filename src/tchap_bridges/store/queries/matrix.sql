-- Ghosts, the rooms they are in, and with which voice they are heard there.

-- name: ghost_get
SELECT profile, device FROM ghost WHERE mxid = :mxid

-- name: ghost_person
SELECT network, person FROM ghost WHERE mxid = :mxid

-- name: ghost_add
INSERT INTO ghost (mxid, network, person, device) VALUES (:mxid, :network, :person, :device)
ON CONFLICT (mxid) DO UPDATE SET device = excluded.device

-- name: ghost_profile
UPDATE ghost SET profile = :profile, avatar = :avatar WHERE mxid = :mxid

-- name: ghost_in_room
SELECT 1 FROM ghost_room WHERE room = :room AND mxid = :mxid

-- name: ghosts_in_room [slow]
SELECT mxid FROM ghost_room WHERE room = :room

-- name: ghost_room_add
INSERT INTO ghost_room (mxid, room) VALUES (:mxid, :room) ON CONFLICT DO NOTHING

-- name: ghost_room_remove
DELETE FROM ghost_room WHERE room = :room AND mxid = :mxid

-- name: room_voice
SELECT voice FROM room WHERE id = :room

-- name: room_voice_set
INSERT INTO room (id, voice) VALUES (:room, :voice) ON CONFLICT (id) DO UPDATE SET voice = excluded.voice

-- name: room_voice_reset
UPDATE room SET voice = 'ghost' WHERE id = :room AND voice <> 'ghost'

-- Ghosts that leave in a while.

-- name: departure_add
INSERT INTO departure (room, mxid, since, due_at) VALUES (:room, :mxid, :since, :due_at) ON CONFLICT DO NOTHING

-- name: departure_remove
DELETE FROM departure WHERE room = :room AND mxid = :mxid AND since <= :before

-- name: departures [slow]
SELECT room, mxid FROM departure

-- name: departures_due
SELECT room, mxid, since FROM departure WHERE due_at <= :now ORDER BY due_at LIMIT :limit

-- name: departure_later
UPDATE departure SET due_at = :due_at WHERE room = :room AND mxid = :mxid

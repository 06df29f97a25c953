-- Links, their names, and who may write to them.

-- name: link_get
SELECT id, room, connection, chat, name, direction, destination, number, state, held, reason, waiting, options, moderated,
       correspondents, consent, external, created_by, created_at, suspended_at, last_in, last_out,
       coalesce((SELECT encrypted FROM room WHERE room.id = link.room), 0) AS encrypted
FROM link WHERE id = :id

-- name: links_of_room
SELECT id, room, connection, chat, name, direction, destination, number, state, held, reason, waiting, options, moderated,
       correspondents, consent, external, created_by, created_at, suspended_at, last_in, last_out,
       coalesce((SELECT encrypted FROM room WHERE room.id = link.room), 0) AS encrypted
FROM link WHERE room = :room AND state <> 'gone' ORDER BY number, id

-- name: links_of_connection
SELECT id, room, connection, chat, name, direction, destination, number, state, held, reason, waiting, options, moderated,
       correspondents, consent, external, created_by, created_at, suspended_at, last_in, last_out,
       coalesce((SELECT encrypted FROM room WHERE room.id = link.room), 0) AS encrypted
FROM link WHERE connection = :connection AND state <> 'gone' ORDER BY number, id

-- name: links_named
SELECT link.id, room, link.connection, chat, link.name, direction, destination, number, state, held, reason, waiting, options,
       moderated, correspondents, consent, external, created_by, created_at, suspended_at, last_in, last_out,
       coalesce((SELECT encrypted FROM room WHERE room.id = link.room), 0) AS encrypted
FROM link_name JOIN link ON link.id = link_name.link
WHERE link_name.connection = :connection AND link_name.name = :name AND state <> 'gone' ORDER BY link.id

-- name: rooms_linked [slow]
SELECT DISTINCT room FROM link WHERE state <> 'gone'

-- name: links_states
SELECT connection, CASE WHEN state = 'active' AND held <> '' THEN held ELSE state END AS state, count(*) AS count
FROM link WHERE state <> 'gone' GROUP BY 1, 2

-- name: link_add
INSERT INTO link (number, room, connection, chat, name, direction, destination, state, waiting, options, moderated,
                  correspondents, external, created_by, created_at, rule_then)
VALUES ((SELECT coalesce(max(number), 0) + 1 FROM link WHERE room = :room), :room, :connection, :chat, :name, :direction, :destination, :state, :waiting, :options, :moderated,
        :correspondents, :external, :created_by, :created_at, :rule_then)
RETURNING id

-- name: link_name_add
INSERT INTO link_name (connection, name, link) VALUES (:connection, :name, :link) ON CONFLICT DO NOTHING

-- name: link_names_remove
DELETE FROM link_name WHERE link = :link

-- name: link_state
UPDATE link SET state = :state WHERE id = :id

-- name: link_held
UPDATE link SET held = :held, reason = :reason, suspended_at = coalesce(CAST(:suspended_at AS BIGINT), suspended_at) WHERE id = :id

-- name: link_consent
UPDATE link SET consent = :consent WHERE id = :id

-- name: rooms_suspended [slow]
SELECT DISTINCT room FROM link WHERE state <> 'gone' AND held = 'suspended'

-- name: link_arrived
UPDATE link SET last_in = :now, waiting = '' WHERE id = :id

-- name: link_left
UPDATE link SET last_out = :now WHERE id = :id

-- name: link_proof
UPDATE link SET proof = :proof WHERE id = :id

-- name: link_proof_get
SELECT proof FROM link WHERE id = :id

-- name: links_move
UPDATE link SET room = :new WHERE room = :old AND state <> 'gone'

-- name: sender_get
SELECT state FROM sender WHERE link = :link AND person = :person

-- name: sender_hold
INSERT INTO sender (link, person, name, state) VALUES (:link, :person, :name, 0)
ON CONFLICT (link, person) DO UPDATE SET state = 0

-- name: sender_state
UPDATE sender SET state = :state WHERE link = :link AND person = :person

-- name: senders_held_count
SELECT count(*) FROM sender WHERE link = :link AND state = 0

-- name: senders
SELECT person, name, state FROM sender WHERE link = :link

-- name: senders_held
SELECT link, person, name FROM sender WHERE link = :link AND state = 0

-- name: links_known [slow]
SELECT id, name, connection, CASE WHEN state = 'active' AND held <> '' THEN held ELSE state END AS state FROM link

-- What waits: to leave for it, or, come while it could carry nothing, for itself (core.links.standing_by).

-- name: links_health [slow]
SELECT link.id, link.room, link.connection,
       CASE WHEN link.state = 'active' AND link.held <> '' THEN link.held ELSE link.state END AS state, link.last_in, link.last_out,
       sum(CASE WHEN outbox.state = 0 THEN 1 ELSE 0 END)
         + (SELECT count(*) FROM inbox
            WHERE inbox.state IN (2, 3) AND inbox.awaits = 'standing by ' || CAST(link.id AS TEXT)) AS waiting,
       sum(CASE WHEN outbox.state = 2 THEN 1 ELSE 0 END) AS failed
FROM link
LEFT JOIN lane ON lane.target = 'link:' || CAST(link.id AS TEXT)
LEFT JOIN outbox ON outbox.lane = lane.id AND outbox.state IN (0, 2)
WHERE link.state <> 'gone'
GROUP BY link.id, link.room, link.connection, link.state, link.held, link.last_in, link.last_out
ORDER BY link.id

-- Retention, and what seals everything anew when the key has been changed.

-- What somebody should have decided in time: :late is older than :before.

-- name: upkeep_inbox_close [slow]
UPDATE inbox SET state = 1, awaits = NULL, error = coalesce(error, 'nobody decided in time')
WHERE received_at < :late AND state IN (3, 4)

-- Whoever was never decided about, and of whom nothing waits any more.

-- name: upkeep_senders_forget [slow]
DELETE FROM sender WHERE state = 0 AND NOT EXISTS (
    SELECT 1 FROM inbox
    WHERE inbox.awaits = 'sender ' || CAST(sender.link AS TEXT) || ' ' || sender.person AND inbox.state IN (2, 3)
)

-- name: upkeep_outbox_close [slow]
UPDATE outbox SET state = 3 WHERE state = 2 AND created_at < :late

-- What waits for somebody who has not come into their direct conversation.
-- name: upkeep_waiting_close [slow]
UPDATE outbox SET state = 3 WHERE state = 0 AND created_at < :before
  AND lane IN (SELECT id FROM lane WHERE target LIKE 'direct:%')

-- Contents that are final everywhere. A row's bytes are the files of messages that may still leave (outbox 0 and 2).

-- name: upkeep_inbox_empty [slow]
UPDATE inbox SET raw = NULL, meta = NULL
WHERE received_at < :before AND state = 1 AND (raw IS NOT NULL OR meta IS NOT NULL)
  AND id NOT IN (
        SELECT message.inbox FROM outbox JOIN message ON message.id = outbox.message
        WHERE outbox.state IN (0, 2) AND message.inbox IS NOT NULL
      )

-- name: upkeep_pieces_empty [slow]
DELETE FROM inbox_piece WHERE EXISTS (SELECT 1 FROM inbox WHERE inbox.id = inbox_piece.inbox AND inbox.raw IS NULL)

-- Its age is ours: sent_at is what its sender says. Without its row of the inbox it is older than anything kept.

-- name: upkeep_message_empty [slow]
UPDATE message SET body = NULL
WHERE body IS NOT NULL
  AND CASE WHEN message.inbox IS NULL THEN sent_at
           ELSE coalesce((SELECT inbox.received_at FROM inbox WHERE inbox.id = message.inbox), 0)
      END < :before
  AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.message = message.id AND outbox.state IN (0, 2))

-- name: upkeep_outbox_forget [slow]
DELETE FROM outbox WHERE state IN (1, 3) AND created_at < :before

-- name: upkeep_inbox_forget [slow]
DELETE FROM inbox
WHERE received_at < :before AND state = 1 AND raw IS NULL
  AND id NOT IN (
        SELECT message.inbox FROM outbox JOIN message ON message.id = outbox.message
        WHERE outbox.state IN (0, 2) AND message.inbox IS NOT NULL
      )

-- Sealing anew: for each column, the next rows that another key than the present one has sealed (a sealed value begins
-- with the mark of its key), and their replacement, unless somebody else has written meanwhile.

-- name: reseal_link_options [slow]
SELECT id, options AS sealed FROM link WHERE id > :id AND substr(options, 1, 5) <> :mark ORDER BY id LIMIT :limit

-- name: reseal_link_options_set
UPDATE link SET options = :fresh WHERE id = :id AND options = :sealed

-- name: reseal_link_proof [slow]
SELECT id, proof AS sealed FROM link WHERE id > :id AND substr(proof, 1, 5) <> :mark ORDER BY id LIMIT :limit

-- name: reseal_link_proof_set
UPDATE link SET proof = :fresh WHERE id = :id AND proof = :sealed

-- name: reseal_sender_name [slow]
SELECT link, person, name AS sealed FROM sender
WHERE (link, person) > (:link, :person) AND substr(name, 1, 5) <> :mark ORDER BY link, person LIMIT :limit

-- name: reseal_sender_name_set
UPDATE sender SET name = :fresh WHERE link = :link AND person = :person AND name = :sealed

-- name: reseal_ghost_person [slow]
SELECT mxid, person AS sealed FROM ghost
WHERE mxid > :mxid AND substr(person, 1, 5) <> :mark ORDER BY mxid LIMIT :limit

-- name: reseal_ghost_person_set
UPDATE ghost SET person = :fresh WHERE mxid = :mxid AND person = :sealed

-- Values of the core's own, in other spaces, are not secret and not sealed.

-- name: reseal_kv_value [slow]
SELECT space, key, value AS sealed FROM kv
WHERE (space, key) > (:space, :key) AND (space LIKE 'connection:%' OR space LIKE 'bot:%') AND substr(value, 1, 5) <> :mark
ORDER BY space, key LIMIT :limit

-- name: reseal_kv_value_set
UPDATE kv SET value = :fresh WHERE space = :space AND key = :key AND value = :sealed

-- name: reseal_blob [slow]
SELECT key, value AS sealed FROM kv
WHERE space = 'blob' AND key > :key AND substr(value, 1, 5) <> :mark ORDER BY key LIMIT :limit

-- name: reseal_blob_set
UPDATE kv SET value = :fresh WHERE space = 'blob' AND key = :key AND value = :sealed

-- name: reseal_room_bot_config [slow]
SELECT room, bot, config AS sealed FROM room_bot
WHERE (room, bot) > (:room, :bot) AND substr(config, 1, 5) <> :mark ORDER BY room, bot LIMIT :limit

-- name: reseal_room_bot_config_set
UPDATE room_bot SET config = :fresh WHERE room = :room AND bot = :bot AND config = :sealed

-- name: reseal_timer_words [slow]
SELECT room, bot, key, words AS sealed FROM timer
WHERE (room, bot, key) > (:room, :bot, :key) AND substr(words, 1, 5) <> :mark ORDER BY room, bot, key LIMIT :limit

-- name: reseal_timer_words_set
UPDATE timer SET words = :fresh WHERE room = :room AND bot = :bot AND key = :key AND words = :sealed

-- name: reseal_question_words [slow]
SELECT bot, room, person, key, words AS sealed FROM question
WHERE (bot, room, person, key) > (:bot, :room, :person, :key) AND substr(words, 1, 5) <> :mark
ORDER BY bot, room, person, key LIMIT :limit

-- name: reseal_question_words_set
UPDATE question SET words = :fresh
WHERE bot = :bot AND room = :room AND person = :person AND key = :key AND words = :sealed

-- name: reseal_outbox_steps [slow]
SELECT lane, seq, steps AS sealed FROM outbox
WHERE (lane, seq) > (:lane, :seq) AND state IN (0, 2) AND substr(steps, 1, 5) <> :mark ORDER BY lane, seq LIMIT :limit

-- name: reseal_outbox_steps_set
UPDATE outbox SET steps = :fresh WHERE lane = :lane AND seq = :seq AND steps = :sealed

-- Every body: an answer to an old thread opens the thread's first message for its subject.

-- name: reseal_message_body [slow]
SELECT id, body AS sealed FROM message WHERE id > :id AND substr(body, 1, 5) <> :mark ORDER BY id LIMIT :limit

-- name: reseal_message_body_set
UPDATE message SET body = :fresh WHERE id = :id AND body = :sealed

-- Of the inbox only what is not routed yet, or holds the files of something that may still leave.

-- name: reseal_inbox_meta [slow]
SELECT id, meta AS sealed FROM inbox
WHERE id > :id AND substr(meta, 1, 5) <> :mark
  AND (state <> 1 OR id IN (
        SELECT message.inbox FROM outbox JOIN message ON message.id = outbox.message WHERE outbox.state IN (0, 2)
      ))
ORDER BY id LIMIT :limit

-- name: reseal_inbox_meta_set
UPDATE inbox SET meta = :fresh WHERE id = :id AND meta = :sealed

-- name: reseal_inbox_raw [slow]
SELECT id, raw AS sealed FROM inbox
WHERE id > :id AND substr(raw, 1, 5) <> :mark
  AND (state <> 1 OR id IN (
        SELECT message.inbox FROM outbox JOIN message ON message.id = outbox.message WHERE outbox.state IN (0, 2)
      ))
ORDER BY id LIMIT :limit

-- name: reseal_inbox_raw_set
UPDATE inbox SET raw = :fresh WHERE id = :id AND raw = :sealed

-- name: reseal_inbox_piece [slow]
SELECT inbox, n, data AS sealed FROM inbox_piece
WHERE (inbox, n) > (:inbox, :n) AND substr(data, 1, 5) <> :mark
  AND inbox IN (
        SELECT id FROM inbox WHERE state <> 1
        UNION SELECT message.inbox FROM outbox JOIN message ON message.id = outbox.message WHERE outbox.state IN (0, 2)
      )
ORDER BY inbox, n LIMIT :limit

-- name: reseal_inbox_piece_set
UPDATE inbox_piece SET data = :fresh WHERE inbox = :inbox AND n = :n AND data = :sealed

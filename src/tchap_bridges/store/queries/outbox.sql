-- Messages, their copies, and the lanes in which they leave.

-- name: message_add
INSERT INTO message (room, origin, kind, author, sent_at, inbox, parent, root, late, symbol, body)
VALUES (:room, :origin, :kind, :author, :sent_at, :inbox, :parent, :root, :late, :symbol, :body)
RETURNING id

-- name: message_get
SELECT id, room, origin, kind, author, sent_at, inbox, parent, root, late, gone, symbol, body
FROM message WHERE id = :id

-- What one author said last in one place.

-- name: message_last_of
SELECT body FROM message
WHERE room = :room AND origin = :origin AND author = :author AND kind = 'message' AND body IS NOT NULL
ORDER BY id DESC LIMIT 1

-- name: message_root
SELECT root FROM message WHERE id = :id

-- name: message_symbol
UPDATE message SET symbol = :symbol WHERE id = :id

-- name: message_body
UPDATE message SET body = :body WHERE id = :id

-- name: message_edited
SELECT body FROM message WHERE parent = :message AND kind = 'edit' ORDER BY id DESC LIMIT 1

-- name: message_gone
UPDATE message SET gone = 1, body = NULL WHERE id = :id

-- name: message_reaction
SELECT id FROM message
WHERE parent = :parent AND kind = 'reaction' AND author = :author AND symbol = :symbol AND gone = 0
ORDER BY id DESC LIMIT 1

-- Somebody else's same reaction, which one place shows by ours alone.

-- name: reaction_heir
SELECT message.id FROM message JOIN copy ON copy.message = message.id AND copy.target = :target AND copy.part = 0
WHERE message.parent = :parent AND message.kind = 'reaction' AND message.symbol = :symbol AND message.gone = 0
  AND message.id <> :message AND copy.state = 1 AND copy.remote IS NULL
ORDER BY message.id LIMIT 1

-- name: copy_add
INSERT INTO copy (message, target, part, remote, state) VALUES (:message, :target, :part, :remote, :state)
ON CONFLICT (message, target, part) DO UPDATE SET remote = excluded.remote, state = excluded.state

-- name: copy_find
SELECT copy.message, copy.part, copy.state, message.origin, message.author, message.kind, message.root, message.room,
       message.gone, message.parent
FROM copy JOIN message ON message.id = copy.message
WHERE copy.target = :target AND copy.remote = :remote
ORDER BY copy.part LIMIT 1

-- name: copy_state
UPDATE copy SET state = :state WHERE message = :message AND target = :target

-- name: copy_given_up
UPDATE copy SET state = 3
WHERE state = 0 AND (message, target) IN (
    SELECT outbox.message, lane.target FROM outbox JOIN lane ON lane.id = outbox.lane
    WHERE outbox.lane = :lane AND outbox.seq = :seq AND outbox.action IN ('send', 'react')
)

-- name: copy_on
SELECT remote, state FROM copy WHERE message = :message AND target = :target AND part = 0

-- name: copies_on
SELECT part, remote FROM copy WHERE message = :message AND target = :target AND remote IS NOT NULL ORDER BY part

-- name: copies_on_their_way
SELECT count(*) FROM outbox JOIN lane ON lane.id = outbox.lane
WHERE lane.target = :target AND outbox.state = 0 AND outbox.action = 'send'

-- name: copies_elsewhere
SELECT target, state FROM copy WHERE message = :message AND part = 0 AND target <> :target AND state IN (0, 1)

-- name: ancestry
WITH RECURSIVE up (id, parent, depth) AS (
    SELECT id, parent, 0 FROM message WHERE id = :message
    UNION ALL
    SELECT message.id, message.parent, up.depth + 1 FROM up JOIN message ON message.id = up.parent WHERE up.depth < 100
)
SELECT up.id, up.depth, copy.remote, copy.state
FROM up JOIN copy ON copy.message = up.id AND copy.target = :target AND copy.part = 0
WHERE up.depth > 0 AND copy.remote IS NOT NULL
ORDER BY up.depth DESC

-- Who wrote what is answered, as far as that came from the target itself.

-- name: correspondent
WITH RECURSIVE up (parent, origin, author, depth) AS (
    SELECT parent, origin, author, 0 FROM message WHERE id = :message
    UNION ALL
    SELECT message.parent, message.origin, message.author, up.depth + 1
    FROM up JOIN message ON message.id = up.parent WHERE up.depth < 100 AND up.origin <> :target
)
SELECT author FROM up WHERE origin = :target

-- What a message read before its edit :before, which is a message of its own.

-- name: words_before
SELECT body FROM message
WHERE (id = :message OR (parent = :message AND kind = 'edit')) AND id < :before AND body IS NOT NULL
ORDER BY id DESC LIMIT 1

-- name: thread_ref_add
INSERT INTO thread_ref (target, remote, root) VALUES (:target, :remote, :root) ON CONFLICT DO NOTHING

-- name: thread_ref_get
SELECT root FROM thread_ref WHERE target = :target AND remote = :remote

-- name: lane_next
INSERT INTO lane (room, target, whom, last_seq) VALUES (:room, :target, :whom, 1)
ON CONFLICT (target, room, whom) DO UPDATE SET last_seq = lane.last_seq + 1
RETURNING id, last_seq

-- name: lane_rows
SELECT outbox.lane, outbox.seq, outbox.message, lane.whom FROM outbox JOIN lane ON lane.id = outbox.lane
WHERE lane.room = :room AND lane.target = :target AND outbox.state = 0 AND outbox.action = 'send' ORDER BY outbox.seq

-- name: lane_waiting
SELECT outbox.lane, outbox.seq FROM outbox JOIN lane ON lane.id = outbox.lane
WHERE lane.room = :room AND lane.target = :target AND outbox.state = 0 ORDER BY outbox.seq

-- name: outbox_move
UPDATE outbox SET lane = :to_lane, seq = :to_seq WHERE lane = :lane AND seq = :seq

-- name: copy_move
UPDATE copy SET target = :new WHERE message = :message AND target = :old

-- name: message_move
UPDATE message SET room = :room, root = NULL, parent = NULL WHERE id = :id

-- name: lanes_overdue [slow]
SELECT outbox.lane, outbox.seq, outbox.key, outbox.message, outbox.error, lane.room, lane.target
FROM outbox JOIN lane ON lane.id = outbox.lane
WHERE outbox.state = 0 AND outbox.told = 0 AND outbox.action = 'send' AND outbox.created_at < :before
  AND outbox.due_at < :now AND lane.target LIKE 'link:%'
LIMIT 100

-- A link that is being checked, and nobody who checks it.

-- name: rooms_unchecked
SELECT DISTINCT link.room FROM link
WHERE link.state <> 'gone' AND link.held = 'checking' AND NOT EXISTS (
    SELECT 1 FROM lane JOIN outbox ON outbox.lane = lane.id
    WHERE lane.room = link.room AND lane.target = 'review' AND outbox.state = 0
)

-- name: lanes_pending
SELECT DISTINCT lane.id, lane.room, lane.target FROM lane JOIN outbox ON outbox.lane = lane.id WHERE outbox.state = 0

-- name: lanes_depth
SELECT lane.target, count(*) AS depth, min(outbox.created_at) AS oldest
FROM outbox JOIN lane ON lane.id = outbox.lane WHERE outbox.state = 0 GROUP BY lane.target

-- name: outbox_add
INSERT INTO outbox (lane, seq, key, message, action, created_at, due_at)
VALUES (:lane, :seq, :key, :message, :action, :created_at, :due_at)

-- name: outbox_head
SELECT lane, seq, key, message, action, steps, attempts, told, created_at, due_at
FROM outbox WHERE lane = :lane AND state = 0 ORDER BY seq LIMIT :limit

-- name: outbox_done
UPDATE outbox SET state = 1, steps = NULL, error = NULL WHERE lane = :lane AND seq = :seq

-- name: outbox_retry
UPDATE outbox SET attempts = attempts + 1, due_at = :due_at, error = :error WHERE lane = :lane AND seq = :seq

-- name: outbox_told
UPDATE outbox SET told = 1 WHERE lane = :lane AND seq = :seq AND told = 0

-- name: outbox_steps
SELECT steps FROM outbox WHERE lane = :lane AND seq = :seq

-- name: outbox_begin
UPDATE outbox SET steps = :steps WHERE lane = :lane AND seq = :seq

-- name: outbox_dead
UPDATE outbox SET state = 2, attempts = attempts + 1, error = :error WHERE lane = :lane AND seq = :seq

-- name: outbox_cancel
UPDATE outbox SET state = 3 WHERE lane = :lane AND seq = :seq

-- name: outbox_in_grace
SELECT outbox.lane, outbox.seq FROM outbox JOIN lane ON lane.id = outbox.lane
WHERE outbox.message = :message AND lane.target = :target AND outbox.action = 'send'
  AND outbox.state = 0 AND outbox.attempts = 0 AND outbox.due_at > :after

-- name: outbox_dead_list
SELECT outbox.lane, outbox.seq, outbox.action, outbox.message, outbox.attempts, outbox.created_at, outbox.error,
       lane.room, lane.target
FROM outbox JOIN lane ON lane.id = outbox.lane WHERE outbox.state = 2 ORDER BY outbox.created_at LIMIT :limit

-- name: outbox_waiting_list
SELECT outbox.lane, outbox.seq, outbox.action, outbox.message, outbox.attempts, outbox.created_at, outbox.due_at,
       outbox.error, lane.room, lane.target
FROM outbox JOIN lane ON lane.id = outbox.lane WHERE outbox.state = 0 ORDER BY outbox.created_at LIMIT :limit

-- name: outbox_revive
UPDATE outbox SET state = 0, due_at = :now, attempts = 0, told = 1 WHERE lane = :lane AND seq = :seq AND state = 2

-- name: outbox_discard
UPDATE outbox SET state = 3 WHERE lane = :lane AND seq = :seq AND state IN (0, 2)

-- name: outbox_dead_count
SELECT lane.target, count(*) AS count FROM outbox JOIN lane ON lane.id = outbox.lane
WHERE outbox.state = 2 GROUP BY lane.target

-- name: outbox_link_counts
SELECT outbox.state, count(*) AS count FROM outbox JOIN lane ON lane.id = outbox.lane
WHERE lane.target = :target AND outbox.state IN (0, 2) GROUP BY outbox.state

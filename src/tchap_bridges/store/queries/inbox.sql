-- Everything about rows that arrive.

-- name: inbox_add
INSERT INTO inbox (source, key, kind, received_at, meta, raw, pieces)
VALUES (:source, :key, :kind, :received_at, :meta, :raw, :pieces)
ON CONFLICT (source, key) DO NOTHING
RETURNING id

-- name: inbox_piece_add
INSERT INTO inbox_piece (inbox, n, data) VALUES (:inbox, :n, :data)

-- name: inbox_piece
SELECT data FROM inbox_piece WHERE inbox = :inbox AND n = :n

-- name: inbox_get
SELECT id, source, key, kind, received_at, meta, raw, pieces, state, error FROM inbox WHERE id = :id

-- name: inbox_waiting
SELECT count(*) FROM inbox WHERE state = 0

-- name: inbox_new
SELECT id, source, key, kind, received_at, meta, raw, pieces, due_at, link
FROM inbox WHERE source = :source AND state = 0 ORDER BY id LIMIT :limit

-- What one of several links cannot carry yet waits for it alone: the same bytes, in a row of their own.

-- name: inbox_branch
INSERT INTO inbox (source, key, kind, received_at, meta, raw, pieces, state, awaits, due_at, link)
SELECT source, :key, kind, received_at, meta, raw, pieces, :state, :what, :due_at, :link FROM inbox WHERE id = :id
ON CONFLICT (source, key) DO NOTHING
RETURNING id

-- name: inbox_branch_pieces
INSERT INTO inbox_piece (inbox, n, data) SELECT :branch, n, data FROM inbox_piece WHERE inbox = :id

-- name: inbox_older
SELECT 1 FROM inbox WHERE source = :source AND state = 0 AND id < :id LIMIT 1

-- name: inbox_done
UPDATE inbox SET state = 1, awaits = NULL, error = NULL WHERE id = :id

-- name: inbox_await
UPDATE inbox SET state = 2, awaits = :what, due_at = :due_at WHERE id = :id

-- name: inbox_hold
UPDATE inbox SET state = 3, awaits = :what WHERE id = :id

-- name: inbox_dead
UPDATE inbox SET state = 4, error = :error WHERE id = :id

-- name: inbox_awaiting
SELECT count(*) FROM inbox WHERE awaits = :what AND state IN (2, 3)

-- name: inbox_release
UPDATE inbox SET state = 0, awaits = NULL, due_at = NULL WHERE awaits = :what AND state IN (2, 3)
RETURNING source

-- name: inbox_drop
UPDATE inbox SET state = 1, awaits = NULL, raw = NULL, meta = NULL, error = 'refused'
WHERE awaits = :what AND state IN (2, 3) AND state = 3

-- name: inbox_give_up
UPDATE inbox SET state = 0, awaits = NULL WHERE state = 2 AND due_at < :now
RETURNING source

-- What waits for a link that may carry by now: on PostgreSQL a release and a decision to wait can cross.

-- name: inbox_strayed [slow]
UPDATE inbox SET state = 0, awaits = NULL, due_at = NULL
WHERE state = 2 AND awaits LIKE 'standing by %' AND EXISTS (
    SELECT 1 FROM link
    WHERE link.id = CAST(substr(inbox.awaits, 13) AS BIGINT) AND link.held = '' AND link.state = 'active'
)
RETURNING source

-- name: inbox_dead_list
SELECT id, source, kind, received_at, error FROM inbox WHERE state = 4 ORDER BY id LIMIT :limit

-- What is not over yet: to be read, waiting for another message or for a link, held for a decision.

-- name: inbox_open_list [slow]
SELECT id, source, received_at, state, awaits, due_at FROM inbox WHERE state IN (0, 2, 3) ORDER BY id LIMIT :limit

-- name: inbox_open_count [slow]
SELECT (SELECT count(*) FROM inbox WHERE state = 0) + (SELECT count(*) FROM inbox WHERE state IN (2, 3))

-- name: inbox_retry
UPDATE inbox SET state = 0, error = NULL WHERE id = :id AND state = 4

-- name: inbox_discard
UPDATE inbox SET state = 1, raw = NULL, meta = NULL WHERE id = :id AND state = 4

-- name: inbox_pieces_discard
DELETE FROM inbox_piece WHERE inbox IN (SELECT id FROM inbox WHERE id = :id AND raw IS NULL)

-- name: inbox_kind
SELECT kind FROM inbox WHERE id = :id

-- name: inbox_dead_count
SELECT source, count(*) AS count FROM inbox WHERE state = 4 GROUP BY source

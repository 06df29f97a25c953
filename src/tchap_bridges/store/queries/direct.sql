-- Direct conversations, and what people were asked.

-- name: directs_open [slow]
SELECT person, room FROM direct WHERE state = 'open'

-- name: direct_of
SELECT room, state FROM direct WHERE person = :person

-- name: direct_in
SELECT person, state FROM direct WHERE room = :room

-- name: direct_set
INSERT INTO direct (person, room, state) VALUES (:person, :room, :state)
ON CONFLICT (person) DO UPDATE SET room = excluded.room, state = excluded.state

-- name: direct_move
UPDATE direct SET room = :new WHERE room = :old

-- name: direct_forget
DELETE FROM direct WHERE person = :person

-- name: question_set
INSERT INTO question (bot, room, person, key, private, handler, words, secret, language, message, until)
VALUES (:bot, :room, :person, :key, :private, :handler, :words, :secret, :language, :message, :until)
ON CONFLICT (bot, room, person, key) DO UPDATE SET private = excluded.private, handler = excluded.handler,
  words = excluded.words, secret = excluded.secret, language = excluded.language, message = excluded.message,
  until = excluded.until

-- name: question_get
SELECT key, private, handler, words, secret, language FROM question
WHERE bot = :bot AND room = :room AND person = :person AND key = :key

-- name: questions_private
SELECT bot, room, key, message, secret FROM question WHERE person = :person AND private = 1 ORDER BY message DESC

-- name: questions_here
SELECT bot, room, key, message FROM question
WHERE person = :person AND private = 0 AND room = :room AND until >= :at ORDER BY message DESC

-- name: questions_in_rooms [slow]
SELECT room, person, until FROM question WHERE private = 0

-- name: question_until
UPDATE question SET until = :until WHERE bot = :bot AND room = :room AND person = :person AND key = :key

-- name: question_delete
DELETE FROM question WHERE bot = :bot AND room = :room AND person = :person AND key = :key

-- name: questions_withdraw
DELETE FROM question WHERE bot = :bot AND room = :room AND key = :key

-- name: questions_drop
DELETE FROM question WHERE bot = :bot AND room = :room

-- name: questions_forget
DELETE FROM question WHERE person = :person AND private = 1

-- name: questions_leave
DELETE FROM question WHERE room = :room

-- name: questions_yield
DELETE FROM question
WHERE room = :old AND (bot, person, key) IN (SELECT bot, person, key FROM question WHERE room = :new)

-- name: questions_move
UPDATE question SET room = :new WHERE room = :old

-- name: answer_forget_inbox
UPDATE inbox SET raw = NULL, meta = NULL, pieces = 0 WHERE id = (SELECT inbox FROM message WHERE id = :id)

-- name: answer_forget_pieces
DELETE FROM inbox_piece WHERE inbox = (SELECT inbox FROM message WHERE id = :id)

-- name: inbox_forget
UPDATE inbox SET raw = NULL, meta = NULL, pieces = 0 WHERE id = :id

-- name: inbox_forget_pieces
DELETE FROM inbox_piece WHERE inbox = :id

-- name: answer_forget
DELETE FROM message WHERE id = :id

-- name: rows_waiting
SELECT outbox.lane, outbox.seq FROM outbox JOIN lane ON lane.id = outbox.lane
WHERE lane.room = :room AND lane.target = :room AND outbox.state = 0

-- name: spend
INSERT INTO bot_budget_spent (room, amount, what) VALUES (:room, :amount, :what)

-- name: total
SELECT coalesce(sum(amount), 0) FROM bot_budget_spent WHERE room = :room

-- name: room_moved
UPDATE bot_budget_spent SET room = :new WHERE room = :old

-- Webhooks and what was posted to them.

-- name: hooks_everywhere [slow]
SELECT id, room, bot, handler, name, scheme, secret, former, former_until, expires_at FROM hook

-- name: hook_add
INSERT INTO hook (id, room, bot, handler, name, scheme, secret, created_by, created_at)
VALUES (:id, :room, :bot, :handler, :name, :scheme, :secret, :by, :at) ON CONFLICT DO NOTHING

-- name: hooks_of
SELECT id, bot, name, scheme, created_by, created_at, expires_at, former_until, deliveries, repeated, last_at
FROM hook WHERE room = :room ORDER BY created_at, name

-- name: hook_rotate
UPDATE hook SET secret = :secret, former = :former, former_until = :until WHERE id = :id

-- name: hook_expire
UPDATE hook SET expires_at = :at WHERE id = :id

-- name: hook_remove
DELETE FROM hook WHERE id = :id

-- name: hooks_move
UPDATE hook SET room = :new WHERE room = :old

-- name: hook_count
UPDATE hook SET deliveries = deliveries + 1, last_at = :at WHERE id = :id RETURNING deliveries

-- The number that a repeat was given is the next one's.

-- name: hook_repeated
UPDATE hook SET deliveries = deliveries - 1, repeated = repeated + 1 WHERE id = :id

-- A repeat is known by the bytes for a while only: after it, the key is free. It is sooner where something else has come
-- from that address since: what ends and begins again may say the same each time.

-- name: delivery_free
UPDATE hook_delivery SET key = key || ' ' || CAST(n AS TEXT) 
WHERE hook = :hook AND key = :key
  AND (received_at < :before
       OR received_at < :before_other
          AND EXISTS (SELECT 1 FROM hook_delivery AS other WHERE other.hook = :hook AND other.n > hook_delivery.n))

-- How many wait for the bot, :most at most.

-- name: deliveries_waiting
SELECT count(*) FROM (SELECT 1 FROM hook_delivery WHERE hook = :hook AND state = 0 LIMIT :most) AS waiting

-- name: delivery_add
INSERT INTO hook_delivery (hook, n, key, received_at, size, content) VALUES (:hook, :n, :key, :at, :size, :content)
ON CONFLICT (hook, key) DO NOTHING RETURNING id

-- name: delivery_get
SELECT hook_delivery.n, hook_delivery.received_at, hook_delivery.content, hook.room, hook.name, hook.handler
FROM hook_delivery JOIN hook ON hook.id = hook_delivery.hook WHERE hook_delivery.id = :id

-- name: delivery_find
SELECT id, n, received_at, content, reason FROM hook_delivery WHERE hook = :hook AND n = :n

-- name: deliveries_last
SELECT id, n, received_at, size, state
FROM hook_delivery WHERE hook = :hook ORDER BY n DESC LIMIT :limit

-- name: deliveries_of_bot
SELECT hook_delivery.n, hook_delivery.received_at, hook_delivery.content, hook.name
FROM hook_delivery JOIN hook ON hook.id = hook_delivery.hook
WHERE hook.room = :room AND hook.bot = :bot AND hook_delivery.content IS NOT NULL
ORDER BY hook_delivery.id DESC LIMIT :limit

-- name: delivery_end
UPDATE hook_delivery SET state = :state, reason = :reason WHERE id = :id

-- Retention: what was posted is there to be looked at while it is among the last, and young.

-- name: upkeep_deliveries_empty [slow]
UPDATE hook_delivery SET content = NULL, reason = NULL
WHERE content IS NOT NULL
  AND ((state <> 0 AND (
          received_at < :before
          OR n <= (SELECT hook.deliveries FROM hook WHERE hook.id = hook_delivery.hook) - :most
       )) OR received_at < :late)

-- name: upkeep_deliveries_forget [slow]
DELETE FROM hook_delivery
WHERE content IS NULL
  AND (received_at < :before OR n <= (SELECT hook.deliveries FROM hook WHERE hook.id = hook_delivery.hook) - :most)

-- name: reseal_hook_secret [slow]
SELECT id, secret AS sealed FROM hook WHERE id > :id AND substr(secret, 1, 5) <> :mark ORDER BY id LIMIT :limit

-- name: reseal_hook_secret_set
UPDATE hook SET secret = :fresh WHERE id = :id AND secret = :sealed

-- name: reseal_hook_former [slow]
SELECT id, former AS sealed FROM hook WHERE id > :id AND substr(former, 1, 5) <> :mark ORDER BY id LIMIT :limit

-- name: reseal_hook_former_set
UPDATE hook SET former = :fresh WHERE id = :id AND former = :sealed

-- name: reseal_delivery_content [slow]
SELECT id, content AS sealed FROM hook_delivery
WHERE id > :id AND substr(content, 1, 5) <> :mark ORDER BY id LIMIT :limit

-- name: reseal_delivery_content_set
UPDATE hook_delivery SET content = :fresh WHERE id = :id AND content = :sealed

-- name: reseal_delivery_reason [slow]
SELECT id, reason AS sealed FROM hook_delivery
WHERE id > :id AND substr(reason, 1, 5) <> :mark ORDER BY id LIMIT :limit

-- name: reseal_delivery_reason_set
UPDATE hook_delivery SET reason = :fresh WHERE id = :id AND reason = :sealed

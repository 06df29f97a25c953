-- name: crypto_account_get
SELECT device, shared, pickle, since FROM crypto_account WHERE mxid = :mxid

-- name: crypto_account_put
INSERT INTO crypto_account (mxid, device, shared, pickle) VALUES (:mxid, :device, :shared, :pickle)
ON CONFLICT (mxid) DO UPDATE SET device = excluded.device, shared = excluded.shared, pickle = excluded.pickle

-- name: crypto_account_since
UPDATE crypto_account SET since = :since WHERE mxid = :mxid

-- name: crypto_account_delete
DELETE FROM crypto_account WHERE mxid = :mxid

-- name: crypto_seeds_get
SELECT seeds FROM crypto_seeds WHERE mxid = :mxid

-- name: crypto_seeds_add
INSERT INTO crypto_seeds (mxid, seeds) VALUES (:mxid, :seeds) ON CONFLICT (mxid) DO NOTHING

-- name: crypto_olm_put
INSERT INTO crypto_olm (mxid, session, their_key, read_at, pickle)
VALUES (:mxid, :session, :their_key, :read_at, :pickle)
ON CONFLICT (mxid, session) DO UPDATE SET read_at = excluded.read_at, pickle = excluded.pickle

-- name: crypto_olm_of
SELECT pickle FROM crypto_olm WHERE mxid = :mxid AND their_key = :their_key ORDER BY read_at DESC, session

-- name: crypto_olm_known
SELECT 1 AS found FROM crypto_olm WHERE mxid = :mxid AND their_key = :their_key LIMIT 1

-- name: crypto_olm_forget
DELETE FROM crypto_olm WHERE mxid = :mxid

-- name: crypto_inbound_put
INSERT INTO crypto_inbound (mxid, session, room, sender_key, received_at, pickle)
VALUES (:mxid, :session, :room, :sender_key, :received_at, :pickle)
ON CONFLICT (mxid, session) DO UPDATE
SET room = excluded.room, sender_key = excluded.sender_key, received_at = excluded.received_at, pickle = excluded.pickle

-- name: crypto_inbound_get
SELECT pickle FROM crypto_inbound WHERE mxid = :mxid AND session = :session AND room = :room

-- name: crypto_inbound_empty
UPDATE crypto_inbound SET pickle = NULL WHERE mxid = :mxid AND session = :session AND room = :room

-- name: crypto_inbound_empty_many
UPDATE crypto_inbound SET pickle = NULL
WHERE mxid = :mxid AND pickle IS NOT NULL AND (room = :room OR :room = '') AND (sender_key = :sender_key OR :sender_key = '')
RETURNING session

-- name: crypto_outbound_put
INSERT INTO crypto_outbound (mxid, room, session, pickle) VALUES (:mxid, :room, :session, :pickle)
ON CONFLICT (mxid, room) DO UPDATE SET session = excluded.session, pickle = excluded.pickle

-- name: crypto_outbound_update
-- Of a session that was dropped meanwhile nothing is kept: the next message has a new one.
UPDATE crypto_outbound SET pickle = :pickle WHERE mxid = :mxid AND room = :room AND session = :session

-- name: crypto_outbound_get
SELECT pickle FROM crypto_outbound WHERE mxid = :mxid AND room = :room

-- name: crypto_outbound_drop
DELETE FROM crypto_outbound WHERE room = :room

-- name: crypto_outbound_drop_read
-- Of all rooms in which this person reads us.
DELETE FROM crypto_outbound WHERE room IN (SELECT room FROM crypto_reader WHERE person = :person)

-- name: crypto_reader_add
INSERT INTO crypto_reader (person, room) VALUES (:person, :room) ON CONFLICT (person, room) DO NOTHING

-- name: crypto_readers_drop
DELETE FROM crypto_reader WHERE room = :room

-- name: crypto_outbound_forget
DELETE FROM crypto_outbound WHERE mxid = :mxid

-- name: crypto_index_add
INSERT INTO crypto_index (sender_key, session, n, event, at) VALUES (:sender_key, :session, :n, :event, :at)
ON CONFLICT (sender_key, session, n) DO NOTHING

-- name: crypto_index_get
SELECT event, at FROM crypto_index WHERE sender_key = :sender_key AND session = :session AND n = :n

-- name: crypto_person_add
INSERT INTO crypto_person (person) VALUES (:person) ON CONFLICT (person) DO NOTHING

-- name: crypto_person_known
SELECT 1 AS found FROM crypto_person WHERE person = :person

-- name: crypto_person_forget
DELETE FROM crypto_person WHERE person = :person

-- name: crypto_device_add
INSERT INTO crypto_device (person, device, identity_key, signing_key, trust)
VALUES (:person, :device, :identity_key, :signing_key, :trust)

-- name: crypto_devices_delete
DELETE FROM crypto_device WHERE person = :person

-- name: crypto_devices_of
SELECT device, identity_key, signing_key, trust FROM crypto_device WHERE person = :person ORDER BY device

-- name: crypto_cross_key_put
INSERT INTO crypto_cross_key (person, usage, key, first) VALUES (:person, :usage, :key, :key)
ON CONFLICT (person, usage) DO UPDATE SET key = excluded.key

-- name: crypto_cross_keys_of
SELECT usage, key, first FROM crypto_cross_key WHERE person = :person

-- name: crypto_signature_put
INSERT INTO crypto_signature (signed_person, signed_key, signer_person, signer_key, signature)
VALUES (:signed_person, :signed_key, :signer_person, :signer_key, :signature)
ON CONFLICT (signed_person, signed_key, signer_person, signer_key) DO UPDATE SET signature = excluded.signature

-- name: crypto_signature_known
SELECT 1 AS found FROM crypto_signature
WHERE signed_person = :signed_person AND signed_key = :signed_key
  AND signer_person = :signer_person AND signer_key = :signer_key

-- name: crypto_signatures_drop
DELETE FROM crypto_signature WHERE signer_person = :signer_person AND signer_key = :signer_key

-- Sealed anew under another key (core/reseal.py).

-- name: reseal_crypto_account [slow]
SELECT mxid, pickle AS sealed FROM crypto_account
WHERE mxid > :mxid AND substr(pickle, 1, 5) <> :mark ORDER BY mxid LIMIT :limit

-- name: reseal_crypto_account_set
UPDATE crypto_account SET pickle = :fresh WHERE mxid = :mxid AND pickle = :sealed

-- name: reseal_crypto_seeds [slow]
SELECT mxid, seeds AS sealed FROM crypto_seeds
WHERE mxid > :mxid AND substr(seeds, 1, 5) <> :mark ORDER BY mxid LIMIT :limit

-- name: reseal_crypto_seeds_set
UPDATE crypto_seeds SET seeds = :fresh WHERE mxid = :mxid AND seeds = :sealed

-- name: reseal_crypto_olm [slow]
SELECT mxid, session, pickle AS sealed FROM crypto_olm
WHERE (mxid, session) > (:mxid, :session) AND substr(pickle, 1, 5) <> :mark ORDER BY mxid, session LIMIT :limit

-- name: reseal_crypto_olm_set
UPDATE crypto_olm SET pickle = :fresh WHERE mxid = :mxid AND session = :session AND pickle = :sealed

-- name: reseal_crypto_inbound [slow]
SELECT mxid, session, pickle AS sealed FROM crypto_inbound
WHERE (mxid, session) > (:mxid, :session) AND substr(pickle, 1, 5) <> :mark ORDER BY mxid, session LIMIT :limit

-- name: reseal_crypto_inbound_set
UPDATE crypto_inbound SET pickle = :fresh WHERE mxid = :mxid AND session = :session AND pickle = :sealed

-- name: reseal_crypto_outbound [slow]
SELECT mxid, room, pickle AS sealed FROM crypto_outbound
WHERE (mxid, room) > (:mxid, :room) AND substr(pickle, 1, 5) <> :mark ORDER BY mxid, room LIMIT :limit

-- name: reseal_crypto_outbound_set
UPDATE crypto_outbound SET pickle = :fresh WHERE mxid = :mxid AND room = :room AND pickle = :sealed

-- name: crypto_seeds_all [slow]
SELECT mxid, seeds FROM crypto_seeds ORDER BY mxid

-- name: crypto_seeds_replace
UPDATE crypto_seeds SET seeds = :seeds WHERE mxid = :mxid

-- name: crypto_inbound_all [slow]
SELECT mxid, session, room, sender_key, received_at, pickle FROM crypto_inbound
WHERE pickle IS NOT NULL ORDER BY mxid, session

-- name: crypto_counts
SELECT
    (SELECT count(*) FROM crypto_account WHERE shared = 1) AS devices,
    (SELECT count(*) FROM crypto_seeds) AS identities,
    (SELECT count(*) FROM crypto_olm) AS sessions,
    (SELECT count(*) FROM crypto_inbound WHERE pickle IS NOT NULL) AS read,
    (SELECT count(*) FROM crypto_outbound) AS spoken,
    (SELECT count(DISTINCT room) FROM crypto_reader) AS rooms,
    (SELECT count(*) FROM inbox WHERE state = 2 AND awaits LIKE 'key %') AS awaited

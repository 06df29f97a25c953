-- What links hang on: how their rooms stand, as told by the events routed so far; who consents that an encrypted room's
-- words leave; whether they lead to an address that is not known for an agent's (of those that are there, nobody knows).
ALTER TABLE room ADD COLUMN standing TEXT;                           -- JSON (core.roomfacts); NULL: not known
ALTER TABLE link ADD COLUMN consent TEXT NOT NULL DEFAULT '';        -- a user, or '' for nobody
ALTER TABLE link ADD COLUMN external SMALLINT NOT NULL DEFAULT 0;
UPDATE link SET external = 1 WHERE chat LIKE '%@%';

-- What links hang on: of their rooms, as told by the events routed so far; and who consents that an encrypted room's words leave.
ALTER TABLE room ADD COLUMN standing TEXT;                           -- JSON (core.roomfacts); NULL: not known
ALTER TABLE link ADD COLUMN consent TEXT NOT NULL DEFAULT '';        -- a user, or '' for nobody

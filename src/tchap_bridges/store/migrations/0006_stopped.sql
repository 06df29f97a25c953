-- A bot that was switched off in a room because it did harm: what is set of it stays for the day it is on again.
ALTER TABLE room_bot ADD COLUMN stopped TEXT NOT NULL DEFAULT '';      -- why; '' where it is on
ALTER TABLE room_bot ADD COLUMN stopped_at BIGINT;

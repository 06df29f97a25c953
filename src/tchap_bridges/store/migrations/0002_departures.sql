-- Ghosts that leave a room in a while, because whom they stand for has left a chat of it, unless they are back before.
CREATE TABLE departure (
    room   TEXT   NOT NULL,
    mxid   TEXT   NOT NULL,
    since  BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    PRIMARY KEY (room, mxid)
);
CREATE INDEX departure_due ON departure (due_at);

-- What a bot has said, by the id that it was given at once: the message itself is known later.
CREATE TABLE said (
    handle  TEXT   PRIMARY KEY,
    message BIGINT NOT NULL
);
CREATE INDEX said_message ON said (message);

-- Calls that a bot has ordered for later.
CREATE TABLE timer (
    room    TEXT   NOT NULL,
    bot     TEXT   NOT NULL,
    key     TEXT   NOT NULL,
    due_at  BIGINT NOT NULL,
    handler TEXT   NOT NULL,
    words   {blob} NOT NULL,                  -- sealed
    PRIMARY KEY (room, bot, key)
);
CREATE INDEX timer_due ON timer (due_at);

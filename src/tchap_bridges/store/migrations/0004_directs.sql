-- Direct conversations of the bridge with one person each, only as long as they want it.
CREATE TABLE direct (
    person TEXT NOT NULL PRIMARY KEY,
    room   TEXT,                              -- null until it is made
    state  TEXT NOT NULL                      -- wanted, asked (they are invited), open, closed (they want none)
);
CREATE UNIQUE INDEX direct_room ON direct (room);

-- What a bot has asked somebody, until they have answered.
CREATE TABLE question (
    bot      TEXT     NOT NULL,
    room     TEXT     NOT NULL,               -- for which the bot asks
    person   TEXT     NOT NULL,
    key      TEXT     NOT NULL,
    private  SMALLINT NOT NULL,               -- answered in their direct conversation, else in the room
    handler  TEXT     NOT NULL,
    words    {blob}   NOT NULL,               -- sealed
    secret   SMALLINT NOT NULL,
    language TEXT     NOT NULL,
    message  BIGINT   NOT NULL,               -- by which it was asked
    until    BIGINT,                          -- when no answer is awaited any more; null: none such
    PRIMARY KEY (bot, room, person, key)
);
CREATE INDEX question_person ON question (person, private, message);

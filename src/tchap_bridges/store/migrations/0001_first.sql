-- The whole data model. Times are milliseconds since 1970. Columns that hold content or a person's name or address
-- are sealed (store/sealing.py); ids of people are keyed hashes.

-- What arrived, as it arrived. Unique by the transport's key: everything can happen twice, and is kept once.
CREATE TABLE inbox (
    id          {serial},
    source      TEXT     NOT NULL,            -- 'matrix', or a connection's name
    key         TEXT     NOT NULL,            -- keyed hash of the transport's key
    kind        TEXT     NOT NULL,            -- 'raw': to be read by the bridge; 'event': an event already
    received_at BIGINT   NOT NULL,
    meta        {blob},
    raw         {blob},                       -- the first piece; further ones lie in inbox_piece
    pieces      INTEGER  NOT NULL DEFAULT 1,
    state       SMALLINT NOT NULL DEFAULT 0,  -- 0 new, 1 done, 2 waiting for another message, 3 held, 4 dead
    awaits      TEXT,                         -- what state 2 or 3 waits for
    due_at      BIGINT,                       -- when state 2 stops waiting
    error       TEXT,
    link        BIGINT,                       -- set: for this link alone, of all that its chat has
    UNIQUE (source, key)
);
CREATE INDEX inbox_new ON inbox (source, id) WHERE state = 0;
CREATE INDEX inbox_awaits ON inbox (awaits) WHERE state IN (2, 3);
CREATE INDEX inbox_due ON inbox (due_at) WHERE state = 2;
CREATE INDEX inbox_dead ON inbox (id) WHERE state = 4;
CREATE INDEX inbox_dead_source ON inbox (source) WHERE state = 4;
CREATE INDEX inbox_age ON inbox (received_at);

CREATE TABLE inbox_piece (
    inbox BIGINT NOT NULL REFERENCES inbox (id) ON DELETE CASCADE,
    n     INTEGER NOT NULL,
    data  {blob} NOT NULL,
    PRIMARY KEY (inbox, n)
);

-- One row per thing that happened in a room's conversation, whatever its networks: a message, an edit of one,
-- a deletion, a reaction, a notice of ours.
CREATE TABLE message (
    id      {serial},
    room    TEXT   NOT NULL,
    origin  TEXT   NOT NULL,                  -- the target it came from; 'core' for our own
    kind    TEXT   NOT NULL,                  -- 'message', 'edit', 'deletion', 'reaction'
    author  TEXT,                             -- keyed hash of (network, person)
    sent_at BIGINT NOT NULL,
    inbox   BIGINT,                           -- where its files' bytes are
    parent  BIGINT,                           -- the message answered, edited, deleted, reacted to
    root    BIGINT,                           -- the first of its thread; null when it is that itself, or alone
    late    SMALLINT NOT NULL DEFAULT 0,
    gone    SMALLINT NOT NULL DEFAULT 0,
    symbol  TEXT,                             -- of a reaction
    body    {blob}                            -- the event; emptied when final and old enough
);
CREATE INDEX message_room ON message (room, origin, id);
CREATE INDEX message_parent ON message (parent) WHERE parent IS NOT NULL;
CREATE INDEX message_age ON message (sent_at) WHERE body IS NOT NULL;

-- Where a message is to be seen. Its origin is the first of its copies.
CREATE TABLE copy (
    message BIGINT   NOT NULL REFERENCES message (id) ON DELETE CASCADE,
    target  TEXT     NOT NULL,                -- a room id, or 'link:<id>'
    part    INTEGER  NOT NULL DEFAULT 0,
    remote  TEXT,                             -- event id, Message-ID …; null until known
    state   SMALLINT NOT NULL,                -- 0 pending, 1 there, 2 failed, 3 cancelled, 4 origin
    PRIMARY KEY (message, target, part)
);
CREATE UNIQUE INDEX copy_remote ON copy (target, remote, part);

-- Ids that a thread was said to contain and that no message has brought yet.
CREATE TABLE thread_ref (
    target TEXT   NOT NULL,
    remote TEXT   NOT NULL,
    root   BIGINT NOT NULL,
    PRIMARY KEY (target, remote)
);

-- One destination of one room. Its row is locked while rows are added, so that seq is the order. owner, lease_until
-- and fence are for several processes on one database.
CREATE TABLE lane (
    id          {serial},
    room        TEXT   NOT NULL,
    target      TEXT   NOT NULL,
    whom        TEXT   NOT NULL DEFAULT '',   -- of a chat of correspondents: which one (message.author)
    last_seq    BIGINT NOT NULL DEFAULT 0,
    owner       TEXT,
    lease_until BIGINT,
    fence       BIGINT NOT NULL DEFAULT 0,
    UNIQUE (target, room, whom)
);

CREATE TABLE outbox (
    lane       BIGINT   NOT NULL REFERENCES lane (id),
    seq        BIGINT   NOT NULL,
    key        TEXT     NOT NULL UNIQUE,
    message    BIGINT   NOT NULL,
    action     TEXT     NOT NULL,             -- send, edit, delete, react; or what the desk is to do
    steps      {blob},                        -- sealed JSON of what is done already
    attempts   INTEGER  NOT NULL DEFAULT 0,
    told       SMALLINT NOT NULL DEFAULT 0,   -- its author knows that it is late
    created_at BIGINT   NOT NULL,
    due_at     BIGINT   NOT NULL,
    state      SMALLINT NOT NULL DEFAULT 0,   -- 0 pending, 1 done, 2 dead, 3 cancelled
    error      TEXT,
    PRIMARY KEY (lane, seq)
);
CREATE INDEX outbox_pending ON outbox (lane, seq) WHERE state = 0;
CREATE INDEX outbox_dead ON outbox (lane, seq) WHERE state = 2;
CREATE INDEX outbox_message ON outbox (message);

CREATE TABLE link (
    id          {serial},
    room        TEXT     NOT NULL,
    connection  TEXT     NOT NULL,
    chat        TEXT     NOT NULL,
    name        TEXT     NOT NULL,
    direction   TEXT     NOT NULL,
    destination TEXT     NOT NULL,
    number      INTEGER  NOT NULL,            -- by which its room's people call it, for as long as it lives
    state       TEXT     NOT NULL,            -- what people want of it: proof, active, paused, gone
    held        TEXT     NOT NULL DEFAULT '', -- why it may not carry, whatever they want: checking, moving, suspended
    reason      TEXT     NOT NULL DEFAULT '',
    suspended_at BIGINT  NOT NULL DEFAULT 0,  -- the last time: what waited to leave then never leaves
    waiting     TEXT     NOT NULL DEFAULT '',
    options     {blob}   NOT NULL,
    moderated   SMALLINT NOT NULL DEFAULT 0,
    correspondents SMALLINT NOT NULL DEFAULT 0,
    created_by  TEXT     NOT NULL,
    created_at  BIGINT   NOT NULL,
    rule_then   TEXT     NOT NULL,
    proof       {blob},                       -- sealed: the code that must come back, its expiry, tries left
    last_in     BIGINT,
    last_out    BIGINT
);
CREATE UNIQUE INDEX link_once ON link (room, connection, chat) WHERE state <> 'gone';
CREATE INDEX link_room ON link (room);

CREATE TABLE link_name (
    connection TEXT   NOT NULL,
    name       TEXT   NOT NULL,
    link       BIGINT NOT NULL REFERENCES link (id) ON DELETE CASCADE,
    PRIMARY KEY (connection, name, link)
);

-- People who wrote to a moderated link.
CREATE TABLE sender (
    link   BIGINT   NOT NULL REFERENCES link (id) ON DELETE CASCADE,
    person TEXT     NOT NULL,                 -- keyed hash
    name   {blob}   NOT NULL,                 -- sealed: as shown to the room
    state  SMALLINT NOT NULL,                 -- 0 held, 1 let in, 2 refused
    PRIMARY KEY (link, person)
);

CREATE TABLE ghost (
    mxid    TEXT PRIMARY KEY,
    network TEXT NOT NULL,
    person  {blob} NOT NULL,
    profile TEXT NOT NULL DEFAULT '',         -- hash of the name and avatar last set
    avatar  TEXT,
    device  TEXT NOT NULL DEFAULT ''
);

CREATE TABLE ghost_room (
    mxid TEXT NOT NULL,
    room TEXT NOT NULL,
    PRIMARY KEY (room, mxid)
);

-- What policy must know of a room at any moment, without asking the homeserver.
CREATE TABLE room (
    id        TEXT PRIMARY KEY,
    encrypted SMALLINT NOT NULL DEFAULT 0,
    voice     TEXT NOT NULL DEFAULT 'ghost',  -- 'ghost', or 'spoken' where ghosts cannot enter
    joined    SMALLINT NOT NULL DEFAULT 0,
    replaced  TEXT,                           -- the room it was upgraded to
    read_upto BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE room_bot (
    room       TEXT NOT NULL,
    bot        TEXT NOT NULL,
    config     {blob},
    enabled_by TEXT NOT NULL,
    PRIMARY KEY (room, bot)
);

CREATE TABLE kv (
    space TEXT NOT NULL,
    key   TEXT NOT NULL,
    value {blob} NOT NULL,
    PRIMARY KEY (space, key)
);

-- Append-only: who changed what, and the rule in force then. Never content.
CREATE TABLE audit (
    id     {serial},
    at     BIGINT NOT NULL,
    who    TEXT   NOT NULL,
    what   TEXT   NOT NULL,
    room   TEXT   NOT NULL DEFAULT '',
    detail TEXT   NOT NULL DEFAULT '',
    rule   TEXT   NOT NULL DEFAULT ''
);

-- Webhooks: addresses of a room to which others post, and what they have posted.
CREATE TABLE hook (
    id         TEXT     PRIMARY KEY,          -- in its address; nobody guesses it
    room       TEXT     NOT NULL,
    bot        TEXT     NOT NULL,
    handler    TEXT     NOT NULL,
    name       TEXT     NOT NULL,
    scheme     TEXT     NOT NULL,             -- how a sender proves itself (hooks/verify.py)
    secret     {blob}   NOT NULL,             -- sealed
    former     {blob},                        -- sealed: the one that it replaces, good until former_until
    former_until BIGINT,
    created_by TEXT     NOT NULL,
    created_at BIGINT   NOT NULL,
    expires_at BIGINT,
    deliveries BIGINT   NOT NULL DEFAULT 0,
    repeated   BIGINT   NOT NULL DEFAULT 0,
    last_at    BIGINT
);
CREATE UNIQUE INDEX hook_name ON hook (room, name);

CREATE TABLE hook_delivery (
    id          {serial},
    hook        TEXT     NOT NULL REFERENCES hook (id) ON DELETE CASCADE,
    n           BIGINT   NOT NULL,            -- by which people call it: counted for each hook
    key         TEXT     NOT NULL,            -- keyed hash of what tells a repeat
    received_at BIGINT   NOT NULL,
    size        INTEGER  NOT NULL,
    content     {blob},                       -- sealed: id, headers and body; emptied when many or old enough
    state       SMALLINT NOT NULL DEFAULT 0,  -- 0 waiting, 1 done, 2 refused by the bot, 3 for nobody
    reason      {blob},                       -- sealed: of state 2
    UNIQUE (hook, key)
);
CREATE INDEX hook_delivery_n ON hook_delivery (hook, n);
CREATE INDEX hook_delivery_waiting ON hook_delivery (hook) WHERE state = 0;
CREATE INDEX hook_delivery_age ON hook_delivery (received_at);

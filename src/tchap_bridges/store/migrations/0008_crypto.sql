-- End-to-end encryption. ``mxid``: the account of ours whose it is. Whatever is secret is sealed.
CREATE TABLE crypto_account (
    mxid   TEXT     PRIMARY KEY,
    device TEXT     NOT NULL,
    shared SMALLINT NOT NULL,                 -- the homeserver has its keys
    pickle {blob}   NOT NULL,                 -- sealed
    since  TEXT                               -- of its own /sync: all before is kept
);

-- Apart from the account: they outlive its device.
CREATE TABLE crypto_seeds (
    mxid  TEXT   PRIMARY KEY,
    seeds {blob} NOT NULL                     -- sealed: master, self-signing and user-signing key, 32 bytes each
);

-- Sessions with other devices.
CREATE TABLE crypto_olm (
    mxid      TEXT   NOT NULL,
    session   TEXT   NOT NULL,
    their_key TEXT   NOT NULL,
    read_at   BIGINT NOT NULL,                -- when they last spoke; the latest is spoken with
    pickle    {blob} NOT NULL,                -- sealed
    PRIMARY KEY (mxid, session)
);
CREATE INDEX crypto_olm_their ON crypto_olm (mxid, their_key, read_at);

-- What others' devices say in rooms, to be read.
CREATE TABLE crypto_inbound (
    mxid        TEXT   NOT NULL,
    session     TEXT   NOT NULL,
    room        TEXT   NOT NULL,
    sender_key  TEXT   NOT NULL,
    received_at BIGINT NOT NULL,
    pickle      {blob},                       -- sealed; NULL once it is not to be read any more
    PRIMARY KEY (mxid, session)
);
CREATE INDEX crypto_inbound_room ON crypto_inbound (room);

-- What our devices say in rooms.
CREATE TABLE crypto_outbound (
    mxid    TEXT   NOT NULL,
    room    TEXT   NOT NULL,
    session TEXT   NOT NULL,
    pickle  {blob} NOT NULL,                  -- sealed
    PRIMARY KEY (mxid, room)
);
CREATE INDEX crypto_outbound_room ON crypto_outbound (room);

-- Whom our devices have told what they say there, since their last sessions began.
CREATE TABLE crypto_reader (
    person TEXT NOT NULL,
    room   TEXT NOT NULL,
    PRIMARY KEY (person, room)
);

-- Which event had which place in a session: one place is one event, whoever says it again.
CREATE TABLE crypto_index (
    sender_key TEXT   NOT NULL,
    session    TEXT   NOT NULL,
    n          BIGINT NOT NULL,
    event      TEXT   NOT NULL,
    at         BIGINT NOT NULL,
    PRIMARY KEY (sender_key, session, n)
);

-- Other people's devices, as far as they are followed.
CREATE TABLE crypto_person (
    person TEXT PRIMARY KEY
);
CREATE TABLE crypto_device (
    person       TEXT     NOT NULL,
    device       TEXT     NOT NULL,
    identity_key TEXT     NOT NULL,
    signing_key  TEXT     NOT NULL,
    trust        SMALLINT NOT NULL,
    PRIMARY KEY (person, device)
);
CREATE TABLE crypto_cross_key (
    person TEXT NOT NULL,
    usage  TEXT NOT NULL,                     -- master, self_signing, user_signing
    key    TEXT NOT NULL,
    first  TEXT NOT NULL,                     -- the first one that was seen
    PRIMARY KEY (person, usage)
);
CREATE TABLE crypto_signature (
    signed_person TEXT NOT NULL,
    signed_key    TEXT NOT NULL,
    signer_person TEXT NOT NULL,
    signer_key    TEXT NOT NULL,
    signature     TEXT NOT NULL,
    PRIMARY KEY (signed_person, signed_key, signer_person, signer_key)
);
CREATE INDEX crypto_signature_signer ON crypto_signature (signer_person, signer_key);

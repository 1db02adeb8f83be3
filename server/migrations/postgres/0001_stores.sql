-- Times are microseconds since 1970 (UTC). Texts compare as bytes (COLLATE "C"), so that rows have the engine's order of keys.
-- There are no foreign keys: whoever changes a store's rows holds the lock of its head, and a check for each row would cost as much as
-- the row. Statements stay plain: no advisory locks, no triggers, no types of one database alone.

-- Tenants. `key` is what the other tables refer to; `id` is what the world knows.
CREATE TABLE store (
    key        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id         BYTEA  NOT NULL UNIQUE,
    name       TEXT   COLLATE "C" NOT NULL UNIQUE,
    created_at BIGINT NOT NULL
);

-- Where each log ends: apart, so that what every write locks and touches stays small. Its pages keep room for the next images.
CREATE TABLE head (
    store          BIGINT PRIMARY KEY,
    revision       BIGINT NOT NULL,
    chain          BYTEA  NOT NULL,
    digest         BYTEA  NOT NULL,
    time           BIGINT NOT NULL,
    schema_version BIGINT NOT NULL,
    tuples         BIGINT NOT NULL
) WITH (fillfactor = 20);

-- The truth: one row a revision.
CREATE TABLE log (
    store    BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    chain    BYTEA  NOT NULL,
    entry    BYTEA  NOT NULL,
    PRIMARY KEY (store, revision)
);

-- The fold of the log at its head. `subject_relation` is '' for objects and wildcards; `revision` is the one that the tuple came with,
-- or was last replaced with (0: not known).
CREATE TABLE tuple (
    store            BIGINT NOT NULL,
    object_type      TEXT   COLLATE "C" NOT NULL,
    object_id        TEXT   COLLATE "C" NOT NULL,
    relation         TEXT   COLLATE "C" NOT NULL,
    subject_type     TEXT   COLLATE "C" NOT NULL,
    subject_id       TEXT   COLLATE "C" NOT NULL,
    subject_relation TEXT   COLLATE "C" NOT NULL,
    caveat           TEXT   COLLATE "C",
    context          BYTEA,
    expires_at       BIGINT,
    revision         BIGINT NOT NULL,
    PRIMARY KEY (store, object_type, object_id, relation, subject_type, subject_id, subject_relation)
);

-- The whole key, too: Postgres may choose this index for a tuple whose whole key is given, and a subject may have millions of tuples.
CREATE INDEX tuple_by_subject ON tuple (store, subject_type, subject_id, object_type, object_id, relation, subject_relation);

-- How many tuples there are of each shape. `subject_shape` is '' for an object, '*' for a wildcard, else the userset's relation;
-- `caveat` is '' for none; `expiration` is 0 or 1.
CREATE TABLE shape (
    store         BIGINT NOT NULL,
    object_type   TEXT   COLLATE "C" NOT NULL,
    relation      TEXT   COLLATE "C" NOT NULL,
    subject_type  TEXT   COLLATE "C" NOT NULL,
    subject_shape TEXT   COLLATE "C" NOT NULL,
    caveat        TEXT   COLLATE "C" NOT NULL,
    expiration    BIGINT NOT NULL,
    tuples        BIGINT NOT NULL CHECK (tuples >= 0),
    PRIMARY KEY (store, object_type, relation, subject_type, subject_shape, caveat, expiration)
) WITH (fillfactor = 50);

CREATE TABLE schema_version (
    store    BIGINT NOT NULL,
    version  BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    time     BIGINT NOT NULL,
    actor    TEXT   COLLATE "C" NOT NULL,
    source   BYTEA  NOT NULL,
    PRIMARY KEY (store, version)
);

-- First answers, for 24 h. A request id is kept as bytes: it may hold any character.
CREATE TABLE write_request (
    store      BIGINT NOT NULL,
    request_id BYTEA  NOT NULL,
    payload    BYTEA  NOT NULL,
    revision   BIGINT NOT NULL,
    chain      BYTEA  NOT NULL,
    created    BIGINT NOT NULL,
    replaced   BIGINT NOT NULL,
    deleted    BIGINT NOT NULL,
    time       BIGINT NOT NULL,
    PRIMARY KEY (store, request_id)
);

CREATE INDEX write_request_by_time ON write_request (store, time);

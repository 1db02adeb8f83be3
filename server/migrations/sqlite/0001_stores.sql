-- Times are microseconds since 1970 (UTC). Texts compare as bytes, so that rows have the engine's order of keys.

-- Tenants. `key` is what the other tables refer to; `id` is what the world knows.
CREATE TABLE store (
    key        INTEGER PRIMARY KEY,
    id         BLOB    NOT NULL UNIQUE,
    name       TEXT    NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT;

-- Where each log ends: apart, so that what every write touches stays small.
CREATE TABLE head (
    store          INTEGER PRIMARY KEY REFERENCES store (key),
    revision       INTEGER NOT NULL,
    chain          BLOB    NOT NULL,
    digest         BLOB    NOT NULL,
    time           INTEGER NOT NULL,
    schema_version INTEGER NOT NULL,
    tuples         INTEGER NOT NULL
) STRICT;

-- The truth: one row a revision. With a rowid of its own, because entries are up to 512 KiB.
CREATE TABLE log (
    store    INTEGER NOT NULL REFERENCES store (key),
    revision INTEGER NOT NULL,
    chain    BLOB    NOT NULL,
    entry    BLOB    NOT NULL,
    PRIMARY KEY (store, revision)
) STRICT;

-- The fold of the log at its head. `subject_relation` is '' for objects and wildcards.
CREATE TABLE tuple (
    store            INTEGER NOT NULL REFERENCES store (key),
    object_type      TEXT    NOT NULL,
    object_id        TEXT    NOT NULL,
    relation         TEXT    NOT NULL,
    subject_type     TEXT    NOT NULL,
    subject_id       TEXT    NOT NULL,
    subject_relation TEXT    NOT NULL,
    caveat           TEXT,
    context          BLOB,
    expires_at       INTEGER,
    PRIMARY KEY (store, object_type, object_id, relation, subject_type, subject_id, subject_relation)
) STRICT, WITHOUT ROWID;

CREATE INDEX tuple_by_subject ON tuple (store, subject_type, subject_id);

-- How many tuples there are of each shape. `subject_shape` is '' for an object, '*' for a wildcard, else the userset's relation;
-- `caveat` is '' for none.
CREATE TABLE shape (
    store         INTEGER NOT NULL REFERENCES store (key),
    object_type   TEXT    NOT NULL,
    relation      TEXT    NOT NULL,
    subject_type  TEXT    NOT NULL,
    subject_shape TEXT    NOT NULL,
    caveat        TEXT    NOT NULL,
    expiration    INTEGER NOT NULL,
    tuples        INTEGER NOT NULL CHECK (tuples >= 0),
    PRIMARY KEY (store, object_type, relation, subject_type, subject_shape, caveat, expiration)
) STRICT, WITHOUT ROWID;

CREATE TABLE schema_version (
    store    INTEGER NOT NULL REFERENCES store (key),
    version  INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    time     INTEGER NOT NULL,
    actor    TEXT    NOT NULL,
    source   BLOB    NOT NULL,
    PRIMARY KEY (store, version)
) STRICT;

-- First answers, for 24 h. A request id is kept as bytes: it may hold any character.
CREATE TABLE write_request (
    store      INTEGER NOT NULL REFERENCES store (key),
    request_id BLOB    NOT NULL,
    payload    BLOB    NOT NULL,
    revision   INTEGER NOT NULL,
    chain      BLOB    NOT NULL,
    created    INTEGER NOT NULL,
    replaced   INTEGER NOT NULL,
    deleted    INTEGER NOT NULL,
    time       INTEGER NOT NULL,
    PRIMARY KEY (store, request_id)
) STRICT;

CREATE INDEX write_request_by_time ON write_request (store, time);

-- Stores of which something was published to the changelog and which were removed since: told to its readers, and then forgotten here.
CREATE TABLE removed_store (
    id                  BYTEA  PRIMARY KEY,
    changelog_partition BIGINT NOT NULL
);

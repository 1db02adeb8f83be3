-- How far each log is published to the changelog: apart from the head, which every write locks, and noted only by who has the lease.
CREATE TABLE published (
    store    BIGINT PRIMARY KEY,
    revision BIGINT NOT NULL,
    chain    BYTEA  NOT NULL
) WITH (fillfactor = 50);

-- The partition of the changelog that a store's entries go to, for good, whatever number of partitions the topic gets; NULL: none was
-- published yet.
ALTER TABLE store ADD COLUMN changelog_partition BIGINT;

-- The revision that a tuple came with, or was last replaced with; 0: not known.
ALTER TABLE tuple ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;

-- Stores whose tuples were written before there was that column. SQL cannot read the log's entries: who opens the database finds the
-- revisions there, newest entry first, and takes the store off this list in the same transaction. What the log does not tell (entries
-- were removed from it, or cannot be read) stays 0, because an older entry than the last that changed a tuple would name another
-- writer.
CREATE TABLE revisions_to_find (
    store INTEGER PRIMARY KEY REFERENCES store (key)
) STRICT;

INSERT INTO revisions_to_find (store) SELECT store FROM head WHERE tuples > 0;

-- Who does what only one server may do at a time. `epoch` grows with every holder, so that one who was paused is found out; `expires`
-- is in microseconds since 1970 (UTC), by the database's clock.
CREATE TABLE lease (
    name    TEXT   COLLATE "C" PRIMARY KEY,
    holder  BYTEA  NOT NULL,
    epoch   BIGINT NOT NULL,
    expires BIGINT NOT NULL
) WITH (fillfactor = 20);

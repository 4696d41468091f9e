-- As the migration of the same number for SQLite.
CREATE TABLE settings (
    name       TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    value_json TEXT COLLATE "C" NOT NULL,
    changed_ms BIGINT NOT NULL
);

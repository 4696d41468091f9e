-- What is set through the admin API and not by the configuration file; each value is JSON.
CREATE TABLE settings (
    name       TEXT   NOT NULL PRIMARY KEY,
    value_json TEXT   NOT NULL,
    changed_ms BIGINT NOT NULL
) WITHOUT ROWID;

-- The catalog: who may call, and what there is to call. Money is integer nano-dollars, time is Unix seconds.
-- Columns named *_json hold small documents that are only ever read and written whole.

CREATE TABLE projects (
    name        TEXT    NOT NULL PRIMARY KEY,
    limits_json TEXT    NOT NULL,
    budget_json TEXT,
    origin      TEXT    NOT NULL CHECK (origin IN ('file', 'first_run', 'admin'))
);

CREATE TABLE keys (
    id                        TEXT    NOT NULL PRIMARY KEY,
    name                      TEXT    NOT NULL UNIQUE,
    hash                      BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32),
    prefix                    TEXT    NOT NULL,
    project                   TEXT    NOT NULL,
    models_json               TEXT    NOT NULL,
    limits_json               TEXT    NOT NULL,
    model_limits_json         TEXT    NOT NULL,
    budget_json               TEXT,
    default_max_output_tokens BIGINT,
    expires_at                BIGINT,
    owner                     TEXT,
    revoked                   BOOLEAN NOT NULL,
    origin                    TEXT    NOT NULL CHECK (origin IN ('file', 'first_run', 'admin'))
);

CREATE TABLE providers (
    name         TEXT NOT NULL PRIMARY KEY,
    kind         TEXT NOT NULL,
    base_url     TEXT,
    options_json TEXT NOT NULL,
    origin       TEXT NOT NULL CHECK (origin IN ('file', 'first_run', 'admin'))
);

CREATE TABLE models (
    name         TEXT NOT NULL PRIMARY KEY,
    targets_json TEXT NOT NULL,
    price_json   TEXT,
    options_json TEXT NOT NULL,
    origin       TEXT NOT NULL CHECK (origin IN ('file', 'first_run', 'admin'))
);

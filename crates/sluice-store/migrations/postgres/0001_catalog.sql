-- As the migration of the same number for SQLite. Texts are compared byte by byte, as SQLite does.

-- The catalog: who may call, and what there is to call. Money is integer nano-dollars, time is Unix seconds.
-- Columns named *_json hold small documents that are only ever read and written whole.

CREATE TABLE projects (
    name        TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    limits_json TEXT COLLATE "C" NOT NULL,
    budget_json TEXT COLLATE "C",
    origin      TEXT COLLATE "C" NOT NULL CHECK (origin IN ('file', 'first_run', 'admin'))
);

CREATE TABLE keys (
    id                        TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name                      TEXT COLLATE "C" NOT NULL UNIQUE,
    hash                      BYTEA   NOT NULL UNIQUE CHECK (length(hash) = 32),
    prefix                    TEXT COLLATE "C" NOT NULL,
    project                   TEXT COLLATE "C" NOT NULL,
    models_json               TEXT COLLATE "C" NOT NULL,
    limits_json               TEXT COLLATE "C" NOT NULL,
    model_limits_json         TEXT COLLATE "C" NOT NULL,
    budget_json               TEXT COLLATE "C",
    default_max_output_tokens BIGINT,
    expires_at                BIGINT,
    owner                     TEXT COLLATE "C",
    revoked                   BOOLEAN NOT NULL,
    origin                    TEXT COLLATE "C" NOT NULL CHECK (origin IN ('file', 'first_run', 'admin'))
);

CREATE TABLE providers (
    name         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    kind         TEXT COLLATE "C" NOT NULL,
    base_url     TEXT COLLATE "C",
    options_json TEXT COLLATE "C" NOT NULL,
    origin       TEXT COLLATE "C" NOT NULL CHECK (origin IN ('file', 'first_run', 'admin'))
);

CREATE TABLE models (
    name         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    targets_json TEXT COLLATE "C" NOT NULL,
    price_json   TEXT COLLATE "C",
    options_json TEXT COLLATE "C" NOT NULL,
    origin       TEXT COLLATE "C" NOT NULL CHECK (origin IN ('file', 'first_run', 'admin'))
);

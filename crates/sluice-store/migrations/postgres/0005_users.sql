-- As the migration of the same number for SQLite. Texts are compared byte by byte, as SQLite does.

-- People who sign in to the console. email_key is the address as it is compared; projects_json is null for all projects;
-- totp is sealed, what stands in recovery_json is hashed. Times end in _ms. A session is only good for the epoch of its
-- user in which it began.
CREATE TABLE users (
    id            TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    email         TEXT COLLATE "C" NOT NULL,
    email_key     TEXT COLLATE "C" NOT NULL UNIQUE,
    role          TEXT COLLATE "C" NOT NULL CHECK (role IN ('owner', 'admin', 'billing', 'viewer', 'member')),
    projects_json TEXT COLLATE "C",
    password      TEXT COLLATE "C",
    invite_hash   BYTEA   CHECK (length(invite_hash) = 32),
    invite_until_ms BIGINT,
    totp          BYTEA  ,
    totp_step     BIGINT  NOT NULL,
    recovery_json TEXT COLLATE "C" NOT NULL,
    oidc_issuer   TEXT COLLATE "C",
    oidc_subject  TEXT COLLATE "C",
    epoch         BIGINT  NOT NULL,
    disabled      BOOLEAN NOT NULL,
    created_ms    BIGINT  NOT NULL,
    seen_ms       BIGINT
);
CREATE UNIQUE INDEX users_by_oidc ON users (oidc_issuer, oidc_subject);
CREATE UNIQUE INDEX users_by_invite ON users (invite_hash);

CREATE TABLE sessions (
    hash       BYTEA   NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    user_id    TEXT COLLATE "C" NOT NULL,
    epoch      BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    seen_ms    BIGINT NOT NULL,
    label      TEXT COLLATE "C" NOT NULL
);
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_age ON sessions (created_ms);

-- Rises with every change of users; in PostgreSQL its row is the lock of whoever changes them.
INSERT INTO numbers (name, value) VALUES ('users_version', 0);

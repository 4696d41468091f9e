-- People who sign in to the console. email_key is the address as it is compared; projects_json is null for all projects;
-- totp is sealed, what stands in recovery_json is hashed. Times end in _ms. A session is only good for the epoch of its
-- user in which it began.
CREATE TABLE users (
    id            TEXT    NOT NULL PRIMARY KEY,
    email         TEXT    NOT NULL,
    email_key     TEXT    NOT NULL UNIQUE,
    role          TEXT    NOT NULL CHECK (role IN ('owner', 'admin', 'billing', 'viewer', 'member')),
    projects_json TEXT   ,
    password      TEXT   ,
    invite_hash   BLOB    CHECK (length(invite_hash) = 32),
    invite_until_ms BIGINT,
    totp          BLOB   ,
    totp_step     BIGINT  NOT NULL,
    recovery_json TEXT    NOT NULL,
    oidc_issuer   TEXT   ,
    oidc_subject  TEXT   ,
    epoch         BIGINT  NOT NULL,
    disabled      BOOLEAN NOT NULL,
    created_ms    BIGINT  NOT NULL,
    seen_ms       BIGINT
);
CREATE UNIQUE INDEX users_by_oidc ON users (oidc_issuer, oidc_subject);
CREATE UNIQUE INDEX users_by_invite ON users (invite_hash);

CREATE TABLE sessions (
    hash       BLOB    NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    user_id    TEXT    NOT NULL,
    epoch      BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    seen_ms    BIGINT NOT NULL,
    label      TEXT    NOT NULL
);
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_age ON sessions (created_ms);

-- Rises with every change of users; in PostgreSQL its row is the lock of whoever changes them.
INSERT INTO numbers (name, value) VALUES ('users_version', 0);

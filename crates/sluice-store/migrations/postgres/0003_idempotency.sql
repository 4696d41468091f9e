-- As the migration of the same number for SQLite. Texts are compared byte by byte, as SQLite does.

-- Idempotency keys: which request of a key has taken one, with which body, and in which run of which node. A row is
-- gone once its request has failed; hash and body are SHA-256.
CREATE TABLE claims (
    key_id     TEXT COLLATE "C" NOT NULL,
    hash       BYTEA  NOT NULL CHECK (length(hash) = 32),
    body       BYTEA  NOT NULL CHECK (length(body) = 32),
    request_id BYTEA  NOT NULL CHECK (length(request_id) = 16),
    node       TEXT COLLATE "C" NOT NULL,
    epoch      BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    PRIMARY KEY (key_id, hash)
);
CREATE INDEX claims_by_expiry ON claims (expires_ms);

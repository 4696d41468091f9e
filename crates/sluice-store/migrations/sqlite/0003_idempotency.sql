-- Idempotency keys: which request of a key has taken one, with which body, and in which run of which node. A row is
-- gone once its request has failed; hash and body are SHA-256.
CREATE TABLE claims (
    key_id     TEXT   NOT NULL,
    hash       BLOB   NOT NULL CHECK (length(hash) = 32),
    body       BLOB   NOT NULL CHECK (length(body) = 32),
    request_id BLOB   NOT NULL CHECK (length(request_id) = 16),
    node       TEXT   NOT NULL,
    epoch      BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    PRIMARY KEY (key_id, hash)
) WITHOUT ROWID;
CREATE INDEX claims_by_expiry ON claims (expires_ms);

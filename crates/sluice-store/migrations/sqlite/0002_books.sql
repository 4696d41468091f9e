-- The books: nodes, leases of budgets, one row for each request, sums of them by the hour and by the day, and the audit
-- log. Money is integer nano-dollars. Time is Unix seconds, but for columns named *_ms and *_us.

ALTER TABLE keys ADD COLUMN previous_hash BLOB CHECK (previous_hash IS NULL OR length(previous_hash) = 32);
ALTER TABLE keys ADD COLUMN previous_until BIGINT;
ALTER TABLE keys ADD COLUMN created_at BIGINT;
CREATE INDEX keys_by_previous_hash ON keys (previous_hash) WHERE previous_hash IS NOT NULL;
CREATE INDEX keys_by_project ON keys (project);
ALTER TABLE providers ADD COLUMN sealed BLOB;

-- Single numbers. catalog_version rises with every change of the catalog, audit is the id of the newest entry of the
-- audit log, retired_ms the moment before which rows of requests may be gone.
CREATE TABLE numbers (
    name  TEXT   NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO numbers (name, value) VALUES ('catalog_version', 0), ('audit', 0), ('retired_ms', 0);

-- used_epoch is the newest epoch that has written anything.
CREATE TABLE nodes (
    node       TEXT   NOT NULL PRIMARY KEY,
    epoch      BIGINT NOT NULL,
    used_epoch BIGINT NOT NULL,
    seen_ms    BIGINT NOT NULL
);

CREATE TABLE cursors (
    node   TEXT   NOT NULL,
    epoch  BIGINT NOT NULL,
    worker BIGINT NOT NULL,
    seq    BIGINT NOT NULL,
    PRIMARY KEY (node, epoch, worker)
) WITHOUT ROWID;

-- One row for each window of each account. leased is the sum of what nodes hold of it.
CREATE TABLE budgets (
    account      TEXT   NOT NULL,
    window_start BIGINT NOT NULL,
    spend_limit  BIGINT NOT NULL CHECK (spend_limit >= 0),
    posted       BIGINT NOT NULL CHECK (posted >= 0),
    leased       BIGINT NOT NULL CHECK (leased >= 0),
    PRIMARY KEY (account, window_start)
) WITHOUT ROWID;

CREATE TABLE leases (
    node         TEXT   NOT NULL,
    account      TEXT   NOT NULL,
    window_start BIGINT NOT NULL,
    amount       BIGINT NOT NULL CHECK (amount >= 0),
    op           BIGINT NOT NULL,
    PRIMARY KEY (node, account, window_start)
) WITHOUT ROWID;

-- total_us is there when the details of the request have come. flags: 1 absurd, 2 excess, 4 unconfirmed, 8 stream,
-- 16 repaired, 32 hedged.
CREATE TABLE requests (
    request_id         BLOB   NOT NULL PRIMARY KEY,
    unix_ms            BIGINT NOT NULL,
    key_id             TEXT   NOT NULL,
    project            TEXT   NOT NULL,
    model              TEXT   NOT NULL,
    flags              BIGINT NOT NULL,
    status             BIGINT NOT NULL,
    reserved           BIGINT NOT NULL,
    charged            BIGINT,
    failed             BIGINT NOT NULL,
    provider           TEXT,
    upstream_model     TEXT,
    price_version      TEXT,
    usage_source       TEXT,
    prompt_tokens      BIGINT NOT NULL,
    completion_tokens  BIGINT NOT NULL,
    cached_tokens      BIGINT NOT NULL,
    cache_write_tokens BIGINT NOT NULL,
    reasoning_tokens   BIGINT NOT NULL,
    trace_id           TEXT,
    error_code         TEXT,
    queue_us           BIGINT,
    first_token_us     BIGINT,
    total_us           BIGINT,
    wasted             BIGINT,
    attempts_json      TEXT
) WITHOUT ROWID;
CREATE INDEX requests_by_time ON requests (unix_ms, request_id);
CREATE INDEX requests_by_key ON requests (key_id, unix_ms, request_id);
CREATE INDEX requests_by_project ON requests (project, unix_ms, request_id);
CREATE INDEX requests_by_model ON requests (model, unix_ms, request_id);
CREATE INDEX requests_by_failure ON requests (status, unix_ms, request_id) WHERE status >= 400;
CREATE INDEX requests_by_trace ON requests (trace_id) WHERE trace_id IS NOT NULL;

-- Kept in the transaction that writes the rows. start is that of the hour, of the day.
CREATE TABLE usage_hourly (
    start             BIGINT NOT NULL,
    key_id            TEXT   NOT NULL,
    project           TEXT   NOT NULL,
    model             TEXT   NOT NULL,
    provider          TEXT   NOT NULL,
    requests          BIGINT NOT NULL,
    errors            BIGINT NOT NULL,
    prompt_tokens     BIGINT NOT NULL,
    completion_tokens BIGINT NOT NULL,
    cached_tokens     BIGINT NOT NULL,
    reasoning_tokens  BIGINT NOT NULL,
    cost              BIGINT NOT NULL,
    PRIMARY KEY (start, key_id, project, model, provider)
) WITHOUT ROWID;

CREATE TABLE usage_daily (
    start             BIGINT NOT NULL,
    key_id            TEXT   NOT NULL,
    project           TEXT   NOT NULL,
    model             TEXT   NOT NULL,
    provider          TEXT   NOT NULL,
    requests          BIGINT NOT NULL,
    errors            BIGINT NOT NULL,
    prompt_tokens     BIGINT NOT NULL,
    completion_tokens BIGINT NOT NULL,
    cached_tokens     BIGINT NOT NULL,
    reasoning_tokens  BIGINT NOT NULL,
    cost              BIGINT NOT NULL,
    PRIMARY KEY (start, key_id, project, model, provider)
) WITHOUT ROWID;
CREATE INDEX usage_daily_by_key ON usage_daily (key_id, start);
CREATE INDEX usage_daily_by_project ON usage_daily (project, start);

-- Each entry carries the hash of itself and of the hash before it. Nothing of it can be changed.
CREATE TABLE audit (
    id          BIGINT NOT NULL PRIMARY KEY,
    unix_ms     BIGINT NOT NULL,
    actor       TEXT   NOT NULL,
    action      TEXT   NOT NULL,
    object      TEXT   NOT NULL,
    object_id   TEXT   NOT NULL,
    before_json TEXT,
    after_json  TEXT,
    hash        BLOB   NOT NULL
) WITHOUT ROWID;
CREATE TRIGGER audit_is_not_updated BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is only appended to'); END;
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is only appended to'); END;

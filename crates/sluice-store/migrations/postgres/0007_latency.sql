-- As the migration of the same number for SQLite. Texts are compared byte by byte, as SQLite does.

CREATE TABLE latency (
    width       BIGINT NOT NULL,
    dimension   BIGINT NOT NULL,
    start       BIGINT NOT NULL,
    a           TEXT COLLATE "C" NOT NULL,
    b           TEXT COLLATE "C" NOT NULL,
    node        TEXT COLLATE "C" NOT NULL,
    first_token TEXT COLLATE "C" NOT NULL,
    total       TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (width, dimension, start, a, b, node)
);

CREATE INDEX requests_by_error ON requests (unix_ms, request_id, status) WHERE status >= 400;

-- In the order of time as well: many requests may share a trace.
DROP INDEX requests_by_trace;
CREATE INDEX requests_by_trace ON requests (trace_id, unix_ms, request_id) WHERE trace_id IS NOT NULL;

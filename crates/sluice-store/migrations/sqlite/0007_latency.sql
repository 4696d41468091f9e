-- How long requests took, in histograms: of an hour (width 3600) or of a day (86400), by two properties of a request:
-- model and provider (dimension 0), project and key (1), project and model (2). A histogram is a list of bucket:count.
-- Each node has rows of its own, so that no two write the same one.
CREATE TABLE latency (
    width       BIGINT NOT NULL,
    dimension   BIGINT NOT NULL,
    start       BIGINT NOT NULL,
    a           TEXT   NOT NULL,
    b           TEXT   NOT NULL,
    node        TEXT   NOT NULL,
    first_token TEXT   NOT NULL,
    total       TEXT   NOT NULL,
    PRIMARY KEY (width, dimension, start, a, b, node)
) WITHOUT ROWID;

-- Failures of any kind, newest first.
CREATE INDEX requests_by_error ON requests (unix_ms, request_id, status) WHERE status >= 400;

-- In the order of time as well: many requests may share a trace.
DROP INDEX requests_by_trace;
CREATE INDEX requests_by_trace ON requests (trace_id, unix_ms, request_id) WHERE trace_id IS NOT NULL;

-- failed: the caller got an error, as the answer or inside a stream that had begun. Where nobody answered a request is
-- counted with the provider that was called last. Rows that are gone stay counted as they were.
CREATE TEMP TABLE changed AS
SELECT request_id, unix_ms / 3600000 * 3600 AS hour, unix_ms / 86400000 * 86400 AS day, key_id, project, model,
       failed AS was_failed, COALESCE(provider, '') AS was, COALESCE(provider, attempts_json ->> '$[#-1][0]', '') AS now
FROM requests
WHERE (failed = 0 AND (status >= 400 OR error_code IS NOT NULL))
   OR (provider IS NULL AND attempts_json ->> '$[#-1][0]' IS NOT NULL);

INSERT INTO usage_hourly
SELECT hour, key_id, project, model, provider, SUM(requests), SUM(errors), 0, 0, 0, 0, 0
FROM (SELECT hour, key_id, project, model, was AS provider, -1 AS requests, -was_failed AS errors FROM changed
      UNION ALL SELECT hour, key_id, project, model, now, 1, 1 FROM changed) AS c
WHERE true
GROUP BY hour, key_id, project, model, provider
ON CONFLICT (start, key_id, project, model, provider)
DO UPDATE SET requests = usage_hourly.requests + excluded.requests, errors = usage_hourly.errors + excluded.errors;

INSERT INTO usage_daily
SELECT day, key_id, project, model, provider, SUM(requests), SUM(errors), 0, 0, 0, 0, 0
FROM (SELECT day, key_id, project, model, was AS provider, -1 AS requests, -was_failed AS errors FROM changed
      UNION ALL SELECT day, key_id, project, model, now, 1, 1 FROM changed) AS c
WHERE true
GROUP BY day, key_id, project, model, provider
ON CONFLICT (start, key_id, project, model, provider)
DO UPDATE SET requests = usage_daily.requests + excluded.requests, errors = usage_daily.errors + excluded.errors;

UPDATE requests SET failed = 1 WHERE request_id IN (SELECT request_id FROM changed WHERE was_failed = 0);
DROP TABLE changed;

DROP INDEX requests_by_error;
CREATE INDEX requests_by_error ON requests (unix_ms, request_id, status) WHERE failed = 1;

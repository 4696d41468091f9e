-- 1: the last run of the node has posted everything and given back what it held. 0: it runs, or was cut off, and what
-- its journal has may come a second time.
ALTER TABLE nodes ADD COLUMN ended BIGINT NOT NULL DEFAULT 0;

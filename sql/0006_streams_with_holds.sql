-- A worker looks every few seconds which events of its partitions have holds. There are few of them beside all that were ever sold, which
-- it must not read for that. The column, and not next_expiry, is what the index asks for: it changes with an event's first hold and its
-- last, and else rows are changed without a change of any index.

ALTER TABLE event_streams ADD COLUMN has_holds boolean GENERATED ALWAYS AS (next_expiry IS NOT NULL) STORED;
CREATE INDEX event_streams_with_holds ON event_streams (partition_hash) WHERE has_holds;

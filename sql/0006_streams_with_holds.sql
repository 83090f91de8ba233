-- A worker looks every few seconds which events of its partitions have holds. There are few of them beside all that were ever sold, which
-- it must not read for that. An event's row is changed without a change of its indexes as long as its earliest hold is the same: mostly.

CREATE INDEX event_streams_with_holds ON event_streams (partition_hash) WHERE next_expiry IS NOT NULL;

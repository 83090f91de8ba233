-- A batch is written by its rows' keys. With = PostgreSQL may as well read all streams, in their index's order, and compare each with the
-- whole batch; it does where there were few when it last counted them. A list of one can only be looked for.
CREATE OR REPLACE FUNCTION advance_streams(
  ids uuid[], from_versions bigint[], to_versions bigint[], heads bytea[], decided timestamptz[], expiries timestamptz[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  moved integer;
BEGIN
  UPDATE event_streams AS stream
     SET version = batch.to_version, head = batch.head, decided_at = batch.decided_at, next_expiry = batch.next_expiry
    FROM unnest(ids, from_versions, to_versions, heads, decided, expiries)
           AS batch (event_id, from_version, to_version, head, decided_at, next_expiry)
   WHERE stream.event_id = ANY (ARRAY[batch.event_id]) AND stream.version = batch.from_version;
  GET DIAGNOSTICS moved = ROW_COUNT;
  IF moved <> cardinality(ids) THEN
    RAISE EXCEPTION 'another writer has decided for one of these events' USING ERRCODE = 'TH001';
  END IF;
END $$;

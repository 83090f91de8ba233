-- Which streams are a partition's: a worker asks for those of the partitions that it takes over, compares and reviews, and must not be
-- handed all others.

-- FNV-1a of the id's bytes, as all processes compute an event's partition: the remainder of this by the number of partitions. There is
-- no unsigned 64-bit number in PostgreSQL.
CREATE FUNCTION fnv1a(id uuid) RETURNS numeric LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  bytes bytea := uuid_send(id);
  hash numeric := 14695981039346656037;
  low integer;
BEGIN
  FOR i IN 0..15 LOOP
    low := mod(hash, 256);
    hash := mod((hash - low + (low # get_byte(bytes, i))) * 1099511628211, 18446744073709551616);
  END LOOP;
  RETURN hash;
END $$;

ALTER TABLE event_streams ADD COLUMN partition_hash numeric(20) GENERATED ALWAYS AS (fnv1a(event_id)) STORED;

-- What is offered is proven as decisions are: the first decision builds on an event's terms alone, and not on its name, its time or whose
-- it is.

ALTER TABLE events ADD COLUMN offer_hash bytea NOT NULL DEFAULT '';
COMMENT ON COLUMN events.offer_hash IS 'SHA-256 of the event as it was created; empty for events that were created before there was one.';

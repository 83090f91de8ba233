-- What a sale needs: users, events, and for each event its stream of decisions and what they led to.
-- Every row that the pipeline writes begins with its event_id, and a transaction touches the events of one partition only,
-- so that the tables can be spread over several databases.

CREATE TABLE settings (
  name  text PRIMARY KEY,
  value text NOT NULL
);
COMMENT ON TABLE settings IS 'What all processes must agree on, such as the number of partitions.';

CREATE TABLE users (
  user_id       uuid PRIMARY KEY,
  email         text NOT NULL,          -- as the user writes it
  email_key     text NOT NULL UNIQUE,   -- in lower case: what makes it one account
  name          text NOT NULL,
  role          smallint NOT NULL CHECK (role BETWEEN 0 AND 2),  -- customer, organiser, operator
  password_hash text NOT NULL,          -- Argon2id, with its parameters and salt
  created_at    timestamptz NOT NULL
);

CREATE TABLE revoked_sessions (
  session_id uuid PRIMARY KEY,
  revoked_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL       -- after which the token is refused anyhow and the row may go
);
CREATE INDEX revoked_sessions_revoked_at ON revoked_sessions (revoked_at);

CREATE TABLE events (
  event_id                 uuid PRIMARY KEY,
  organiser_id             uuid NOT NULL,
  name                     text NOT NULL,
  venue                    text NOT NULL,
  description              text,
  starts_at                timestamptz NOT NULL,
  sales_open_at            timestamptz NOT NULL,
  sales_close_at           timestamptz NOT NULL,
  hold_seconds             integer NOT NULL,
  max_extensions           smallint NOT NULL,
  max_tickets_per_customer smallint NOT NULL,
  status                   smallint NOT NULL,   -- draft, published, paused, cancelled
  created_at               timestamptz NOT NULL
);
CREATE INDEX events_starts_at ON events (starts_at, event_id);
CREATE INDEX events_organiser ON events (organiser_id, starts_at, event_id);

CREATE TABLE sections (
  event_id       uuid NOT NULL REFERENCES events,
  section_index  smallint NOT NULL,     -- its place in the organiser's order; never changes
  section_id     text NOT NULL,
  name           text NOT NULL,
  seated         boolean NOT NULL,
  capacity       integer NOT NULL CHECK (capacity > 0),
  price_amount   bigint NOT NULL CHECK (price_amount >= 0),
  price_currency text NOT NULL,
  PRIMARY KEY (event_id, section_index),
  UNIQUE (event_id, section_id)
);

-- The seats of a section, a row of this table for each row of seats: seats are numbered from 1, left to right, and counted
-- through the event from 0, in the order of sections, rows and numbers (the seat_index of seat_allocations).
CREATE TABLE seat_rows (
  event_id      uuid NOT NULL,
  section_index smallint NOT NULL,
  row_index     smallint NOT NULL,      -- front row first
  name          text NOT NULL,
  seats         smallint NOT NULL CHECK (seats > 0),
  aisles_after  smallint[] NOT NULL,
  PRIMARY KEY (event_id, section_index, row_index),
  UNIQUE (event_id, section_index, name),
  FOREIGN KEY (event_id, section_index) REFERENCES sections
);

-- One row an event: the version is the number of decisions so far. Whoever writes decisions first moves it from the version
-- that they were made on; that is what makes a writer that has been replaced harmless.
CREATE TABLE event_streams (
  event_id    uuid PRIMARY KEY REFERENCES events,
  version     bigint NOT NULL,
  head        bytea NOT NULL,           -- the hash of the last decision, or of the event's terms at version 0
  decided_at  timestamptz NOT NULL,     -- of the last decision
  next_expiry timestamptz               -- of the earliest hold
) WITH (fillfactor = 50);

-- The journal: every decision, refusals included, in order. Nothing in it is ever changed.
CREATE TABLE decisions (
  event_id       uuid NOT NULL,
  version        bigint NOT NULL,       -- from 1, without gaps
  command_id     uuid,                  -- null for what the worker does itself (expiries)
  reservation    bigint NOT NULL,       -- the version at which the reservation concerned was decided; 0 if there is none
  reservation_id uuid NOT NULL,
  decided_at     timestamptz NOT NULL,
  command        bytea NOT NULL,        -- as it was queued
  outcome        bytea NOT NULL,
  hash           bytea NOT NULL,        -- SHA-256 over the hash before it and this decision
  PRIMARY KEY (event_id, version)
);
-- A command is decided once. For a reservation's own command this is the reservation's id.
CREATE UNIQUE INDEX decisions_command ON decisions (command_id) WHERE command_id IS NOT NULL;

-- Reservations that were given tickets. One that was refused is final at once: its decision is its record.
CREATE TABLE reservations (
  event_id        uuid NOT NULL,
  sequence        bigint NOT NULL,      -- the version of the decision that made it
  reservation_id  uuid NOT NULL,
  customer_id     uuid NOT NULL,
  status          smallint NOT NULL,
  version         integer NOT NULL,     -- grows by one with every change of this row
  request         bytea NOT NULL,       -- what was asked for
  section_index   smallint,             -- general admission: where, and how many
  quantity        smallint NOT NULL,
  seats           integer[],            -- seated: which
  expires_at      timestamptz NOT NULL,
  extensions_used smallint NOT NULL,
  created_at      timestamptz NOT NULL,
  PRIMARY KEY (event_id, sequence)
) WITH (fillfactor = 80);
CREATE INDEX reservations_customer ON reservations (customer_id, created_at);

-- Who has a seat now. The key is what makes the database itself refuse to give a seat twice.
CREATE TABLE seat_allocations (
  event_id   uuid NOT NULL,
  seat_index integer NOT NULL,
  sequence   bigint NOT NULL,
  PRIMARY KEY (event_id, seat_index)
);

-- How many tickets of a section are gone. The check is what makes the database itself refuse to give out too many.
CREATE TABLE section_counters (
  event_id      uuid NOT NULL,
  section_index smallint NOT NULL,
  capacity      integer NOT NULL,
  held          integer NOT NULL DEFAULT 0,
  sold          integer NOT NULL DEFAULT 0,
  PRIMARY KEY (event_id, section_index),
  CONSTRAINT never_oversold CHECK (held >= 0 AND sold >= 0 AND held + sold <= capacity)
) WITH (fillfactor = 50);

-- Commands that could not be decided, set aside with their bytes.
CREATE TABLE dead_letters (
  dead_letter_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  partition      smallint NOT NULL,
  command_id     uuid,
  event_id       uuid,
  reason         text NOT NULL,
  attempts       integer NOT NULL,
  payload        bytea NOT NULL,
  dead_at        timestamptz NOT NULL DEFAULT now()
);

-- Who consumes: each worker says every half second that it lives; the shares follow from the rows.
CREATE UNLOGGED TABLE workers (
  worker_id    uuid PRIMARY KEY,
  host         text NOT NULL,
  started_at   timestamptz NOT NULL DEFAULT now(),
  last_seen_at timestamptz NOT NULL DEFAULT now()
);

-- Moves streams from the versions that a batch was decided on. All or none: if one of them has moved meanwhile, the whole
-- transaction fails with SQLSTATE TH001 and nothing of the batch is written.
CREATE FUNCTION advance_streams(
  ids uuid[], from_versions bigint[], to_versions bigint[], heads bytea[], decided timestamptz[], expiries timestamptz[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  moved integer;
BEGIN
  UPDATE event_streams AS stream
     SET version = batch.to_version, head = batch.head, decided_at = batch.decided_at, next_expiry = batch.next_expiry
    FROM unnest(ids, from_versions, to_versions, heads, decided, expiries)
           AS batch (event_id, from_version, to_version, head, decided_at, next_expiry)
   WHERE stream.event_id = batch.event_id AND stream.version = batch.from_version;
  GET DIAGNOSTICS moved = ROW_COUNT;
  IF moved <> cardinality(ids) THEN
    RAISE EXCEPTION 'another writer has decided for one of these events' USING ERRCODE = 'TH001';
  END IF;
END $$;

-- What becomes of commands that were set aside, and the attempts at commands that may be what kills their workers.

ALTER TABLE dead_letters
  ADD COLUMN status     smallint NOT NULL DEFAULT 0 CHECK (status BETWEEN 0 AND 4),  -- dead, being replayed, replayed, being discarded, discarded
  ADD COLUMN changed_at timestamptz NOT NULL DEFAULT now();
COMMENT ON COLUMN dead_letters.status IS
  'Being replayed or discarded: an operator has asked for it, and it is not known that the broker has the message. It can be repeated.';
CREATE INDEX dead_letters_newest ON dead_letters (dead_at, dead_letter_id);
-- The commands that workers must not decide: all but those that are replayed.
CREATE INDEX dead_letters_not_to_be_decided ON dead_letters (partition, command_id) WHERE status NOT IN (1, 2);

-- Written only about commands that came back from a worker that did not finish them, until they are decided or set aside.
CREATE TABLE attempts (
  command_id uuid PRIMARY KEY,
  partition  smallint NOT NULL,
  alone      integer NOT NULL DEFAULT 0,  -- how often it was begun with nothing else under way in its partition
  together   integer NOT NULL DEFAULT 0   -- how often it was begun in a batch, of which any other may be the culprit
);
CREATE INDEX attempts_partition ON attempts (partition);

# shellcheck shell=bash
# The commands of runbooks/, run as they are written, on a site of their own.
#
# A page's blocks that begin with ```sh are one script: each must exit with 0, and print what the next block without a language says, if
# there is one right behind it, where … stands for anything. What can't be run on one machine, or not twice, is indented instead.

run_runbooks() {
  local page site=$state/runbooks status=0 built=$checkout/.build/debug/tickethub
  rm -rf "$site.pages"
  mkdir -p "$site.pages"
  export TICKETHUB_STATE_DIR=$site TICKETHUB_PORT_BASE=$((TICKETHUB_TEST_PORT_BASE + 1000)) TICKETHUB_LOCAL_BIN=$built
  remove_site "$site"
  # Whatever ends this early, the trap of `test` removes the site.
  attended "starting a site" "$site.pages/up.log" "$checkout/compose/local" up --workers 2 || return
  prepare_site >"$site.pages/site" 2>"$site.pages/site.log" || status=1
  # The one behind which everything needs another setting comes last.
  for page in "$checkout"/runbooks/[!p]*.md "$checkout"/runbooks/p[!a]*.md "$checkout"/runbooks/partitions.md; do
    ((status)) || run_page "$page" "$site" || status=1
  done
  remove_site "$site"
  return "$status"
}

remove_site() { # SITE
  [[ -d $1 ]] || return 0
  local kind
  TICKETHUB_STATE_DIR=$1 "$checkout/compose/local" down >/dev/null 2>&1 || true
  for kind in "${servers[@]}"; do # their data may lie elsewhere
    "$server" remove "$kind" --state "$1/$kind" >/dev/null 2>&1 || true
  done
  rm -rf "$1"
}

# What the pages take for granted: addresses, an event, two customers who want to know who was first, a dead letter, and `tickethub` in
# PATH.
prepare_site() {
  "$checkout/compose/local" env || return
  eval "$("$checkout/compose/local" env)"
  "$TICKETHUB_BIN" load --event "$checkout/compose/riethsporthalle.json" --customers 50 >&2 || return
  psql "$TICKETHUB_DATABASE_URL" -AtF ' ' -c "
    SELECT 'EVENT=' || event_id, 'MINE=' || min(command_id::text), 'THEIRS=' || max(command_id::text)
      FROM decisions GROUP BY event_id LIMIT 1"
  curl -sf "$TICKETHUB_RABBITMQ_MANAGEMENT_URL/api/exchanges/%2f/tickethub.commands.p16/publish" -o /dev/null --json \
    '{"routing_key": "4", "payload": "poison", "payload_encoding": "string", "properties": {}}' || return
  # RabbitMQ's figures come some seconds after its start.
  until curl -s "$TICKETHUB_RABBITMQ_MANAGEMENT_URL/api/nodes" | grep -q mem_used; do sleep 0.2; done
  echo "LETTER=$(await_letter)"
  echo "PATH=${TICKETHUB_BIN%/*}:\$PATH"
}

await_letter() {
  local letter=''
  until [[ $letter ]]; do
    letter=$(psql "$TICKETHUB_DATABASE_URL" -Atc 'SELECT dead_letter_id FROM dead_letters LIMIT 1') || return
    sleep 0.1
  done
  echo "$letter"
}

run_page() { # PAGE SITE
  local name directory number
  name=$(basename "$1" .md)
  directory=$2.pages/$name
  mkdir "$directory"
  extract_blocks "$1" "$directory"
  begin timeout --kill-after=10 120 "$checkout/compose/lib/run-page" "$2.pages/site" "$directory"
  finish && return
  number=$(cat "$directory/reached")
  say "runbooks/$name.md: block $number fails:"
  tail -n +1 "$directory/$number".* | sed 's/^/  /' >&2
  return 1
}

extract_blocks() { # PAGE DIRECTORY: 1.sh, 1.expected, 2.sh, …
  awk -v directory="$2" '
    /^```/ && file { close(file); file = ""; next }
    /^```sh$/ { file = directory "/" ++number ".sh"; wanted = 1; next }
    /^```$/ && wanted { file = directory "/" number ".expected"; wanted = 0; printf "" > file; next }
    file { print > file; next }
    /./ { wanted = 0 }' "$1"
}

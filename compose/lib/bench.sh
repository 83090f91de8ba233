# shellcheck shell=bash
# `compose/local bench`: measures a TicketHub of its own beside what its parts do alone.

run_bench() { # [NAME…] [--runs N] [--requests N] [--long] [--json FILE] [--html FILE]
  # Files are named from where the user is.
  local arguments=() json='' html='' status=0
  while (($#)); do
    case $1 in
      --json | --html)
        [[ ${2-} ]] || misused "$1 needs a file"
        if [[ $1 == --json ]]; then json=$(realpath -m -- "$2"); else html=$(realpath -m -- "$2"); fi
        shift 2
        ;;
      -h | --help) usage; return ;;
      *) arguments+=("$1"); shift ;;
    esac
  done
  state=$(realpath -m -- "${TICKETHUB_BENCH_STATE_DIR:-$checkout/.local-bench}")
  # Below the ports that Linux gives to clients, of which there will be ten thousand.
  port_base=${TICKETHUB_BENCH_PORT_BASE:-23080}
  check_number TICKETHUB_BENCH_PORT_BASE "$port_base" 1024 65000
  export TICKETHUB_STATE_DIR=$state TICKETHUB_PORT_BASE=$port_base
  leaving='everything that it started is being stopped'
  cd "$checkout"
  mkdir -p "$state"
  take_lock "$state/bench-lock" 0 || fail "another benchmark runs on $state"
  say "building bench and Hummingbird's empty application (release)"
  attended building "$state/build-bench.log" swift build "${release[@]}" --product bench
  # What is asked for wrongly is told before anything starts.
  begin "$checkout/.build/release/bench" "${arguments[@]}" --check
  finish || exit
  attended "building the yardstick" "$state/build-yardstick.log" \
    swift build "${release[@]}" --package-path "$checkout/compose/yardstick" --product yardstick
  trap end_bench EXIT
  begin_afresh
  # 10,000 connections are more than a shell allows by itself.
  ulimit -n "$(ulimit -Hn)"
  up --workers 1 >/dev/null
  start_yardstick
  export TICKETHUB_LOCAL=$checkout/compose/local
  begin "$checkout/.build/release/bench" "${arguments[@]}" --json "${json:-$state/bench.json}" --html "${html:-$state/bench.html}"
  finish || status=$?
  say "JSON ${json:-$state/bench.json}, page ${html:-$state/bench.html}"
  return "$status"
}

# What an earlier benchmark left would be measured too.
begin_afresh() {
  down
  unlock
  local kind
  for kind in "${servers[@]}"; do
    if [[ -d $state/$kind ]]; then
      begin "$server" remove "$kind" --state "$state/$kind" >&2
    fi
  done
  finish || fail "what an earlier benchmark left can't be removed"
}

start_yardstick() {
  export TICKETHUB_YARDSTICK_PORT=$((port_base + 40)) TICKETHUB_YARDSTICK_PID
  until_unused "$TICKETHUB_YARDSTICK_PORT" "end it or set TICKETHUB_BENCH_PORT_BASE"
  : >"$state/yardstick.log"
  launch "$checkout" "$state/yardstick.pid" "$state/yardstick.log" \
    "$checkout/compose/yardstick/.build/release/yardstick" "$TICKETHUB_YARDSTICK_PORT"
  local deadline=$((SECONDS + 30))
  until answers "$TICKETHUB_YARDSTICK_PORT"; do
    if ! alive "$launched" || ((SECONDS >= deadline)); then
      fail "Hummingbird's empty application does not start; see $state/yardstick.log"
    fi
    sleep 0.1
  done
  TICKETHUB_YARDSTICK_PID=$launched
}

end_bench() {
  local status=$?
  trap - EXIT
  trap '' INT TERM # stopping takes seconds, and must come to its end
  unlock # whatever was under way when it was interrupted
  children=() # which have been ended, and whose status says nothing of what follows
  stop_roles yardstick
  down
  exit "$status"
}

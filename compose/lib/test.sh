# shellcheck shell=bash
# `compose/local test`: everything that CI runs, in an order in which the quick checks speak first.

run_tests() {
  cd "$checkout"
  state=$(realpath -m -- "${TICKETHUB_TEST_STATE_DIR:-$checkout/.local-test}")
  export TICKETHUB_TEST_STATE_DIR=$state TICKETHUB_TEST_PORT_BASE=${TICKETHUB_TEST_PORT_BASE:-28080}
  leaving=''
  lock
  steps=()
  trap summarize EXIT
  rm -f "$state"/*Tests.log

  step "packages" install_packages
  step "swift format" check_format
  step "shellcheck" check_scripts
  all_passed || exit 1
  step "build, and imports" build_tests
  all_passed || exit 1
  # One target after the other: many tests measure how long something takes, and all at once would starve each other of two cores.
  for target in Tests/*Tests/ Tests/Faults/; do
    target=$(basename "${target/Faults/FaultTests}")
    step "$target" run_swift_test
  done
  step "runbooks" run_runbooks
  all_passed || exit 1
  step "instructions" check_instructions
  all_passed || exit 1
}

# `compose/local faults`: a sale to which things happen at random, for as long as one likes.
run_faults() { # [--minutes N] [--seed S]
  local minutes=60 seed='' status=0 shown
  while (($#)); do
    case $1 in
      --minutes) minutes=${2-}; shift 2 || misused "--minutes needs a number" ;;
      --seed) seed=${2-}; shift 2 || misused "--seed needs a number" ;;
      *) misused "faults has no option '$1'" ;;
    esac
  done
  check_number --minutes "$minutes" 1 10000
  [[ $seed =~ ^[0-9]{0,18}$ ]] || misused "--seed must be a number, not '$seed'"
  cd "$checkout"
  state=$(realpath -m -- "${TICKETHUB_TEST_STATE_DIR:-$checkout/.local-test}")
  export TICKETHUB_TEST_STATE_DIR=$state TICKETHUB_TEST_PORT_BASE=${TICKETHUB_TEST_PORT_BASE:-28080}
  export TICKETHUB_FAULT_MINUTES=$minutes TICKETHUB_FAULT_SEED=${seed:-$RANDOM}
  lock
  trap remove_servers EXIT
  install_packages
  build_tests
  : >"$state/faults.log"
  begin swift test --skip-build --filter '^FaultTests\..*for a long time' >"$state/FaultTests.log" 2>&1
  # What happens, while it happens, and at the end the report; swift test shows nothing before its end.
  tail -n +1 -f --pid="${children[0]}" "$state/faults.log" &
  shown=$!
  finish || status=$?
  wait "$shown"
  ((status == 0)) || grep -E '^✘' "$state/FaultTests.log" >&2 || tail -n 30 "$state/FaultTests.log" >&2
  return "$status"
}

# step NAME FUNCTION: runs it, and remembers how it went.
step() {
  local started=$SECONDS outcome=passed
  say "$1 …"
  # `set -e` does not act in a function whose status is asked for, so each of them consists of one command, or says where it fails.
  "$2" || outcome=FAILED
  steps+=("$outcome|$1|$((SECONDS - started))")
}

all_passed() {
  [[ "${steps[*]}" != *FAILED* ]]
}

check_format() {
  begin swift format lint --strict --recursive --parallel Sources Tests Package.swift compose/yardstick/Package.swift compose/yardstick/Sources >&2
  finish
}

check_scripts() {
  local file first scripts=()
  while read -r file; do
    { read -r first <"$file"; } 2>/dev/null || continue
    if [[ $first == '#!'*sh ]]; then # what these source is checked with them
      scripts+=("$file")
    fi
  done < <(find .ci compose runbooks sql Tests -name .build -prune -o -type f -print)
  begin shellcheck --external-sources --check-sourced "${scripts[@]}" >&2
  finish
}

build_tests() {
  attended building "$state/build.log" swift build --build-tests --explicit-target-dependency-import-check error
}

run_swift_test() { # the tests of $target
  # Into a file that is shown while it grows: the end of it is wanted again below the summary.
  local log=$state/$target.log shown status=0
  : >"$log"
  # A test that never ends must fail, with what it printed; ten times what the slowest target takes.
  begin timeout --kill-after=10 900 swift test --skip-build --filter "^$target\\." >"$log" 2>&1
  tail -n +1 -f --pid="${children[0]}" "$log" &
  shown=$!
  finish || status=$?
  wait "$shown"
  return "$status"
}

# The servers of test processes that could not remove them. A port whose lock is held belongs to a test that still runs.
remove_servers() {
  local directory name
  for directory in "$state"/{postgres,rabbitmq,redis}-*/; do
    directory=${directory%/}
    name=${directory##*/}
    if [[ -d $directory ]] && flock -n "/tmp/tickethub-test-port-${name#*-}.lock" true; then
      "$server" remove "${name%%-*}" --state "$directory" >&2 || true
    fi
  done
}

summarize() {
  local status=$? outcome name seconds
  trap - EXIT
  trap '' INT TERM # cleaning up takes seconds, and must come to its end
  remove_site "$state/runbooks"
  remove_servers
  if ((${#steps[@]})); then
    echo
    while IFS='|' read -r outcome name seconds; do
      printf '%-8s %-22s %4d s\n' "$outcome" "$name" "$seconds"
    done < <(printf '%s\n' "${steps[@]}")
  fi
  grep -hE '^. Test run with ' "$state"/*Tests.log 2>/dev/null || true # there are none yet
  exit "$status"
}

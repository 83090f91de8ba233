# shellcheck shell=bash
# The instructions that each microbenchmark takes, counted by callgrind: unlike times, they are the same on a busy machine. And the bytes
# that a reservation takes in a worker's memory.

# Names and counts, a tab between; beside them stands what is counted now.
baseline=$checkout/Tests/Microbench/instructions
# By how many percent a count may exceed the baseline's. Another compiler or C library alone moves some by a few.
tolerance=10

# `compose/local instructions`
run_instructions() { # [--renew]
  local renew=''
  case ${1-} in
    '') ;;
    --renew) renew=yes ;;
    *) misused "instructions has no option '$1'" ;;
  esac
  cd "$checkout"
  state=$(realpath -m -- "${TICKETHUB_TEST_STATE_DIR:-$checkout/.local-test}")
  leaving=''
  lock
  install_packages
  build_microbench
  count_instructions
  if [[ $renew ]]; then
    cp "$state/instructions" "$baseline"
    say "$(wc -l <"$baseline") counts are in ${baseline#"$checkout/"} now"
  else
    compare_instructions
  fi
}

build_microbench() {
  # What `up` builds, less what only workers and the command line need; either finds what the other has built.
  attended "building microbench (release)" "$state/microbench-build.log" swift build "${release[@]}" --product microbench
}

check_instructions() {
  build_microbench && count_instructions && compare_instructions
}

# Leaves names and counts in $state/instructions.
count_instructions() {
  local directory=$state/callgrind
  rm -rf "$directory"
  mkdir -p "$directory"
  # Debian's valgrind gives up on the compiler's debug information. It needs no more than the functions' names.
  strip --strip-debug -o "$directory/microbench" "$checkout/.build/release/microbench" || return
  # Callgrind sets its counters to zero where a benchmark's run begins, and writes them to a file of its own where it ends. An empty
  # environment and hashes without a seed make it the same each time.
  attended "counting instructions" "$state/callgrind.log" env -i SWIFT_DETERMINISTIC_HASHING=1 \
    "$(command -v valgrind)" --tool=callgrind --callgrind-out-file="$directory/out" \
    --zero-before=countedRun --dump-after=countedRun --log-file="$directory/log" \
    "$directory/microbench" count || return
  local name iterations total number=0
  while IFS=$'\t' read -r name iterations; do
    number=$((number + 1))
    total=$(sed -n 's/^\(totals\|summary\): *//p' "$directory/out.$number" | head -n 1) || return
    printf '%s\t%d\n' "$name" $(((total + iterations / 2) / iterations))
  done <"$state/callgrind.log" >"$state/instructions"
  # Beside them, what an event takes in memory: where its tables have just grown, and large.
  local venue
  for venue in standing seated; do
    "$directory/microbench" memory "$venue" 98310 && "$directory/microbench" memory "$venue" 1000000 || return
  done >>"$state/instructions"
}

# Prints a table; fails where something takes more than the baseline allows, or is missing on either side.
compare_instructions() {
  awk -F '\t' -v tolerance="$tolerance" '
    function show(name, before, now, remark) { printf "%-58s %10s %10s  %s\n", name, before, now, remark }
    BEGIN { show("Instructions, bytes", "baseline", "now", "") }
    FNR == NR { before[$1] = $2; next }
    !($1 in before) { show($1, "-", $2, "NOT IN THE BASELINE"); failed = 1; next }
    {
      change = before[$1] ? 100 * ($2 - before[$1]) / before[$1] : 0
      remark = sprintf("%+.1f %%", change)
      if (change > tolerance) { remark = remark "  GROWN"; failed = 1 }
      if (change < -tolerance) { remark = remark "  shrunk: renew the baseline" }
      show($1, before[$1], $2, remark)
      delete before[$1]
    }
    END {
      for (name in before) { show(name, before[name], "-", "NOT COUNTED ANY MORE"); failed = 1 }
      if (failed) print "\nIf that is as it should be: ./compose/local instructions --renew, and commit it with what caused it."
      exit failed
    }' "$baseline" "$state/instructions" >&2
}

# shellcheck shell=bash
# Background processes and files of a state directory: what compose/server and compose/local share.

# alive PID: whether it runs; a zombie does not.
alive() {
  local stat
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  [[ ${stat##*) } != [ZX]* ]]
}

# started_at PID: the time, in ticks since the boot, at which it began: with its pid, what tells it from any other process.
started_at() {
  local stat fields
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  read -ra fields <<<"${stat##*) }"
  echo "${fields[19]}"
}

# signal NAME PID…: a process that has just gone is no error.
signal() {
  local name=$1
  shift
  if (($#)); then
    kill -s "$name" -- "$@" 2>/dev/null || true
  fi
}

# gone SECONDS PID…: waits for their end, at most so long.
gone() {
  local deadline=$((SECONDS + $1)) pid
  shift
  for pid in "$@"; do
    while alive "$pid"; do
      ((SECONDS < deadline)) || return 1
      sleep 0.05
    done
  done
}

# launch DIRECTORY PIDFILE LOG COMMAND…: in the background, in a session of its own, holding nothing of the caller's open (least of all a
# lock, or a pipe that somebody reads to its end), with no signal ignored or blocked. Sets `launched`. The process writes its pid
# and its start itself, to PIDFILE and PIDFILE.started, before it becomes the command: however the caller ends, they are known.
launch() {
  local directory=$1 pid_file=$2 log=$3
  # The C library's cache of free memory in each thread holds 7 pieces of a size where it is not told otherwise. With more the gateway
  # takes 4 % less CPU time.
  local tunables=${GLIBC_TUNABLES:-glibc.malloc.tcache_count=1000}
  shift 3
  rm -f "$pid_file"
  (
    cd "$directory" || exit
    # shellcheck disable=SC2016 # expanded by the inner shell
    exec setsid env --default-signal GLIBC_TUNABLES="$tunables" bash -c '
      for fd in /proc/$$/fd/*; do
        if ((${fd##*/} > 2)); then eval "exec ${fd##*/}>&-"; fi
      done
      read -r stat </proc/$$/stat && read -ra fields <<<"${stat##*) }" && echo "${fields[19]}" >"$0.started" &&
        echo "$$" >"$0.new" && mv "$0.new" "$0" && exec "$@"' "$pid_file" "$@"
  ) </dev/null >>"$log" 2>&1 &
  # shellcheck disable=SC2034 # for the caller
  launched=$!
  disown "$launched" # bash would announce its end
  while [[ ! -e $pid_file ]] && alive "$launched"; do
    sleep 0.01
  done
}

answers() { # whether something listens on that port of loopback
  local status=0
  # shellcheck disable=SC2016 # expanded by the inner shell
  timeout 1 bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$0"' "$1" 2>/dev/null || status=$?
  # Who listens and has no room for another connection leaves it without an answer: nobody is refused there.
  ((status == 0 || status == 124))
}

# until_unused PORT ADVICE: on a busy machine a killed process's last threads hold its ports for a moment after it is gone.
until_unused() {
  local deadline=$((SECONDS + 4))
  while answers "$1"; do
    ((SECONDS < deadline)) || fail "port $1 of 127.0.0.1 is in use by something else; $2"
    sleep 0.05
  done
}

# keep FILE MODE: replaces a file by standard input, in one step, so that nobody ever reads half of it.
keep() {
  local new=$1.new
  (umask 077 && cat >"$new")
  chmod "$2" "$new"
  mv "$new" "$1"
}

# take_lock FILE SECONDS: until this script ends.
take_lock() {
  exec {lock}>"$1"
  flock -w "$2" "$lock"
}

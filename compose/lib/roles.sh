# shellcheck shell=bash
# The processes of a local TicketHub, by role: gateway, worker-1, worker-2, …, postgres, rabbitmq, redis.

servers=(postgres rabbitmq redis)

server_port() {
  case $1 in
    postgres) echo $((port_base + 10)) ;;
    redis) echo $((port_base + 20)) ;;
    rabbitmq) echo $((port_base + 30)) ;; # to +34
  esac
}

# recorded FILE: what it holds; fails where there is none, or nothing in it.
recorded() {
  local value
  value=$(cat "$state/$1" 2>/dev/null) && [[ $value ]] && echo "$value"
}

# The port base with which a role was started.
base_of() {
  local port
  case $1 in
    postgres | rabbitmq | redis) port=$(recorded "$1/port") && echo $((port_base + port - $(server_port "$1"))) ;;
    *) recorded port-base ;;
  esac
}

# What runs keeps its ports: whatever is started has to find it there.
check_port_base() {
  local role base
  for role in gateway $(known_workers) "${servers[@]}"; do
    if base=$(base_of "$role") && [[ $base != "$port_base" ]] && role_pid "$role" >/dev/null; then
      fail "$role runs with TICKETHUB_PORT_BASE=$base, not $port_base; set it so, or end everything first: ./compose/local down"
    fi
  done
}

# Prints the pid of a role that runs, or fails.
role_pid() {
  local pid started now
  case $1 in
    postgres | rabbitmq | redis)
      [[ -d $state/$1 ]] && "$server" status "$1" --state "$state/$1" 2>/dev/null | sed -n 's/^running //p' | grep .
      ;;
    *)
      { read -r pid <"$state/$1.pid" && read -r started <"$state/$1.pid.started"; } 2>/dev/null || return 1
      alive "$pid" && now=$(started_at "$pid") && [[ $now == "$started" ]] && echo "$pid"
      ;;
  esac
}

# The workers that are to run are worker-1 to worker-N.
worker_count() {
  recorded workers || echo 0
}

# Every worker with a pid file, the highest number first.
known_workers() {
  local file
  for file in "$state"/worker-*.pid; do
    if [[ -e $file ]]; then
      file=${file##*/}
      echo "${file%.pid}"
    fi
  done | sort -t - -k 2 -rn
}

start_server() { # on the port that it had
  "$server" start "$1" --state "$state/$1" --port "$(recorded "$1/port")" >&2
}

stop_server() {
  if [[ -d $state/$1 ]]; then
    "$server" stop "$1" --state "$state/$1" >&2
  fi
}

# Fails where nothing was brought up, or with other ports.
expect_up() {
  local name base
  for name in port-base postgres/url rabbitmq/url redis/url; do
    recorded "$name" >/dev/null || fail "nothing is up in $state: ./compose/local up"
  done
  check_port_base
  base=$(recorded port-base)
  [[ $base == "$port_base" ]] ||
    fail "what is in $state was brought up with TICKETHUB_PORT_BASE=$base, not $port_base; set it so, or not at all"
}

# What every process of TicketHub is told.
export_settings() {
  expect_up
  [[ -s $state/token-secret ]] || openssl rand -hex 32 | keep "$state/token-secret" 600
  setting URL "http://127.0.0.1:$port_base"
  setting ADMIN_URL "http://127.0.0.1:$((port_base + 1))"
  setting DATABASE_URL "$(<"$state/postgres/url")"
  setting AMQP_URL "$(<"$state/rabbitmq/url")"
  setting REDIS_URL "$(<"$state/redis/url")"
  setting RABBITMQ_MANAGEMENT_URL "$(<"$state/rabbitmq/management-url")"
  setting TOKEN_SECRET "$(<"$state/token-secret")"
  setting HOST 127.0.0.1
  setting PORT "$port_base"
  setting ADMIN_PORT $((port_base + 1))
  setting SQL_DIR "$checkout/sql"
  setting BIN "$binary"
}

setting() {
  export "TICKETHUB_$1=$2"
}

# Which build a process runs, as a word that changes with every build.
build_identity() {
  stat -c %i-%s-%.Y "$binary"
}

# launch_role ROLE COMMAND…: in the checkout, where a .env file would be.
launch_role() {
  local role=$1
  shift
  [[ -x $binary ]] || fail "there is no build yet: ./compose/local up"
  if [[ -e $state/$role.log ]]; then
    mv -f "$state/$role.log" "$state/$role.log.old"
  fi
  : >"$state/$role.log"
  rm -f "$state/$role.ready"
  build_identity >"$state/$role.build"
  launch "$checkout" "$state/$role.pid" "$state/$role.log" "$binary" "$@"
}

# start_roles ROLE…: those of gateway and workers that don't run, all at once; then waits until each works.
start_roles() {
  local role pid awaited=()
  for role in "$@"; do
    if pid=$(role_pid "$role"); then
      # Whoever began it may have been interrupted.
      role_ready "$role" || awaited+=("$role:$pid")
      continue
    fi
    case $role in
      gateway)
        until_unused "$port_base" "end it or set TICKETHUB_PORT_BASE"
        launch_role gateway gateway
        ;;
      *)
        TICKETHUB_ADMIN_PORT=$((port_base + 40 + ${role#worker-})) TICKETHUB_READY_FILE=$state/$role.ready \
          launch_role "$role" worker
        ;;
    esac
    awaited+=("$role:$launched")
  done
  for role in "${awaited[@]}"; do
    await_role "${role%:*}" "${role#*:}"
  done
}

await_role() {
  local role=$1 pid=$2 deadline=$((SECONDS + 60))
  until role_ready "$role"; do
    if ! alive "$pid" || ((SECONDS >= deadline)); then
      tail -n 30 "$state/$role.log" | sed 's/^/  /' >&2
      alive "$pid" || fail "$role ended while it started; see $state/$role.log"
      fail "$role runs but is not ready after 60 s; see $state/$role.log"
    fi
    sleep 0.1
  done
  say "$role is ready (pid $pid)"
}

role_ready() {
  case $1 in
    gateway) probe livez ;; # not readyz: it says that RabbitMQ works too, which a restarted gateway may have to wait for
    *) [[ -e $state/$1.ready ]] ;; # not by its log: how much of it there is can be set
  esac
}

probe() { # livez or readyz
  curl -fs --noproxy '*' --max-time 5 -o /dev/null "http://127.0.0.1:$port_base/$1"
}

await_readiness() {
  local deadline=$((SECONDS + 60))
  until probe readyz; do
    ((SECONDS < deadline)) || fail "the gateway is still not ready; see http://127.0.0.1:$port_base/readyz"
    sleep 0.1
  done
}

# stop_roles ROLE…: gateway or workers, in that order; waits for the end of all, and kills what does not end in time.
stop_roles() {
  local role pid stopping=()
  for role in "$@"; do
    if pid=$(role_pid "$role"); then
      signal TERM "$pid"
      signal CONT "$pid" # a suspended process could not react
      stopping+=("$role:$pid")
    fi
  done
  for role in "${stopping[@]}"; do
    pid=${role#*:}
    if gone 20 "$pid"; then
      say "${role%:*} stopped"
    else
      signal KILL "$pid"
      gone 5 "$pid" || fail "${role%:*} cannot be killed (pid $pid)"
      say "${role%:*} did not stop in time and was killed"
    fi
  done
  for role in "$@"; do
    rm -f "$state/$role".{pid,pid.started,build,ready}
  done
}

# set_workers N: makes worker-1 to worker-N run, and no other.
set_workers() {
  local role number start=() stop=()
  keep "$state/workers" 644 <<<"$1"
  while read -r role; do
    if ((${role#worker-} > $1)); then
      stop+=("$role")
    fi
  done < <(known_workers)
  for ((number = 1; number <= $1; number++)); do
    start+=("worker-$number")
  done
  stop_roles "${stop[@]}"
  start_roles "${start[@]}"
}

# Restarts what runs another build than the present one.
replace_outdated() {
  local role outdated=()
  for role in gateway $(known_workers); do
    if role_pid "$role" >/dev/null && [[ $(cat "$state/$role.build" 2>/dev/null) != "$(build_identity)" ]]; then
      outdated+=("$role")
    fi
  done
  if ((${#outdated[@]})); then
    say "restarting with the new build: ${outdated[*]}"
    stop_roles "${outdated[@]}"
  fi
}

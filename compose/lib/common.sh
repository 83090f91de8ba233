# shellcheck shell=bash
# What every command of compose/local uses: progress, children that can be interrupted, packages.

# Debian's packages: the C libraries to build with, the servers, and the tools of these scripts and of the README.
packages=(
  libargon2-dev libhiredis-dev libpq-dev librabbitmq-dev pkg-config
  postgresql rabbitmq-server redis-server
  curl jq openssl procps shellcheck valgrind
)

# How the optimised programs are built. With Swift's libraries inside they need no toolchain where they run, and the gateway takes 6 %
# less CPU time; what is built in one directory is built so throughout, or everything would be compiled again and again.
# Nothing looks for symbols in the programs: their table would be 3 MB of each process's memory.
release=(-c release --static-swift-stdlib -Xlinker --no-export-dynamic)

say() {
  printf '[%3d s] %s\n' "$SECONDS" "$*" >&2
}

fail() {
  printf 'compose/local: %s\n' "$*" >&2
  exit 1
}

# What runs in the background and is waited for. Commands are run so because bash handles a signal only between commands: Ctrl-C,
# or a signal sent to this script alone, then ends them too. Background commands would ignore SIGINT if not told otherwise.
children=()
begin() {
  env --default-signal=INT,QUIT "$@" &
  children+=($!)
}

# Waits for all that was begun; fails with the status of the last that failed.
finish() {
  local pid status=0
  for pid in "${children[@]}"; do
    wait "$pid" || status=$?
  done
  children=()
  return "$status"
}

# attended WHAT LOG COMMAND…: output into LOG; says now and then how far it is; shows the end of LOG if it fails.
attended() {
  local what=$1 log=$2 started=$SECONDS next=$((SECONDS + 10))
  shift 2
  begin "$@" >"$log" 2>&1
  while alive "${children[0]}"; do
    sleep 0.2
    if ((SECONDS >= next)); then
      say "$what, for $((SECONDS - started)) s: $(tail -n 1 "$log" | cut -c 1-100)"
      next=$((SECONDS + 10))
    fi
  done
  if ! finish; then
    tail -n 30 "$log" | sed 's/^/  /' >&2
    say "$what failed; all of its output is in $log"
    return 1
  fi
}

leaving='./compose/local down stops whatever was started'
interrupted() {
  trap '' INT TERM
  local pid
  for pid in "${children[@]}"; do
    gone 1 "$pid" || signal "$1" "$pid" # from a terminal it has had the signal already
  done
  gone 15 "${children[@]}" || signal KILL "${children[@]}"
  say "interrupted by SIG$1${leaving:+; $leaving}"
  exit "$2"
}
trap 'interrupted INT 130' INT
trap 'interrupted TERM 143' TERM

install_packages() {
  command -v dpkg-query >/dev/null || fail "this needs Debian's packages: ${packages[*]}"
  command -v swift >/dev/null || fail "there is no swift in PATH; Swift 6.3 is needed: https://www.swift.org/install/linux"
  local package missing=()
  for package in "${packages[@]}"; do
    if [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) != installed ]]; then
      missing+=("$package")
    fi
  done
  if ((${#missing[@]} == 0)); then
    return
  fi
  say "installing ${missing[*]}"
  mkdir -p "$state"
  local as_root=()
  if ((EUID != 0)); then
    command -v sudo >/dev/null || fail "root or sudo is needed once, to install: ${missing[*]}"
    as_root=(sudo -n)
    if [[ -t 0 ]]; then
      sudo -v # asks for a password, if it needs one, where somebody can type it
    fi
  fi
  attended "installing packages" "$state/install.log" "${as_root[@]}" "$checkout/compose/lib/install-packages" "${missing[@]}"
}

# shellcheck shell=bash
# Starting a private PostgreSQL. Part of compose/server.

find_postgres() {
  local version
  if [[ -e $data/cluster/PG_VERSION ]]; then
    version=$(<"$data/cluster/PG_VERSION") # its format is that version's own
  else
    version=$(find /usr/lib/postgresql -mindepth 1 -maxdepth 1 -printf '%f\n' 2>/dev/null | sort -V | tail -n 1)
  fi
  binaries=/usr/lib/postgresql/$version/bin
  [[ -x $binaries/postgres ]] || fail "PostgreSQL ${version:-(any version)} is not installed: apt-get install postgresql"
}

start_postgres() {
  find_postgres
  if [[ ! -d $data/cluster ]]; then
    rm -rf "$data/cluster.new" # left by an interrupted attempt
    give initial-password <<<"$password"
    "${as_user[@]}" env LANG=C.UTF-8 "$binaries/initdb" -D "$data/cluster.new" --username=tickethub --auth=scram-sha-256 \
      --pwfile="$data/initial-password" --encoding=UTF8 --locale=C.UTF-8 </dev/null >>"$state/log" 2>&1 ||
      give_up "initdb failed"
    rm -f "$data/initial-password"
    # What initdb found out about the machine stays; the rest is said anew at each start.
    echo "include 'tickethub.conf'" >>"$data/cluster.new/postgresql.conf"
    mv "$data/cluster.new" "$data/cluster"
  fi
  # No Unix socket: its path would be limited to 107 bytes, and TCP is what everything here uses.
  give cluster/tickethub.conf <<END
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = ''
max_connections = 200
shared_buffers = 256MB
fsync = on
synchronous_commit = on
max_wal_size = 4GB
checkpoint_timeout = 15min
wal_compression = lz4
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] '
ssl = ${tls:-off}
ssl_ca_file = '${tls:+$data/ca.pem}'
ssl_cert_file = '${tls:+$data/server.pem}'
ssl_key_file = '${tls:+$data/server.key}'
END
  give cluster/pg_hba.conf <<<'host all all 127.0.0.1/32 scram-sha-256'
  rm -f "$data/cluster/postmaster.pid" # of a killed one: nothing of this instance runs, or we would not be here
  serve "$state/pid" "$binaries/postgres" -D "$data/cluster"
  until_ready 180 postgres_query postgres 'SELECT 1'
  if [[ ! $(postgres_query postgres "SELECT 1 FROM pg_database WHERE datname = 'tickethub'") ]]; then
    postgres_query postgres 'CREATE DATABASE tickethub' >/dev/null
  fi
  keep "$state/url" 600 <<<"postgres://tickethub:$password@127.0.0.1:$port/tickethub"
  if [[ $tls ]]; then
    keep "$state/tls-url" 600 \
      <<<"postgres://tickethub:$password@127.0.0.1:$port/tickethub?sslmode=verify-full&sslrootcert=$(ca_in_url)"
  fi
}

postgres_query() { # DATABASE SQL
  PGPASSWORD=$password PGCONNECT_TIMEOUT=5 "$binaries/psql" -h 127.0.0.1 -p "$port" -U tickethub -d "$1" -XAtqc "$2"
}

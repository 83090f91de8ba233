# shellcheck shell=bash
# Starting a private Redis. Part of compose/server.

start_redis() {
  command -v redis-server >/dev/null || fail "Redis is not installed: apt-get install redis-server"
  give redis.conf <<END
bind 127.0.0.1
port $port
requirepass $password
dir $data
appendonly yes
appendfsync everysec
# Rewriting the file in the middle of a sale takes a core for seconds; what is in it can be had from PostgreSQL.
no-appendfsync-on-rewrite yes
auto-aof-rewrite-percentage 400
auto-aof-rewrite-min-size 1gb
save ""
maxmemory-policy noeviction
END
  serve "$state/pid" redis-server "$data/redis.conf"
  until_ready 180 redis_answers
  keep "$state/url" 600 <<<"redis://:$password@127.0.0.1:$port/0"
}

redis_answers() {
  [[ $(REDISCLI_AUTH=$password timeout 5 redis-cli -h 127.0.0.1 -p "$port" PING) == PONG ]]
}

# shellcheck shell=bash
# Starting a private RabbitMQ with an epmd of its own. Part of compose/server.

start_rabbitmq() {
  [[ -x /usr/lib/rabbitmq/bin/rabbitmq-server ]] || fail "RabbitMQ is not installed: apt-get install rabbitmq-server"
  # The defaults are a user's who has not been created yet: they matter on the first start only.
  give rabbitmq.conf <<END
listeners.tcp.1 = 127.0.0.1:$port
management.tcp.ip = 127.0.0.1
management.tcp.port = $((port + 3))
default_user = tickethub
default_pass = $password
default_user_tags.administrator = true
raft.wal_max_size_bytes = 64000000
disk_free_limit.absolute = 1GB
log.file = false
log.console = true
log.console.level = info
END
  if [[ $tls ]]; then
    cat >>"$data/rabbitmq.conf" <<END
listeners.ssl.1 = 127.0.0.1:$((port + 4))
ssl_options.cacertfile = $data/ca.pem
ssl_options.certfile = $data/server.pem
ssl_options.keyfile = $data/server.key
ssl_options.verify = verify_none
ssl_options.fail_if_no_peer_cert = false
END
  fi
  give enabled_plugins <<<'[rabbitmq_management].'
  give advanced.config <<<'[].'
  give rabbitmq-env.conf </dev/null
  local epmd=(ERL_EPMD_PORT=$((port + 2)) ERL_EPMD_ADDRESS=127.0.0.1)
  serve "$state/epmd-pid" "${epmd[@]}" epmd
  until_ready 10 answers $((port + 2))
  # Every file that would otherwise be the system-wide instance's, read or written, is named here. RUNNING_UNDER_SYSTEMD makes the
  # script become the server instead of waiting for it. Erlang's busy waiting would steal from everybody else on few cores, and
  # binding schedulers to cores would pile several instances up on the same ones.
  serve "$state/pid" "${epmd[@]}" \
    RUNNING_UNDER_SYSTEMD=true \
    RABBITMQ_NODENAME=tickethub@localhost \
    RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 \
    RABBITMQ_NODE_PORT="$port" \
    RABBITMQ_DIST_PORT=$((port + 1)) \
    RABBITMQ_MNESIA_BASE="$data/mnesia" \
    RABBITMQ_LOG_BASE="$data/log" \
    RABBITMQ_SCHEMA_DIR="$data/schema" \
    RABBITMQ_CONF_ENV_FILE="$data/rabbitmq-env.conf" \
    RABBITMQ_CONFIG_FILE="$data/rabbitmq.conf" \
    RABBITMQ_CONFIG_FILES="$data/conf.d/*.conf" \
    RABBITMQ_ADVANCED_CONFIG_FILE="$data/advanced.config" \
    RABBITMQ_ENABLED_PLUGINS_FILE="$data/enabled_plugins" \
    RABBITMQ_LOG=-color \
    RABBITMQ_SCHEDULER_BIND_TYPE=u \
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='+sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}' \
    /usr/lib/rabbitmq/bin/rabbitmq-server
  local management=http://tickethub:$password@127.0.0.1:$((port + 3))
  # The listener is opened last: this says that the boot is over, and that the user exists.
  until_ready 180 rabbitmq_answers "$management/api/health/checks/port-listener/$port"
  keep "$state/url" 600 <<<"amqp://tickethub:$password@127.0.0.1:$port/%2f"
  keep "$state/management-url" 600 <<<"$management"
  if [[ $tls ]]; then
    keep "$state/tls-url" 600 <<<"amqps://tickethub:$password@127.0.0.1:$((port + 4))/%2f?cacertfile=$(ca_in_url)"
  fi
}

rabbitmq_answers() { # URL; not as an argument, where everybody would see the password
  curl -fsS --noproxy '*' --max-time 5 -K - <<<"url = $1"
}

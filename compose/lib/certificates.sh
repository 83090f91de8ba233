# shellcheck shell=bash
# A private CA and a certificate for a server on loopback. Part of compose/server.

make_certificates() {
  local tls_directory=$state/tls
  if [[ ! -e $tls_directory/server.pem ]]; then
    rm -rf "$tls_directory"
    mkdir -p "$tls_directory"
    (
      umask 077
      cd "$tls_directory"
      openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj "/CN=TicketHub private CA" \
        -keyout ca.key -out ca.pem
      openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=localhost" \
        -addext "subjectAltName=DNS:localhost,IP:127.0.0.1" -keyout server.key -out server.csr
      openssl x509 -req -in server.csr -days 3650 -CA ca.pem -CAkey ca.key -CAcreateserial -copy_extensions copy -out server.new
      mv server.new server.pem
      chmod 644 ca.pem
    ) >>"$state/log" 2>&1
  fi
  for file in ca.pem server.pem server.key; do
    give "$file" <"$tls_directory/$file"
  done
}

# The CA's path inside a URL.
ca_in_url() {
  jq -rn --arg path "$state/tls/ca.pem" '$path | @uri'
}

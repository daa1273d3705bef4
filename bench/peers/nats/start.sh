# The peer `nats-server`: its WebSocket listener without TLS, everything else as by default; $1 is a free port.
# Prints the address as its only line and becomes the server.
set -eu
config=$(mktemp)
trap 'rm -f "$config"' EXIT
cat >"$config" <<EOF
listen: 127.0.0.1:-1
log_file: /dev/null
websocket { listen: "127.0.0.1:$1", no_tls: true }
EOF
echo "127.0.0.1:$1"
exec nats-server -c /dev/fd/3 3<"$config"

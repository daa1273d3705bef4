# The peer `nats-server`: its WebSocket listener without TLS, everything else as by default; $1 is a free port, $2 a folder.
# Prints the address as its only line and becomes the server.
set -eu
cat >"$2/nats.conf" <<EOF
listen: 127.0.0.1:-1
log_file: /dev/null
websocket { listen: "127.0.0.1:$1", no_tls: true }
EOF
echo "127.0.0.1:$1"
exec nats-server -c "$2/nats.conf"

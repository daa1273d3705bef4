# The peer `nchan`: nginx with libnginx-mod-nchan, one process, messages in its own memory; $1 is a free port.
# Prints the address as its only line and becomes the server.
set -eu
folder=$(mktemp -d)
mkdir "$folder/tmp"
cat >"$folder/nginx.conf" <<EOF
load_module $(ls /usr/lib/nginx/modules/ngx_nchan_module.so);
daemon off;
master_process off;
pid $folder/pid;
error_log stderr crit;
worker_rlimit_nofile 20000;
events { worker_connections 19000; }
http {
  access_log off;
  client_body_temp_path $folder/tmp;
  proxy_temp_path $folder/tmp;
  fastcgi_temp_path $folder/tmp;
  uwsgi_temp_path $folder/tmp;
  scgi_temp_path $folder/tmp;
  server {
    listen 127.0.0.1:$1 backlog=1024;
    tcp_nodelay on;
    location = /sub { nchan_subscriber websocket; nchan_channel_id everybody; nchan_subscriber_first_message newest; }
    location = /pub { nchan_publisher websocket; nchan_channel_id everybody; nchan_message_buffer_length 100; }
  }
}
EOF
echo "127.0.0.1:$1"
exec nginx -p "$folder" -c "$folder/nginx.conf"

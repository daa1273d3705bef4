"""The peer `python-socketio`: on uvicorn with uvloop, httptools and websockets, one process; settings as by default but for compression.

Serves the events of the benchmark on a free port and prints the address as its only line.
"""

import socket

import socketio
import uvicorn

sio = socketio.AsyncServer(async_mode="asgi")


@sio.event
async def connect(sid, environ):
    await sio.enter_room(sid, "everybody")


@sio.event
async def echo(sid, text):
    return text


@sio.event
async def publish(sid, text):
    await sio.emit("message", text, room="everybody")


listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(1024)
print("%s:%d" % listener.getsockname(), flush=True)
# No compression, as in the other servers: uvicorn takes up what browsers offer, unless it is told not to.
app = socketio.ASGIApp(sio)
# Socket.IO has heartbeats of its own, which is what the others send.
config = uvicorn.Config(
    app, log_level="error", access_log=False, ws_per_message_deflate=False, ws_ping_interval=None
)
uvicorn.Server(config).run(sockets=[listener])

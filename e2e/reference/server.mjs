// The official server with the modes of examples/conformance, so that every protocol test can
// first be played against it: `node reference/server.mjs --mode sio|api --port 0`.

import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { Server } from "socket.io";

import { serveApi } from "./api.mjs";

const { values: options } = parseArgs({
  options: {
    mode: { type: "string" },
    port: { type: "string", default: "3000" },
    "ping-interval": { type: "string" },
    "ping-timeout": { type: "string" },
    "connect-timeout": { type: "string" },
  },
});

const isSio = options.mode === "sio";
const http = createServer();
const io = new Server(http, {
  pingInterval: Number(options["ping-interval"] ?? (isSio ? 300 : 25_000)),
  pingTimeout: Number(options["ping-timeout"] ?? (isSio ? 200 : 20_000)),
  connectTimeout: Number(options["connect-timeout"] ?? (isSio ? 1_000 : 45_000)),
});

if (isSio) {
  serveSio(io);
} else {
  serveApi(io);
}

http.listen(Number(options.port), "127.0.0.1", () => {
  console.log(`listening on 127.0.0.1:${http.address().port}`);
});
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, () => {
    io.close(() => process.exit(0));
    setInterval(() => http.closeIdleConnections(), 20);
  });
}

/** What the official protocol suite expects. */
function serveSio(io) {
  io.on("connection", (socket) => {
    socket.emit("auth", socket.handshake.auth);
    socket.on("message", (...args) => socket.emit("message-back", ...args));
    socket.on("message-with-ack", (...args) => args.pop()(...args));
  });
  io.of("/custom").on("connection", (socket) => {
    socket.emit("auth", socket.handshake.auth);
  });
}

// The official servers with the modes of examples/conformance, so that every test can first be
// played against them: `node reference/server.mjs --mode ws|eio|sio|sio-client|eio-client|api`.

import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { Server } from "socket.io";
import msgpack from "socket.io-msgpack-parser";

import { serveApi } from "./api.mjs";
import { serveEio, serveEioClient } from "./engine.mjs";
import { serveSio, serveSioClient } from "./sio.mjs";
import { serveWs } from "./ws.mjs";

const { values: options } = parseArgs({
  options: {
    mode: { type: "string" },
    port: { type: "string", default: "3000" },
    parser: { type: "string", default: "json" },
    "ping-interval": { type: "string" },
    "ping-timeout": { type: "string" },
    "connect-timeout": { type: "string" },
    // For mode `api`: whether clients of version 2 may come.
    eio3: { type: "string" },
  },
});

/** What is expected of a mode; an option of the command line counts more. */
function timers(pingInterval = 25_000, pingTimeout = 20_000, connectTimeout = 45_000) {
  const number = (name, otherwise) => Number(options[name] ?? otherwise);
  return {
    pingInterval: number("ping-interval", pingInterval),
    pingTimeout: number("ping-timeout", pingTimeout),
    connectTimeout: number("connect-timeout", connectTimeout),
  };
}

function socketIo(http, settings, serve) {
  const parser = options.parser === "msgpack" ? { parser: msgpack } : {};
  const io = new Server(http, { ...settings, ...parser });
  serve(io);
  return io;
}

const MODES = {
  ws: (http) => serveWs(http),
  eio: (http) => serveEio(http, { ...timers(300, 200), allowEIO3: true }),
  "eio-client": (http) => serveEioClient(http, { ...timers(500), maxHttpBufferSize: 100 }),
  sio: (http) => socketIo(http, timers(300, 200, 1_000), serveSio),
  "sio-client": (http) => {
    const settings = {
      ...timers(2_000),
      allowEIO3: true,
      connectionStateRecovery: {},
      allowRequest: (_request, answer) => setTimeout(() => answer(null, true), 10),
    };
    return socketIo(http, settings, serveSioClient);
  },
  api: (http) => socketIo(http, { ...timers(), allowEIO3: options.eio3 === "on" }, serveApi),
};

const http = createServer();
const server = MODES[options.mode](http);
http.listen(Number(options.port), "127.0.0.1", () => {
  console.log(`listening on 127.0.0.1:${http.address().port}`);
});
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, () => {
    // socket.io closes the HTTP server too, and tells when that is done.
    server.close(() => process.exit(0));
    if (server instanceof Server === false) {
      http.close(() => process.exit(0));
    }
    setInterval(() => http.closeIdleConnections(), 20);
  });
}

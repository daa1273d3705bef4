// Mode `ws` on npm `ws`: everything comes back.

import { WebSocketServer } from "ws";

/** Serves `/` with compression and messages of up to 64 MiB. */
export function serveWs(server) {
  const echo = new WebSocketServer({ server, path: "/", perMessageDeflate: true, maxPayload: 64 << 20 });
  echo.on("connection", (socket) => {
    socket.on("error", () => {});
    socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  return echo;
}

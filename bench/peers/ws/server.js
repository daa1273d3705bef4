// The peer `ws`: an echo, one process, with the native add-on `bufferutil` that its README advises for speed.
//
// With the argument `deflate` it agrees on permessage-deflate: no context takeover, level 1, from 64 B on.
// Serves on a free port and prints the address as its only line.

import { WebSocketServer } from "ws";

const perMessageDeflate = process.argv.includes("deflate") && {
  serverNoContextTakeover: true,
  clientNoContextTakeover: true,
  threshold: 64,
  zlibDeflateOptions: { level: 1 },
};

const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate });

server.on("connection", (socket) => {
  socket.on("error", () => {});
  socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
});

server.on("listening", () => {
  const { address, port } = server.address();
  console.log(`${address}:${port}`);
});

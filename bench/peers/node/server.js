// The peer `socket.io`: the official server with its default settings (WebSockets by `ws`), one process.
//
// With the argument `socket.io-deflate` it compresses messages, as `ws` does by default.
// Serves the events of the benchmark on a free port and prints the address as its only line.

import { createServer } from "node:http";
import { Server } from "socket.io";

const http = createServer();
const perMessageDeflate = process.argv[2] === "socket.io-deflate";
const io = new Server(http, { perMessageDeflate });

io.on("connection", (socket) => {
  socket.join("everybody");
  socket.on("echo", (text, ack) => ack(text));
  socket.on("publish", (text) => io.to("everybody").emit("message", text));
});

http.listen(0, "127.0.0.1", () => {
  const { address, port } = http.address();
  console.log(`${address}:${port}`);
});

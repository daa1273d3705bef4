// The peer `socket.io`: the official server with its default settings (WebSockets by `ws`), one process.
//
// Serves the events of the benchmark on a free port and prints the address as its only line. With the argument
// `socket.io-deflate` it compresses: no context takeover, level 1, from 1 KiB on; with `socket.io-leaving` it counts who
// leaves.

import { createServer } from "node:http";
import { Server } from "socket.io";

const perMessageDeflate = process.argv.includes("socket.io-deflate") && {
  serverNoContextTakeover: true,
  zlibDeflateOptions: { level: 1 },
};
const countsLeaving = process.argv.includes("socket.io-leaving");

const http = createServer();
const io = new Server(http, { perMessageDeflate });
let gone = 0;

io.on("connection", (socket) => {
  socket.join("everybody");
  socket.on("echo", (text, ack) => ack(text));
  socket.on("publish", (text) => io.to("everybody").emit("message", text));
  socket.on("join", (first, count, ack) => {
    for (let room = first; room < first + count; room++) {
      socket.join(`r${room}`);
    }
    ack(first);
  });
  socket.on("tell", (room, text) => io.to(`r${room}`).emit("message", text));
  if (countsLeaving) {
    socket.on("disconnect", () => gone++);
    socket.on("gone", (ack) => ack(gone));
  }
});

http.listen(0, "127.0.0.1", () => {
  const { address, port } = http.address();
  console.log(`${address}:${port}`);
});

// Mode `api` on the official server: every call of the API within reach of a client.
// examples/conformance/src/api.rs is the same list, word for word.

/** Serves `/` and `/other` alike, and `/admin` to those who know the word. */
export function serveApi(io) {
  let counted = 0;
  const count = () => ++counted;
  for (const name of ["/", "/other"]) {
    const namespace = io.of(name);
    namespace.on("connection", (socket) => serve(namespace, socket, count));
  }
  const admin = io.of("/admin");
  admin.use((socket, next) => {
    if (socket.handshake.auth.token === "let-me-in") {
      next();
    } else {
      const refusal = new Error("not authorized");
      refusal.data = { status: 401, hint: "say the word" };
      next(refusal);
    }
  });
  admin.on("connection", (socket) => serve(admin, socket, count));
}

function serve(namespace, socket, count) {
  socket.emit("welcome", { id: socket.id, namespace: namespace.name, auth: socket.handshake.auth });
  answer(socket, count);
  gather(namespace, socket);
  takeTime(socket);
  part(namespace, socket);
}

/** One client and the server. */
function answer(socket, count) {
  socket.on("echo", (...args) => {
    const ack = typeof args.at(-1) === "function" ? args.pop() : undefined;
    if (ack) {
      ack(...args);
    } else {
      socket.emit("echo", ...args);
    }
  });
  socket.on("never", () => {});
  socket.on("nothing", (ack) => ack());
  socket.on("count", (ack) => ack(count()));
  socket.on("remember", (value) => (socket.data.value = value));
  socket.on("recall", (ack) => ack(socket.data.value ?? null));
  socket.on("bytes", (length, ack) => ack(Buffer.from(Array.from({ length }, (_, i) => i % 251))));
  socket.on("measure", (bytes, ack) => ack(bytes.length, bytes.reduce((sum, it) => sum + it, 0)));
  socket.on("about", (ack) => {
    const { query, address, auth } = socket.handshake;
    const transport = socket.conn.transport.name;
    ack({ id: socket.id, transport, colour: query.colour ?? null, address, auth });
  });
  socket.on("ask", async (question, milliseconds, ack) => {
    try {
      ack({ answer: await socket.timeout(milliseconds).emitWithAck("question", question) });
    } catch {
      ack({ error: "timeout" });
    }
  });
}

/** Rooms. */
function gather(namespace, socket) {
  socket.on("join", async (room, ack) => {
    await socket.join(room);
    ack(roomsOf(socket));
  });
  socket.on("leave", async (room, ack) => {
    await socket.leave(room);
    ack(roomsOf(socket));
  });
  socket.on("sockets", async (room, ack) => {
    const found = await namespace.in(room).fetchSockets();
    ack(found.map((it) => it.id).sort());
  });
  socket.on("tell", ({ rooms, except, args }, ack) => {
    socket.to(rooms).except(except).emit("told", ...args);
    ack();
  });
  socket.on("tell-bytes", (room, bytes, ack) => {
    socket.to(room).emit("told", bytes);
    ack();
  });
  socket.on("broadcast", (message, ack) => {
    socket.broadcast.emit("told", message);
    ack();
  });
  socket.on("all", ({ rooms, except, args }, ack) => {
    namespace.to(rooms).except(except).emit("told", ...args);
    ack();
  });
}

/** Handlers that wait, and one that breaks. */
function takeTime(socket) {
  // The official server starts the next handler while this one waits; ours does not. So the
  // reference queues here, and the suite can ask both for the same.
  let queue = Promise.resolve();
  socket.on("slow", (number, milliseconds) => {
    queue = queue.then(async () => {
      await new Promise((done) => setTimeout(done, milliseconds));
      socket.emit("slow-done", number);
    });
  });
  socket.on("ticks", (total) => {
    for (let i = 0; i < total; i += 1) {
      socket.emit("tick", i);
    }
  });
  // An exception here would end this process. Ours costs the connection, so the reference closes it.
  socket.on("panic", () => socket.conn.close());
}

/** The end of a socket. */
function part(namespace, socket) {
  socket.on("kick", (close) => socket.disconnect(close));
  socket.on("watch", async (ack) => {
    await socket.join("log");
    ack();
  });
  socket.on("disconnect", (reason) => {
    console.log(`left ${namespace.name} ${socket.id} ${reason}`);
    namespace.to("log").emit("left", { id: socket.id, reason });
  });
}

function roomsOf(socket) {
  return [...socket.rooms].filter((it) => it !== socket.id).sort();
}

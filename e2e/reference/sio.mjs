// Modes `sio` and `sio-client` on npm `socket.io`.

/** What the official protocol suite expects. */
export function serveSio(io) {
  io.on("connection", (socket) => {
    socket.emit("auth", socket.handshake.auth);
    socket.on("message", (...args) => socket.emit("message-back", ...args));
    socket.on("message-with-ack", (...args) => args.pop()(...args));
  });
  io.of("/custom").on("connection", (socket) => {
    socket.emit("auth", socket.handshake.auth);
  });
}

/** What the tests of the official client look for. */
export function serveSioClient(io) {
  io.of("/foo").on("connection", (socket) => {
    socket.on("getId", (ack) => ack(socket.id));
  });
  for (const name of ["/timeout_socket", "/valid", "/asd"]) {
    io.of(name).on("connection", () => {});
  }
  io.of("/abc").on("connection", (socket) => socket.emit("handshake", socket.handshake));
  io.of("/no").use((_socket, next) => next(new Error("Auth failed (custom namespace)")));
  io.use((socket, next) => {
    const isRefused = socket.request._query.fail;
    next(isRefused ? new Error("Auth failed (main namespace)") : undefined);
  });
  io.on("connection", (socket) => {
    answer(socket);
    speak(socket);
    takeBytes(socket);
  });
}

function answer(socket) {
  socket.on("hi", () => socket.emit("hi"));
  socket.on("echo", (value, ack) => ack(value));
  socket.on("ack", () => {
    socket.emit("ack", (a, b) => {
      if (a === 5 && b.test) {
        socket.emit("got it");
      }
    });
  });
  socket.on("getAckDate", (_data, ack) => ack(new Date()));
  socket.on("getHandshake", (ack) => ack(socket.handshake));
  socket.on("getId", (ack) => ack(socket.id));
}

function speak(socket) {
  socket.on("getDate", () => socket.emit("takeDate", new Date()));
  socket.on("getDateObj", () => socket.emit("takeDateObj", { date: new Date() }));
  socket.on("getUtf8", () => {
    for (const text of ["てすと", "Я Б Г Д Ж Й", "Ä ä Ü ü ß", "utf8 — string", "utf8 — string"]) {
      socket.emit("takeUtf8", text);
    }
  });
  socket.on("false", () => socket.emit("false", false));
  socket.on("doge", () => socket.emit("doge", Buffer.from("asdfasdf")));
  socket.on("getbin", () => socket.emit("takebin", Buffer.from("asdfasdf")));
}

function takeBytes(socket) {
  const seen = new Set();
  const see = (event) => socket.on(event, (value) => isBytes(value) && seen.add(event));
  const acknowledge = (event, isRight, ...before) => {
    socket.on(event, (value) => {
      if (isRight(value) && before.every((it) => seen.has(it))) {
        socket.emit(ACKS[event]);
      }
    });
  };
  acknowledge("buffa", isBytes);
  acknowledge("jsonbuff", isMixed);
  acknowledge("jsonblob", isMixed);
  see("abuff1");
  acknowledge("abuff2", isBytes, "abuff1");
  see("blob1");
  see("blob2");
  acknowledge("blob3", isBytes, "blob1", "blob2");
  socket.on("blob", (bytes) => socket.emit("blob", bytes));
}

function isBytes(value) {
  return Buffer.isBuffer(value);
}

function isMixed(value) {
  return value.hello === "lol" && isBytes(value.message) && value.goodbye === "gotcha";
}

const ACKS = {
  buffa: "buffack",
  jsonbuff: "jsonbuff-ack",
  jsonblob: "jsonblob-ack",
  abuff2: "abuff2-ack",
  blob3: "blob3-ack",
};

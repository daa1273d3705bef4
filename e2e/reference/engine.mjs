// Modes `eio` and `eio-client` on npm `engine.io`, without Socket.IO.

import { attach } from "engine.io";

/** Echoes every message. */
export function serveEio(http, options) {
  const engine = attach(http, options);
  engine.on("connection", (socket) => {
    socket.on("message", (data) => socket.send(data));
  });
  return engine;
}

/** What the tests of the official client look for. */
export function serveEioClient(http, options) {
  const engine = attach(http, {
    ...options,
    allowRequest: (request, answer) => {
      const { searchParams } = new URL(request.url, "http://localhost");
      answer(null, !searchParams.has("deny"));
    },
  });
  engine.on("initial_headers", (headers) => {
    headers["Set-Cookie"] = [
      "1=1; Max-Age=86400",
      "2=2; Path=/; HttpOnly; Secure; SameSite=Strict",
      "3=3; Max-Age=0",
      "4=4; Expires=now",
    ];
  });
  engine.on("connection", (socket) => {
    socket.send("hi");
    socket.on("message", (data) => socket.send(answer(socket, data)));
  });
  return engine;
}

function answer(socket, data) {
  switch (data) {
    case "give binary":
      return Buffer.of(0, 1, 2, 3, 4);
    case "give utf8":
      return "пойду спать всем спокойной ночи";
    case "sendHeaders":
      return JSON.stringify(socket.transport.dataReq?.headers);
    default:
      return data;
  }
}

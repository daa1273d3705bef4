// A stand-in for the real server, for work on the page alone: the rooms protocol in memory over npm
// `socket.io`, and web/dist with the real headers.
// `npm run mock` (PORT=3000), then `npm run dev`, or open http://127.0.0.1:3000 after `npm run
// build`. It checks little and keeps nothing.
import { createServer } from "node:http";
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
import { Server } from "socket.io";

const DIST = new URL("../dist/", import.meta.url).pathname;
const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
  ".webmanifest": "application/manifest+json",
};
const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self' ws: wss:; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

const guests = new Map(); // token -> {id, name}
const rooms = new Map(); // slug -> {id, name, topic, created_at, messages, reads: Map<guest id, message id>}
let lastMessage = 0;
let lastRev = 0;

function addRoom(name, topic = "") {
  const id = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
  if (rooms.has(id)) throw problem(409, "Room exists", "A room with this name exists already.");
  const room = {
    id,
    name,
    topic,
    created_at: new Date().toISOString(),
    messages: [],
    reads: new Map(),
  };
  rooms.set(id, room);
  return room;
}

function addMessage(room, author, text, client_id = null, at = new Date()) {
  const message = {
    id: ++lastMessage,
    room: room.id,
    author,
    text,
    created_at: at.toISOString(),
    edited_at: null,
    deleted: false,
    rev: ++lastRev,
    client_id,
  };
  room.messages.push(message);
  return message;
}

const problem = (status, title, detail) => ({ status, title, detail });
const roomOf = (id) =>
  rooms.get(id) ?? raise(problem(404, "No such room", `There is no room ${id}.`));
const raise = (error) => {
  throw error;
};

const http = createServer(async (request, response) => {
  const path = new URL(request.url, "http://x").pathname;
  if (path === "/api/v1/guests" && request.method === "POST") {
    const { name } = JSON.parse(Buffer.concat(await request.toArray()).toString());
    const guest = { id: randomBytes(9).toString("base64url"), name };
    const token = randomBytes(18).toString("base64url");
    guests.set(token, guest);
    response
      .writeHead(201, { "content-type": "application/json" })
      .end(JSON.stringify({ ...guest, token }));
    return;
  }
  const file = normalize(path === "/" ? "/index.html" : path);
  try {
    const body = await readFile(join(DIST, file));
    response
      .writeHead(200, {
        "content-type": TYPES[extname(file)] ?? "application/octet-stream",
        "content-security-policy": CSP,
        "x-content-type-options": "nosniff",
      })
      .end(body);
  } catch {
    response.writeHead(404).end();
  }
});

const io = new Server(http);

io.use((socket, next) => {
  const me = guests.get(socket.handshake.auth?.token);
  if (!me) return next(Object.assign(new Error("unauthorized"), { data: { status: 401 } }));
  socket.data.me = me;
  next();
});

async function members(room) {
  const sockets = await io.in(`room:${room}`).fetchSockets();
  return [...new Map(sockets.map((socket) => [socket.data.me.id, socket.data.me])).values()];
}

const lastOf = (room) => {
  const last = room.messages.at(-1);
  return last
    ? { author_name: last.author.name, text: last.text.slice(0, 120), created_at: last.created_at }
    : null;
};

async function roomFor(room, me) {
  const read = room.reads.get(me.id) ?? 0;
  return {
    id: room.id,
    name: room.name,
    topic: room.topic,
    created_at: room.created_at,
    last_id: room.messages.at(-1)?.id ?? 0,
    last_rev: Math.max(0, ...room.messages.map((message) => message.rev)),
    members: (await members(room.id)).length,
    unread: Math.min(
      999,
      room.messages.filter((message) => message.id > read && message.author.id !== me.id).length,
    ),
    last: lastOf(room),
  };
}

function publish(event, room, message) {
  io.to(`room:${room.id}`).emit(event, message);
  io.emit("room:activity", {
    room: room.id,
    last_id: room.messages.at(-1).id,
    last_rev: message.rev,
    author_id: message.author.id,
    last: lastOf(room),
  });
}

const handlers = {
  rooms: async (socket) => ({
    me: socket.data.me,
    rooms: await Promise.all([...rooms.values()].map((room) => roomFor(room, socket.data.me))),
  }),
  "room:create": async (socket, { name, topic }) => {
    const room = await roomFor(addRoom(name, topic), socket.data.me);
    socket.broadcast.emit("room:new", room);
    return { room };
  },
  "room:enter": async (socket, { room: id, rev }) => {
    const room = roomOf(id);
    await socket.join(`room:${id}`);
    const reset = rev === undefined;
    const missed = reset
      ? room.messages.slice(-50)
      : room.messages.filter((message) => message.rev > rev).sort((a, b) => a.rev - b.rev);
    const here = await members(id);
    socket.to(`room:${id}`).emit("presence", { room: id, members: here, joined: socket.data.me });
    return {
      room: await roomFor(room, socket.data.me),
      messages: missed,
      rev: lastRev,
      has_more: reset && room.messages.length > 50,
      reset,
      members: here,
      read_id: room.reads.get(socket.data.me.id) ?? 0,
    };
  },
  "room:leave": async (socket, { room: id }) => {
    await socket.leave(`room:${id}`);
    await left(socket, id);
    return {};
  },
  history: async (_socket, { room, before, limit }) => {
    const older = roomOf(room).messages.filter((message) => message.id < before);
    return { messages: older.slice(-limit), has_more: older.length > limit };
  },
  "message:send": async (socket, { room: id, text, client_id }) => {
    const room = roomOf(id);
    const known = room.messages.find(
      (message) => message.client_id === client_id && message.author.id === socket.data.me.id,
    );
    if (known) return { message: known };
    if (text === "/fail") throw problem(422, "Refused", "The mock refuses this text.");
    const message = addMessage(room, socket.data.me, text, client_id);
    publish("message:new", room, message);
    return { message };
  },
  "message:edit": async (socket, { room, id, text }) =>
    change(socket, room, id, { text, edited_at: new Date().toISOString() }),
  "message:delete": async (socket, { room, id }) =>
    change(socket, room, id, { text: "", deleted: true }),
  "room:read": async (socket, { room, id }) => (roomOf(room).reads.set(socket.data.me.id, id), {}),
  "me:rename": async (socket, { name }) => {
    const { me } = socket.data;
    me.name = name;
    for (const other of await io.fetchSockets())
      if (other.id !== socket.id && other.data.me.id === me.id) other.emit("me", me);
    for (const room of socket.rooms)
      if (room.startsWith("room:"))
        io.to(room).emit("presence", {
          room: room.slice(5),
          members: await members(room.slice(5)),
        });
    return { me };
  },
};

function change(socket, roomId, id, values) {
  const room = roomOf(roomId);
  const at = room.messages.findIndex((message) => message.id === id);
  if (at === -1) throw problem(404, "No such message", "The message does not exist.");
  if (room.messages[at].author.id !== socket.data.me.id)
    throw problem(403, "Not yours", "Only its author can change a message.");
  const message = (room.messages[at] = { ...room.messages[at], ...values, rev: ++lastRev });
  publish("message:changed", room, message);
  return { message };
}

async function left(socket, id) {
  io.to(`room:${id}`).emit("presence", {
    room: id,
    members: await members(id),
    left: socket.data.me,
  });
}

io.on("connection", (socket) => {
  for (const [event, handler] of Object.entries(handlers)) {
    socket.on(event, async (payload, ack) => {
      try {
        const answer = await handler(socket, payload);
        ack?.({ ok: true, ...answer });
      } catch (error) {
        ack?.({ ok: false, error: error.status ? error : problem(500, "Error", String(error)) });
      }
    });
  }
  socket.on("typing", ({ room, typing }) =>
    socket.to(`room:${room}`).emit("typing", { room, member: socket.data.me, typing }),
  );
  socket.on("disconnecting", () => {
    const entered = [...socket.rooms].filter((room) => room.startsWith("room:"));
    setImmediate(() => entered.forEach((room) => left(socket, room.slice(5))));
  });
});

// Something to look at.
const people = ["Ada Okafor", "Linus Berg", "Mei Tanaka", "Rosa Klein"].map((name, at) => ({
  id: `seed${at}`,
  name,
}));
const general = addRoom("General", "Everything that has no room of its own");
const lines = [
  "Morning, everyone.",
  "Did the night run finish?",
  "It did. 412 of 412, and nine seconds faster than last week.",
  "The trace is at https://example.org/runs/2026-11-20 (if you are curious).",
  "Nice. What changed?",
  "We stopped copying the header for every recipient.\nOne encode, one shared buffer.",
  "That explains the flat line.",
  "🎉",
];
const start = Date.now() - 26 * 3_600_000;
for (let at = 0; at < 130; at += 1)
  addMessage(
    general,
    people[Math.floor(at * 0.7) % 4],
    lines[at % lines.length],
    null,
    new Date(start + at * 700_000),
  );
const design = addRoom("Design review", "Drafts on Tuesday, decisions on Thursday");
addMessage(
  design,
  people[2],
  "The new empty states are up for comments.",
  null,
  new Date(Date.now() - 3 * 3_600_000),
);
addMessage(
  design,
  people[3],
  "I like the cord. Could it be a little calmer?",
  null,
  new Date(Date.now() - 2.8 * 3_600_000),
);
const weekend = addRoom("Weekend plans");
addMessage(weekend, people[1], "Lake or forest?", null, new Date(Date.now() - 2 * 86_400_000));
addRoom("Quiet corner", "Nothing here yet");

http.listen(Number(process.env.PORT ?? 3000), "127.0.0.1", () =>
  console.log(`mock server on http://127.0.0.1:${http.address().port}`),
);

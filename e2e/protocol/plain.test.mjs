// The plain door of the rooms, by npm `ws`: over HTTP/1.1, over TLS, and a stream of HTTP/2.

import { after, afterEach, test } from "node:test";
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { io } from "socket.io-client";
import WebSocket from "ws";

import { tlsExample } from "../harness/certificate.mjs";
import { frame } from "../harness/raw.mjs";
import { isReference, roomsServer } from "../harness/sut.mjs";
import { until, within } from "../harness/until.mjs";

/** A plain WebSocket of one person, and what it heard. */
class Plain {
  heard = [];
  #asked = 0;

  static async open(server, options = {}) {
    const plain = new Plain(new WebSocket(`${server.url.replace("http", "ws")}/ws`, options));
    await within(once(plain.socket, "open"), "the WebSocket opens");
    return plain;
  }

  static async of(server, person, options) {
    const plain = await Plain.open(server, options);
    const answer = await plain.ask("auth", { token: person.token });
    assert.deepEqual(answer, { id: 1, ok: true, me: { id: person.id, name: person.name } });
    return plain;
  }

  constructor(socket) {
    this.socket = socket;
    socket.on("message", (data, isBinary) => {
      assert(!isBinary);
      this.heard.push(JSON.parse(data));
    });
    this.closed = once(socket, "close").then(([code, reason]) => [code, `${reason}`]);
    opened.add(socket);
  }

  async ask(event, data) {
    this.#asked += 1;
    const id = this.#asked;
    this.socket.send(JSON.stringify({ id, event, data }));
    return until(() => this.heard.find((it) => it.id === id), `the answer to ${event}`);
  }

  hears(event, isIt) {
    const find = () => this.heard.find((it) => it.event === event && isIt(it.data))?.data;
    return until(find, () => `${event}; heard: ${JSON.stringify(this.heard)}`);
  }
}

const opened = new Set();
afterEach(() => {
  opened.forEach((it) => it.terminate());
  opened.clear();
});

/** A server with an empty data folder. */
async function rooms(options = []) {
  const folder = await mkdtemp(join(tmpdir(), "switchboard-plain-"));
  const server = await roomsServer(folder, 0, options);
  after(async () => {
    await server.kill();
    await rm(folder, { recursive: true, force: true });
  });
  return server;
}

async function post(server, path, body, token) {
  const headers = { "content-type": "application/json" };
  if (token) {
    headers.authorization = `Bearer ${token}`;
  }
  const answer = await fetch(`${server.url}/api/v1${path}`, {
    method: "POST",
    headers,
    body: JSON.stringify(body),
  });
  assert.equal(answer.status, 201);
  return answer.json();
}

const becomes = (server, name) => post(server, "/guests", { name });

if (!isReference) {
  const server = await rooms();

  test("plain sockets, an official client and REST share a room", async () => {
    const [ann, bob, cem] = [
      await becomes(server, "Ann"),
      await becomes(server, "Bob"),
      await becomes(server, "Cem"),
    ];
    const [a, b] = [await Plain.of(server, ann), await Plain.of(server, bob)];
    assert.match(a.socket.extensions, /^permessage-deflate\b/);
    const entered = await a.ask("room:enter", { room: "lobby" });
    assert.deepEqual([entered.ok, entered.room.id, entered.messages], [true, "lobby", []]);
    await b.ask("room:enter", { room: "lobby" });
    await a.hears("presence", (it) => it.joined?.id === bob.id);

    const c = io(server.url, { auth: { token: cem.token }, transports: ["websocket"], reconnection: false });
    try {
      const heard = [];
      c.on("message:new", (it) => heard.push(it.text));
      assert.equal((await c.timeout(5_000).emitWithAck("room:enter", { room: "lobby" })).ok, true);
      // Long enough to be compressed.
      const long = "a long text. ".repeat(200).trim();
      const sent = await a.ask("message:send", { room: "lobby", text: long });
      assert.deepEqual(await b.hears("message:new", (it) => it.text === long), sent.message);
      const answer = await c.timeout(5_000).emitWithAck("message:send", { room: "lobby", text: "hi" });
      const hi = await b.hears("message:new", (it) => it.text === "hi");
      assert.deepEqual(hi, answer.message);
      await post(server, "/rooms/lobby/messages", { text: "by REST" }, ann.token);
      await a.hears("message:new", (it) => it.text === "by REST");
      await until(() => heard.length === 3, "the official client hears all three");
      assert.deepEqual(heard, [long, "hi", "by REST"]);
    } finally {
      c.disconnect();
    }
    b.socket.terminate();
    await a.hears("presence", (it) => it.left?.id === bob.id);
    server.assertQuiet();
  });

  test("without a token it is closed, and garbage closes", async () => {
    const nobody = await Plain.open(server);
    nobody.socket.send('{"event":"auth","data":{"token":"nobody"}}');
    assert.deepEqual(await within(nobody.closed, "it is closed"), [1008, "unauthorized"]);
    const ann = await Plain.of(server, await becomes(server, "Ann"));
    ann.socket.send("{");
    assert.deepEqual(await within(ann.closed, "it is closed"), [1007, "this is not JSON"]);
    server.assertQuiet();
  });

  test("it works over TLS", async () => {
    const { certificate } = await tlsExample();
    const secure = await rooms(["--tls-cert", certificate.cert, "--tls-key", certificate.key]);
    // Node's own `fetch` cannot be told a certificate: somebody becomes a guest over HTTP/2.
    const session = connectHttp2(secure.url, { ca: certificate.pem });
    const request = session.request({
      ":method": "POST",
      ":path": "/api/v1/guests",
      "content-type": "application/json",
    });
    request.end('{"name":"Ann"}');
    const body = await within(request.toArray(), "somebody becomes a guest");
    const ann = JSON.parse(Buffer.concat(body));
    const plain = await Plain.of(secure, ann, { ca: certificate.pem });
    assert.equal((await plain.ask("room:enter", { room: "lobby" })).ok, true);

    await overHttp2(session, ann);
    await plain.hears("message:new", (it) => it.text === "over HTTP/2");
    session.destroy();
    secure.assertQuiet();
  });

  test("it works over HTTP/2 in clear text, and stopping says goodbye", async () => {
    const stopped = await rooms();
    const ann = await becomes(stopped, "Ann");
    const plain = await Plain.of(stopped, ann);
    await plain.ask("room:enter", { room: "lobby" });
    const session = connectHttp2(stopped.url);
    const stream = await overHttp2(session, ann);
    await plain.hears("message:new", (it) => it.text === "over HTTP/2");
    const last = within(lastBytes(stream), "the stream ends");
    const code = stopped.stop();
    assert.deepEqual(await within(plain.closed, "it is closed"), [1001, ""]);
    // A close frame with 1001.
    assert.deepEqual([...(await last).subarray(-4)], [0x88, 2, 0x03, 0xe9]);
    session.destroy();
    assert.equal(await code, 0);
  });
}

/** Says something in the lobby, over a stream of this connection. */
async function overHttp2(session, person) {
  const stream = session.request({
    ":method": "CONNECT",
    ":protocol": "websocket",
    ":path": "/ws",
    "sec-websocket-version": "13",
  });
  stream.on("error", () => {});
  const [head] = await within(once(stream, "response"), "the WebSocket is accepted");
  assert.equal(head[":status"], 200);
  const say = (message) => stream.write(frame(1, JSON.stringify(message)));
  say({ event: "auth", data: { token: person.token } });
  say({ id: 7, event: "message:send", data: { room: "lobby", text: "over HTTP/2" } });
  let received = "";
  stream.on("data", (bytes) => (received += bytes.toString("latin1")));
  await until(() => received.includes('{"id":7,"ok":true,'), () => `an answer in: ${received}`);
  return stream;
}

/** What comes until the other side ends; then this side ends too. */
async function lastBytes(stream) {
  const pieces = [];
  stream.on("data", (bytes) => {
    pieces.push(bytes);
    if (bytes.at(-4) === 0x88) {
      stream.end(frame(8, bytes.subarray(-2)));
    }
  });
  await once(stream, "end");
  return Buffer.concat(pieces);
}

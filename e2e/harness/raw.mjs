// Requests, polls and WebSocket frames written by hand: what no official client would send.

import { after, afterEach, beforeEach } from "node:test";
import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import net from "node:net";
import { io } from "socket.io-client";
import WebSocket from "ws";

import { connected } from "./clients.mjs";
import { until, within } from "./until.mjs";

export const PATH = "/socket.io/";

/** Starts a request. Gives it, and its answer as `{ status, type, headers, text }`. */
export function begin(server, query, { method = "GET", headers = {}, path = PATH } = {}) {
  const { hostname, port } = new URL(server.url);
  const options = { hostname, port, method, headers, path: `${path}?${query}`, agent: false };
  const request = http.request(options);
  const answer = new Promise((done, fail) => {
    request.once("error", fail);
    request.once("response", async (response) => {
      try {
        const text = Buffer.concat(await response.toArray()).toString();
        const { statusCode: status, headers: received } = response;
        done({ status, type: received["content-type"], headers: received, text });
      } catch (error) {
        fail(error);
      }
    });
  });
  const inTime = within(answer, `an answer to ${method} ${query}`);
  // A test that breaks the request off does not look at its answer.
  inTime.catch(() => {});
  return { request, answer: inTime };
}

/** One whole request and its answer. */
export async function ask(server, query, { body, ...options } = {}) {
  const { request, answer } = begin(server, query, options);
  request.end(body);
  return answer;
}

/** A polling session driven by hand. */
export class Polling {
  /** Opens it, with the namespace `/` connected unless told otherwise. */
  static async open(server, { connect = true } = {}) {
    const { status, text } = await ask(server, "EIO=4&transport=polling");
    assert.equal(status, 200, text);
    const polling = new Polling(server, JSON.parse(text.slice(1)));
    if (connect) {
      await polling.say("40");
      while (polling.id === undefined) {
        const packets = await polling.packets();
        const welcome = packets.find((it) => it.startsWith('42["welcome"'));
        polling.id = welcome && JSON.parse(welcome.slice(2))[1].id;
      }
    }
    return polling;
  }

  constructor(server, handshake) {
    this.server = server;
    this.handshake = handshake;
    this.query = `EIO=4&transport=polling&sid=${handshake.sid}`;
  }

  poll() {
    return ask(this.server, this.query);
  }

  post(body, headers = {}) {
    const text = { "content-type": "text/plain;charset=UTF-8", ...headers };
    return ask(this.server, this.query, { method: "POST", body, headers: text });
  }

  /** Posts what must be accepted. */
  async say(body) {
    const { status, text } = await this.post(body);
    assert.deepEqual({ status, text }, { status: 200, text: "ok" });
  }

  /** The packets of the next poll. */
  async packets() {
    const { status, text } = await this.poll();
    assert.equal(status, 200, text);
    return text.split("\u001e");
  }

  /** Starts a poll that waits, and gives it when the server has it. */
  async pending() {
    const poll = begin(this.server, this.query);
    poll.request.end();
    // An event that the server answers with nothing passes behind the poll: when its POST is
    // answered, the poll is in the server's hands.
    await once(poll.request, "finish");
    await this.say("3");
    return poll;
  }

  /** The session is over: both directions say that its id is unknown. */
  async assertGone() {
    const isGone = async () => (await this.post("3")).status === 400;
    await until(isGone, "the session is over");
    assertError(await this.poll(), 400, 1);
    assertError(await this.post("3"), 400, 1);
  }

  /** The session ends, which a poll may be told with a close packet first. */
  async assertEnds() {
    const answers = [await this.poll()];
    while (answers.at(-1).status === 200) {
      const { text } = answers.at(-1);
      assert(answers.length < 5, `the session goes on with: ${text}`);
      answers.push(await this.poll());
    }
    assertError(answers.at(-1), 400, 1);
  }

  /** Still answers events. */
  async assertAlive() {
    await this.say('42["echo","alive?"]');
    const seen = [];
    while (!seen.includes('42["echo","alive?"]')) {
      seen.push(...(await this.packets()));
    }
  }

  /** Waits for the line that the server prints when this session's socket ends: its reason. */
  async serverReason() {
    const prefix = `left / ${this.id} `;
    const find = () => this.server.lines.find((it) => it.startsWith(prefix));
    return (await until(find, "the server says why")).slice(prefix.length);
  }
}

/** The official refusal of a request. */
export function assertError({ status, type, text }, expectedStatus, code) {
  assert.deepEqual(
    { status, type, body: text && JSON.parse(text) },
    { status: expectedStatus, type: "application/json", body: { code, message: MESSAGES[code] } },
  );
}

export const MESSAGES = [
  "Transport unknown",
  "Session ID unknown",
  "Bad handshake method",
  "Bad request",
  "Forbidden",
  "Unsupported protocol version",
];

/** A WebSocket driven by hand: `messages` as they arrive, `closed` with the code in the end. */
export class Peer {
  messages = [];

  /** Opens one, and reads the open packet if it is not there to upgrade a session. */
  static async open(server, query = "EIO=4&transport=websocket", path = PATH) {
    const peer = new Peer(server, query, path);
    const upgraded = once(peer.socket, "upgrade");
    await within(once(peer.socket, "open"), "the WebSocket opens");
    peer.responseHeaders = (await upgraded)[0].headers;
    if (!query.includes("sid=")) {
      const open = await peer.next();
      assert(open.startsWith("0{"), open);
      peer.handshake = JSON.parse(open.slice(1));
    }
    return peer;
  }

  /** Opens one that is in the namespace `/`. */
  static async connected(server) {
    const peer = await Peer.open(server);
    peer.send("40");
    const [connect, welcome] = [await peer.next(), await peer.next()];
    assert(connect.startsWith('40{"sid":"'), connect);
    peer.id = JSON.parse(welcome.slice(2))[1].id;
    return peer;
  }

  constructor(server, query, path = PATH) {
    const address = `${server.url.replace("http", "ws")}${path}?${query}`;
    this.socket = new WebSocket(address, { perMessageDeflate: false });
    this.socket.on("error", () => {});
    this.socket.on("message", (data, isBinary) => {
      this.messages.push(isBinary ? data : data.toString());
    });
    const closed = once(this.socket, "close").then(([code, reason]) => ({ code, reason: `${reason}` }));
    this.closed = closed;
  }

  send(...messages) {
    messages.forEach((it) => this.socket.send(it));
  }

  /** Writes bytes as they are, in one piece. */
  write(...pieces) {
    this.socket._socket.write(Buffer.concat(pieces));
  }

  async next() {
    await until(() => 0 < this.messages.length || this.isClosed, "another message");
    assert(0 < this.messages.length, "closed instead of another message");
    return this.messages.shift();
  }

  get isOpen() {
    return this.socket.readyState === WebSocket.OPEN;
  }

  get isClosed() {
    return this.socket.readyState === WebSocket.CLOSED;
  }

  async closeCode() {
    return (await within(this.closed, "the server closes")).code;
  }

  async assertAlive() {
    this.send('42["echo","alive?"]');
    const mine = () => this.messages.indexOf('42["echo","alive?"]');
    await until(() => 0 <= mine() || this.isClosed, "an answer");
    assert(0 <= mine(), "closed instead of answering");
    this.messages.splice(0, mine() + 1);
  }

  close() {
    this.socket.terminate();
  }
}

/** One WebSocket frame as a client would write it, with whatever is wrong about it. */
export function frame(opcode, payload, { fin = true, rsv = 0, masked = true, claim } = {}) {
  const bytes = Buffer.from(payload);
  const maskBit = masked ? 0x80 : 0;
  const length = claim ?? shortestLength(bytes.length);
  const head = [(fin ? 0x80 : 0) | (rsv << 4) | opcode, maskBit | length[0], ...length.slice(1)];
  // The mask of four zeros leaves the payload as it is.
  return Buffer.concat([Buffer.from(head), Buffer.alloc(masked ? 4 : 0), bytes]);
}

function shortestLength(length) {
  return length < 126 ? [length] : [126, length >> 8, length & 0xff];
}

/** Writes an HTTP request by hand and gives all that comes back until the server hangs up. */
export async function rawExchange(server, text) {
  const { hostname, port } = new URL(server.url);
  const socket = net.connect(Number(port), hostname);
  socket.write(text);
  try {
    const answer = socket.toArray().then((it) => Buffer.concat(it).toString("latin1"));
    return await within(answer, "the server hangs up");
  } finally {
    socket.destroy();
  }
}

/** The text of an upgrade request, with headers added or replaced (`undefined`: left out). */
export function upgradeRequest(server, query, headers = {}, { method = "GET", path = PATH } = {}) {
  const all = {
    Host: new URL(server.url).host,
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    ...headers,
  };
  const lines = Object.entries(all).filter(([, it]) => it !== undefined);
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return `${method} ${path}?${query} HTTP/1.1\r\n${head}\r\n`;
}

/**
 * A healthy client beside every test of the file. It never stops talking, and after each test it
 * must still be the same socket and have been answered all along.
 */
export async function healthyBystander(server) {
  const options = { forceNew: true, reconnection: false, transports: ["websocket"] };
  const client = io(server.url, options);
  let talking = false;
  let talk = Promise.resolve();
  await connected(client);
  beforeEach(() => {
    talking = true;
    talk = (async () => {
      do {
        await client.timeout(2_000).emitWithAck("echo", "and I am fine");
      } while (talking);
    })();
    talk.catch(() => {});
  });
  afterEach(async () => {
    talking = false;
    await talk;
  });
  after(() => client.disconnect());
}

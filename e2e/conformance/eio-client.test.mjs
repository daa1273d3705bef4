// Mode `eio-client`: what the tests of the official Engine.IO client look for.

import { describe, test } from "node:test";
import assert from "node:assert/strict";
import { once } from "node:events";

import { ended, ENGINES, enginesOf, hear } from "../harness/engines.mjs";
import { ask, Peer, rawExchange, upgradeRequest } from "../harness/raw.mjs";
import { serverOfThisFile } from "../harness/sut.mjs";
import { within } from "../harness/until.mjs";

const server = await serverOfThisFile("eio-client");
const path = "/engine.io/";
const OPEN = "EIO=4&transport=polling";

const COOKIES = [
  "1=1; Max-Age=86400",
  "2=2; Path=/; HttpOnly; Secure; SameSite=Strict",
  "3=3; Max-Age=0",
  "4=4; Expires=now",
];

for (const engine of ENGINES.filter(({ version }) => version.protocol === 4)) {
  describe(engine.name, () => {
    const { start, open } = enginesOf(server, engine);

    test("says hi, and then echoes text and bytes", async () => {
      const client = await open();
      assert.deepEqual(await hear(client), ["hi"]);
      client.send("echo");
      client.send(Buffer.of(1, 2, 3));
      assert.deepEqual(await hear(client, 2), ["echo", Buffer.of(1, 2, 3)]);
    });

    test("gives binary and utf8 when asked to", async () => {
      const client = await open();
      client.send("give binary");
      client.send("give utf8");
      const expected = ["hi", Buffer.of(0, 1, 2, 3, 4), "пойду спать всем спокойной ночи"];
      assert.deepEqual(await hear(client, 3), expected);
    });

    test("refuses whoever has deny in the query", async () => {
      const client = start({ query: { deny: 1 } });
      await within(once(client, "error"), "an error");
      assert.equal(await ended(client), "transport error");
    });

    test("a message of more than a hundred bytes ends the connection", async () => {
      const client = await open();
      assert.deepEqual(await hear(client), ["hi"]);
      client.send("x".repeat(99));
      assert.deepEqual(await hear(client), ["x".repeat(99)]);
      client.send("x".repeat(100));
      const isPolling = client.transport.name === "polling";
      assert.equal(await ended(client), isPolling ? "transport error" : "transport close");
    });
  });
}

describe("polling", () => {
  async function opened() {
    const answer = await ask(server, OPEN, { path });
    const handshake = JSON.parse(answer.text.split("\u001e")[0].slice(1));
    return { ...answer, handshake, query: `${OPEN}&sid=${handshake.sid}` };
  }

  test("the handshake names the timers and the limit", async () => {
    const { handshake } = await opened();
    const { pingInterval, pingTimeout, maxPayload } = handshake;
    assert.deepEqual([pingInterval, pingTimeout, maxPayload], [500, 20_000, 100]);
  });

  test("the first response sets four cookies, and no other does", async () => {
    const { headers, query } = await opened();
    assert.deepEqual(headers["set-cookie"], COOKIES);
    const poll = await ask(server, query, { path });
    assert.equal(poll.headers["set-cookie"], undefined);
    const post = await ask(server, query, { path, method: "POST", body: "4x" });
    assert.equal(post.headers["set-cookie"], undefined);
  });

  test("sendHeaders gives the headers of the POST that asked", async () => {
    const { query } = await opened();
    const headers = { "content-type": "text/plain", "x-custom": "1, 2; 3" };
    await ask(server, query, { path, method: "POST", body: "4sendHeaders", headers });
    let text = "";
    while (!text.includes("x-custom")) {
      text = (await ask(server, query, { path })).text;
    }
    const record = text.split("\u001e").find((it) => it.includes("x-custom"));
    const seen = JSON.parse(record.slice(1));
    assert.equal(seen["x-custom"], headers["x-custom"]);
    assert.equal(seen["content-type"], "text/plain");
    assert.equal(seen["content-length"], "12");
  });

  test("too large a body is answered with 413 and nothing else", async () => {
    for (const bytes of [101, 5_000]) {
      const { query } = await opened();
      const body = "4".padEnd(bytes, "x");
      const { status, text } = await ask(server, query, { path, method: "POST", body });
      assert.deepEqual({ status, text }, { status: 413, text: "" });
    }
  });

  test("a body of exactly a hundred bytes is taken", async () => {
    const { query } = await opened();
    const { status, text } = await ask(server, query, { path, method: "POST", body: "4".padEnd(100, "x") });
    assert.deepEqual({ status, text }, { status: 200, text: "ok" });
  });

  test("an unknown session is answered with exactly this", async () => {
    for (const method of ["GET", "POST"]) {
      const answer = await ask(server, `${OPEN}&sid=nobody`, { path, method, body: method === "POST" ? "4x" : undefined });
      assert.equal(answer.status, 400);
      assert.equal(answer.text, '{"code":1,"message":"Session ID unknown"}');
    }
  });

  test("whoever has deny in the query gets 403", async () => {
    const { status, text } = await ask(server, `${OPEN}&deny=1`, { path });
    assert.equal(status, 403);
    assert.deepEqual(JSON.parse(text), { code: 4, message: "Forbidden" });
  });

  test("clients of Engine.IO 3 are not allowed", async () => {
    const { status, text } = await ask(server, "EIO=3&transport=polling", { path });
    assert.equal(status, 400);
    assert.deepEqual(JSON.parse(text), { code: 5, message: "Unsupported protocol version" });
  });
});

describe("websocket", () => {
  const open = () => Peer.open(server, "EIO=4&transport=websocket", path);

  test("the first response sets the cookies", async () => {
    const peer = await open();
    // npm engine.io writes them in one line, for which no browser would thank it.
    assert.equal(peer.responseHeaders["set-cookie"].join(","), COOKIES.join(","));
    peer.close();
  });

  test("too large a message is answered with 1009 and no reason", async () => {
    for (const message of ["4".padEnd(101, "x"), Buffer.alloc(101), "4".padEnd(100_000, "x")]) {
      const peer = await open();
      assert.equal(await peer.next(), "4hi");
      peer.send(message);
      assert.deepEqual(await within(peer.closed, "the server closes"), { code: 1009, reason: "" });
    }
  });

  test("a message of exactly a hundred bytes comes back", async () => {
    const peer = await open();
    assert.equal(await peer.next(), "4hi");
    for (const message of ["4".padEnd(100, "x"), Buffer.alloc(100, 1)]) {
      peer.send(message);
      assert.deepEqual(await peer.next(), message);
    }
    peer.close();
  });

  test("whoever has deny in the query gets no WebSocket", async () => {
    const request = upgradeRequest(server, "EIO=4&transport=websocket&deny=1", {}, { path });
    const answer = await rawExchange(server, request);
    assert.match(answer, /^HTTP\/1\.1 400 /);
    assert.match(answer, /\r\n\r\nForbidden$/);
  });

  test("pings come every 500 ms, and not before", async () => {
    const start = performance.now();
    const peer = await open();
    assert.equal(await peer.next(), "4hi");
    for (let i = 1; i <= 2; i += 1) {
      assert.equal(await peer.next(), "2");
      assert(i * 500 - 2 <= performance.now() - start, `ping ${i} came early`);
      peer.send("3");
    }
    peer.close();
  });
});

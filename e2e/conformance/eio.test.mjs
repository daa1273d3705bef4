// Mode `eio` with both official engines: what echoes, how it upgrades, the heartbeat.

import { describe, test } from "node:test";
import assert from "node:assert/strict";
import { once } from "node:events";

import { ended, ENGINES, enginesOf, hear } from "../harness/engines.mjs";
import { serverOfThisFile } from "../harness/sut.mjs";
import { until, within } from "../harness/until.mjs";

const server = await serverOfThisFile("eio");

// The engine has no way to tell a separator of bodies from text; Socket.IO never sends one.
const TEXTS = ["", "hello", "てすと Я ß 👍 \u2028\u2029", "1:2", "b4AAEC", "4\n\\n\\\\n%20+&d=", "\u0000"];
const BYTES = [Buffer.alloc(0), Buffer.from([0, 1, 255]), Buffer.from("4text"), Buffer.alloc(70_000, 0xfe)];

for (const engine of ENGINES) {
  describe(engine.name, () => {
    const { start, open } = enginesOf(server, engine);

    test("the handshake names the timers, and one upgrade", async () => {
      const client = start();
      const [handshake] = await within(once(client, "handshake"), "a handshake");
      assert.match(handshake.sid, /^[\w-]{20}$/);
      const { pingInterval, pingTimeout, maxPayload } = handshake;
      assert.deepEqual([pingInterval, pingTimeout, maxPayload], [300, 200, 1_000_000]);
      const isPolling = client.transport.name === "polling";
      assert.deepEqual(handshake.upgrades, isPolling ? ["websocket"] : []);
    });

    test("text comes back", async () => {
      const client = await open();
      TEXTS.forEach((it) => client.send(it));
      assert.deepEqual(await hear(client, TEXTS.length), TEXTS);
    });

    test("bytes come back", async () => {
      const client = await open();
      BYTES.forEach((it) => client.send(it));
      const back = await hear(client, BYTES.length);
      assert.deepEqual(back.map((it) => Buffer.from(it)), BYTES);
    });

    test("text and bytes keep their order, two hundred at once", async () => {
      const client = await open();
      for (let i = 0; i < 200; i += 1) {
        client.send(i % 3 === 0 ? Buffer.of(i) : `${i}`);
      }
      const back = await hear(client, 200);
      const numbers = back.map((it) => (typeof it === "string" ? Number(it) : Buffer.from(it)[0]));
      assert.deepEqual(numbers, Array.from({ length: 200 }, (_, i) => i));
    });

    test("an idle client lives on", async () => {
      const client = await open();
      let count = 0;
      const heartbeat = engine.version.protocol === 3 ? "pong" : "ping";
      client.on("packet", ({ type }) => (count += Number(type === heartbeat)));
      await until(() => 4 <= count || client.readyState !== "open", "four heartbeats", 15_000);
      assert.equal(client.readyState, "open");
      client.send("alive");
      assert.deepEqual(await hear(client), ["alive"]);
    });

    test("what is sent while it opens and upgrades arrives once and in order", async () => {
      const client = start();
      const last = engine.transport.upgrades
        ? new Promise((done) => client.once("upgrade", () => done()))
        : once(client, "open");
      let [sent, isOver] = [0, false];
      last.then(() => (isOver = true));
      while (!isOver) {
        if (sent < client.heard.length + 50) {
          client.send(`${(sent += 1)}`);
        }
        await new Promise((turn) => setImmediate(turn));
      }
      client.send(`${(sent += 1)}`);
      const back = await hear(client, sent);
      assert.deepEqual(back.map(Number), Array.from({ length: sent }, (_, i) => i + 1));
    });

    test("a client that closes is gone", async () => {
      const client = await open();
      client.send("last words");
      await hear(client);
      client.close();
      assert.equal(await ended(client), "forced close");
    });
  });
}

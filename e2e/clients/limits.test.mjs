// Every version of the official client, and messages of exactly one megabyte, or one byte more.

import { describe, test } from "node:test";
import assert from "node:assert/strict";

import { call, clientsOf, COMBINATIONS, disconnected, next } from "../harness/clients.mjs";
import { serverOfThisFile } from "../harness/sut.mjs";

const server = await serverOfThisFile("api", ["--eio3", "on"]);

const LIMIT = 1_000_000;

/** How many bytes surround the text of an echo, in the first packet of that client. */
function around({ version, transport }) {
  const packet = '42["echo",""]'.length;
  // Version 2 writes the length of each packet before it in a polling body.
  return version.isOld && transport.name === "polling" ? packet + "999999:".length : packet;
}

/** How many bytes a WebSocket message may bring: version 2 puts a byte for the type in front. */
function attachment({ version }) {
  return version.isOld ? LIMIT - 1 : LIMIT;
}

for (const combination of COMBINATIONS) {
  const { name, transport, version } = combination;
  describe(name, () => {
    const { open } = clientsOf(server, transport, version);
    const isPolling = transport.name === "polling";

    async function assertEnds(client, ...args) {
      const over = disconnected(client);
      client.emit("echo", ...args);
      assert.equal(await over, isPolling ? "transport error" : "transport close");
      const again = await open();
      assert.deepEqual(await call(again, "echo", "alive"), ["alive"]);
    }

    test("text that fills the limit arrives", async () => {
      const client = await open();
      const text = "x".repeat(LIMIT - around(combination));
      client.emit("echo", text);
      const [back] = await next(client, "echo", 20_000);
      assert(back === text, `${back.length} of ${text.length} came back`);
    });

    test("text of two-byte letters that fills the limit arrives", async () => {
      const client = await open();
      const text = "ü".repeat(Math.floor((LIMIT - around(combination)) / 2));
      client.emit("echo", text);
      const [back] = await next(client, "echo", 20_000);
      assert(back === text, `${back.length} of ${text.length} came back`);
    });

    test("text of one byte more ends the connection", async () => {
      const client = await open();
      await assertEnds(client, "x".repeat(LIMIT + 1 - around(combination)));
    });

    if (!isPolling) {
      test("bytes that fill the limit arrive", async () => {
        const client = await open();
        const bytes = Buffer.alloc(attachment(combination), 0xab);
        client.emit("echo", bytes);
        const [back] = await next(client, "echo", 20_000);
        assert(bytes.equals(back), `${back.length} of ${bytes.length} came back`);
      });

      test("one byte more ends the connection", async () => {
        const client = await open();
        await assertEnds(client, Buffer.alloc(attachment(combination) + 1));
      });
    }

    test("many small messages together may be more than the limit", async () => {
      const client = await open();
      const text = "y".repeat(30_000);
      const answers = Array.from({ length: 50 }, (_, i) => call(client, "echo", i, text));
      // What version 2 and 3 put into one polling body is theirs to know: neither asks the server.
      if (isPolling && version !== COMBINATIONS[0].version) {
        answers.forEach((it) => it.catch(() => {}));
        await disconnected(client);
        return;
      }
      const numbers = (await Promise.all(answers)).map(([i]) => i);
      assert.deepEqual(numbers, Array.from({ length: 50 }, (_, i) => i));
    });

    test("the server may send more than clients may", async () => {
      const client = await open();
      const [bytes] = await call(client, "bytes", 1_500_000);
      assert.equal(bytes.length, 1_500_000);
      assert.equal(bytes[1_499_999], 1_499_999 % 251);
    });
  });
}

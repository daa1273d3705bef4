// Clients with socket.io-msgpack-parser, against a server that speaks it too.

import { describe, test } from "node:test";
import assert from "node:assert/strict";
import parser from "socket.io-msgpack-parser";

import { call, clientsOf, COMBINATIONS, disconnected, next } from "../harness/clients.mjs";
import { serverOfThisFile } from "../harness/sut.mjs";

const server = await serverOfThisFile("api", ["--parser", "msgpack"]);
const some = (...bytes) => Buffer.from(bytes);

const ARGUMENTS = {
  "none": [],
  "strings": ["", "hello", "てすと Я ß 👍 \u2028", "x".repeat(70_000)],
  "numbers": [0, -1, 127, 128, 255, 256, -129, 65_536, 2 ** 32, -(2 ** 40), 1.5, -0.25],
  "true, false, null": [true, false, null],
  "lists and objects": [[], {}, { a: [{ b: null }], "": { "ü": 1 } }, Array.from({ length: 300 }, (_, i) => i)],
  "bytes anywhere": [some(1), { data: some(2), rest: [some(3)] }, [some(4)], some()],
  "many bytes": [Buffer.alloc(100_000, 0xab)],
};

// Version 2 does not know how to be given a parser like this one.
const NEW = COMBINATIONS.filter(({ version }) => !version.isOld);

for (const { name, transport, version } of NEW) {
  describe(name, () => {
    const { start, open } = clientsOf(server, transport, version);
    const options = { parser };

    for (const [what, args] of Object.entries(ARGUMENTS)) {
      test(`arguments come back in an event and in an ack: ${what}`, async () => {
        const client = await open("/", options);
        client.emit("echo", ...args);
        assert.deepEqual(await next(client, "echo"), args);
        assert.deepEqual(await call(client, "echo", ...args), args);
      });
    }

    test("the server reads bytes and makes bytes, array buffers among them", async () => {
      const client = await open("/", options);
      assert.deepEqual(await call(client, "measure", some(1, 2, 3)), [3, 6]);
      const [buffer] = await call(client, "echo", Uint8Array.of(4, 5).buffer);
      assert.deepEqual(Buffer.from(buffer), some(4, 5));
      assert.deepEqual(await call(client, "bytes", 3), [some(0, 1, 2)]);
    });

    test("the server asks, and gets an ack", async () => {
      const client = await open("/", options);
      client.once("question", (question, ack) => ack({ question, data: some(1, 2) }));
      const [{ answer }] = await call(client, "ask", { a: some(9) }, 8_000);
      assert.deepEqual(answer, { question: { a: some(9) }, data: some(1, 2) });
    });

    test("rooms and namespaces", async () => {
      const [speaker, listener] = [await open("/other", options), await open("/other", options)];
      await call(listener, "join", "crowd");
      const told = next(listener, "told");
      await call(speaker, "tell-bytes", "crowd", some(7));
      assert.deepEqual(await told, [some(7)]);
      const texts = next(listener, "told");
      await call(speaker, "tell", { rooms: ["crowd"], except: [], args: ["ü", { a: 1 }] });
      assert.deepEqual(await texts, ["ü", { a: 1 }]);
      await call(listener, "leave", "crowd");
    });

    test("the auth payload arrives, and refusals come back", async () => {
      const [welcome] = await next(start("/", { ...options, auth: { token: "ü" } }), "welcome");
      assert.deepEqual(welcome.auth, { token: "ü" });
      const [unknown] = await next(start("/nowhere", options), "connect_error");
      assert.equal(unknown.message, "Invalid namespace");
      const [refused] = await next(start("/admin", options), "connect_error");
      assert.equal(refused.message, "not authorized");
      assert.deepEqual(refused.data, { status: 401, hint: "say the word" });
    });

    test("the server sends it away", async () => {
      const client = await open("/", options);
      const reason = disconnected(client);
      client.emit("kick", false);
      assert.equal(await reason, "io server disconnect");
    });
  });
}

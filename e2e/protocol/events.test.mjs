// Events: what their arguments may be, and how large they may be.

import { describe, test } from "node:test";
import assert from "node:assert/strict";

import { clientsOf, disconnected, next, TRANSPORTS } from "../harness/clients.mjs";
import { serverOfThisFile } from "../harness/sut.mjs";

const server = await serverOfThisFile("api");

// What is sent, and what arrives if that is something else (JSON has no such value).
const SHAPES = {
  "no argument": { sent: [] },
  "a string": { sent: ["hello"] },
  "an empty string": { sent: [""] },
  "letters of many scripts": { sent: ["てすと Я Б Г Д Ж Й Ä ä Ü ü ß — ‮עברית 👩‍👩‍👧‍👦 𝒳"] },
  "quotes, slashes and controls": { sent: ['"\\/\b\f\n\r\t\u0000\u001f\u007f'] },
  "the separators of the layers below": { sent: ["\u001e2\u001e", "b4AAEC", "42[]", "/x,1[]"] },
  "line separators": { sent: ["\u2028\u2029\ufeff"] },
  "a lone surrogate": { sent: ["a\ud800b"] },
  "numbers": { sent: [0, -1, 1.5, 1e21, 1e-7, Number.MAX_SAFE_INTEGER, -Number.MAX_VALUE, 5e-324] },
  "negative zero": { sent: [-0], arrives: [0] },
  "what JSON cannot say": { sent: [NaN, Infinity, undefined], arrives: [null, null, null] },
  "true, false and null": { sent: [true, false, null] },
  "a date": { sent: [new Date(0)], arrives: ["1970-01-01T00:00:00.000Z"] },
  "an empty list and object": { sent: [[], {}] },
  "a nested value": { sent: [{ a: [{ b: { c: [null, [[]], "x"] } }], "": { " ": 1 } }] },
  "odd keys": { sent: [JSON.parse('{"__proto__":1,"constructor":2,"toString":3,"_placeholder":4}')] },
  "a placeholder that is only data": { sent: [{ _placeholder: true, num: 0 }] },
  "many arguments": { sent: Array.from({ length: 200 }, (_, i) => i) },
  "a list of ten thousand": { sent: [Array.from({ length: 10_000 }, (_, i) => ({ i }))] },
  "a depth of one hundred": { sent: [JSON.parse("[".repeat(100) + "]".repeat(100))] },
};

for (const transport of TRANSPORTS) {
  describe(`over ${transport.name}`, () => {
    const { open } = clientsOf(server, transport);

    for (const [what, { sent, arrives = sent }] of Object.entries(SHAPES)) {
      test(`an event comes back as it was: ${what}`, async () => {
        const client = await open();
        client.emit("echo", ...sent);
        assert.deepEqual(await next(client, "echo"), arrives);
      });
    }

    for (const name of ["error", "__proto__", "constructor", "message", "ü 👍", "", "a".repeat(300)]) {
      test(`an event that nobody handles is ignored: ${JSON.stringify(name).slice(0, 20)}`, async () => {
        const client = await open();
        client.emit(name, 1);
        assert.equal(await client.emitWithAck("echo", "alive"), "alive");
      });
    }

    test("an event sent before the connection is there is kept and sent", async () => {
      const client = await open();
      client.disconnect();
      client.connect();
      client.emit("echo", "early");
      assert.deepEqual(await next(client, "echo"), ["early"]);
    });

    test("several events of one moment arrive each as its own", async () => {
      const client = await open();
      const answers = Array.from({ length: 50 }, (_, i) => client.emitWithAck("echo", i));
      assert.deepEqual(await Promise.all(answers), answers.map((_, i) => i));
    });

    test("an event that fills the limit of one megabyte arrives", async () => {
      const client = await open();
      const text = "x".repeat(LIMIT - '42["echo",""]'.length);
      client.emit("echo", text);
      const [back] = await next(client, "echo");
      assert.equal(back.length, text.length);
    });

    test("an event that fills it with two-byte letters arrives", async () => {
      const client = await open();
      const text = "ü".repeat((LIMIT - 14) / 2);
      client.emit("echo", text);
      const [back] = await next(client, "echo");
      assert.equal(back, text);
    });

    test("one byte over the limit ends the connection", async () => {
      const client = await open();
      const over = disconnected(client);
      client.emit("echo", "x".repeat(LIMIT + 1 - '42["echo",""]'.length));
      const isPolling = client.io.engine.transport.name === "polling";
      assert.equal(await over, isPolling ? "transport error" : "transport close");
      const again = await open();
      assert.equal(await again.emitWithAck("echo", "alive"), "alive");
    });

    test("a large event from the server arrives whole", async () => {
      const client = await open();
      const bytes = await client.emitWithAck("bytes", 700_000);
      assert.equal(bytes.length, 700_000);
      assert.equal(bytes[699_999], 699_999 % 251);
    });
  });
}

const LIMIT = 1_000_000;

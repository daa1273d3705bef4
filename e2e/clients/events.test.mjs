// Every version of the official client: events, acks both ways, dates, letters, bytes anywhere.

import { describe, test } from "node:test";
import assert from "node:assert/strict";

import { call, clientsOf, COMBINATIONS, next } from "../harness/clients.mjs";
import { serverOfThisFile } from "../harness/sut.mjs";

const server = await serverOfThisFile("api", ["--eio3", "on"]);

const EVERY_BYTE = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
const some = (...bytes) => Buffer.from(bytes);

// What is sent, and what arrives if that is something else (JSON has no such value).
const ARGUMENTS = {
  "none": { sent: [] },
  "strings": { sent: ["", "hello", "てすと Я ß 👍 \u2028\u2029\ufeff 𝒳", '"\\/\b\f\n\r\t\u0000\u007f'] },
  "the separators of the layers below": { sent: ["\u001e2\u001e", "b4AAEC", "42[]", "1:2", "4:40/x,"] },
  "numbers": { sent: [0, -1, 1.5, 1e21, 5e-324, Number.MAX_SAFE_INTEGER] },
  "true, false, null": { sent: [true, false, null] },
  "dates": { sent: [new Date(0)], arrives: ["1970-01-01T00:00:00.000Z"] },
  "a date within an object": {
    sent: [{ date: new Date(1e12) }],
    arrives: [{ date: "2001-09-09T01:46:40.000Z" }],
  },
  "lists and objects": { sent: [[], {}, { a: [{ b: null }], "": { " ": "ü" } }, [[1], [2]]] },
  "bytes alone": { sent: [EVERY_BYTE] },
  "no bytes at all": { sent: [Buffer.alloc(0)] },
  "bytes first, between and last": { sent: [some(1), "text", some(2), null, some(3)] },
  "bytes in an object, a list, and deep": {
    sent: [{ data: some(1), rest: [1] }, [some(2), 3, some(4)], { a: [{ b: { c: [some(5)] } }] }],
  },
  "ten pieces of bytes": { sent: Array.from({ length: 10 }, (_, i) => some(i)) },
  "the same bytes twice": { sent: [EVERY_BYTE, { again: EVERY_BYTE }] },
  "bytes beside letters of many scripts": { sent: ["てすと 👍", some(0xff, 0xfe), "\u2028"] },
  "many bytes": { sent: [Buffer.alloc(200_000, 0xab)] },
};

for (const { name, transport, version } of COMBINATIONS) {
  describe(name, () => {
    const { open } = clientsOf(server, transport, version);

    for (const [what, { sent, arrives = sent }] of Object.entries(ARGUMENTS)) {
      test(`arguments come back in an event and in an ack: ${what}`, async () => {
        const client = await open();
        client.emit("echo", ...sent);
        assert.deepEqual(await next(client, "echo"), arrives);
        assert.deepEqual(await call(client, "echo", ...sent), arrives);
      });
    }

    test("array buffers and their views are bytes", async () => {
      const client = await open();
      const view = new Uint8Array(EVERY_BYTE.buffer, EVERY_BYTE.byteOffset + 5, 3);
      const back = await call(client, "echo", view, Uint8Array.of(1, 2).buffer);
      assert.deepEqual(back, [some(5, 6, 7), some(1, 2)]);
    });

    test("the server reads bytes and makes bytes", async () => {
      const client = await open();
      assert.deepEqual(await call(client, "measure", EVERY_BYTE), [256, 32_640]);
      const expected = Buffer.from(Array.from({ length: 300 }, (_, i) => i % 251));
      assert.deepEqual(await call(client, "bytes", 300), [expected]);
    });

    test("the server asks, and gets an ack or none in time", async () => {
      const client = await open();
      client.once("question", (question, ack) => ack({ question, data: some(1, 2, 3) }));
      const [{ answer }] = await call(client, "ask", "what?", 8_000);
      assert.deepEqual(answer, { question: "what?", data: some(1, 2, 3) });
      const asked = next(client, "question");
      const reply = call(client, "ask", "now?", 50);
      await asked;
      assert.deepEqual(await reply, [{ error: "timeout" }]);
    });

    test("a hundred events and acks keep their order, bytes among them", async () => {
      const client = await open();
      const back = [];
      client.on("echo", (value) => back.push(typeof value === "number" ? value : value[0]));
      const answers = [];
      for (let i = 0; i < 100; i += 1) {
        client.emit("echo", i % 3 === 0 ? some(i) : i);
        answers.push(call(client, "echo", i));
      }
      const numbers = Array.from({ length: 100 }, (_, i) => i);
      assert.deepEqual((await Promise.all(answers)).flat(), numbers);
      assert.deepEqual(back, numbers);
    });

    test("a room hears text and bytes, whatever its members speak", async () => {
      const [speaker, listener] = [await open(), await open()];
      await call(listener, "join", "crowd");
      const told = next(listener, "told");
      await call(speaker, "tell", { rooms: ["crowd"], except: [], args: ["ü", { a: 1 }] });
      assert.deepEqual(await told, ["ü", { a: 1 }]);
      const bytes = next(listener, "told");
      await call(speaker, "tell-bytes", "crowd", EVERY_BYTE);
      assert.deepEqual(await bytes, [EVERY_BYTE]);
      await call(listener, "leave", "crowd");
    });
  });
}

const members = COMBINATIONS.map(({ transport, version }) => clientsOf(server, transport, version));

test("one room of every version over every transport hears the same", async () => {
  const clients = await Promise.all(members.map((it) => it.open()));
  await Promise.all(clients.map((it) => call(it, "join", "all")));
  const [speaker, ...listeners] = clients;
  const texts = Promise.all(listeners.map((it) => next(it, "told")));
  await call(speaker, "tell", { rooms: ["all"], except: [], args: ["てすと", [1, null]] });
  assert.deepEqual(await texts, listeners.map(() => ["てすと", [1, null]]));
  const bytes = Promise.all(listeners.map((it) => next(it, "told")));
  await call(speaker, "tell-bytes", "all", EVERY_BYTE);
  assert.deepEqual(await bytes, listeners.map(() => [EVERY_BYTE]));
});

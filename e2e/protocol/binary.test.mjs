// Binary arguments: in every position of events and acks, both ways.

import { describe, test } from "node:test";
import assert from "node:assert/strict";

import { clientsOf, next, TRANSPORTS } from "../harness/clients.mjs";
import { serverOfThisFile } from "../harness/sut.mjs";

const server = await serverOfThisFile("api");

const EVERY_BYTE = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
const some = (...bytes) => Buffer.from(bytes);

const POSITIONS = {
  "the only argument": [EVERY_BYTE],
  "no bytes at all": [Buffer.alloc(0)],
  "first": [some(1), "then text"],
  "last": ["text", 2, some(3)],
  "between": [null, some(4, 5), false],
  "in an object": [{ name: "a", data: some(6), rest: [1] }],
  "in a list": [[some(7), 8, some(9)]],
  "deep": [{ a: [{ b: { c: [some(10)] } }] }],
  "several, in an order that matters": [some(1), { b: some(2) }, [some(3), [some(4)]], some(5)],
  "ten, the most": Array.from({ length: 10 }, (_, i) => some(i)),
  "the same bytes twice": [EVERY_BYTE, EVERY_BYTE],
  "beside text of many scripts": ["てすと 👍", some(0xff, 0xfe), "\u2028"],
  "beside an empty object": [{}, some(1)],
  "two hundred kilobytes": [Buffer.alloc(200_000, 0xab)],
};

for (const transport of TRANSPORTS) {
  describe(`over ${transport.name}`, () => {
    const { open } = clientsOf(server, transport);

    for (const [where, args] of Object.entries(POSITIONS)) {
      test(`bytes come back in an event: ${where}`, async () => {
        const client = await open();
        client.emit("echo", ...args);
        assert.deepEqual(await next(client, "echo"), args);
      });

      test(`bytes come back in an ack: ${where}`, async () => {
        const client = await open();
        const back = await new Promise((done) => {
          client.emit("echo", ...args, (...answer) => done(answer));
        });
        assert.deepEqual(back, args);
      });
    }

    test("views and array buffers are bytes too", async () => {
      const client = await open();
      const view = new Uint8Array(EVERY_BYTE.buffer, EVERY_BYTE.byteOffset + 5, 3);
      client.emit("echo", view, Uint8Array.of(1, 2).buffer, new Uint16Array([258]));
      assert.deepEqual(await next(client, "echo"), [some(5, 6, 7), some(1, 2), some(2, 1)]);
    });

    test("the server reads bytes and makes bytes", async () => {
      const client = await open();
      const answer = await new Promise((done) => {
        client.emit("measure", EVERY_BYTE, (...args) => done(args));
      });
      assert.deepEqual(answer, [256, 32_640]);
      assert.deepEqual(await client.emitWithAck("bytes", 300), Buffer.from(
        Array.from({ length: 300 }, (_, i) => i % 251),
      ));
    });

    test("the server asks and is answered with bytes", async () => {
      const client = await open();
      client.on("question", (question, ack) => ack({ question, data: some(1, 2, 3) }));
      const { answer } = await client.emitWithAck("ask", "what?", 5_000);
      assert.deepEqual(answer, { question: "what?", data: some(1, 2, 3) });
    });

    test("bytes reach a room", async () => {
      const [speaker, listener] = await Promise.all([open(), open()]);
      await listener.emitWithAck("join", "bytes");
      const told = next(listener, "told");
      await speaker.emitWithAck("tell-bytes", "bytes", EVERY_BYTE);
      assert.deepEqual(await told, [EVERY_BYTE]);
    });

    test("text and bytes sent in turn keep their order", async () => {
      const client = await open();
      const back = [];
      client.on("echo", (value) => back.push(typeof value === "number" ? value : value[0]));
      for (let i = 0; i < 100; i += 1) {
        client.emit("echo", i % 3 === 0 ? some(i) : i);
      }
      await client.emitWithAck("echo", "settle");
      assert.deepEqual(back, Array.from({ length: 100 }, (_, i) => i));
    });
  });
}

// Mode `ws`: a plain WebSocket echo, with compression, for messages of up to 64 MiB.

import { afterEach, describe, test } from "node:test";
import assert from "node:assert/strict";
import { once } from "node:events";
import WebSocket from "ws";

import { serverOfThisFile } from "../harness/sut.mjs";
import { within } from "../harness/until.mjs";

const server = await serverOfThisFile("ws");
const MIB = 1 << 20;

for (const perMessageDeflate of [false, true]) {
  describe(`the echo, ${perMessageDeflate ? "with" : "without"} compression`, () => {
    const opened = [];
    afterEach(() => opened.splice(0).forEach((it) => it.terminate()));

    async function open() {
      const options = { perMessageDeflate, maxPayload: 100 * MIB };
      const socket = new WebSocket(`${server.url.replace("http", "ws")}/`, options);
      opened.push(socket);
      socket.on("error", () => {});
      await within(once(socket, "open"), "the WebSocket opens");
      return socket;
    }

    async function echo(socket, message) {
      const answer = once(socket, "message");
      socket.send(message);
      const [data, isBinary] = await within(answer, "the echo", 20_000);
      return isBinary ? data : data.toString();
    }

    test("is offered and taken or not, as the client likes", async () => {
      const { extensions } = await open();
      assert.equal(/^permessage-deflate/.test(extensions), perMessageDeflate);
    });

    test("brings back text", async () => {
      const socket = await open();
      for (const text of ["", "hello", "てすと Я ß 👍", "x".repeat(100_000)]) {
        assert.equal(await echo(socket, text), text);
      }
    });

    test("brings back bytes", async () => {
      const socket = await open();
      for (const bytes of [Buffer.alloc(0), Buffer.from([0, 1, 255]), Buffer.alloc(100_000, 0xfe)]) {
        assert.deepEqual(await echo(socket, bytes), bytes);
      }
    });

    test("brings back 16 MiB", async () => {
      const socket = await open();
      const bytes = Buffer.alloc(16 * MIB, "0123456789abcdef");
      assert(bytes.equals(await echo(socket, bytes)));
      const text = bytes.toString();
      assert((await echo(socket, text)) === text);
    });

    test("takes 64 MiB and no byte more", async () => {
      const socket = await open();
      const bytes = Buffer.alloc(64 * MIB + 1, 7);
      assert(bytes.subarray(1).equals(await echo(socket, bytes.subarray(1))));
      const end = once(socket, "close");
      socket.send(bytes);
      const [code] = await within(end, "the server closes", 20_000);
      assert.equal(code, 1009);
    });
  });
}

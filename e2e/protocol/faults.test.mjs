// Handlers that break: the server, the connection and the other handlers go on.

import { describe, test } from "node:test";
import assert from "node:assert/strict";

import { clientsOf, TRANSPORTS } from "../harness/clients.mjs";
import { serverOfThisFile } from "../harness/sut.mjs";

const server = await serverOfThisFile("api");

for (const transport of TRANSPORTS) {
  describe(`over ${transport.name}`, () => {
    const { open } = clientsOf(server, transport);

    test("a handler that panics ends neither its socket nor another", async () => {
      server.announce(/panic/i);
      const [broken, healthy] = await Promise.all([open(), open()]);
      for (let i = 0; i < 5; i += 1) {
        broken.emit("panic");
        assert.equal(await broken.emitWithAck("echo", i), i);
        assert.equal(await healthy.emitWithAck("echo", i), i);
      }
    });

    test("arguments of another shape than a handler takes end nothing", async () => {
      server.announce(/argument|slow|invalid|expected/i);
      const client = await open();
      client.emit("slow", { not: "a number" }, []);
      client.emit("ticks", "many");
      assert.equal(await client.emitWithAck("echo", "alive"), "alive");
    });
  });
}

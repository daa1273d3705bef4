// Handlers that break: the server, the connection and the other handlers go on.

import { describe, test } from "node:test";
import assert from "node:assert/strict";

import { clientsOf, connected, disconnected, TRANSPORTS } from "../harness/clients.mjs";
import { serverOfThisFile } from "../harness/sut.mjs";
import { until } from "../harness/until.mjs";

const server = await serverOfThisFile("api");

for (const transport of TRANSPORTS) {
  describe(`over ${transport.name}`, () => {
    const { open } = clientsOf(server, transport);

    test("a handler that panics costs its own connection and no other", async () => {
      server.announce(/panic/i);
      const [broken, healthy] = await Promise.all([open(), open()]);
      const { id } = broken;
      const lost = disconnected(broken);
      broken.emit("panic");
      assert.match(await lost, /^transport (?:close|error)$/);
      assert.equal(await healthy.emitWithAck("echo", 1), 1);
      await until(() => server.lines.includes(`left / ${id} forced close`), "its end");
      broken.connect();
      await connected(broken);
      assert.equal(await broken.emitWithAck("echo", "back"), "back");
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

// Order: what is sent first arrives first, in both directions, whatever the transport does.

import { describe, test } from "node:test";
import assert from "node:assert/strict";

import { clientsOf, collect, connected, next, TRANSPORTS, upgraded } from "../harness/clients.mjs";
import { serverOfThisFile } from "../harness/sut.mjs";

const server = await serverOfThisFile("api");
const COUNT = 5_000;
const numbers = Array.from({ length: COUNT }, (_, i) => i);

for (const transport of TRANSPORTS) {
  describe(`over ${transport.name}`, () => {
    const { start, open } = clientsOf(server, transport);

    test("five thousand events come back in order", async () => {
      const client = await open();
      const back = collect(client, "echo");
      numbers.forEach((i) => client.emit("echo", i));
      await client.emitWithAck("echo", "settle");
      assert.deepEqual(back, numbers);
    });

    test("five thousand events of the server arrive in order", async () => {
      const client = await open();
      const ticks = collect(client, "tick");
      client.emit("ticks", COUNT);
      await client.emitWithAck("echo", "settle");
      assert.deepEqual(ticks, numbers);
    });

    test("both directions at once keep their order", async () => {
      const client = await open();
      const [ticks, back] = [collect(client, "tick"), collect(client, "echo")];
      client.emit("ticks", COUNT);
      numbers.forEach((i) => client.emit("echo", i));
      await client.emitWithAck("echo", "settle");
      assert.deepEqual(ticks, numbers);
      assert.deepEqual(back, numbers);
    });

    test("a handler that waits holds up the later ones of its socket", async () => {
      const client = await open();
      const done = collect(client, "slow-done");
      for (let i = 0; i < 20; i += 1) {
        client.emit("slow", i, i % 2 === 0 ? 20 : 0);
      }
      while (done.length < 20) {
        await next(client, "slow-done");
      }
      assert.deepEqual(done, numbers.slice(0, 20));
    });

    test("a handler that waits does not hold up other sockets", async () => {
      const [slow, quick] = await Promise.all([open(), open()]);
      const done = next(slow, "slow-done");
      slow.emit("slow", 1, 300);
      const first = await Promise.race([
        done.then(() => "slow"),
        quick.emitWithAck("echo", 1).then(() => "quick"),
      ]);
      assert.equal(first, "quick");
      await done;
    });

    test("events sent before, during and after connecting keep their order", async () => {
      const client = start();
      const [ticks, back] = [collect(client, "tick"), collect(client, "echo")];
      let sent = 0;
      const send = (total) => {
        for (let i = 0; i < total; i += 1) {
          client.emit("echo", sent++);
        }
      };
      send(100);
      await connected(client);
      client.emit("ticks", COUNT);
      // One batch each time something arrives: over `upgrade` they fall before, into and after
      // the change of transport.
      client.on("echo", () => send(sent < COUNT ? 10 : 0));
      if (transport.upgrades) {
        await upgraded(client);
      }
      while (back.length < COUNT) {
        await next(client, "echo");
      }
      await client.emitWithAck("echo", "settle");
      assert.deepEqual(back, numbers.concat(back.slice(COUNT)));
      assert.deepEqual(back, back.map((_, i) => i));
      assert.deepEqual(ticks, numbers);
    });
  });
}

// What is sent while a client moves from polling to WebSocket: nothing lost, nothing twice, in order.

import { describe, test } from "node:test";
import assert from "node:assert/strict";

import { call, clientsOf, connected, next, TRANSPORTS, upgraded, VERSIONS } from "../harness/clients.mjs";
import { serverOfThisFile } from "../harness/sut.mjs";
import { until } from "../harness/until.mjs";

const server = await serverOfThisFile("api", ["--eio3", "on"]);
const transport = TRANSPORTS.find((it) => it.upgrades);
const ROUNDS = 5;
const numbers = (total) => Array.from({ length: total }, (_, i) => i);

for (const version of VERSIONS) {
  describe(version.name, () => {
    const { start } = clientsOf(server, transport, version);

    /**
     * Calls `step` in every turn of the event loop until the upgrade is done, unless the answers
     * of too many steps are still to come. Gives how often.
     */
    async function untilUpgraded(client, answered, step) {
      let isDone = false;
      const done = upgraded(client).then(() => (isDone = true));
      let i = 0;
      while (!isDone) {
        if (i < answered() + 50) {
          step(i);
          i += 1;
        }
        await new Promise((turn) => setImmediate(turn));
      }
      await done;
      step(i);
      return i + 1;
    }

    for (const round of numbers(ROUNDS)) {
      test(`events and acks, text and bytes, from before it until after it: ${round}`, async () => {
        const client = start();
        const heard = [];
        client.on("echo", (it, bytes) => heard.push(bytes ? [it, ...bytes] : it));
        const acks = [];
        const total = await untilUpgraded(client, () => heard.length, (i) => {
          acks.push(call(client, "echo", i));
          client.emit("echo", i, ...(i % 7 === 0 ? [Buffer.of(i % 256)] : []));
        });
        assert.deepEqual((await Promise.all(acks)).flat(), numbers(total));
        await call(client, "echo", "settle");
        assert.deepEqual(heard, numbers(total).map((i) => (i % 7 === 0 ? [i, i % 256] : i)));
      });

      test(`what the server sends all along: ${round}`, async () => {
        const client = start();
        const ticks = [];
        client.on("tick", (it) => ticks.push(it));
        const total = 3 * (await untilUpgraded(client, () => ticks.length / 3, () => {
          client.emit("ticks", 3);
        }));
        await until(() => total <= ticks.length, () => `${ticks.length} of ${total} ticks`);
        assert.deepEqual(ticks, numbers(total).map((i) => i % 3));
      });
    }

    test("a large message under way while it happens", async () => {
      const client = start();
      const text = "ü".repeat(200_000);
      await connected(client);
      const [first, bytes] = [call(client, "echo", text), call(client, "bytes", 600_000)];
      await upgraded(client);
      const last = call(client, "echo", text);
      assert.equal((await first)[0], text);
      assert.equal((await bytes)[0].length, 600_000);
      assert.equal((await last)[0], text);
    });

    test("several namespaces at once", async () => {
      const main = start();
      const other = main.io.socket("/other", {});
      const heard = next(other, "echo");
      other.emit("echo", "kept until it is there");
      await Promise.all([connected(main), connected(other)]);
      await upgraded(main);
      assert.deepEqual(await heard, ["kept until it is there"]);
      assert.deepEqual(await call(main, "echo", 1), [1]);
      assert.deepEqual(await call(other, "echo", 2), [2]);
    });
  });
}

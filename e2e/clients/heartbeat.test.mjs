// Every version of the official client through many heartbeats, idle and busy.

import { describe, test } from "node:test";
import assert from "node:assert/strict";

import { call, clientsOf, COMBINATIONS } from "../harness/clients.mjs";
import { serverOfThisFile } from "../harness/sut.mjs";
import { until } from "../harness/until.mjs";

const server = await serverOfThisFile("api", ["--eio3", "on", "--ping-interval", "100", "--ping-timeout", "8000"]);

for (const { name, transport, version } of COMBINATIONS) {
  describe(name, () => {
    const { open } = clientsOf(server, transport, version);

    /** Counts the pings of a server, or in version 2 the pongs. */
    function heartbeats(client) {
      let count = 0;
      client.io.engine.on("packet", ({ type }) => {
        count += Number(type === (version.isOld ? "pong" : "ping"));
      });
      return () => count;
    }

    test("an idle client lives on", async () => {
      const client = await open();
      const count = heartbeats(client);
      await until(() => 5 <= count(), "five heartbeats", 20_000);
      assert.equal(client.connected, true);
      assert.deepEqual(await call(client, "echo", "alive"), ["alive"]);
    });

    test("a busy client lives on, and hears them all the same", async () => {
      const client = await open();
      const count = heartbeats(client);
      for (let i = 0; count() < 5; i += 1) {
        assert.deepEqual(await call(client, "echo", i), [i]);
      }
      assert.equal(client.connected, true);
    });
  });
}

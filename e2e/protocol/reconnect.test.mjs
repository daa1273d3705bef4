// A server that goes and comes back on the same port: official clients return by themselves.

import { after, describe, test } from "node:test";
import assert from "node:assert/strict";

import { clientsOf, collect, connected, disconnected, next, TRANSPORTS, upgraded } from "../harness/clients.mjs";
import { conformance } from "../harness/sut.mjs";
import { until } from "../harness/until.mjs";

const PATIENT = {
  reconnection: true,
  reconnectionDelay: 50,
  reconnectionDelayMax: 100,
  randomizationFactor: 0,
};

for (const transport of TRANSPORTS) {
  describe(`over ${transport.name}`, () => {
    const place = { process: undefined };
    const { open } = clientsOf(
      {
        get url() {
          return place.process.url;
        },
      },
      transport,
    );
    after(() => place.process?.kill());

    for (const how of ["stopped", "killed"]) {
      test(`clients return to a server that was ${how}`, async () => {
        place.process = await conformance("api");
        const client = await open("/", PATIENT);
        const other = client.io.socket("/other", { auth: { who: "me" } });
        await connected(other);
        const [firstId, { port }] = [client.id, place.process];

        const lost = disconnected(client);
        await (how === "stopped" ? place.process.stop() : place.process.kill());
        assert.match(await lost, /^transport (?:close|error)$/);
        client.emit("echo", "kept while away");

        const back = collect(client, "echo");
        const welcome = next(other, "welcome");
        place.process = await conformance("api", [], port);
        await until(() => client.connected && other.connected, "both namespaces are back");
        if (transport.upgrades) {
          await upgraded(client);
        }
        await until(() => back.length === 1, "what was sent meanwhile has come back");
        assert.deepEqual(back, ["kept while away"]);
        assert.deepEqual((await welcome)[0].auth, { who: "me" });
        assert.notEqual(client.id, firstId);
        place.process.assertQuiet();
        client.disconnect();
        await place.process.kill();
      });
    }
  });
}

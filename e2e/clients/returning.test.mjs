// Every version of the official client loses its connection: what it keeps, and how it comes back.

import { after, describe, test } from "node:test";
import assert from "node:assert/strict";

import { call, clientsOf, collect, COMBINATIONS, connected, disconnected, next, TRANSPORTS, upgraded, VERSIONS } from "../harness/clients.mjs";
import { conformance, serverOfThisFile } from "../harness/sut.mjs";
import { until } from "../harness/until.mjs";

const server = await serverOfThisFile("api", ["--eio3", "on"]);

const PATIENT = {
  reconnection: true,
  reconnectionDelay: 50,
  reconnectionDelayMax: 100,
  randomizationFactor: 0,
};

for (const { name, transport, version } of COMBINATIONS) {
  describe(name, () => {
    const place = { process: undefined };
    const movable = {
      get url() {
        return place.process.url;
      },
    };
    const moving = clientsOf(movable, transport, version);
    const { start, open } = clientsOf(server, transport, version);
    after(() => place.process?.kill());

    // Version 4 does this in protocol/reconnect.test.mjs.
    if (version !== VERSIONS[0]) {
      test("it returns to a server that was killed, with all its namespaces", async () => {
        place.process = await conformance("api", ["--eio3", "on"]);
        const client = await moving.open("/", PATIENT);
        const other = client.io.socket("/other", {});
        await connected(other);
        const [firstId, { port }] = [client.id, place.process];
        const lost = disconnected(client);
        await place.process.kill();
        assert.match(await lost, /^transport (?:close|error)$/);
        client.emit("echo", "kept while away");
        const back = collect(client, "echo");
        place.process = await conformance("api", ["--eio3", "on"], port);
        await until(() => client.connected && other.connected, "both namespaces are back", 20_000);
        await until(() => back.length === 1, "what was sent meanwhile has come back");
        assert.deepEqual(back, ["kept while away"]);
        assert.notEqual(client.id, firstId);
        place.process.assertQuiet();
        client.disconnect();
        await place.process.kill();
      });
    }

    test("it returns when its connection breaks, as somebody new", async () => {
      const client = await open("/", PATIENT);
      const { id } = client;
      const [back, reason] = [next(client, "connect"), disconnected(client)];
      client.io.engine.close();
      assert.equal(await reason, "forced close");
      await back;
      assert.notEqual(client.id, id);
      if (transport.upgrades) {
        await upgraded(client);
      }
      assert.deepEqual(await call(client, "echo", "back"), ["back"]);
    });

    test("it keeps what is sent before it is connected, in order, text and bytes", async () => {
      const client = start();
      const back = collect(client, "echo");
      const acks = [1, 2, 3].map((it) => call(client, "echo", it));
      client.emit("echo", "first");
      client.emit("echo", Buffer.of(1, 2));
      client.emit("echo", "last");
      assert.deepEqual((await Promise.all(acks)).flat(), [1, 2, 3]);
      await until(() => back.length === 3, "all three are back");
      assert.deepEqual(back, ["first", Buffer.of(1, 2), "last"]);
    });

    test("a socket that left may come back, as somebody new", async () => {
      const client = await open();
      const { id } = client;
      client.disconnect();
      // Versions 2 and 3 get stuck if they are asked to return before they have gone.
      await until(() => client.io.engine.readyState === "closed", "it has gone");
      client.connect();
      client.emit("echo", "kept");
      assert.deepEqual(await next(client, "echo"), ["kept"]);
      assert.notEqual(client.id, id);
    });

    test("it gives up after as many attempts as it was told", async () => {
      const gone = clientsOfNowhere.get(name);
      const client = gone.start("/", { ...PATIENT, reconnectionAttempts: 2 });
      const failed = new Promise((done) => client.io.once("reconnect_failed", done));
      let attempts = 0;
      client.io.on("reconnect_attempt", () => (attempts += 1));
      await failed;
      assert.equal(attempts, 2);
      assert.equal(client.connected, false);
    });
  });
}

const clientsOfNowhere = new Map(
  COMBINATIONS.map(({ name, transport, version }) => [
    name,
    clientsOf({ url: "http://127.0.0.1:9" }, transport, version),
  ]),
);

for (const transport of TRANSPORTS) {
  describe(`socket.io-client 4 with retries, over ${transport.name}`, () => {
    const { start, open } = clientsOf(server, transport);
    const STUBBORN = { ...PATIENT, retries: 3, ackTimeout: 200 };

    test("one event is under way at a time, and all arrive in order", async () => {
      const client = await open("/", STUBBORN);
      const sent = Array.from({ length: 10 }, (_, i) => i);
      const answers = sent.map((it) => client.emitWithAck("echo", it));
      assert.deepEqual(await Promise.all(answers), sent);
    });

    test("an event that nobody answers is sent as often as was said, and then fails", async () => {
      const client = await open("/", STUBBORN);
      const events = [];
      client.onAnyOutgoing((event) => events.push(event));
      await assert.rejects(client.emitWithAck("never"), /operation has timed out/);
      assert.deepEqual(events, Array(4).fill("never"));
      assert.equal(await client.emitWithAck("echo", "then the next"), "then the next");
    });

    test("what was not answered when the connection broke is sent again", async () => {
      const client = await open("/", { ...STUBBORN, retries: 100 });
      const answers = [1, 2, 3].map((it) => client.emitWithAck("echo", it));
      client.io.engine.close();
      answers.push(client.emitWithAck("echo", 4));
      assert.deepEqual(await Promise.all(answers), [1, 2, 3, 4]);
    });

    test("a volatile event before the connection is there is forgotten", async () => {
      const client = start();
      const back = collect(client, "echo");
      client.volatile.emit("echo", "forgotten");
      client.emit("echo", "kept");
      await until(() => 0 < back.length, "something is back");
      assert.deepEqual(back, ["kept"]);
    });
  });
}

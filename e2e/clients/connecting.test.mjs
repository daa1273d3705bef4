// Every version of the official client: namespaces, what they send along, refusals, the end.

import { describe, test } from "node:test";
import assert from "node:assert/strict";

import { call, clientsOf, COMBINATIONS, connected, disconnected, next } from "../harness/clients.mjs";
import { serverOfThisFile } from "../harness/sut.mjs";
import { until } from "../harness/until.mjs";

const server = await serverOfThisFile("api", ["--eio3", "on"]);

for (const { name, transport, version } of COMBINATIONS) {
  describe(name, () => {
    const { start, open } = clientsOf(server, transport, version);
    const { isOld } = version;

    /** What refuses a client. Of a middleware, version 2 is told the data, or else the message. */
    async function refusal(client) {
      const [error] = await next(client, isOld ? "error" : "connect_error");
      return isOld ? error : { message: error.message, data: error.data };
    }

    test("it connects and knows its id", async () => {
      const client = start();
      const [welcome] = await next(client, "welcome");
      assert.deepEqual(welcome, { id: client.id, namespace: "/", auth: {} });
      assert.match(client.id, /^[\w-]{20}$/);
      // The old protocol has no other id to give than that of the session.
      assert.equal(client.id === client.io.engine.id, isOld === true);
    });

    test("the server knows its transport, its query and its address", async () => {
      const client = await open("/", { query: { colour: "blue & grün" } });
      const [about] = await call(client, "about");
      assert.equal(about.transport, transport.upgrades ? "websocket" : transport.name);
      assert.equal(about.colour, "blue & grün");
      assert.equal(about.address, "127.0.0.1");
    });

    test("what it sends along with a namespace arrives", async () => {
      const sent = { token: "abc", who: "grün & Я" };
      // Version 2 sends the query of the namespace's address, which then is the auth payload.
      const query = new URLSearchParams(sent);
      const client = isOld ? start(`/other?${query}`) : start("/other", { auth: sent });
      const [welcome] = await next(client, "welcome");
      assert.deepEqual([welcome.namespace, welcome.id], ["/other", client.id]);
      const { token, who } = welcome.auth;
      assert.deepEqual({ token, who }, sent);
      assert.match(client.id, isOld ? /^\/other#[\w-]{20}$/ : /^[\w-]{20}$/);
    });

    test("an unknown namespace is refused", async () => {
      const client = start("/nowhere");
      assert.equal((await refusal(client)).message, "Invalid namespace");
      assert.equal(client.connected, false);
    });

    test("a middleware refuses with a message and data", async () => {
      const client = isOld ? start("/admin?token=no") : start("/admin", { auth: { token: "no" } });
      const data = { status: 401, hint: "say the word" };
      const expected = isOld ? data : { message: "not authorized", data };
      assert.deepEqual(await refusal(client), expected);
    });

    test("a middleware lets those in who know the word", async () => {
      const token = "let-me-in";
      const client = isOld ? start(`/admin?token=${token}`) : start("/admin", { auth: { token } });
      await connected(client);
      assert.deepEqual(await call(client, "echo", "inside"), ["inside"]);
    });

    test("two namespaces share one connection and keep their events apart", async () => {
      const main = await open();
      const other = main.io.socket("/other", {});
      await connected(other);
      const strays = [];
      main.on("echo", (it) => strays.push(it));
      other.emit("echo", "for the other");
      assert.deepEqual(await next(other, "echo"), ["for the other"]);
      assert.deepEqual(await call(main, "echo", "for the main"), ["for the main"]);
      assert.deepEqual(await call(other, "echo", Buffer.of(1)), [Buffer.of(1)]);
      assert.deepEqual(strays, []);
      other.disconnect();
      assert.deepEqual(await call(main, "echo", "still here"), ["still here"]);
    });

    test("a refused namespace leaves the others alone", async () => {
      const main = await open();
      const nowhere = main.io.socket("/nowhere", {});
      await refusal(nowhere);
      assert.deepEqual(await call(main, "echo", 1), [1]);
    });

    test("it leaves, and the server knows why", async () => {
      const client = await open();
      const { id } = client;
      const reason = disconnected(client);
      client.disconnect();
      assert.equal(await reason, "io client disconnect");
      const left = (it) => it.startsWith(`left / ${id} `);
      await until(() => server.lines.some(left), "the server says so");
      const why = server.lines.find(left).slice(`left / ${id} `.length);
      assert.match(why, /^(?:client namespace disconnect|transport close)$/);
    });

    for (const close of [false, true]) {
      test(`the server sends it away, ${close ? "with" : "without"} its connection`, async () => {
        const client = await open();
        const reason = disconnected(client);
        client.emit("kick", close);
        assert.equal(await reason, "io server disconnect");
        assert.equal(client.connected, false);
      });
    }
  });
}

describe("where nobody listens", () => {
  for (const { name, transport, version } of COMBINATIONS) {
    const { start } = clientsOf({ url: "http://127.0.0.1:9" }, transport, version);

    test(`connecting fails, and says so: ${name}`, async () => {
      const [error] = await next(start(), "connect_error");
      assert.match(error.message, /^(?:xhr poll|websocket) error$/);
    });
  }
});

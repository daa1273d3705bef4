// Connecting: namespaces, the auth payload, refusals, several namespaces over one connection.

import { describe, test } from "node:test";
import assert from "node:assert/strict";

import { clientsOf, connected, disconnected, next, refused, TRANSPORTS } from "../harness/clients.mjs";
import { isReference, serverOfThisFile } from "../harness/sut.mjs";
import { until } from "../harness/until.mjs";

const server = await serverOfThisFile("api");

for (const transport of TRANSPORTS) {
  describe(`over ${transport.name}`, () => {
    const { start, open } = clientsOf(server, transport);

    test("a client connects and knows its id", async () => {
      const client = start();
      const [welcome] = await next(client, "welcome");
      assert.deepEqual(welcome, { id: client.id, namespace: "/", auth: {} });
      assert.match(client.id, /^[\w-]{20}$/);
    });

    test("the socket's id is not the session's id, which is a secret", async () => {
      const client = await open();
      assert.match(client.io.engine.id, /^[\w-]{20}$/);
      assert.notEqual(client.id, client.io.engine.id);
    });

    test("the server knows the transport, the query and the address", async () => {
      const client = await open("/", { query: { colour: "blue & grün" }, auth: { name: "Ada" } });
      const name = transport.upgrades ? "websocket" : transport.name;
      assert.equal(client.io.engine.transport.name, name);
      assert.deepEqual(await client.emitWithAck("about"), {
        id: client.id,
        transport: name,
        colour: "blue & grün",
        address: "127.0.0.1",
        auth: { name: "Ada" },
      });
    });

    for (const [what, auth] of Object.entries({
      "a flat object": { token: "abc" },
      "a deep object": { a: { b: [1, { c: null }] }, ü: "ß\n\u2028" },
      "an empty object": {},
    })) {
      test(`the auth payload arrives: ${what}`, async () => {
        const client = start("/", { auth });
        const [welcome] = await next(client, "welcome");
        assert.deepEqual(welcome.auth, auth);
      });
    }

    test("the auth payload may come from a function", async () => {
      const client = start("/", { auth: (give) => give({ token: "late" }) });
      const [welcome] = await next(client, "welcome");
      assert.deepEqual(welcome.auth, { token: "late" });
    });

    test("an unknown namespace is refused", async () => {
      const client = start("/nowhere");
      const error = await refused(client);
      assert.equal(error.message, "Invalid namespace");
      assert.equal(client.connected, false);
    });

    test("a middleware refuses with a message and data", async () => {
      const error = await refused(start("/admin", { auth: { token: "wrong" } }));
      assert.equal(error.message, "not authorized");
      assert.deepEqual(error.data, { status: 401, hint: "say the word" });
    });

    test("a middleware lets those in who know the word", async () => {
      const client = start("/admin", { auth: { token: "let-me-in" } });
      const [welcome] = await next(client, "welcome");
      assert.equal(welcome.namespace, "/admin");
      assert.equal(await client.emitWithAck("echo", "inside"), "inside");
    });

    test("a refused client may try again on the same connection", async () => {
      const main = await open();
      const admin = main.io.socket("/admin", { auth: { token: "wrong" } });
      await refused(admin);
      admin.auth = { token: "let-me-in" };
      admin.connect();
      await connected(admin);
      assert.equal(await admin.emitWithAck("echo", "inside"), "inside");
      assert.equal(main.connected, true);
    });

    test("two namespaces share one connection and keep their events apart", async () => {
      const main = await open();
      const other = main.io.socket("/other", {});
      const [welcome] = await next(other, "welcome");
      assert.equal(welcome.namespace, "/other");
      assert.notEqual(main.id, other.id);
      const strays = [];
      main.on("echo", (it) => strays.push(it));
      other.emit("echo", "for the other");
      assert.deepEqual(await next(other, "echo"), ["for the other"]);
      assert.equal(await main.emitWithAck("echo", "for the main"), "for the main");
      assert.deepEqual(strays, []);
      other.disconnect();
      assert.equal(await main.emitWithAck("echo", "still here"), "still here");
      assert.equal(main.connected, true);
    });

    test("a namespace can be left and joined again", async () => {
      const main = await open();
      const other = main.io.socket("/other", {});
      await connected(other);
      const first = other.id;
      const reason = disconnected(other);
      other.disconnect();
      assert.equal(await reason, "io client disconnect");
      if (isReference) {
        // It can lose a CONNECT that follows a DISCONNECT at once: let it finish the first.
        await until(() => server.lines.some((it) => it.includes(` ${first} `)), "it left");
      }
      other.connect();
      await connected(other);
      assert.notEqual(other.id, first);
      assert.equal(await other.emitWithAck("echo", 1), 1);
    });

    test("a refused namespace leaves the others alone", async () => {
      const main = await open();
      const [admin, nowhere] = [main.io.socket("/admin", {}), main.io.socket("/nowhere", {})];
      const errors = await Promise.all([refused(admin), refused(nowhere)]);
      assert.deepEqual(errors.map((it) => it.message), ["not authorized", "Invalid namespace"]);
      assert.equal(await main.emitWithAck("echo", 1), 1);
    });

    test("twenty clients connect at once and each gets its own id", async () => {
      const clients = await Promise.all(Array.from({ length: 20 }, () => open()));
      assert.equal(new Set(clients.map((it) => it.id)).size, 20);
      const answers = await Promise.all(clients.map((it, i) => it.emitWithAck("echo", i)));
      assert.deepEqual(answers, clients.map((_, i) => i));
    });
  });
}

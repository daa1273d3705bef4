// Mode `sio-client`: what the tests of the official Socket.IO client look for, in every version.

import { describe, test } from "node:test";
import assert from "node:assert/strict";

import { call, clientsOf, COMBINATIONS, connected, next } from "../harness/clients.mjs";
import { serverOfThisFile } from "../harness/sut.mjs";
import { until } from "../harness/until.mjs";

const server = await serverOfThisFile("sio-client");
const BYTES = Buffer.from("asdfasdf");
const ISO_DATE = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

for (const { name, transport, version } of COMBINATIONS) {
  describe(name, () => {
    const { start, open } = clientsOf(server, transport, version);
    const { isOld } = version;

    /** The first `count` arguments of the next event: recovery adds one to every event. */
    async function hear(client, event, count = 1) {
      return (await next(client, event)).slice(0, count);
    }

    async function refusal(client) {
      const [error] = await next(client, isOld ? "error" : "connect_error");
      return isOld ? (error.message ?? error) : error.message;
    }

    for (const namespace of ["/foo", "/timeout_socket", "/valid", "/asd"]) {
      test(`${namespace} accepts`, async () => {
        await connected(start(namespace));
      });
    }

    for (const namespace of ["/timeout", "/invalid", "/bar"]) {
      test(`${namespace} is refused`, async () => {
        assert.equal(await refusal(start(namespace)), "Invalid namespace");
      });
    }

    test("/no and whoever has fail in the query are refused by a middleware", async () => {
      assert.equal(await refusal(start("/no")), "Auth failed (custom namespace)");
      const query = { fail: true };
      assert.equal(await refusal(start("/", { query })), "Auth failed (main namespace)");
    });

    test("/foo and / tell the id", async () => {
      const main = await open();
      assert.deepEqual(await call(main, "getId"), [main.id]);
      const foo = main.io.socket("/foo", {});
      await connected(foo);
      assert.deepEqual(await call(foo, "getId"), [foo.id]);
    });

    test("/abc tells the handshake with its query and auth", async () => {
      const query = { b: "c", d: "e&ü" };
      // Version 2 has the query only, and sends it to the namespace too.
      const client = isOld
        ? start("/abc", { query: { ...query, token: "x" } })
        : start("/abc", { query, auth: { token: "x" } });
      const [handshake] = await hear(client, "handshake");
      assert.equal(handshake.query.b, "c");
      assert.equal(handshake.query.d, "e&ü");
      assert.equal(handshake.query.EIO, isOld ? "3" : "4");
      assert.equal(handshake.auth.token, "x");
      assert.equal(handshake.secure, false);
      assert.equal(handshake.xdomain, false);
      assert.equal(handshake.address.replace("::ffff:", ""), "127.0.0.1");
      assert.equal(handshake.headers.host, new URL(server.url).host);
      assert(handshake.url.startsWith("/socket.io/?"), handshake.url);
      assert.equal(typeof handshake.issued, "number");
      assert.equal(typeof handshake.time, "string");
    });

    test("hi, false and the handshake", async () => {
      const client = await open("/", { query: { key: "ü" } });
      client.emit("hi");
      await hear(client, "hi");
      client.emit("false");
      assert.deepEqual(await hear(client, "false"), [false]);
      const [handshake] = await call(client, "getHandshake");
      assert.equal(handshake.query.key, "ü");
      assert.deepEqual(handshake.auth, {});
    });

    test("echo brings back its argument in the ack", async () => {
      const client = await open();
      for (const value of ["てすと", null, [1, { a: BYTES }], BYTES, "x".repeat(100_000)]) {
        assert.deepEqual(await call(client, "echo", value), [value]);
      }
    });

    test("ack: it asks, and looks at what is answered", async () => {
      const client = await open();
      client.once("ack", (...args) => args.find((it) => typeof it === "function")(5, { test: true }));
      client.emit("ack");
      await hear(client, "got it");
      let isTold = false;
      client.once("got it", () => (isTold = true));
      client.once("ack", (...args) => args.find((it) => typeof it === "function")(5, { test: false }));
      client.emit("ack");
      await until(() => !client.hasListeners("ack"), "it asks again");
      await call(client, "echo", "settle");
      assert.equal(isTold, false);
    });

    test("dates, in an ack, alone, and in an object", async () => {
      const client = await open();
      const [inAck] = await call(client, "getAckDate", { test: true });
      client.emit("getDate");
      const [alone] = await hear(client, "takeDate");
      client.emit("getDateObj");
      const [{ date }] = await hear(client, "takeDateObj");
      for (const it of [inAck, alone, date]) {
        assert.match(it, ISO_DATE);
        assert(Math.abs(Date.parse(it) - Date.now()) < 60_000, it);
      }
    });

    test("text of many scripts", async () => {
      const client = await open();
      const heard = [];
      client.on("takeUtf8", (it) => heard.push(it));
      client.emit("getUtf8");
      await until(() => heard.length === 5, "five texts");
      const dash = "utf8 — string";
      assert.deepEqual(heard, ["てすと", "Я Б Г Д Ж Й", "Ä ä Ü ü ß", dash, dash]);
    });

    test("bytes from the server", async () => {
      const client = await open();
      client.emit("doge");
      assert.deepEqual(await hear(client, "doge"), [BYTES]);
      client.emit("getbin");
      const [bytes] = await hear(client, "takebin");
      assert(Buffer.isBuffer(bytes) && 0 < bytes.length);
      client.emit("blob", Buffer.of(1, 2));
      assert.deepEqual(await hear(client, "blob"), [Buffer.of(1, 2)]);
    });

    const mixed = { hello: "lol", message: BYTES, goodbye: "gotcha" };
    for (const [ack, events] of Object.entries({
      "buffack": [["buffa", BYTES]],
      "jsonbuff-ack": [["jsonbuff", mixed]],
      "abuff2-ack": [["abuff1", BYTES], ["abuff2", BYTES]],
      "jsonblob-ack": [["jsonblob", mixed]],
      "blob3-ack": [["blob1", BYTES], ["blob2", BYTES], ["blob3", BYTES]],
    })) {
      test(`${ack} tells that bytes came as bytes, in order`, async () => {
        const client = await open();
        const told = hear(client, ack, 0);
        events.forEach(([event, value]) => client.emit(event, value));
        await told;
      });

      test(`${ack} stays away when they did not`, async () => {
        const client = await open();
        let isTold = false;
        client.once(ack, () => (isTold = true));
        const wrong = { hello: "lol", message: "text", goodbye: "gotcha" };
        events.forEach(([event, value]) => client.emit(event, value === mixed ? wrong : "text"));
        await call(client, "echo", "settle");
        assert.equal(isTold, false);
      });
    }

    test("the server pings every two seconds", async () => {
      const client = start();
      const [{ pingInterval, pingTimeout }] = await next(client.io.engine, "handshake");
      assert.deepEqual([pingInterval, pingTimeout], [2_000, 20_000]);
    });

    if (version.name === "socket.io-client 4") {
      test("a client that loses its connection is recovered, with what it missed", async () => {
        const client = await open("/", {
          reconnection: true,
          reconnectionDelay: 1,
          randomizationFactor: 0,
        });
        const { id } = client;
        // Without an event there is no offset, from which to go on.
        client.emit("hi");
        await hear(client, "hi");
        const back = next(client, "connect");
        client.io.engine.close();
        await back;
        assert.equal(client.recovered, true);
        assert.equal(client.id, id);
        assert.deepEqual(await call(client, "getId"), [id]);
      });
    }
  });
}

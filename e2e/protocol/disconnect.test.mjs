// Every way to end: what each side calls it, and that the other side hears of it.

import { describe, test } from "node:test";
import assert from "node:assert/strict";

import { clientsOf, collect, connected, disconnected, settle, TRANSPORTS } from "../harness/clients.mjs";
import { conformance, isReference, serverOfThisFile } from "../harness/sut.mjs";
import { until } from "../harness/until.mjs";

const server = await serverOfThisFile("api", ["--ping-interval", "400", "--ping-timeout", "300"]);

for (const transport of TRANSPORTS) {
  describe(`over ${transport.name}`, () => {
    const { open } = clientsOf(server, transport);

    /** A client, and what the server calls its end. */
    async function watched() {
      const [client, watcher] = await Promise.all([open(), open()]);
      await watcher.emitWithAck("watch");
      const left = collect(watcher, "left");
      const { id } = client;
      const serverReason = async () => {
        const mine = await until(() => left.filter((it) => it.id === id)[0], "the server says why");
        await settle(watcher);
        assert.equal(left.filter((it) => it.id === id).length, 1, "one end for one socket");
        return mine.reason;
      };
      return { client, reason: disconnected(client), serverReason };
    }

    test("the client leaves its only namespace", async () => {
      const { client, reason, serverReason } = await watched();
      client.disconnect();
      assert.equal(await reason, "io client disconnect");
      assert.equal(await serverReason(), "client namespace disconnect");
    });

    test("the server disconnects the socket from its namespace", async () => {
      const { client, reason, serverReason } = await watched();
      const other = client.io.socket("/other", {});
      await connected(other);
      client.emit("kick", false);
      assert.equal(await reason, "io server disconnect");
      assert.equal(await serverReason(), "server namespace disconnect");
      assert.equal(await other.emitWithAck("echo", "still here"), "still here");
    });

    test("the server closes the whole connection", async () => {
      const { client, reason, serverReason } = await watched();
      const other = client.io.socket("/other", {});
      await connected(other);
      const otherReason = disconnected(other);
      client.emit("kick", true);
      assert.equal(await reason, "io server disconnect");
      assert.equal(await otherReason, "io server disconnect");
      assert.equal(await serverReason(), "server namespace disconnect");
      await until(() => client.io.engine.readyState === "closed", "the connection is closed");
    });

    test("what was sent before a disconnect by the server still arrives", async () => {
      const { client, reason } = await watched();
      const ticks = collect(client, "tick");
      client.emit("ticks", 100);
      client.emit("kick", true);
      assert.equal(await reason, "io server disconnect");
      assert.equal(ticks.length, 100);
    });

    test("what was sent before a disconnect by the client still arrives", async () => {
      const { client, serverReason } = await watched();
      const listener = await open();
      await listener.emitWithAck("join", "last words");
      const told = collect(listener, "told");
      client.emit("tell", { rooms: ["last words"], except: [], args: ["farewell"] }, () => {});
      client.disconnect();
      await serverReason();
      await settle(listener);
      // The official server drops an event whose socket is gone before its handler's turn.
      assert.deepEqual(told, isReference && told.length === 0 ? [] : ["farewell"]);
    });

    test("the client closes its connection", async () => {
      const { client, reason, serverReason } = await watched();
      client.io.engine.close();
      assert.equal(await reason, "forced close");
      assert.equal(await serverReason(), "transport close");
    });

    test("the client falls silent", async () => {
      const { client, serverReason } = await watched();
      // It hears the ping, and does not answer.
      client.io.engine._sendPacket = () => {};
      assert.equal(await serverReason(), "ping timeout");
    });

    for (const [what, packet, expected] of [
      ["a packet of no layer", "9garbage", "parse error"],
      ["a packet without its JSON", '2["half', "forced close"],
      ["a packet that only servers send", '4{"message":"no"}', "forced close"],
    ]) {
      test(`the client sends ${what}`, async () => {
        const { client, reason, serverReason } = await watched();
        const { engine } = client.io;
        if (packet.startsWith("9")) {
          sendRaw(engine, packet);
        } else {
          engine.write(packet);
        }
        // The official client calls it an error when a poll is refused.
        assert.match(await reason, /^transport (?:close|error)$/);
        assert.equal(await serverReason(), expected);
      });
    }

    test("an ended socket gets no more events, and its end is told once", async () => {
      const { client, reason, serverReason } = await watched();
      const reasons = collect(client, "disconnect");
      client.disconnect();
      client.disconnect();
      await reason;
      await serverReason();
      assert.equal(reasons.length, 1);
    });

    test("the server says goodbye when it stops, and exits with 0", async () => {
      const stopping = await conformance("api");
      try {
        const client = await open("/", {}, stopping);
        const { id } = client;
        const reason = disconnected(client);
        assert.equal(await stopping.stop(), 0);
        assert.equal(await reason, "transport close");
        const line = `left / ${id} server shutting down`;
        assert(stopping.lines.includes(line), stopping.lines.join("\n"));
      } finally {
        await stopping.kill();
      }
    });
  });
}

/** Sends a packet that the client's own encoder would never write. */
function sendRaw(engine, packet) {
  if (engine.transport.name === "websocket") {
    engine.transport.ws.send(packet);
  } else {
    engine.transport.doWrite(packet, () => {});
  }
}

// Rooms: who hears what.

import { describe, test } from "node:test";
import assert from "node:assert/strict";

import { clientsOf, collect, connected, settle, TRANSPORTS } from "../harness/clients.mjs";
import { serverOfThisFile } from "../harness/sut.mjs";

const server = await serverOfThisFile("api");

for (const transport of TRANSPORTS) {
  describe(`over ${transport.name}`, () => {
    const { open } = clientsOf(server, transport);

    /** Clients in the given rooms, each with the list of what it was told. */
    async function people(rooms) {
      const open1 = async ([name, joined]) => {
        const client = await open();
        for (const room of joined) {
          await client.emitWithAck("join", room);
        }
        return [name, { client, told: collect(client, "told") }];
      };
      return Object.fromEntries(await Promise.all(Object.entries(rooms).map(open1)));
    }

    async function heard(all) {
      await settle(...Object.values(all).map((it) => it.client));
      return Object.fromEntries(Object.entries(all).map(([name, it]) => [name, it.told]));
    }

    test("join and leave give the rooms one is in", async () => {
      const client = await open();
      assert.deepEqual(await client.emitWithAck("join", "b"), ["b"]);
      assert.deepEqual(await client.emitWithAck("join", "a"), ["a", "b"]);
      assert.deepEqual(await client.emitWithAck("join", "a"), ["a", "b"]);
      assert.deepEqual(await client.emitWithAck("leave", "b"), ["a"]);
      assert.deepEqual(await client.emitWithAck("leave", "never joined"), ["a"]);
      assert.deepEqual(await client.emitWithAck("sockets", "a"), [client.id]);
      assert.deepEqual(await client.emitWithAck("leave", "a"), []);
      assert.deepEqual(await client.emitWithAck("sockets", "a"), []);
    });

    test("a room hears what one of it says, and nobody else does", async () => {
      const all = await people({ ann: ["x"], bob: ["x"], cy: ["y"], dee: [] });
      await all.ann.client.emitWithAck("tell", { rooms: ["x"], except: [], args: ["hi", { n: 1 }] });
      assert.deepEqual(await heard(all), { ann: [], bob: [["hi", { n: 1 }]], cy: [], dee: [] });
    });

    test("one who is not in a room may speak to it", async () => {
      const all = await people({ ann: [], bob: ["x1"] });
      await all.ann.client.emitWithAck("tell", { rooms: ["x1"], except: [], args: ["hi"] });
      assert.deepEqual(await heard(all), { ann: [], bob: ["hi"] });
    });

    test("several rooms: whoever is in more than one hears it once", async () => {
      const all = await people({ ann: [], bob: ["p", "q"], cy: ["q"], dee: ["r"] });
      await all.ann.client.emitWithAck("tell", { rooms: ["p", "q"], except: [], args: [1] });
      assert.deepEqual(await heard(all), { ann: [], bob: [1], cy: [1], dee: [] });
    });

    test("except leaves out a room and a single socket", async () => {
      const all = await people({ ann: [], bob: ["s"], cy: ["s", "quiet"], dee: ["s"] });
      const except = ["quiet", all.dee.client.id];
      await all.ann.client.emitWithAck("tell", { rooms: ["s"], except, args: [1] });
      assert.deepEqual(await heard(all), { ann: [], bob: [1], cy: [], dee: [] });
    });

    test("a socket's id is a room of its own", async () => {
      const all = await people({ ann: [], bob: [], cy: [] });
      const rooms = [all.bob.client.id];
      await all.ann.client.emitWithAck("tell", { rooms, except: [], args: ["psst"] });
      assert.deepEqual(await heard(all), { ann: [], bob: ["psst"], cy: [] });
    });

    test("broadcast reaches everybody but the sender", async () => {
      const all = await people({ ann: ["t"], bob: [], cy: ["u"] });
      await all.ann.client.emitWithAck("broadcast", "all of you");
      assert.deepEqual(await heard(all), { ann: [], bob: ["all of you"], cy: ["all of you"] });
    });

    test("the server speaks to everybody, to rooms, and to all except some", async () => {
      const all = await people({ ann: ["v"], bob: ["v", "w"], cy: [] });
      await all.ann.client.emitWithAck("all", { rooms: [], except: [], args: [1] });
      await all.ann.client.emitWithAck("all", { rooms: ["v"], except: [], args: [2] });
      await all.ann.client.emitWithAck("all", { rooms: [], except: ["w"], args: [3] });
      assert.deepEqual(await heard(all), { ann: [1, 2, 3], bob: [1, 2], cy: [1, 3] });
    });

    test("who has left a room hears no more of it", async () => {
      const all = await people({ ann: [], bob: ["z"] });
      await all.bob.client.emitWithAck("leave", "z");
      await all.ann.client.emitWithAck("tell", { rooms: ["z"], except: [], args: [1] });
      assert.deepEqual(await heard(all), { ann: [], bob: [] });
    });

    test("who disconnects is gone from every room", async () => {
      const all = await people({ ann: ["log"], bob: ["gone1", "gone2"] });
      const left = collect(all.ann.client, "left");
      const { id } = all.bob.client;
      all.bob.client.disconnect();
      while (!left.some((it) => it.id === id)) {
        await settle(all.ann.client);
      }
      assert.deepEqual(await all.ann.client.emitWithAck("sockets", "gone1"), []);
      assert.deepEqual(await all.ann.client.emitWithAck("sockets", id), []);
    });

    test("rooms of one name in two namespaces are two rooms", async () => {
      const all = await people({ ann: ["same"], bob: ["same"] });
      const other = all.bob.client.io.socket("/other", {});
      await connected(other);
      const told = collect(other, "told");
      await other.emitWithAck("join", "same");
      await all.ann.client.emitWithAck("tell", { rooms: ["same"], except: [], args: [1] });
      assert.deepEqual(await heard(all), { ann: [], bob: [1] });
      await settle(other);
      assert.deepEqual(told, []);
    });

    test("one hundred broadcasts reach twenty clients in order", async () => {
      const names = Array.from({ length: 20 }, (_, i) => `n${i}`);
      const all = await people(Object.fromEntries(names.map((it) => [it, ["crowd"]])));
      const sender = all.n0.client;
      const numbers = Array.from({ length: 100 }, (_, i) => i);
      await Promise.all(
        numbers.map((i) => sender.emitWithAck("tell", { rooms: ["crowd"], except: [], args: [i] })),
      );
      const { n0, ...others } = await heard(all);
      assert.deepEqual(n0, []);
      Object.values(others).forEach((it) => assert.deepEqual(it, numbers));
    });
  });
}

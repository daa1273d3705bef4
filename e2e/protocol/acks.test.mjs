// Acks: both ways, with nothing, with much, and when none comes.

import { describe, test } from "node:test";
import assert from "node:assert/strict";

import { clientsOf, collect, TRANSPORTS } from "../harness/clients.mjs";
import { serverOfThisFile } from "../harness/sut.mjs";

const server = await serverOfThisFile("api");

for (const transport of TRANSPORTS) {
  describe(`over ${transport.name}`, () => {
    const { open } = clientsOf(server, transport);

    test("an ack without arguments", async () => {
      const client = await open();
      const args = await new Promise((done) => client.emit("nothing", (...it) => done(it)));
      assert.deepEqual(args, []);
    });

    test("an ack with several arguments", async () => {
      const client = await open();
      const args = await new Promise((done) => client.emit("echo", 1, "b", null, [{}], (...it) => done(it)));
      assert.deepEqual(args, [1, "b", null, [{}]]);
    });

    test("an ack that never comes times out on the client", async () => {
      const client = await open();
      await assert.rejects(client.timeout(50).emitWithAck("never"), /operation has timed out/);
      assert.equal(await client.emitWithAck("echo", "alive"), "alive");
    });

    test("an event with an ack that nobody handles times out on the client", async () => {
      const client = await open();
      await assert.rejects(client.timeout(50).emitWithAck("unheard of", 1), /has timed out/);
    });

    test("acks find their way to their own callers", async () => {
      const client = await open();
      const answers = Array.from({ length: 300 }, (_, i) => client.emitWithAck("echo", { i }));
      assert.deepEqual(await Promise.all(answers), answers.map((_, i) => ({ i })));
    });

    test("the server asks and the client answers", async () => {
      const client = await open();
      client.on("question", (question, ack) => ack(`${question} 42`));
      assert.deepEqual(await client.emitWithAck("ask", "how much?", 5_000), { answer: "how much? 42" });
    });

    test("the server asks and the client never answers", async () => {
      const client = await open();
      const questions = collect(client, "question");
      assert.deepEqual(await client.emitWithAck("ask", "anybody?", 50), { error: "timeout" });
      assert.equal(questions.length, 1);
    });

    test("an answer that comes too late changes nothing", async () => {
      const client = await open();
      let late;
      client.on("question", (_question, ack) => (late = ack));
      assert.deepEqual(await client.emitWithAck("ask", "now?", 50), { error: "timeout" });
      late("too late");
      client.removeAllListeners("question");
      client.on("question", (_question, ack) => ack("in time"));
      assert.deepEqual(await client.emitWithAck("ask", "and now?", 5_000), { answer: "in time" });
    });

    test("a question to a client that leaves ends with the timeout or before", async () => {
      const [asking, watcher] = await Promise.all([open(), open()]);
      await watcher.emitWithAck("watch");
      const left = collect(watcher, "left");
      asking.on("question", () => asking.disconnect());
      await assert.rejects(asking.emitWithAck("ask", "still there?", 100), /disconnected/);
      assert.equal(await watcher.emitWithAck("echo", 1), 1);
      assert.deepEqual(left.filter((it) => it.id === asking.id), []);
    });

    test("state is shared by all sockets, and data belongs to one", async () => {
      const [one, two] = await Promise.all([open(), open()]);
      const first = await one.emitWithAck("count");
      assert.equal(await two.emitWithAck("count"), first + 1);
      one.emit("remember", { secret: 1 });
      assert.deepEqual(await one.emitWithAck("recall"), { secret: 1 });
      assert.equal(await two.emitWithAck("recall"), null);
    });
  });
}

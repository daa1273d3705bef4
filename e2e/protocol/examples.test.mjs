// The examples for readers do what they say. (Only ours: the official server has its own.)

import { afterEach, test } from "node:test";
import assert from "node:assert/strict";

import { clientsOf, collect, next } from "../harness/clients.mjs";
import { example, isReference } from "../harness/sut.mjs";
import { until } from "../harness/until.mjs";

if (!isReference) {
  let server;
  afterEach(async () => {
    server.assertQuiet();
    await server.kill();
  });
  const place = {
    get url() {
      return server.url;
    },
  };
  const { open } = clientsOf(place, { options: {} });

  test("chat: what one says, the others hear", async () => {
    server = await example("chat", ["0"]);
    const ada = await open("/", { auth: { name: "Ada" } });
    const counts = collect(ada, "count");
    const bob = await open("/", { auth: { name: "Bob" } });
    await until(() => counts.includes(2), "Ada sees that two are here");
    const said = next(ada, "said");
    assert.equal(await bob.emitWithAck("say", "hello"), "delivered");
    assert.deepEqual(await said, ["Bob", "hello"]);
  });

  test("axum-mount: axum and Socket.IO answer at one port", async () => {
    server = await example("axum-mount", ["0"]);
    assert.match(await (await fetch(server.url)).text(), /This page is axum's/);
    const client = await open();
    assert.equal(await client.emitWithAck("ping me"), "pong");
    const news = next(client, "news");
    const { status } = await fetch(`${server.url}/news`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ headline: "it works" }),
    });
    assert.equal(status, 202);
    assert.deepEqual(await news, [{ headline: "it works" }]);
    assert.equal((await fetch(`${server.url}/nothing`)).status, 404);
  });
}

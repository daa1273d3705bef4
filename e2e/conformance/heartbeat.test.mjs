// Modes `eio` and `eio-client`: the heartbeat in both revisions of the protocol. It fires at its
// time and never before; how late is the machine's business.

import { describe, test } from "node:test";
import assert from "node:assert/strict";

import { ask, Peer } from "../harness/raw.mjs";
import { expected, serverOfThisFile } from "../harness/sut.mjs";
import { until } from "../harness/until.mjs";

const server = await serverOfThisFile("eio");
const PATH = "/engine.io/";

/** Counted from before the handshake, so that a slow reader cannot make the server look early. */
function assertNotBefore(start, milliseconds) {
  const passed = performance.now() - start;
  assert(milliseconds - 2 <= passed, `${passed} ms is before ${milliseconds}`);
}

describe("revision 4", () => {
  const QUERY = "EIO=4&transport=websocket";

  test("a ping every 300 ms, as long as it is answered", async () => {
    const start = performance.now();
    const peer = await Peer.open(server, QUERY, PATH);
    for (let i = 1; i <= 3; i += 1) {
      assert.equal(await peer.next(), "2");
      assertNotBefore(start, i * 300);
      peer.send("3");
    }
    peer.close();
  });

  test("no pong for 200 ms ends the connection", async () => {
    const start = performance.now();
    const peer = await Peer.open(server, QUERY, PATH);
    await peer.closeCode();
    assertNotBefore(start, 500);
    assert.deepEqual(peer.messages, ["2"]);
  });

  test("over polling the ping comes with a poll, and silence ends the session", async () => {
    const start = performance.now();
    const { text } = await ask(server, "EIO=4&transport=polling", { path: PATH });
    const query = `EIO=4&transport=polling&sid=${JSON.parse(text.slice(1)).sid}`;
    const poll = await ask(server, query, { path: PATH });
    assert.equal(poll.text, "2");
    assertNotBefore(start, 300);
    const isGone = async () => (await ask(server, query, { path: PATH })).status === 400;
    await until(isGone, "the session is over");
    assertNotBefore(start, 500);
  });
});

describe("revision 3", () => {
  const QUERY = "EIO=3&transport=websocket";

  test("the client pings, and is answered", async () => {
    const peer = await Peer.open(server, QUERY, PATH);
    for (let i = 0; i < 3; i += 1) {
      peer.send("2");
      assert.equal(await peer.next(), "3");
    }
    peer.send("2probe");
    assert.equal(await peer.next(), expected({ official: "3", ours: "3probe" }));
    peer.close();
  });

  test("the server does not ping, and 500 ms without one from the client end the connection", async () => {
    const start = performance.now();
    const peer = await Peer.open(server, QUERY, PATH);
    await peer.closeCode();
    assertNotBefore(start, 500);
    assert.deepEqual(peer.messages, []);
  });

  test("messages are no pings", async () => {
    const start = performance.now();
    const peer = await Peer.open(server, QUERY, PATH);
    const talk = setInterval(() => !peer.isClosed && peer.send("4hello"), 50);
    await peer.closeCode();
    clearInterval(talk);
    assertNotBefore(start, 500);
    assert(peer.messages.every((it) => it === "4hello"));
  });

  test("a client that pings lives on", async () => {
    const start = performance.now();
    const peer = await Peer.open(server, QUERY, PATH);
    const ping = setInterval(() => peer.send("2"), 100);
    await until(() => 1_200 < performance.now() - start || peer.isClosed, "more than two timeouts pass");
    assert.equal(peer.isClosed, false);
    clearInterval(ping);
    peer.close();
  });
});

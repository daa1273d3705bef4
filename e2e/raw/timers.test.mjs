// Mode `sio` of the conformance server: short heartbeats, and what its suite looks for.

import { describe, test } from "node:test";
import assert from "node:assert/strict";

import { serverOfThisFile } from "../harness/sut.mjs";
import { ask, Peer, Polling } from "../harness/raw.mjs";
import { until } from "../harness/until.mjs";

const server = await serverOfThisFile("sio");

async function connected(auth = "") {
  const peer = await Peer.open(server);
  peer.send(`40${auth}`);
  assert.match(await peer.next(), /^40\{"sid":"[\w-]{20}"\}$/);
  assert.equal(await peer.next(), `42["auth",${auth || "{}"}]`);
  return peer;
}

describe("mode sio", () => {
  test("echoes events, acks and the auth payload", async () => {
    const peer = await connected('{"token":"123"}');
    peer.send('42["message",1,"2",{"3":[true]}]');
    assert.equal(await peer.next(), '42["message-back",1,"2",{"3":[true]}]');
    peer.send('42456["message-with-ack",1,"2",{"3":[false]}]');
    assert.equal(await peer.next(), '43456[1,"2",{"3":[false]}]');
    peer.close();
  });

  test("echoes bytes in events and acks", async () => {
    const peer = await connected();
    const args = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}';
    peer.send(`452-["message",${args}]`, Buffer.of(1, 2, 3), Buffer.of(4));
    assert.equal(await peer.next(), `452-["message-back",${args}]`);
    assert.deepEqual([await peer.next(), await peer.next()], [Buffer.of(1, 2, 3), Buffer.of(4)]);
    peer.send(`452-789["message-with-ack",${args}]`, Buffer.of(1), Buffer.of(2));
    assert.equal(await peer.next(), `462-789[${args}]`);
    assert.deepEqual([await peer.next(), await peer.next()], [Buffer.of(1), Buffer.of(2)]);
    peer.close();
  });

  test("has the namespace /custom and no other", async () => {
    const peer = await connected();
    peer.send('40/custom,{"token":"abc"}');
    assert.match(await peer.next(), /^40\/custom,\{"sid":"[\w-]{20}"\}$/);
    assert.equal(await peer.next(), '42/custom,["auth",{"token":"abc"}]');
    peer.send("40/random");
    assert.equal(await peer.next(), '44/random,{"message":"Invalid namespace"}');
    peer.send("41/custom");
    peer.send('42["message","still here"]');
    assert.equal(await peer.next(), '42["message-back","still here"]');
    peer.close();
  });
});

describe("the heartbeat", () => {
  test("over websocket: a ping every 300 ms, as long as it is answered", async () => {
    const start = performance.now();
    const peer = await connected();
    for (let i = 1; i <= 3; i += 1) {
      assert.equal(await peer.next(), "2");
      assertAbout(performance.now() - start, i * 300);
      peer.send("3");
    }
    peer.close();
  });

  test("over websocket: no pong for 200 ms ends it", async () => {
    const start = performance.now();
    const peer = await connected();
    assert.equal(await peer.next(), "2");
    await peer.closeCode();
    assertAbout(performance.now() - start, 500);
  });

  test("over polling: a ping, and the end of the session without a pong", async () => {
    const polling = await Polling.open(server, { connect: false });
    assert.deepEqual(await polling.packets(), ["2"]);
    await polling.say("3");
    assert.deepEqual(await polling.packets(), ["2"]);
    const { status, text } = await polling.poll();
    // The poll that waits when the time is up is told to close.
    assert.ok((status === 200 && /^[16]$/.test(text)) || status === 400, `${status} ${text}`);
    await polling.assertGone();
  });

  test("a packet while the pong is due gives one more timeout, once", async () => {
    const start = performance.now();
    const peer = await connected();
    assert.equal(await peer.next(), "2");
    const say = setInterval(() => !peer.isClosed && peer.send('42["message"]'), 100);
    await peer.closeCode();
    clearInterval(say);
    assertAbout(performance.now() - start, 600);
  });
});

describe("the time to connect", () => {
  test("ends a client that joins no namespace within a second", async () => {
    const [peer, polling] = [await Peer.open(server), await Polling.open(server, { connect: false })];
    const pongs = setInterval(() => peer.messages.splice(0).forEach(() => peer.send("3")), 20);
    await peer.closeCode();
    clearInterval(pongs);
    const isGone = async () => (await ask(server, polling.query)).status === 400;
    await until(isGone, "the polling session is over");
  });

  test("does not end one that has joined", async () => {
    const peer = await connected();
    const start = performance.now();
    while (performance.now() - start < 1_200) {
      if ((await peer.next()) === "2") {
        peer.send("3");
      }
    }
    peer.send('42["message"]');
    assert.equal(await peer.next(), '42["message-back"]');
    peer.close();
  });
});

/**
 * Not before its time, and not much later on a machine that does other things too. Counted from
 * before the handshake, so that a slow reader here cannot make the server look early.
 */
function assertAbout(milliseconds, expected) {
  assert.ok(expected - 2 <= milliseconds, `${milliseconds} ms is before ${expected}`);
  assert.ok(milliseconds < expected + 400, `${milliseconds} ms is long after ${expected}`);
}

// From polling to WebSocket by hand: the probe, the change, and what must not happen in between.

import { describe, test } from "node:test";
import assert from "node:assert/strict";

import { expected, serverOfThisFile } from "../harness/sut.mjs";
import {
  ask, assertError, frame, healthyBystander, Peer, Polling, rawExchange, upgradeRequest,
} from "../harness/raw.mjs";

const server = await serverOfThisFile("api");
await healthyBystander(server);

async function candidate(polling) {
  return Peer.open(server, `EIO=4&transport=websocket&sid=${polling.handshake.sid}`);
}

async function probed(polling) {
  const peer = await candidate(polling);
  peer.send("2probe");
  assert.equal(await peer.next(), "3probe");
  return peer;
}

async function upgradedPeer(polling) {
  const peer = await probed(polling);
  peer.send("5");
  return peer;
}

describe("an upgrade", () => {
  test("is probed, frees the pending poll, and takes over", async () => {
    const polling = await Polling.open(server);
    const poll = await polling.pending();
    const peer = await probed(polling);
    assert.equal((await poll.answer).text, "6");
    peer.send("5");
    await peer.assertAlive();
    assertError(await polling.poll(), 400, 3);
    assertError(await polling.post("3"), 400, 3);
    peer.send('420["about"]');
    const [about] = JSON.parse((await peer.next()).slice(3));
    assert.equal(about.transport, "websocket");
    assert.equal(about.id, polling.id);
    peer.close();
    assert.equal(await polling.serverReason(), "transport close");
  });

  test("frees each poll that comes while it is under way", async () => {
    const polling = await Polling.open(server);
    const peer = await probed(polling);
    for (let i = 0; i < 3; i += 1) {
      assert.deepEqual(await polling.packets(), ["6"]);
    }
    peer.send("5");
    await peer.assertAlive();
    peer.close();
  });

  test("hands over what was waiting for the next poll", async () => {
    const polling = await Polling.open(server);
    const peer = await probed(polling);
    await polling.say('42["echo",1]\u001e42["echo",2]');
    peer.send("5");
    assert.deepEqual([await peer.next(), await peer.next()], ['42["echo",1]', '42["echo",2]']);
    peer.close();
  });

  test("loses nothing that is sent over either transport meanwhile", async () => {
    const polling = await Polling.open(server);
    await polling.say('42["echo","before"]');
    const peer = await probed(polling);
    await polling.say('42["echo","between"]');
    const early = await polling.packets();
    peer.send("5", '42["echo","after"]');
    const seen = early.filter((it) => it !== "6");
    while (seen.at(-1) !== '42["echo","after"]') {
      seen.push(await peer.next());
    }
    const names = seen.map((it) => JSON.parse(it.slice(2))[1]);
    assert.deepEqual(names, ["before", "between", "after"]);
    peer.close();
  });

  for (const [what, packets] of Object.entries({
    "an event": ['42["echo",1]'],
    "a ping without the word": ["2"],
    "a ping with another word": ["2prob"],
    "garbage": ["garbage"],
    "bytes": [Buffer.from("2probe")],
    "an event after the probe": ["2probe", '42["echo",1]'],
  })) {
    test(`begun with ${what} is closed, and the session goes on over polling`, async () => {
      const polling = await Polling.open(server);
      const peer = await candidate(polling);
      peer.send(...packets);
      await peer.closeCode();
      await polling.assertAlive();
      const second = await upgradedPeer(polling);
      await second.assertAlive();
      second.close();
    });
  }

  test("whose WebSocket is lost before it takes over leaves the session", async () => {
    const polling = await Polling.open(server);
    const peer = await probed(polling);
    peer.close();
    await polling.assertAlive();
  });

  test("is one at a time: the second attempt is closed", async () => {
    const polling = await Polling.open(server);
    const first = await probed(polling);
    const second = await candidate(polling);
    await second.closeCode();
    first.send("5");
    await first.assertAlive();
    first.close();
  });

  test("happens once: another attempt afterwards is closed", async () => {
    const polling = await Polling.open(server);
    const first = await upgradedPeer(polling);
    await first.assertAlive();
    const request = `EIO=4&transport=websocket&sid=${polling.handshake.sid}`;
    const second = new Peer(server, request);
    await second.closeCode();
    await first.assertAlive();
    first.close();
  });

  test("with bytes that are no frame behind its request leaves the session", async () => {
    const polling = await Polling.open(server);
    const query = `EIO=4&transport=websocket&sid=${polling.handshake.sid}`;
    const request = Buffer.concat([
      Buffer.from(upgradeRequest(server, query)),
      frame(1, "test", { rsv: 7, masked: false }),
    ]);
    const answer = await rawExchange(server, request);
    assert.match(answer, /^HTTP\/1\.1 101 [\s\S]*\x88\x02\x03\xea$/);
    await polling.assertAlive();
  });

  test("of a closed session is refused", async () => {
    const polling = await Polling.open(server);
    await polling.say("1");
    await polling.assertGone();
    const query = `EIO=4&transport=websocket&sid=${polling.handshake.sid}`;
    const answer = await rawExchange(server, upgradeRequest(server, query));
    assert.match(answer, /Session ID unknown$/);
  });

  test("aborted a hundred times leaves nothing behind", async () => {
    for (let i = 0; i < 100; i += 1) {
      const query = "EIO=4&transport=websocket&sid=nobody";
      assert.match(await rawExchange(server, upgradeRequest(server, query)), /Session ID unknown$/);
    }
    assert.equal((await ask(server, "EIO=4&transport=polling")).status, 200);
  });

  test("without the probe", async () => {
    const polling = await Polling.open(server);
    const peer = await candidate(polling);
    peer.send("5");
    // The official server takes it; ours wants the probe first, as the protocol says.
    if (expected({ official: true, ours: false })) {
      await peer.assertAlive();
      peer.close();
    } else {
      await peer.closeCode();
      await polling.assertAlive();
    }
  });
});

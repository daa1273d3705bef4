// Polling by hand: what overlaps, breaks off, is too much or is no packet at all.

import { describe, test } from "node:test";
import assert from "node:assert/strict";
import { once } from "node:events";

import { expected, serverOfThisFile } from "../harness/sut.mjs";
import { ask, assertError, begin, healthyBystander, Polling } from "../harness/raw.mjs";

const server = await serverOfThisFile("api");
await healthyBystander(server);
const LIMIT = 1_000_000;

describe("a poll", () => {
  test("waits until there is something to say", async () => {
    const polling = await Polling.open(server);
    const poll = await polling.pending();
    await polling.say('42["echo","hello"]');
    const { text, headers } = await poll.answer;
    assert.equal(text, '42["echo","hello"]');
    assert.equal(headers["content-type"], "text/plain; charset=UTF-8");
    assert.equal(headers["cache-control"], "no-store");
    await polling.assertAlive();
  });

  test("brings everything that has gathered, in order", async () => {
    const polling = await Polling.open(server);
    await polling.say('42["echo",1]\u001e42["echo",2]\u001e427["echo",3]');
    await polling.say('42["echo","ü\u2028"]');
    const packets = [];
    while (packets.length < 4) {
      packets.push(...(await polling.packets()));
    }
    assert.deepEqual(packets, [
      '42["echo",1]', '42["echo",2]', "437[3]", '42["echo","ü\u2028"]',
    ]);
  });

  test("carries bytes as base64", async () => {
    const polling = await Polling.open(server);
    await polling.say('451-["echo",{"_placeholder":true,"num":0}]\u001ebAQID/w==');
    const packets = [];
    while (packets.length < 2) {
      packets.push(...(await polling.packets()));
    }
    assert.deepEqual(packets, ['451-["echo",{"_placeholder":true,"num":0}]', "bAQID/w=="]);
  });

  test("a second one at the same time ends the session", async () => {
    const polling = await Polling.open(server);
    const first = await polling.pending();
    const second = await polling.poll();
    assert.equal(second.status, 400);
    assert.deepEqual(await status(first.answer), { status: 200, text: "1" });
    await polling.assertGone();
    assert.equal(await polling.serverReason(), "transport error");
  });

  test("one that the client breaks off ends the session", async () => {
    const polling = await Polling.open(server);
    const poll = await polling.pending();
    poll.request.destroy();
    await polling.assertGone();
    assert.equal(await polling.serverReason(), "transport error");
  });

  test("gets the close packet when the server disconnects", async () => {
    const polling = await Polling.open(server);
    const poll = await polling.pending();
    await polling.say('42["kick",true]');
    const packets = (await poll.answer).text.split("\u001e");
    if (packets.at(-1) !== "1") {
      packets.push(...(await polling.packets()));
    }
    assert.deepEqual(packets.filter((it) => it !== "6"), ["41", "1"]);
    await polling.assertGone();
  });
});

describe("a POST", () => {
  test("a second one at the same time ends the session", async () => {
    const polling = await Polling.open(server);
    const headers = { "content-type": "text/plain", "content-length": 10 };
    const first = begin(server, polling.query, { method: "POST", headers });
    first.request.write("42[");
    await arrived(first.request);
    const second = await polling.post("3");
    assert.equal(second.status, 400);
    first.request.destroy();
    await polling.assertGone();
    assert.equal(await polling.serverReason(), "transport error");
  });

  test("one that the client breaks off ends the session", async () => {
    const polling = await Polling.open(server);
    const headers = { "content-type": "text/plain", "content-length": 10 };
    const post = begin(server, polling.query, { method: "POST", headers });
    post.request.write("42[");
    await arrived(post.request);
    post.request.destroy();
    await polling.assertGone();
    assert.equal(await polling.serverReason(), "transport error");
  });

  test("of octets is refused and ends the session", async () => {
    const polling = await Polling.open(server);
    const { status } = await polling.post("3", { "content-type": "application/octet-stream" });
    assert.equal(status, 400);
    await polling.assertGone();
    assert.equal(await polling.serverReason(), "transport error");
  });

  for (const [what, body] of Object.entries({
    "letters": "garbage",
    "an unknown type": "9",
    "nothing between separators": "\u001e",
    "a good packet and then a bad one": '42["echo",1]\u001ex',
    "a megabyte of separators": "\u001e".repeat(LIMIT),
  })) {
    test(`that is no packet ends the session: ${what}`, async () => {
      const polling = await Polling.open(server);
      const { status, text } = await polling.post(body);
      // A body of more than 20,000 packets is refused by ours, and answered by the official server.
      const isFlood = 20_000 < body.length;
      if (isFlood) {
        assert.equal(status, expected({ official: 200, ours: 400 }));
      } else {
        assert.deepEqual({ status, text }, { status: 200, text: "ok" });
      }
      await polling.assertGone();
      if (!isFlood) {
        assert.equal(await polling.serverReason(), "parse error");
      }
    });
  }

  test("that is empty ends the session", async () => {
    const polling = await Polling.open(server);
    assert.equal((await polling.post("")).status, 200);
    await polling.assertGone();
  });

  test("a ping, which only servers send, ends the session", async () => {
    const polling = await Polling.open(server);
    await polling.post("2");
    await polling.assertGone();
    assert.equal(await polling.serverReason(), "transport error");
  });

  test("an open packet, which only servers send", async () => {
    const polling = await Polling.open(server);
    await polling.post("0{}");
    await expected({ official: () => polling.assertAlive(), ours: () => polling.assertGone() })();
  });

  for (const packet of ["3", "5", "6", "3probe"]) {
    test(`${packet} changes nothing`, async () => {
      const polling = await Polling.open(server);
      await polling.say(packet);
      await polling.assertAlive();
    });
  }

  test("the close packet ends the session and the pending poll", async () => {
    const polling = await Polling.open(server);
    const poll = await polling.pending();
    await polling.say("1");
    assert.deepEqual(await status(poll.answer), { status: 200, text: "6" });
    await polling.assertGone();
    assert.equal(await polling.serverReason(), "transport close");
  });

  test("that fills the limit is taken", async () => {
    const polling = await Polling.open(server);
    const event = (length) => `42["echo","${"x".repeat(length)}"]`;
    const body = event(LIMIT - event(0).length);
    await polling.say(body);
    assert.deepEqual(await polling.packets(), [body]);
  });

  for (const [how, headers] of [
    ["and says so", { "content-length": LIMIT + 1 }],
    ["in chunks", { "transfer-encoding": "chunked" }],
  ]) {
    test(`one byte too large is refused and the session lives, ${how}`, async () => {
      const polling = await Polling.open(server);
      const { status, text } = await polling.post(`4${"x".repeat(LIMIT)}`, headers);
      assert.deepEqual({ status, text }, { status: 413, text: "" });
      await polling.assertAlive();
    });
  }

  test("twenty thousand packets in one body are taken", async () => {
    const polling = await Polling.open(server);
    await polling.say(Array(20_000).fill('42["unheard"]').join("\u001e"));
    await polling.assertAlive();
  });

  test("one packet more is too many for ours", async () => {
    const polling = await Polling.open(server);
    const { status } = await polling.post(Array(20_001).fill('42["unheard"]').join("\u001e"));
    assert.equal(status, expected({ official: 200, ours: 400 }));
    await expected({ official: () => polling.assertAlive(), ours: () => polling.assertGone() })();
  });

  test("bytes that are not UTF-8 never reach an event", async () => {
    const polling = await Polling.open(server);
    const body = Buffer.from('42["echo","\xff\xfe"]', "latin1");
    await polling.post(body);
    // The official server reads them as U+FFFD; ours refuses what is not text.
    if (expected({ official: true, ours: false })) {
      assert.deepEqual(await polling.packets(), ['42["echo","\ufffd\ufffd"]']);
    } else {
      await polling.assertEnds();
    }
  });
});

describe("many", () => {
  test("a thousand refused bodies leave nothing behind", async () => {
    const headers = { "content-type": "application/octet-stream" };
    for (let round = 0; round < 20; round += 1) {
      const requests = Array.from({ length: 50 }, () =>
        ask(server, "EIO=4&transport=polling&sid=nobody", { method: "POST", body: "3", headers }));
      (await Promise.all(requests)).forEach((it) => assertError(it, 400, 1));
    }
  });
});

async function status(answer) {
  const { status, text } = await answer;
  return { status, text };
}

/** The beginning of a request's body is with the server: an answer on another connection says so. */
async function arrived(request) {
  if (!request.socket || request.socket.connecting) {
    await once(request, "socket");
    await once(request.socket, "connect");
  }
  await ask(server, "EIO=4&transport=nothing");
}

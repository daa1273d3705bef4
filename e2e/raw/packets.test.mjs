// Engine.IO and Socket.IO packets that no client sends: what ends the connection and what does not.

import { describe, test } from "node:test";
import assert from "node:assert/strict";

import { expected, isReference, serverOfThisFile } from "../harness/sut.mjs";
import { healthyBystander, Peer, Polling } from "../harness/raw.mjs";

const server = await serverOfThisFile("api");
await healthyBystander(server);

const deep = (depth) => "[".repeat(depth) + "]".repeat(depth);
const placeholder = (num) => `{"_placeholder":true,"num":${num}}`;
const BYTES = Buffer.of(1, 2, 3);

// Ours names the fault; the official server closes without a code, which clients see as 1005.
const MALFORMED = expected({ official: 1005, ours: 1002 });
const BAD_DATA = expected({ official: 1005, ours: 1007 });
const POLICY = expected({ official: 1005, ours: 1008 });

const ENDINGS = {
  // Engine.IO
  "a ping": [["2"], MALFORMED],
  "a ping with data": [["2probe"], MALFORMED],
  "an unknown engine packet": [["9"], MALFORMED],
  "letters": [["hello"], MALFORMED],
  "an empty message": [[""], MALFORMED],
  // Socket.IO: what a packet is
  "an unknown packet type": [["49"], MALFORMED],
  "no packet type": [["4"], MALFORMED],
  "a refusal, which only servers send": [['44{"message":"x"}'], MALFORMED],
  "broken JSON": [['42["echo"'], BAD_DATA],
  "JSON with a tail": [['42["echo"]x'], BAD_DATA],
  "an event that is an object": [["42{}"], MALFORMED],
  "an event that is a string": [['42"echo"'], MALFORMED],
  "an event without a name": [["42[]"], MALFORMED],
  "an event whose name is an object": [['42[{"toString":"foo"}]'], MALFORMED],
  "an event whose name is true": [["42[true]"], MALFORMED],
  "an event whose name is null": [["42[null]"], MALFORMED],
  "an ack that is an object": [["431{}"], MALFORMED],
  "an ack id below zero": [['42-1["echo",1]'], MALFORMED],
  "a disconnect with a payload": [["41{}"], MALFORMED],
  "a second connect": [["40"], MALFORMED],
  "an event for a namespace not joined": [['42/other,["echo",1]'], MALFORMED],
  "an event for a namespace that is not there": [['42/nowhere,["echo",1]'], MALFORMED],
  "connect with a list": [["40/other,[]"], MALFORMED],
  "connect with a string": [['40/other,"x"'], MALFORMED],
  "connect with null": [["40/other,null"], MALFORMED],
  ...Object.fromEntries(
    ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]
      .map((it) => [`the reserved name ${it}`, [[`42["${it}"]`], MALFORMED]]),
  ),
  // Socket.IO: bytes
  "bytes that nobody announced": [[BYTES], MALFORMED],
  "text where bytes are due": [[`451-["echo",${placeholder(0)}]`, '42["echo",1]'], MALFORMED],
  "no attachments": [['450-["echo"]'], MALFORMED],
  "eleven attachments": [[`4511-["echo",${placeholder(0)}]`], POLICY],
  "a billion attachments": [[`451000000000-["echo",${placeholder(0)}]`], POLICY],
  "half an attachment": [['451.5-["echo"]'], MALFORMED],
  "less than no attachments": [['45-1-["echo"]'], MALFORMED],
  "attachments without a dash": [['451["echo"]'], MALFORMED],
  "only the number of attachments": [["451"], MALFORMED],
  "a letter for a number of attachments": [['45a-["echo"]'], MALFORMED],
  ...Object.fromEntries(
    ["99", "-1", '"splice"', "1.5", "null"].map((it) => [
      `placeholder ${it}`, [[`451-["echo",${placeholder(it)}]`, BYTES], MALFORMED],
    ]),
  ),
};

// What the official server lets pass and ours does not, each for a reason of the threat list.
const ENDINGS_OF_OURS = {
  "an open packet": [["0{}"], 1002],
  "an ack id that no number holds": [[`42${"9".repeat(400)}["echo",1]`], 1002],
  "the same bytes twice": [[`451-["echo",${placeholder(0)},${placeholder(0)}]`, BYTES], 1002],
  "bytes that are not used": [['451-["echo",1]', BYTES], 1002],
  "an event deeper than 128": [[`42["unheard",${deep(128)}]`], 1008],
  "an event of depth 5,000": [[`42["unheard",${deep(5_000)}]`], 1008],
  "an event of depth 400,000": [[`42["unheard",${deep(400_000)}]`], 1008],
  "an ack of depth 5,000": [[`431[${deep(5_000)}]`], 1008],
  "auth of depth 5,000": [[`40/other,{"a":${deep(5_000)}}`], 1008],
  "a namespace of a kilobyte": [[`40/${"x".repeat(1_000)},`], 1008],
};

describe("a connection is ended by", () => {
  const cases = isReference ? ENDINGS : { ...ENDINGS, ...ENDINGS_OF_OURS };
  for (const [what, [packets, code]] of Object.entries(cases)) {
    test(`${what}, over websocket`, async () => {
      const peer = await Peer.connected(server);
      peer.send(...packets);
      assert.equal(await peer.closeCode(), code);
    });

    test(`${what}, over polling`, async () => {
      const polling = await Polling.open(server);
      const records = packets.map((it) => (typeof it === "string" ? it : `b${it.toString("base64")}`));
      await polling.post(records.join("\u001e"));
      await polling.assertEnds();
    });
  }

  for (const [what, packets] of Object.entries({
    "an event": ['42["echo",1]'],
    "an ack": ["431[]"],
    "a disconnect": ["41"],
    "bytes": [BYTES],
  })) {
    test(`${what} before the first connect`, async () => {
      const peer = await Peer.open(server);
      peer.send(...packets);
      assert.equal(await peer.closeCode(), MALFORMED);
    });
  }
});

describe("a connection goes on after", () => {
  for (const [what, packets] of Object.entries({
    "an event named error": ['42["error","x"]'],
    "an event named __proto__": ['42["__proto__",1]'],
    "an event whose name is a number": ["42[1,2]"],
    "an ack that nobody waits for": ["4312345[]"],
    "an upgrade packet": ["5"],
    "a noop": ["6"],
    "a pong": ["3"],
    "a hundred pongs": Array(100).fill("3"),
    "duplicate keys": ['42["unheard",{"a":1,"a":2}]'],
    "a number out of range": ['42["unheard",1e999]'],
    "a lone surrogate": ['42["unheard","\\ud800"]'],
    "white space within the JSON": ['42[ "unheard" , 1 ]'],
  })) {
    test(what, async () => {
      const peer = await Peer.connected(server);
      peer.send(...packets);
      await peer.assertAlive();
      peer.close();
    });
  }

  test("an unknown namespace, which is refused", async () => {
    const peer = await Peer.connected(server);
    for (const name of ["/nowhere", "/__proto__", "/ü", "/a?b=c"]) {
      peer.send(`40${name},`);
      assert.equal(await peer.next(), `44${name},{"message":"Invalid namespace"}`);
    }
    await peer.assertAlive();
    peer.close();
  });

  test("a refusal by a middleware", async () => {
    const peer = await Peer.connected(server);
    peer.send('40/admin,{"token":"wrong"}');
    const [head, body] = splitOnce(await peer.next(), ",");
    assert.equal(head, "44/admin");
    assert.deepEqual(JSON.parse(body), {
      message: "not authorized",
      data: { status: 401, hint: "say the word" },
    });
    await peer.assertAlive();
    peer.close();
  });

  test("a namespace without its comma", async () => {
    const peer = await Peer.connected(server);
    peer.send("40/other");
    assert.match(await peer.next(), /^40\/other,\{"sid":"[\w-]{20}"\}$/);
    assert.match(await peer.next(), /^42\/other,\["welcome",/);
    peer.close();
  });

  test("a placeholder in an event without bytes, which is data", async () => {
    const peer = await Peer.connected(server);
    const event = `42["echo",${placeholder(0)}]`;
    peer.send(event);
    assert.equal(await peer.next(), event);
    peer.close();
  });

  test("an ack with the largest id", async () => {
    const peer = await Peer.connected(server);
    peer.send('429007199254740991["echo",1]');
    assert.equal(await peer.next(), "439007199254740991[1]");
    peer.close();
  });
});

function splitOnce(text, separator) {
  const at = text.indexOf(separator);
  return [text.slice(0, at), text.slice(at + 1)];
}

// WebSocket frames by hand: what RFC 6455 forbids, and what it allows though few send it.

import { describe, test } from "node:test";
import assert from "node:assert/strict";
import { once } from "node:events";

import { expected, serverOfThisFile } from "../harness/sut.mjs";
import { frame, healthyBystander, Peer, rawExchange, upgradeRequest } from "../harness/raw.mjs";
import { within } from "../harness/until.mjs";

const server = await serverOfThisFile("api");
await healthyBystander(server);

const [CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG] = [0, 1, 2, 8, 9, 10];
const length64 = (number) => {
  const bytes = Buffer.alloc(9, 127);
  bytes.writeBigUInt64BE(number, 1);
  return [...bytes];
};
const closing = (code, reason = "") => {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(code);
  return frame(CLOSE, Buffer.concat([bytes, Buffer.from(reason)]));
};
const BAD_TEXT = Buffer.from('42["echo","\xc3\x28"]', "latin1");

const ENDINGS = {
  "an unmasked frame": [[frame(TEXT, "2", { masked: false })], 1002],
  "a compressed frame that was not agreed": [[frame(TEXT, "2", { rsv: 4 })], 1002],
  "the second reserved bit": [[frame(TEXT, "2", { rsv: 2 })], 1002],
  "the third reserved bit": [[frame(TEXT, "2", { rsv: 1 })], 1002],
  "a reserved data frame": [[frame(3, "x")], 1002],
  "a reserved control frame": [[frame(11, "x")], 1002],
  "a ping of 126 bytes": [[frame(PING, "x".repeat(126))], 1002],
  "a fragmented ping": [[frame(PING, "x", { fin: false })], 1002],
  "a continuation of nothing": [[frame(CONTINUATION, "x")], 1002],
  "a text inside of another": [[frame(TEXT, "4", { fin: false }), frame(TEXT, "4")], 1002],
  "a close frame of one byte": [[frame(CLOSE, "x")], 1002],
  "close code 0": [[closing(0)], 1002],
  "close code 999": [[closing(999)], 1002],
  "close code 1005": [[closing(1005)], 1002],
  "close code 1006": [[closing(1006)], 1002],
  "close code 1015": [[closing(1015)], 1002],
  "close code 5000": [[closing(5000)], 1002],
  "a close reason that is not UTF-8": [[closing(1000, Buffer.of(0xff))], 1007],
  "a text that is not UTF-8": [[frame(TEXT, BAD_TEXT)], 1007],
  "a text that is not UTF-8, in two fragments": [
    [frame(TEXT, BAD_TEXT.subarray(0, 12), { fin: false }), frame(CONTINUATION, BAD_TEXT.subarray(12))],
    1007,
  ],
  "a text that ends within a letter": [[frame(TEXT, Buffer.of(0x34, 0xe2, 0x82))], 1007],
  "a surrogate in UTF-8": [[frame(TEXT, Buffer.of(0x34, 0xed, 0xa0, 0x80))], 1007],
  "one byte over the limit": [[frame(BINARY, Buffer.alloc(1_000_001), { claim: length64(1_000_001n) })], 1009],
  "a claim of a terabyte": [[frame(TEXT, "", { claim: length64(1n << 40n) })], 1009],
  // RFC 6455, 5.2: "the most significant bit MUST be 0"; the official server calls it too big.
  "a claim with the highest bit": [
    [frame(TEXT, "", { claim: length64(1n << 63n) })],
    expected({ official: 1009, ours: 1002 }),
  ],
  "too much over several fragments": [
    [
      frame(BINARY, Buffer.alloc(60_000), { fin: false }),
      ...Array.from({ length: 16 }, () => frame(CONTINUATION, Buffer.alloc(60_000), { fin: false })),
    ],
    1009,
  ],
  "twenty thousand empty fragments": [
    [
      frame(TEXT, "4", { fin: false }),
      ...Array.from({ length: 20_000 }, () => frame(CONTINUATION, "", { fin: false })),
    ],
    1008,
  ],
};

describe("a WebSocket is closed after", () => {
  for (const [what, [pieces, code]] of Object.entries(ENDINGS)) {
    test(`${what}: ${code}`, async () => {
      const peer = await Peer.connected(server);
      peer.write(...pieces);
      assert.equal(await peer.closeCode(), code);
    });

    test(`${what}, byte by byte or nearly so`, async () => {
      const peer = await Peer.connected(server);
      const bytes = Buffer.concat(pieces);
      const step = Math.max(1, Math.ceil(bytes.length / 50));
      for (let at = 0; at < bytes.length && !peer.isClosed; at += step) {
        const { _socket: socket } = peer.socket;
        const piece = bytes.subarray(at, at + step);
        await new Promise((done) => socket?.write(piece, done) ?? done());
      }
      assert.equal(await peer.closeCode(), code);
    });
  }

  test("a length that is not the shortest", async () => {
    const peer = await Peer.connected(server);
    peer.write(frame(TEXT, '42["echo",1]', { claim: [126, 0, 12] }));
    // RFC 6455, 5.2: "the minimal number of bytes MUST be used"; the official server does not mind.
    if (expected({ official: true, ours: false })) {
      assert.equal(await peer.next(), '42["echo",1]');
      peer.close();
    } else {
      assert.equal(await peer.closeCode(), 1002);
    }
  });

  test("bytes that are no frame right behind the upgrade", async () => {
    const request = upgradeRequest(server, "EIO=4&transport=websocket");
    const bytes = Buffer.concat([Buffer.from(request), frame(TEXT, "test", { rsv: 7, masked: false })]);
    assert.match(await rawExchange(server, bytes), /^HTTP\/1\.1 101 [\s\S]*\x88\x02\x03\xea$/);
  });
});

describe("a WebSocket answers", () => {
  test("a ping with its payload", async () => {
    const peer = await Peer.connected(server);
    const pong = once(peer.socket, "pong");
    peer.write(frame(PING, "any 125 bytes".padEnd(125, ".")));
    const [payload] = await within(pong, "a pong");
    assert.equal(payload.toString(), "any 125 bytes".padEnd(125, "."));
    peer.write(frame(PONG, "nobody asked"));
    await peer.assertAlive();
    peer.close();
  });

  for (const code of [1000, 1001, 1008, 1011, 3000, 4999]) {
    test(`close ${code} with the same`, async () => {
      const peer = await Peer.connected(server);
      peer.write(closing(code, "bye"));
      assert.equal(await peer.closeCode(), code);
    });
  }

  test("close without a code", async () => {
    const peer = await Peer.connected(server);
    peer.write(frame(CLOSE, ""));
    assert.equal(await peer.closeCode(), 1005);
  });

  test("a text in fragments, cut within a letter, with a ping between", async () => {
    const peer = await Peer.connected(server);
    const text = Buffer.from('42["echo","ü"]');
    const cut = text.indexOf(0xc3) + 1;
    peer.write(
      frame(TEXT, text.subarray(0, cut), { fin: false }),
      frame(CONTINUATION, "", { fin: false }),
      frame(PING, "x"),
      frame(CONTINUATION, text.subarray(cut)),
    );
    assert.equal(await peer.next(), '42["echo","ü"]');
    peer.close();
  });

  test("frames that come one byte at a time", async () => {
    const peer = await Peer.connected(server);
    const { _socket: socket } = peer.socket;
    for (const byte of frame(TEXT, '42["echo","slowly"]')) {
      await new Promise((done) => socket.write(Buffer.of(byte), done));
    }
    assert.equal(await peer.next(), '42["echo","slowly"]');
    peer.close();
  });

  test("a thousand frames in one piece", async () => {
    const peer = await Peer.connected(server);
    const events = Array.from({ length: 1_000 }, (_, i) => `42["echo",${i}]`);
    peer.write(...events.map((it) => frame(TEXT, it)));
    for (const event of events) {
      assert.equal(await peer.next(), event);
    }
    peer.close();
  });
});

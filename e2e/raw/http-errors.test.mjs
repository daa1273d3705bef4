// Requests that are refused: status, content type and body exactly as the official server's.

import { describe, test } from "node:test";
import assert from "node:assert/strict";

import { expected, serverOfThisFile } from "../harness/sut.mjs";
import {
  ask, assertError, healthyBystander, MESSAGES, Peer, Polling, rawExchange, upgradeRequest,
} from "../harness/raw.mjs";

const server = await serverOfThisFile("api");
await healthyBystander(server);

const POLLING = "EIO=4&transport=polling";
const OPEN = "EIO=4&transport=websocket";
const NAMES = ["__proto__", "constructor", "toString", "hasOwnProperty", "foo", "%00", "..%2f"];

describe("a request is refused", () => {
  for (const name of ["", "webtransport", "Polling", "polling,websocket", ...NAMES]) {
    test(`transport ${name || "empty"}`, async () => {
      assertError(await ask(server, `EIO=4&transport=${name}`), 400, 0);
    });
  }

  test("no transport", async () => {
    assertError(await ask(server, "EIO=4"), 400, 0);
    assertError(await ask(server, ""), 400, 0);
  });

  for (const name of [...NAMES, "a".repeat(20), "a".repeat(3_000)]) {
    test(`unknown session ${name.slice(0, 20)} (${name.length})`, async () => {
      assertError(await ask(server, `${POLLING}&sid=${name}`), 400, 1);
      const post = { method: "POST", body: "40" };
      assertError(await ask(server, `${POLLING}&sid=${name}`, post), 400, 1);
    });
  }

  for (const method of ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"]) {
    test(`handshake by ${method}`, async () => {
      assertError(await ask(server, POLLING, { method }), 400, 2);
    });
  }

  test("handshake by HEAD, without a body", async () => {
    const { status, text } = await ask(server, POLLING, { method: "HEAD" });
    assert.deepEqual({ status, text }, { status: 400, text: "" });
  });

  test("websocket without an upgrade", async () => {
    assertError(await ask(server, "EIO=4&transport=websocket"), 400, 3);
  });

  for (const version of ["", "3", "5", "4.0", "x", "44"]) {
    test(`protocol version ${version || "empty"}`, async () => {
      assertError(await ask(server, `EIO=${version}&transport=polling`), 400, 5);
    });
  }

  test("no protocol version", async () => {
    assertError(await ask(server, "transport=polling"), 400, 5);
  });

  test("the checks have the official order", async () => {
    assertError(await ask(server, "transport=x&sid=x", { method: "POST" }), 400, 0);
    assertError(await ask(server, "transport=polling&sid=x", { method: "PUT" }), 400, 1);
    assertError(await ask(server, "transport=polling", { method: "PUT" }), 400, 2);
    assertError(await ask(server, "transport=websocket", { method: "PUT" }), 400, 2);
    assertError(await ask(server, "transport=websocket"), 400, 3);
  });

  test("another transport than the session has", async () => {
    const polling = await Polling.open(server);
    const { sid } = polling.handshake;
    assertError(await ask(server, `EIO=4&transport=websocket&sid=${sid}`), 400, 3);
    await polling.assertAlive();
    const peer = await Peer.connected(server);
    assertError(await ask(server, `${POLLING}&sid=${peer.handshake.sid}`), 400, 3);
    await peer.assertAlive();
    peer.close();
  });

  test("another protocol version than the session has", async () => {
    const polling = await Polling.open(server);
    const { sid } = polling.handshake;
    for (const options of [{}, { method: "POST", body: "3" }]) {
      assertError(await ask(server, `EIO=3&transport=polling&sid=${sid}`, options), 400, 3);
    }
    await polling.assertAlive();
  });

  test("a page of another origin", async () => {
    const headers = { origin: "https://elsewhere.example" };
    const answer = await ask(server, POLLING, { headers });
    // Ours refuses foreign pages unless they are named; the official server leaves them to CORS.
    expected({
      official: () => assert.equal(answer.status, 200),
      ours: () => assertError(answer, 403, 4),
    })();
    assert.equal(answer.headers["access-control-allow-origin"], undefined);
  });

  test("a page of the same origin is let in", async () => {
    const answer = await ask(server, POLLING, { headers: { origin: server.url } });
    assert.equal(answer.status, 200);
  });

  for (const method of ["PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"]) {
    test(`${method} on a live session`, async () => {
      const polling = await Polling.open(server);
      const { status, text } = await ask(server, polling.query, { method });
      assert.deepEqual({ status, text }, { status: 500, text: "" });
      await polling.assertAlive();
    });
  }
});

describe("an upgrade is refused", () => {
  const refusals = [
    ["EIO=4&transport=foo", 0],
    ["EIO=4&transport=__proto__", 0],
    ["EIO=4&transport=webtransport", 0],
    ["EIO=4&transport=websocket&sid=foo", 1],
    ["EIO=4&transport=websocket&sid=__proto__", 1],
    ["EIO=3&transport=websocket", 5],
    ["transport=websocket", 5],
  ];
  for (const [query, code] of refusals) {
    test(`${query}: ${MESSAGES[code]}`, async () => {
      const answer = await rawExchange(server, upgradeRequest(server, query));
      // The official server notices the version only behind its 101.
      const from = expected({ official: Math.max(0, answer.lastIndexOf("HTTP/1.1")), ours: 0 });
      assertRefused(answer.slice(from), MESSAGES[code]);
    });
  }

  test("another protocol version than the session has", async () => {
    const polling = await Polling.open(server);
    const query = `EIO=3&transport=websocket&sid=${polling.handshake.sid}`;
    const answer = await rawExchange(server, upgradeRequest(server, query));
    assertRefused(answer, "Bad request");
    await polling.assertAlive();
  });

  for (const [what, headers] of Object.entries({
    "no key": { "Sec-WebSocket-Key": undefined },
    "a short key": { "Sec-WebSocket-Key": "c2hvcnQ=" },
    "a key that is not base64": { "Sec-WebSocket-Key": "!".repeat(24) },
    "another protocol": { Upgrade: "h2c" },
  })) {
    test(what, async () => {
      const answer = await rawExchange(server, upgradeRequest(server, OPEN, headers));
      assert.match(answer, /^HTTP\/1\.1 400 /);
    });
  }

  for (const version of ["0", "12", "14", "x", undefined]) {
    test(`WebSocket version ${version}`, async () => {
      const headers = { "Sec-WebSocket-Version": version };
      const answer = await rawExchange(server, upgradeRequest(server, OPEN, headers));
      // RFC 6455, 4.4 has 426 for it; the official server says 400. Both name what they speak.
      assert.match(answer, expected({ official: /^HTTP\/1\.1 400 /, ours: /^HTTP\/1\.1 4(?:26|00) / }));
      assert.match(answer, /^sec-websocket-version: ?(?:13|13, 8)\r$/im);
    });
  }

  test("by POST", async () => {
    const answer = await rawExchange(server, upgradeRequest(server, OPEN, {}, { method: "POST" }));
    assertRefused(answer, "Bad handshake method");
  });

  test("from a page of another origin, by ours", async () => {
    const request = upgradeRequest(server, OPEN, { Origin: "https://elsewhere.example" });
    if (expected({ official: false, ours: true })) {
      assert.match(await rawExchange(server, request), /^HTTP\/1\.1 40[03] [\s\S]*Forbidden/);
    }
  });

  test("what follows a refused upgrade is never read as a request", async () => {
    const bad = upgradeRequest(server, OPEN, { "Sec-WebSocket-Version": "99" });
    const second = `GET ${"/socket.io/"}?${POLLING} HTTP/1.1\r\nHost: x\r\n\r\n`;
    const answer = await rawExchange(server, bad + second);
    assert.equal(answer.match(/HTTP\/1\.1 /g).length, 1, answer);
    assert.doesNotMatch(answer, /"sid"/);
  });
});

describe("a request is answered", () => {
  test("the handshake over polling", async () => {
    const { status, headers, text } = await ask(server, POLLING);
    assert.equal(status, 200);
    assert.equal(headers["content-type"], "text/plain; charset=UTF-8");
    assert.equal(headers["cache-control"], "no-store");
    assert.equal(headers["set-cookie"], undefined);
    const { sid } = JSON.parse(text.slice(1));
    assert.match(sid, /^[\w-]{20}$/);
    assert.equal(
      text,
      `0{"sid":"${sid}","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`,
    );
  });

  test("the handshake over websocket", async () => {
    const peer = await Peer.open(server);
    const { sid, ...rest } = peer.handshake;
    assert.match(sid, /^[\w-]{20}$/);
    const expectedRest = { upgrades: [], pingInterval: 25000, pingTimeout: 20000, maxPayload: 1000000 };
    assert.deepEqual(rest, expectedRest);
    peer.close();
  });

  test("a POST", async () => {
    const polling = await Polling.open(server);
    const { status, headers, text } = await polling.post("3");
    assert.deepEqual({ status, text }, { status: 200, text: "ok" });
    assert.equal(headers["content-type"], "text/html");
    assert.equal(headers["content-length"], "2");
    assert.equal(headers["cache-control"], "no-store");
  });

  test("any path below the server's own", async () => {
    const { status } = await ask(server, POLLING, { path: "/socket.io/anything/at/all" });
    assert.equal(status, 200);
  });

  test("an upgrade with the value that RFC 6455 computes", async () => {
    const request = upgradeRequest(server, OPEN) + "\x88\x80\x00\x00\x00\x00";
    const answer = await rawExchange(server, Buffer.from(request, "latin1"));
    assert.match(answer, /^HTTP\/1\.1 101 Switching Protocols\r\n/);
    assert.match(answer, /^sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r$/im);
    assert.doesNotMatch(answer, /sec-websocket-extensions/i);
  });

  test("a header list that is too long", async () => {
    const padding = "x".repeat(20_000);
    const request = `GET /socket.io/?${POLLING} HTTP/1.1\r\nHost: x\r\nX-Pad: ${padding}\r\n\r\n`;
    assert.match(await rawExchange(server, request), /^HTTP\/1\.1 431 /);
  });
});


/** The official refusal of an upgrade, whatever else the head says and in whatever case. */
function assertRefused(answer, message) {
  const [head, body] = answer.split("\r\n\r\n");
  const [status, ...lines] = head.toLowerCase().split("\r\n");
  assert.equal(status, "http/1.1 400 bad request");
  for (const line of ["connection: close", "content-type: text/html", `content-length: ${message.length}`]) {
    assert(lines.includes(line), `${line} is not in\n${head}`);
  }
  assert.equal(body, message);
}

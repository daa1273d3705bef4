// The rooms over https: one connection of HTTP/2 carries the page, the API and the WebSocket.

import { test } from "node:test";
import assert from "node:assert/strict";

import { Person, roomsAndBrowser } from "../harness/browser.mjs";
import { tlsExample } from "../harness/certificate.mjs";

const { certificate } = await tlsExample();
const place = await roomsAndBrowser({
  certificate,
  options: ["--tls-cert", certificate.cert, "--tls-key", certificate.key, "--log-level", "debug"],
});

test("two people talk, each page over one connection of HTTP/2", async () => {
  assert.match(place.server.url, /^https:/);
  const ann = await Person.arrive(place, "Ann");
  const bob = await Person.arrive(place, "Bob");
  const id = await ann.createRoom("Over TLS");
  await bob.openRoom(id);
  await ann.live("websocket");
  await bob.live("websocket");
  await ann.say("hello Bob");
  await bob.sees(["hello Bob"]);
  await bob.say("hello Ann");
  await ann.sees(["hello Bob", "hello Ann"]);

  for (const { page } of [ann, bob]) {
    const protocols = await page.evaluate(() => {
      const entries = performance.getEntries().filter((it) => it.nextHopProtocol);
      return [...new Set(entries.map((it) => it.nextHopProtocol))];
    });
    assert.deepEqual(protocols, ["h2"]);
  }
  const accepted = place.server.lines
    .filter((it) => it.includes("a WebSocket was accepted"))
    .map((it) => /HTTP\/[0-9.]+/.exec(it)?.[0]);
  assert.deepEqual([...new Set(accepted)], ["HTTP/2.0"]);
  assert(2 <= accepted.length, `${accepted}`);
  await ann.leave();
  await bob.leave();
  place.server.assertQuiet();
});

test("a secure page tells browsers to stay with https", async () => {
  const context = await place.browser.newContext();
  const page = await context.newPage();
  const answer = await page.goto(place.server.url);
  assert.match(answer.headers()["strict-transport-security"], /^max-age=\d+$/);
  await context.close();
});

// The official Engine.IO clients, opened by a test and closed after it.

import { afterEach } from "node:test";
import { once } from "node:events";
import { Socket as Client6 } from "engine.io-client";
import client3 from "engine.io-client-v3";

import { TRANSPORTS } from "./clients.mjs";
import { until, within } from "./until.mjs";

const VERSIONS = [
  { name: "engine.io-client 6", open: (url, options) => new Client6(url, options), protocol: 4 },
  { name: "engine.io-client 3", open: (url, options) => client3(url, options), protocol: 3 },
];

/** Both versions over every transport, polling once more without bytes: all in base64. */
export const ENGINES = VERSIONS.flatMap((version) =>
  [
    ...TRANSPORTS,
    { name: "polling in base64", options: { transports: ["polling"], forceBase64: true } },
  ].map((transport) => ({ version, transport, name: `${version.name}, ${transport.name}` })),
);

/** Gives `start(options)`, and `open`, which waits for the connection and the upgrade. */
export function enginesOf(server, { version, transport }) {
  const opened = new Set();
  afterEach(() => {
    opened.forEach((it) => it.close());
    opened.clear();
  });

  function start(options = {}) {
    const engine = version.open(server.url, { ...transport.options, ...options });
    engine.binaryType = "nodebuffer";
    engine.heard = [];
    // Both clients hand over nothing where the text is empty.
    engine.on("message", (it) => engine.heard.push(it ?? ""));
    engine.failures = [];
    engine.on("error", (it) => engine.failures.push(it));
    engine.ended = new Promise((done) => engine.once("close", done));
    opened.add(engine);
    return engine;
  }

  async function open(options) {
    const engine = start(options);
    await within(once(engine, "open"), "the engine opens");
    if (transport.upgrades && engine.transport.name !== "websocket") {
      await within(once(engine, "upgrade"), "the engine upgrades");
    }
    return engine;
  }

  return { start, open };
}

/** Takes the next `count` messages. */
export async function hear(engine, count = 1) {
  const found = () => count <= engine.heard.length || engine.readyState === "closed";
  await until(found, () => `${count} messages; there are ${engine.heard.length}`);
  return engine.heard.splice(0, count);
}

/** The reason why the engine ended. */
export function ended(engine) {
  return within(engine.ended, "the engine closes");
}

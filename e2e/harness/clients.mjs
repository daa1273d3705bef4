// Official clients over each transport, opened by a test and closed after it.

import { afterEach } from "node:test";
import { once } from "node:events";
import { io } from "socket.io-client";
import io2 from "socket.io-client-v2";
import { io as io3 } from "socket.io-client-v3";

import { within } from "./until.mjs";

/** Every suite is played over these three. */
export const TRANSPORTS = [
  { name: "polling", options: { transports: ["polling"] } },
  { name: "websocket", options: { transports: ["websocket"] } },
  { name: "upgrade", options: { transports: ["polling", "websocket"] }, upgrades: true },
];

/** Every official client that there is. Version 2 speaks Engine.IO 3, and knows no `auth`. */
export const VERSIONS = [
  { name: "socket.io-client 4", io },
  { name: "socket.io-client 3", io: io3 },
  { name: "socket.io-client 2", io: io2, isOld: true },
];

/** Every version over every transport, to be played one after the other. */
export const COMBINATIONS = VERSIONS.flatMap((version) =>
  TRANSPORTS.map((transport) => ({ version, transport, name: `${version.name}, ${transport.name}` })),
);

/**
 * Gives `open(namespace, options, server)`: a connected client, upgraded if it is to be; and
 * `start`, which does not wait.
 */
export function clientsOf(server, transport, version = VERSIONS[0]) {
  const opened = new Set();
  afterEach(() => {
    const sockets = [...opened].flatMap((it) => Object.values(it.io.nsps));
    sockets.forEach((it) => it.disconnect());
    opened.clear();
  });

  function start(namespace = "/", options = {}, of = server) {
    const address = `${of.url}${namespace === "/" ? "" : namespace}`;
    const client = version.io(address, { ...transport.options, ...DEFAULTS, ...options });
    opened.add(client);
    return client;
  }

  async function open(namespace, options, of) {
    const client = start(namespace, options, of);
    await connected(client);
    if (transport.upgrades) {
      await upgraded(client);
    }
    return client;
  }

  return { start, open };
}

/** Resolves when the client is connected; fails with what the server refused it for. */
export async function connected(client) {
  if (client.connected) {
    return;
  }
  const answer = new Promise((done, fail) => {
    client.once("connect", done);
    // The second name is the one of version 2 for what middlewares say.
    client.once("connect_error", fail);
    client.once("error", fail);
  });
  await within(answer, "the client connects");
}

/** Resolves with the error that the server refuses the client with. */
export async function refused(client) {
  const [error] = await next(client, "connect_error");
  return error;
}

/** Resolves when the client's transport is a WebSocket. */
export async function upgraded(client) {
  const { engine } = client.io;
  if (engine.transport.name !== "websocket") {
    await within(once(engine, "upgrade"), "the client upgrades to websocket");
  }
}

/** Asks the server, and gives all arguments of its ack. Every version can do this. */
export function call(client, event, ...args) {
  const answer = new Promise((done) => client.emit(event, ...args, (...back) => done(back)));
  return within(answer, `the ack of ${event}`);
}

/** The arguments of the client's next event of that name. */
export function next(client, event, milliseconds) {
  return within(
    new Promise((done) => client.once(event, (...args) => done(args))),
    `event ${event}`,
    milliseconds,
  );
}

/** Collects an event's arguments: `list.all` grows; a one-argument event gives that argument. */
export function collect(client, event) {
  const all = [];
  client.on(event, (...args) => all.push(args.length === 1 ? args[0] : args));
  return all;
}

/** Resolves with the disconnect reason of the client. */
export async function disconnected(client) {
  const [reason] = await next(client, "disconnect");
  return reason;
}

/**
 * Waits until everything sent to `clients` before now has arrived: the server answers in order, so
 * whatever was to come before this answer has come.
 */
export async function settle(...clients) {
  await Promise.all(clients.map((it) => it.timeout(5_000).emitWithAck("echo", "settle")));
}

const DEFAULTS = { forceNew: true, reconnection: false };

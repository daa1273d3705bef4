// The server under test: ours, or the official one with SUT=reference.

import { after, afterEach } from "node:test";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join } from "node:path";

import { start } from "./process.mjs";

/** Whether the official server is under test. */
export const isReference = process.env.SUT === "reference";

/** What is expected where ours differs on purpose. Every use says why. */
export function expected({ official, ours }) {
  return isReference ? official : ours;
}

/** The server of this test file: one process, checked after each test, ended after the last. */
export async function serverOfThisFile(mode, args = []) {
  const server = await conformance(mode, args);
  afterEach(() => server.assertQuiet());
  after(() => server.kill());
  return server;
}

/** A server with the modes of examples/conformance, for tests that stop and restart it. */
export function conformance(mode, args = [], port = 0) {
  const options = ["--mode", mode, "--port", String(port), ...args];
  return isReference
    ? start(process.execPath, [path("../reference/server.mjs"), ...options])
    : example("conformance", options);
}

/** One of the programs of examples/. */
export function example(name, args) {
  return start(join(examplesFolder(), name), args);
}

/** The rooms server, with its data in the given folder. */
export function roomsServer(dataFolder, port = 0, options = []) {
  const program = process.env.SWITCHBOARD_BIN ?? path("../../target/debug/switchboard");
  const listen = `127.0.0.1:${port}`;
  return start(program, ["serve", "--listen", listen, "--data-dir", dataFolder, ...options]);
}

function examplesFolder() {
  const folder = process.env.SWITCHBOARD_EXAMPLES_BIN ?? path("../../target/debug");
  if (!existsSync(folder)) {
    throw new Error(`${folder} is not there; run: cargo build --manifest-path examples/Cargo.toml`);
  }
  return folder;
}

function path(relative) {
  return fileURLToPath(new URL(relative, import.meta.url));
}

// A server process: started on a free port, watched, and always killed.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";

import { until, within } from "./until.mjs";

const running = new Set();
process.on("exit", () => running.forEach((it) => it.kill("SIGKILL")));

/** Starts the program and waits until it says where it listens. */
export async function start(program, args, env = {}) {
  const server = new ServerProcess(program, args, env);
  try {
    await server.listening();
  } catch (error) {
    await server.kill();
    throw error;
  }
  return server;
}

/** One running server, and what it has printed. */
class ServerProcess {
  /** Every line so far, of stdout and stderr together, in the order in which they came. */
  lines = [];
  #complaints = [];
  #announced = [];

  constructor(program, args, env) {
    this.program = program;
    // If this process dies without a last word, the kernel ends the server too.
    const [command, ...rest] = [...WITH_PARENT, program, ...args];
    this.child = spawn(command, rest, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...env },
    });
    this.exited = once(this.child, "exit");
    this.child.once("error", (error) => this.lines.push(String(error)));
    running.add(this.child);
    this.child.once("exit", () => running.delete(this.child));
    for (const stream of [this.child.stdout, this.child.stderr]) {
      createInterface({ input: stream }).on("line", (line) => this.#read(line));
    }
  }

  get isRunning() {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  async listening() {
    const find = () => {
      assert(this.isRunning, `${this.program} ended early:\n${this.lines.join("\n")}`);
      return this.lines.map((it) => LISTENING.exec(it)).find((it) => it);
    };
    const said = () => `${this.program} listens; it said:\n${this.lines.join("\n")}`;
    const found = await until(find, said, 20_000);
    const scheme = found[1] ?? "http";
    this.host = found[2];
    this.port = Number(found[3]);
    this.url = `${scheme}://${this.host}:${this.port}`;
  }

  /** Says that log lines like this are expected from now on. */
  announce(pattern) {
    this.#announced.push(pattern);
  }

  /** Fails if the server has complained of anything that no test announced. */
  assertQuiet() {
    const unannounced = this.#complaints.filter((it) => !this.#announced.some((p) => p.test(it)));
    this.#complaints = [];
    assert.deepEqual(unannounced, [], "the server's log has lines that no test announced");
    assert(this.isRunning, `${this.program} has ended by itself:\n${this.lines.join("\n")}`);
  }

  /** Asks it to stop, as systemd or a terminal would. Gives the exit code. */
  async stop(signal = "SIGTERM") {
    this.child.kill(signal);
    const [code] = await within(this.exited, `${this.program} ends after ${signal}`);
    return code;
  }

  /** Ends it at once, whatever its state. */
  async kill() {
    if (this.isRunning && this.child.pid) {
      this.child.kill("SIGKILL");
      await this.exited;
    }
  }

  #read(line) {
    this.lines.push(line);
    if (COMPLAINT.test(line)) {
      this.#complaints.push(line);
    }
  }
}

const LISTENING = /(?:listening on|live at) (?:(https?):\/\/)?(127\.0\.0\.1):(\d+)/;
const COMPLAINT = /\b(?:WARN|ERROR|panicked|Unhandled|Uncaught|[a-z]*Error:)/;
const WITH_PARENT = existsSync("/usr/bin/setpriv")
  ? ["/usr/bin/setpriv", "--pdeathsig", "KILL", "--"]
  : [];

// Replays a Socket.IO transcript over a real WebSocket, against mode `api`.
//
// The event `a` becomes `echo`, so that its arguments come back and can be compared; the namespaces
// `/x` and `/chat` become `/other`, which is there.

import assert from "node:assert/strict";

import { Peer } from "./raw.mjs";
import { until } from "./until.mjs";
import { written } from "./transcripts.mjs";

/** Plays it. `livesOn` says that the server, unlike ours, does not mind what `x` stands for. */
export async function replay(server, transcript, { livesOn = false } = {}) {
  const session = new Session(server);
  try {
    for (const [kind, rest] of transcript) {
      await session.step(kind, rest, livesOn);
    }
  } catch (error) {
    error.message += `\nin\n${written(transcript)}`;
    throw error;
  } finally {
    session.peer?.close();
  }
}

class Session {
  joined = new Set();
  attachments = [];

  constructor(server) {
    this.server = server;
  }

  async step(kind, rest, livesOn) {
    switch (kind) {
      case "<":
        return this.say(translated(rest));
      case "<b":
        if (!this.peer) {
          this.peer = await Peer.open(this.server);
          await this.join("/");
        }
        this.attachments.push(rest);
        return this.peer.send(Buffer.from(rest, "hex"));
      case "=": {
        const [what, namespace, ...words] = rest.split(" ");
        return this[what.toLowerCase()](other(namespace), words.join(" "), namespace);
      }
      case "x":
        return livesOn ? this.assertAccepted() : this.assertRefused(rest.split(" "));
      default:
        throw new Error(`what is ${kind} ${rest}?`);
    }
  }

  async say(text) {
    this.peer ??= await Peer.open(this.server);
    const namespace = /^[1-6](?:\d+-)?(\/[^,[{]*)/.exec(text)?.[1] ?? "/";
    const isKnown = namespace === "/" || namespace === "/other";
    if (!text.startsWith("0") && isKnown) {
      await this.join(namespace);
    }
    this.isStray = !isKnown;
    this.isBinary = /^[56]/.test(text);
    this.isConnect = text.startsWith("0");
    this.announced = Number(/^[56](\d{1,2})-/.exec(text)?.[1] ?? 0);
    this.peer.send(`4${text}`);
  }

  async join(namespace) {
    if (!this.joined.has(namespace)) {
      this.joined.add(namespace);
      const prefix = namespace === "/" ? "" : `${namespace},`;
      this.peer.send(`40${prefix}`);
      assert.match(await this.peer.next(), /^40/);
      this.id = JSON.parse(/\{.*\}/.exec(await this.peer.next())[0]).id;
    }
  }

  /** It was accepted, or refused because there is none of that name. */
  async connect(_other, _payload, namespace) {
    const answer = await this.peer.next();
    if (namespace === "/") {
      assert.match(answer, /^40\{"sid":/);
      assert.match(await this.peer.next(), /"welcome"/);
      this.joined.add("/");
    } else {
      assert.equal(answer, `44${namespace},{"message":"Invalid namespace"}`);
    }
  }

  async disconnect(namespace) {
    if (namespace !== "/") {
      return this.assertAlive();
    }
    this.joined.delete("/");
    // The official server loses a CONNECT that comes before it is done with the DISCONNECT.
    const left = `left / ${this.id} `;
    await until(() => this.server.lines.some((it) => it.startsWith(left)), "the socket has left");
    await this.join("/");
  }

  async event(namespace, described) {
    if (this.isStray) {
      // The text is fine; but nobody has joined that namespace.
      return this.assertEnds(1002);
    }
    const { id, name, args } = event(described);
    const attachments = this.attachments.splice(0);
    if (name !== "a") {
      return this.assertAlive();
    }
    const answer = await this.peer.next();
    const [, type, count, space, answerId, json] = ANSWER.exec(answer);
    assert.equal(space ?? "/", namespace);
    assert.equal(answerId, id);
    const isAck = type === "3" || type === "6";
    assert.equal(isAck, id !== "", answer);
    const back = [];
    for (let i = 0; i < Number(count ?? 0); i += 1) {
      back.push((await this.peer.next()).toString("hex"));
    }
    const list = isAck ? json : json.replace(/^\["echo",?/, "[");
    assert.deepEqual(values(list, back), values(`[${args}]`, attachments));
  }

  ack() {
    return this.assertAlive();
  }

  async assertAlive() {
    await this.join("/");
    await this.peer.assertAlive();
  }

  /** The official server lives on, once it has the bytes that it thinks were announced. */
  async assertAccepted() {
    if (this.isConnect) {
      await this.connect("/", "", "/");
    } else if (this.isBinary) {
      this.peer.send(Buffer.of(1));
    }
    await this.assertAlive();
  }

  async assertRefused([error, code]) {
    if (error === "BadPlaceholder") {
      // Ours sees it in the text already; the official server when the last bytes are there.
      this.peer.send(...Array(this.announced).fill(Buffer.of(1)));
    }
    await this.assertEnds(Number(code));
  }

  async assertEnds(ourCode) {
    const code = await this.peer.closeCode();
    assert.equal(code, process.env.SUT === "reference" ? 1005 : ourCode);
    this.peer = undefined;
    this.joined.clear();
  }
}

const ANSWER = /^4([2356])(?:(\d+)-)?(?:(\/[^,]*),)?(\d*)(.*)$/s;

/** `[7] "a" 1,2 | 0102 ff` in parts, without the bytes: which they are was sent before. */
function event(described) {
  const [, id, name, rest] = /^\[(\d*)\] "((?:[^"\\]|\\.)*)" ?(.*)$/s.exec(described);
  return { id, name, args: rest.replace(/ ?\| ?[0-9a-f ]*$/, "") };
}

/** What JavaScript reads, written again; bytes in their places. */
function values(json, attachments) {
  const bytes = (key, it) => (0 < attachments.length && it?._placeholder === true ? { bytes: attachments[it.num] } : it);
  return JSON.stringify(JSON.parse(json, bytes));
}

function translated(text) {
  const isEvent = /^[12356]/.test(text);
  const event = text.replace(/^([^[]*\[\s*)"a"/, '$1"echo"');
  return isEvent ? event.replace(/^(\d(?:\d+-)?)\/(?:x|chat)(?=[,[]|$)/, "$1/other") : text;
}

function other(namespace) {
  return namespace === "/x" || namespace === "/chat" ? "/other" : namespace;
}

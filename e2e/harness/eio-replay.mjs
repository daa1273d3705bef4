// Replays an Engine.IO transcript over real connections, against mode `eio` with long heartbeats.
//
// What the application would see is seen by its echo. Lines of time are left out: nothing waits
// here, and a test of the heartbeat has a server with a short one.

import assert from "node:assert/strict";

import { ask, Peer } from "./raw.mjs";
import { until } from "./until.mjs";
import { written } from "./transcripts.mjs";

const PATH = "/engine.io/";

/** Whether a transcript says something when time is left out, and the application says nothing. */
export function isReplayable(transcript) {
  const needsTime = ([kind, rest]) => (kind === ">" && rest === "2") || /PingTimeout|UpgradeTimeout/.test(rest);
  const isOurs = ([kind]) => kind === "close" || kind === "@late";
  return !transcript.some((it) => needsTime(it) || isOurs(it));
}

/**
 * Plays it. `livesOn` says that the server, unlike ours, does not mind what `x`, `cx` or the close
 * stand for.
 */
export async function replay(server, transcript, { livesOn = false } = {}) {
  const session = new Session(server, livesOn);
  try {
    const [[kind, rest]] = transcript;
    const lines = kind === ":" ? transcript.slice(1) : transcript;
    await session.open(kind === ":" ? rest : "");
    for (const [i, line] of lines.entries()) {
      await session.step(line, lines.slice(i + 1));
      if (session.isOver) {
        return;
      }
    }
  } catch (error) {
    error.message += `\nin\n${written(transcript)}`;
    throw error;
  } finally {
    session.close();
  }
}

class Session {
  /** What has come on the current lane, and not been looked at. */
  received = [];

  constructor(server, livesOn) {
    this.server = server;
    this.livesOn = livesOn;
  }

  async open(how) {
    this.isOld = how.startsWith("v3");
    this.query = `EIO=${this.isOld ? 3 : 4}`;
    if (how.endsWith("websocket")) {
      this.become(await Peer.open(this.server, `${this.query}&transport=websocket`, PATH));
      return;
    }
    this.query += this.isOld ? "&b64=1" : "";
    const { text } = await this.ask({});
    const [open] = this.records(text);
    this.sid = JSON.parse(open.slice(1)).sid;
    this.query += `&sid=${this.sid}`;
    this.polling = this.poll();
  }

  close() {
    this.isOver = true;
    [this.current, this.candidate].forEach((it) => it?.close());
  }

  async step([kind, rest], following) {
    switch (kind) {
      case "@":
        return undefined;
      case "<":
        return this.say(rest, following.some(([it]) => it === "x"));
      case "<#":
        return this.current.send(Buffer.from(rest, "hex"));
      case "c<":
        return this.candidate.send(rest);
      case "c<#":
        return this.candidate.send(Buffer.from(rest, "hex"));
      case ">":
        // The poll that waits when the client closes may have been answered with an echo.
        return following[0]?.[1] === "Close" ? undefined : this.expect(rest);
      case "c>":
        return assert.equal(await this.candidate.next(), rest);
      case "u":
        return this.offer(following[0]);
      case "lost":
        return this.candidate.close();
      case "cx":
        return rest === "Done" || rest === "UnderWay" ? undefined : this.assertDropped();
      case "x":
        return this.assertGone();
      case "=":
        return this.event(rest, following);
      default:
        throw new Error(`what is ${kind} ${rest}?`);
    }
  }

  /** On polling a whole body, in which `|` stands between the packets. */
  async say(text, endsSession) {
    if (this.current) {
      return this.current.send(text);
    }
    const records = text.split("|");
    const body = this.isOld ? records.map((it) => `${it.length}:${it}`).join("") : records.join("\u001e");
    const { status } = await this.ask({ method: "POST", body });
    return assert(endsSession || status === 200, `status ${status}`);
  }

  /** Takes the next noop, or else the next packet that is none. */
  async expect(packet) {
    const first = () => this.received.find((it) => (it === "6") === (packet === "6"));
    await until(() => first() !== undefined, `packet ${packet}`);
    const found = first();
    assert.deepEqual(found, packet);
    this.received = this.received.slice(this.received.indexOf(found) + 1);
  }

  /** Offers a WebSocket to the session. */
  async offer(next) {
    const isRefused = !this.livesOn && next?.[0] === "cx" && /^(?:Done|UnderWay)$/.test(next[1]);
    const query = `EIO=${this.isOld ? 3 : 4}&transport=websocket&sid=${this.sid ?? this.current.handshake.sid}`;
    const peer = new Peer(this.server, query, PATH);
    await until(() => peer.isOpen || peer.isClosed, "an answer to the upgrade");
    if (isRefused) {
      await peer.closeCode();
    } else {
      this.candidate = peer;
    }
  }

  async event(described, following) {
    const [, what, rest] = /^(\w+) ?(.*)$/s.exec(described);
    // What is said after this is lost, and perhaps so is the echo of what was said before.
    const isDoomed = following.some(([kind, it]) => kind === "x" || it === "Close");
    if (what === "Upgraded") {
      this.become(this.candidate);
    } else if (what === "Close") {
      await this.assertGone();
    } else if (what === "Ping") {
      await this.expect(`3${rest}`);
    } else if (what === "Message" && !isDoomed) {
      await this.expect(`4${rest}`);
    } else if (what === "Binary") {
      const bytes = Buffer.from((this.isOld ? "04" : "") + rest, "hex");
      const base64 = `b${this.isOld ? "4" : ""}${Buffer.from(rest, "hex").toString("base64")}`;
      await this.expect(this.current ? bytes : base64);
    }
  }

  become(peer) {
    this.current = peer;
    this.candidate = undefined;
    this.received = peer.messages;
    Object.defineProperty(this, "received", {
      get: () => peer.messages,
      set: (messages) => (peer.messages = messages),
    });
  }

  /** Polls, until the session is over or goes on elsewhere. */
  async poll() {
    while (!this.isOver) {
      const { status, text } = await this.ask({}).catch(() => ({ status: 0 }));
      if (status !== 200) {
        return;
      }
      if (!this.current) {
        this.received.push(...this.records(text));
      }
    }
  }

  async assertDropped() {
    if (this.livesOn) {
      assert(this.candidate.isOpen);
      this.isOver = true;
    } else {
      await this.candidate.closeCode();
    }
  }

  async assertGone() {
    if (this.livesOn) {
      await this.say("4still here", false);
      await until(() => this.received.includes("4still here"), "an echo");
      this.isOver = true;
      return;
    }
    if (this.current) {
      await this.current.closeCode();
    } else {
      await until(async () => (await this.ask({ method: "POST", body: this.isOld ? "1:6" : "6" })).status === 400, "the session is over");
    }
    this.isOver = true;
  }

  ask(options) {
    return ask(this.server, `${this.query}&transport=polling`, { path: PATH, ...options });
  }

  records(body) {
    if (!this.isOld) {
      return body.split("\u001e");
    }
    const records = [];
    for (let rest = body; rest !== ""; ) {
      const colon = rest.indexOf(":");
      const end = colon + 1 + Number(rest.slice(0, colon));
      records.push(rest.slice(colon + 1, end));
      rest = rest.slice(end);
    }
    return records;
  }
}

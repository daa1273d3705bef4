// The open line to the server: the official Socket.IO client, its state told in words, and requests
// that end in an answer or an error.
import { io, type Socket } from "socket.io-client";
import { signal } from "@preact/signals";
import { sentence } from "./text";
import type { Activity, Message, Person, Presence, Problem, Reply, Room, Typing } from "./model";

export type LineState = "connecting" | "live" | "reconnecting" | "offline";
export type Transport = "none" | "polling" | "websocket";

export interface LineStatus {
  state: LineState;
  transport: Transport;
  /** When the next attempt starts (ms since the epoch), while one is scheduled. */
  retryAt: number | null;
}

/**
 * Why a request brought no answer: the line was down, nobody answered in time, or the server said
 * no.
 */
export class RequestError extends Error {
  readonly kind: "offline" | "timeout" | "refused";
  readonly problem: Problem | null;

  constructor(kind: RequestError["kind"], problem: Problem | null = null) {
    super(
      problem
        ? sentence(problem.detail || problem.title)
        : kind === "offline"
          ? "You are not connected right now."
          : "The server did not answer in time.",
    );
    this.kind = kind;
    this.problem = problem;
  }
}

interface FromServer {
  "message:new": (message: Message) => void;
  "message:changed": (message: Message) => void;
  "room:activity": (activity: Activity) => void;
  "room:new": (room: Room) => void;
  presence: (presence: Presence) => void;
  typing: (typing: Typing) => void;
  me: (me: Person) => void;
}

export interface LineEvents extends FromServer {
  /** Connected, for the first time or again: time to catch up. */
  live: () => void;
  lost: () => void;
  /** The token is not (or no longer) accepted. */
  unauthorized: () => void;
}

const ANSWER_TIMEOUT_MS = 10_000;
const RETRY_FIRST_MS = 1_000;
const RETRY_MAX_MS = 20_000;

export class Line {
  readonly status = signal<LineStatus>({ state: "connecting", transport: "none", retryAt: null });
  #socket: Socket<Record<string, (...args: never[]) => void>>;
  #attempts = 0;
  #retry: number | undefined;
  #closed = false;
  #events: LineEvents;

  constructor(token: string, events: LineEvents) {
    this.#events = events;
    this.#socket = io({
      auth: { token },
      autoConnect: false,
      // The waiting time is chosen in #planRetry (with our own jitter), so that the page can say
      // how long it is.
      randomizationFactor: 0,
      ...forcedTransport(),
    });
    this.#wireState();
    for (const name of [
      "message:new",
      "message:changed",
      "room:activity",
      "room:new",
      "presence",
      "typing",
      "me",
    ] as const) {
      this.#socket.on(name, events[name] as (...args: never[]) => void);
    }
    addEventListener("online", this.#online);
    addEventListener("offline", this.#offline);
  }

  open(): void {
    this.#set({ state: navigator.onLine ? "connecting" : "offline", retryAt: null });
    this.#socket.connect();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    removeEventListener("online", this.#online);
    removeEventListener("offline", this.#offline);
    this.#socket.disconnect();
  }

  get isLive(): boolean {
    return this.#socket.connected;
  }

  /** Does not wait for the planned attempt. */
  retryNow(): void {
    if (this.#socket.connected || this.#closed) return;
    clearTimeout(this.#retry);
    this.#set({ state: "connecting", retryAt: null });
    this.#socket.disconnect().connect();
  }

  async request<T>(event: string, payload: object): Promise<T> {
    if (!this.#socket.connected) throw new RequestError("offline");
    let reply: Reply<T>;
    try {
      reply = (await this.#socket
        .timeout(ANSWER_TIMEOUT_MS)
        .emitWithAck(event, payload as never)) as Reply<T>;
    } catch {
      throw new RequestError(this.#socket.connected ? "timeout" : "offline");
    }
    if (!reply.ok) throw new RequestError("refused", reply.error);
    return reply;
  }

  /** For what nobody waits for (typing): dropped when the line is down. */
  tell(event: string, payload: object): void {
    if (this.#socket.connected) this.#socket.emit(event, payload as never);
  }

  #wireState(): void {
    const manager = this.#socket.io;
    this.#socket.on("connect", () => {
      this.#attempts = 0;
      this.#watchUpgrade();
      this.#set({ state: "live", retryAt: null });
      this.#events.live();
    });
    this.#socket.on("disconnect", () => {
      if (this.#closed) return;
      this.#events.lost();
      // The server ended this socket by itself: the client leaves it to us whether to come back.
      if (!this.#socket.active) this.#scheduleOwnRetry();
    });
    this.#socket.on("connect_error", (error: Error & { data?: { status?: number } }) => {
      if (error.message === "unauthorized" || error.data?.status === 401) {
        this.close();
        this.#events.unauthorized();
      } else if (!this.#socket.active) {
        this.#scheduleOwnRetry();
      }
    });
    // Both come before the manager plans its next attempt, so the delay set here is the one it
    // takes.
    manager.on("close", () => this.#planRetry());
    manager.on("error", () => this.#planRetry());
    manager.on("reconnect_attempt", () => this.#set({ state: "connecting", retryAt: null }));
  }

  #watchUpgrade(): void {
    const engine = this.#socket.io.engine;
    engine.on("upgrade", () => this.#set({}));
  }

  /**
   * Doubles from 1 s to 20 s, each between half and the whole of it: a restarted server is not
   * stormed.
   */
  #planRetry(): number {
    const whole = Math.min(RETRY_FIRST_MS * 2 ** this.#attempts, RETRY_MAX_MS);
    const delay = Math.round(whole * (0.5 + Math.random() / 2));
    this.#attempts += 1;
    this.#socket.io.reconnectionDelay(delay);
    this.#socket.io.reconnectionDelayMax(delay);
    if (!this.#closed)
      this.#set({
        state: navigator.onLine ? "reconnecting" : "offline",
        retryAt: Date.now() + delay,
      });
    return delay;
  }

  #scheduleOwnRetry(): void {
    clearTimeout(this.#retry);
    this.#retry = window.setTimeout(() => this.retryNow(), this.#planRetry());
  }

  #online = (): void => this.retryNow();

  #offline = (): void => this.#set({ state: "offline" });

  #set(change: Partial<LineStatus>): void {
    const next = { ...this.status.peek(), ...change };
    const name = this.#socket.io.engine?.transport?.name;
    next.transport =
      next.state === "live" && (name === "polling" || name === "websocket") ? name : "none";
    this.status.value = next;
  }
}

/**
 * `?transport=polling` or `?transport=websocket` in the address keeps to one of them: for tests and
 * for narrow networks.
 */
function forcedTransport(): { transports?: string[] } {
  const wanted = new URLSearchParams(location.search).get("transport");
  return wanted === "polling" || wanted === "websocket" ? { transports: [wanted] } : {};
}

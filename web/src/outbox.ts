// Messages on their way: shown at once, sent again after a reconnect, and gone when the server's
// own copy arrives.
import type { Message } from "./model";

export interface Outgoing {
  client_id: string;
  room: string;
  text: string;
  created_at: string;
  state: "pending" | "failed";
  /** Why it failed, for people. */
  reason: string | null;
}

export class Outbox {
  #entries: readonly Outgoing[];

  constructor(entries: readonly Outgoing[] = []) {
    this.#entries = entries;
  }

  get entries(): readonly Outgoing[] {
    return this.#entries;
  }

  in(room: string): Outgoing[] {
    return this.#entries.filter((entry) => entry.room === room);
  }

  /** What has to be sent (again), oldest first. */
  get pending(): Outgoing[] {
    return this.#entries.filter((entry) => entry.state === "pending");
  }

  add(entry: Pick<Outgoing, "client_id" | "room" | "text" | "created_at">): Outgoing {
    const added: Outgoing = { ...entry, state: "pending", reason: null };
    this.#entries = [...this.#entries, added];
    return added;
  }

  /**
   * The server has it: by ack, by broadcast or by catch-up, whichever comes first. True if it was
   * ours.
   */
  settle(message: Pick<Message, "client_id">): boolean {
    return message.client_id !== null && this.remove(message.client_id);
  }

  fail(clientId: string, reason: string): void {
    this.#change(clientId, { state: "failed", reason });
  }

  retry(clientId: string): Outgoing | undefined {
    this.#change(clientId, { state: "pending", reason: null });
    return this.#entries.find((entry) => entry.client_id === clientId);
  }

  remove(clientId: string): boolean {
    const left = this.#entries.filter((entry) => entry.client_id !== clientId);
    const found = left.length < this.#entries.length;
    if (found) this.#entries = left;
    return found;
  }

  toJSON(): readonly Outgoing[] {
    return this.#entries;
  }

  /** Reads what `toJSON` wrote; anything else gives an empty box. */
  static from(value: unknown): Outbox {
    if (!Array.isArray(value)) return new Outbox();
    return new Outbox(value.filter(isOutgoing));
  }

  #change(clientId: string, change: Pick<Outgoing, "state" | "reason">): void {
    this.#entries = this.#entries.map((entry) =>
      entry.client_id === clientId ? { ...entry, ...change } : entry,
    );
  }
}

function isOutgoing(value: unknown): value is Outgoing {
  if (typeof value !== "object" || value === null) return false;
  const entry = value as Partial<Record<keyof Outgoing, unknown>>;
  return (
    typeof entry.client_id === "string" &&
    typeof entry.room === "string" &&
    typeof entry.text === "string" &&
    typeof entry.created_at === "string" &&
    (entry.state === "pending" || entry.state === "failed")
  );
}

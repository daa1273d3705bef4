// The messages of one room as this browser knows them: no doubles, the higher revision wins, always
// in order, no holes.
import type { Entered, Message } from "./model";

export class RoomLog {
  /**
   * Highest revision seen: what a reconnect asks the server to continue from. Undefined until the
   * first answer.
   */
  rev: number | undefined;
  /** Whether the server has messages older than the oldest one here. */
  hasMore = false;

  #byId = new Map<number, Message>();
  #ordered: readonly Message[] = [];
  #dirty = false;
  /** Live messages that came while an answer to `room:enter` was under way. */
  #early: Message[] | undefined;

  get loaded(): boolean {
    return this.rev !== undefined;
  }

  /** Ascending by id; the same array until something changes. */
  get messages(): readonly Message[] {
    if (this.#dirty) {
      this.#ordered = [...this.#byId.values()].sort((a, b) => a.id - b.id);
      this.#dirty = false;
    }
    return this.#ordered;
  }

  get oldestId(): number | undefined {
    return this.messages[0]?.id;
  }

  get newestId(): number {
    return this.messages.at(-1)?.id ?? 0;
  }

  has(id: number): boolean {
    return this.#byId.has(id);
  }

  /**
   * Call before asking the server to enter, so that what arrives meanwhile is kept whichever answer
   * comes.
   */
  beginEnter(): void {
    this.#early = [];
  }

  /** The answer to `room:enter`: a fresh page, or what was missed since `rev`. */
  finishEnter(answer: Pick<Entered, "messages" | "rev" | "has_more" | "reset">): void {
    const early = this.#early ?? [];
    this.#early = undefined;
    if (answer.reset || !this.loaded) {
      this.#byId.clear();
      this.#dirty = true;
      this.hasMore = answer.has_more;
      for (const message of answer.messages) this.#put(message);
      this.rev = answer.rev;
    } else {
      for (const message of answer.messages) this.#applyLive(message);
      this.rev = Math.max(this.rev ?? 0, answer.rev);
    }
    for (const message of early) this.#applyLive(message);
  }

  /** The entering failed: what came meanwhile still counts if there was a log to add it to. */
  abortEnter(): void {
    this.#early = undefined;
  }

  /** A `message:new`, `message:changed` or an ack. True if anything changed. */
  apply(message: Message): boolean {
    this.#early?.push(message);
    return this.loaded && this.#applyLive(message);
  }

  /** A page of older messages. */
  prepend(page: { messages: Message[]; has_more: boolean }): void {
    for (const message of page.messages) this.#put(message);
    this.hasMore = page.has_more;
  }

  #applyLive(message: Message): boolean {
    this.rev = Math.max(this.rev ?? 0, message.rev);
    // A change to a message older than all we hold: it will come with its page. Taking it now would
    // hide the hole before it.
    const oldest = this.oldestId;
    if (this.hasMore && oldest !== undefined && message.id < oldest) return false;
    return this.#put(message);
  }

  #put(message: Message): boolean {
    const known = this.#byId.get(message.id);
    if (known && known.rev >= message.rev) return false;
    this.#byId.set(message.id, message);
    this.#dirty = true;
    return true;
  }
}

// What somebody is about to say: drafts that stay with their room, and telling others of the
// typing.
import { readDrafts, writeDrafts } from "./storage";

const REPEAT_MS = 3_000;

/** One draft per room, for as long as the tab lives. */
export class Drafts {
  #texts = readDrafts();

  of(room: string): string {
    return this.#texts[room] ?? "";
  }

  keep(room: string, text: string): void {
    if (text === "") delete this.#texts[room];
    else this.#texts[room] = text;
    writeDrafts(this.#texts);
  }
}

/** Tells that we type: at the start, every few seconds while it goes on, and at the end. */
export class OwnTyping {
  #room: string | null = null;
  #toldAt = 0;
  #tell: (room: string, typing: boolean) => void;

  constructor(tell: (room: string, typing: boolean) => void) {
    this.#tell = tell;
  }

  typed(room: string): void {
    const now = Date.now();
    if (this.#room === room && now - this.#toldAt < REPEAT_MS) return;
    this.#room = room;
    this.#toldAt = now;
    this.#tell(room, true);
  }

  stop(): void {
    if (this.#room !== null) this.#tell(this.#room, false);
    this.#room = null;
  }

  /** The line was cut: nobody thinks of us as typing any more. */
  forget(): void {
    this.#room = null;
  }
}

// One room as it is looked at: its messages, who is there, who is typing, and where reading
// stopped.
import { signal } from "@preact/signals";
import type { Entered, Message, Person, Presence, Typing } from "./model";
import { RoomLog } from "./room-log";

export class RoomView {
  readonly id: string;
  readonly log = new RoomLog();
  /** Grows when `log` has changed. */
  readonly version = signal(0);
  readonly status = signal<"loading" | "ready" | "missing" | "failed">("loading");
  readonly members = signal<readonly Person[]>([]);
  readonly typing = signal<readonly Person[]>([]);
  /** "New messages" is drawn after this id. */
  readonly dividerAfter = signal<number | null>(null);
  readonly loadingOlder = signal(false);
  /** The message that is being edited in place. */
  readonly editing = signal<number | null>(null);
  /** Whether the end of the room is in sight; kept by the message list. */
  readonly atEnd = signal(true);
  /** Everything up to here has been seen. */
  readId = 0;
  /** What the server has been told of it. */
  readReported = 0;
  /** The visit whose `room:enter` is under way. */
  enteringVisit: number | null = null;
  /** Grows with every visit, so that the list knows when to scroll to its starting place. */
  visit = 0;

  constructor(id: string) {
    this.id = id;
  }

  changed(): void {
    this.version.value += 1;
  }

  entered(answer: Entered, me: string): void {
    const first = this.status.peek() !== "ready";
    this.log.finishEnter(answer);
    this.members.value = answer.members;
    this.typing.value = [];
    this.readReported = answer.read_id ?? 0;
    this.readId = Math.max(this.readId, this.readReported);
    if (first) {
      const isNew = (message: Message) =>
        message.id > this.readId && message.author.id !== me && !message.deleted;
      this.dividerAfter.value =
        this.readId > 0 && this.log.messages.some(isNew) ? this.readId : null;
    }
    this.status.value = "ready";
    this.changed();
  }

  /** The visit is over: what was seen needs no divider next time. */
  left(): void {
    this.visit += 1;
    this.dividerAfter.value = null;
    this.atEnd.value = true;
    this.editing.value = null;
    this.members.value = [];
    this.typing.value = [];
    if (this.status.peek() === "ready") this.status.value = "loading";
  }

  presence(presence: Presence): void {
    this.members.value = presence.members;
    const here = new Set(presence.members.map((member) => member.id));
    this.typing.value = this.typing.peek().filter((person) => here.has(person.id));
  }

  /** The server tells beginnings and ends, so nothing runs out here. */
  typed(event: Typing): void {
    const others = this.typing.peek().filter((person) => person.id !== event.member.id);
    this.typing.value = event.typing ? [...others, event.member] : others;
  }
}

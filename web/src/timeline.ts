// From messages to what is drawn: day dividers, groups of one author, the "new messages" line, and
// what is still on its way.
import type { Message, Person } from "./model";
import type { Outgoing } from "./outbox";
import { dayName, daysBetween, sameGroup } from "./time";

export type EntryState = "sent" | "pending" | "failed" | "deleted";

export interface Entry {
  /** Stays the same when a message on its way arrives, so that its element stays too. */
  key: string;
  author: Person;
  text: string;
  at: Date;
  state: EntryState;
  message: Message | null;
  outgoing: Outgoing | null;
}

export type Row =
  | { kind: "day"; key: string; label: string }
  | { kind: "new"; key: string }
  | { kind: "entry"; key: string; entry: Entry; first: boolean };

const entries = new WeakMap<Message | Outgoing, Entry>();

function entryOfMessage(message: Message): Entry {
  let entry = entries.get(message);
  if (!entry) {
    entry = {
      key:
        message.client_id === null
          ? `m${message.id}`
          : `c${message.author.id}:${message.client_id}`,
      author: message.author,
      text: message.text,
      at: new Date(message.created_at),
      state: message.deleted ? "deleted" : "sent",
      message,
      outgoing: null,
    };
    entries.set(message, entry);
  }
  return entry;
}

function entryOfOutgoing(outgoing: Outgoing, me: Person): Entry {
  let entry = entries.get(outgoing);
  if (!entry || entry.author !== me) {
    entry = {
      key: `c${me.id}:${outgoing.client_id}`,
      author: me,
      text: outgoing.text,
      at: new Date(outgoing.created_at),
      state: outgoing.state,
      message: null,
      outgoing,
    };
    entries.set(outgoing, entry);
  }
  return entry;
}

export interface TimelineInput {
  messages: readonly Message[];
  outgoing: readonly Outgoing[];
  me: Person;
  dividerAfter: number | null;
  now: Date;
}

export function timeline({ messages, outgoing, me, dividerAfter, now }: TimelineInput): Row[] {
  const rows: Row[] = [];
  let previous: Entry | undefined;
  let divided = dividerAfter === null;
  const add = (entry: Entry): void => {
    let first =
      !previous ||
      previous.author.id !== entry.author.id ||
      previous.author.name !== entry.author.name ||
      !sameGroup(previous.at, entry.at);
    if (!previous || daysBetween(previous.at, entry.at) > 0) {
      rows.push({ kind: "day", key: `d${entry.at.toDateString()}`, label: dayName(entry.at, now) });
    }
    if (
      !divided &&
      dividerAfter !== null &&
      entry.message &&
      entry.message.id > dividerAfter &&
      entry.author.id !== me.id
    ) {
      rows.push({ kind: "new", key: "new" });
      divided = true;
      first = true;
    }
    rows.push({ kind: "entry", key: entry.key, entry, first });
    previous = entry;
  };
  for (const message of messages) add(entryOfMessage(message));
  for (const entry of outgoing) add(entryOfOutgoing(entry, me));
  return rows;
}

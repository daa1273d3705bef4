// The words of the rooms protocol: what the server sends and takes, and the limits that both sides
// keep.

export interface Person {
  id: string;
  name: string;
}

export interface Message {
  id: number;
  room: string;
  author: Person;
  text: string;
  created_at: string;
  edited_at: string | null;
  deleted: boolean;
  /** Grows with every insert, edit and delete on the server; the higher one is the newer truth. */
  rev: number;
  client_id: string | null;
}

export interface LastMessage {
  author_name: string;
  text: string;
  created_at: string;
}

export interface Room {
  id: string;
  name: string;
  topic: string;
  created_at: string;
  last_id: number;
  last_rev: number;
  members: number;
  unread: number;
  last: LastMessage | null;
}

export interface Entered {
  room: Room;
  messages: Message[];
  rev: number;
  has_more: boolean;
  reset: boolean;
  members: Person[];
  read_id: number | null;
}

export interface Activity {
  room: string;
  last_id: number;
  last_rev: number;
  author_id: string;
  last: LastMessage | null;
}

export interface Presence {
  room: string;
  members: Person[];
  joined?: Person;
  left?: Person;
}

export interface Typing {
  room: string;
  member: Person;
  typing: boolean;
}

export interface Problem {
  status: number;
  title: string;
  detail: string;
}

export type Reply<T> = ({ ok: true } & T) | { ok: false; error: Problem };

export const NAME_MAX = 40;
export const ROOM_NAME_MAX = 60;
export const TOPIC_MAX = 200;
export const TEXT_MAX = 4000;
export const UNREAD_MAX = 999;
/** The server names no more people of one room than this; the others still count. */
export const MEMBERS_LISTED_MAX = 200;

/** Length as the server counts it: Unicode scalar values, not UTF-16 units. */
export function length(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

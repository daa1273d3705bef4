// What is drawn: days, groups, the "new messages" line, and entries that keep their key when they
// arrive.
import { describe, expect, it } from "vitest";
import type { Message } from "../src/model";
import type { Outgoing } from "../src/outbox";
import { timeline } from "../src/timeline";

const me = { id: "me", name: "Noor" };
const ada = { id: "ada", name: "Ada" };
const now = new Date(2026, 10, 21, 12, 0);

function message(
  id: number,
  author = ada,
  minute = 0,
  day = 21,
  client_id: string | null = null,
): Message {
  return {
    id,
    room: "general",
    author,
    text: `text ${id}`,
    created_at: new Date(2026, 10, day, 9, minute).toISOString(),
    edited_at: null,
    deleted: false,
    rev: id,
    client_id,
  };
}

const outgoing: Outgoing = {
  client_id: "c1",
  room: "general",
  text: "soon",
  created_at: new Date(2026, 10, 21, 9, 30).toISOString(),
  state: "pending",
  reason: null,
};

function drawn(
  messages: Message[],
  options: { dividerAfter?: number | null; out?: Outgoing[] } = {},
): string[] {
  return timeline({
    messages,
    outgoing: options.out ?? [],
    me,
    dividerAfter: options.dividerAfter ?? null,
    now,
  }).map((row) =>
    row.kind === "entry"
      ? `${row.first ? "+" : " "}${row.entry.text}`
      : row.kind === "day"
        ? `[${row.label}]`
        : "[new]",
  );
}

describe("timeline", () => {
  it("groups by author, time and day", () => {
    const messages = [
      message(1, ada, 0, 20),
      message(2, ada, 0),
      message(3, ada, 2),
      message(4, me, 3),
      message(5, ada, 4),
      message(6, ada, 20),
    ];
    expect(drawn(messages)).toEqual([
      "[Yesterday]",
      "+text 1",
      "[Today]",
      "+text 2",
      " text 3",
      "+text 4",
      "+text 5",
      "+text 6",
    ]);
  });

  it("draws the line before the first unread message of somebody else, and starts a group there", () => {
    expect(
      drawn([message(1), message(2, ada, 1), message(3, ada, 2)], { dividerAfter: 2 }),
    ).toEqual(["[Today]", "+text 1", " text 2", "[new]", "+text 3"]);
    expect(drawn([message(1), message(2, me, 1), message(3, ada, 2)], { dividerAfter: 1 })).toEqual(
      ["[Today]", "+text 1", "+text 2", "[new]", "+text 3"],
    );
  });

  it("draws no line when nothing is new", () => {
    expect(drawn([message(1), message(2, ada, 1)], { dividerAfter: 2 })).not.toContain("[new]");
  });

  it("puts what is on its way at the end", () => {
    expect(drawn([message(1)], { out: [outgoing] })).toEqual(["[Today]", "+text 1", "+soon"]);
  });

  it("keeps the key when the message arrives, so that its element stays", () => {
    const key = (messages: Message[], out: Outgoing[]) =>
      timeline({ messages, outgoing: out, me, dividerAfter: null, now }).at(-1)?.key;
    expect(key([], [outgoing])).toBe(key([message(1, me, 30, 21, "c1")], []));
  });

  it("gives the same entry for the same message, so that unchanged rows are not drawn again", () => {
    const one = message(1);
    const entry = () =>
      timeline({ messages: [one], outgoing: [], me, dividerAfter: null, now }).find(
        (row) => row.kind === "entry",
      )?.entry;
    expect(entry()).toBeDefined();
    expect(entry()).toBe(entry());
  });
});

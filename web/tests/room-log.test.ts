// The message store: no doubles, the higher revision wins, order, older pages, and catching up
// without holes.
import { describe, expect, it } from "vitest";
import type { Message } from "../src/model";
import { RoomLog } from "../src/room-log";

function message(id: number, rev = id, text = `text ${id}`): Message {
  return {
    id,
    room: "general",
    author: { id: "a", name: "Ada" },
    text,
    created_at: "2026-11-21T08:00:00.000Z",
    edited_at: null,
    deleted: false,
    rev,
    client_id: null,
  };
}

function entered(ids: number[], hasMore = false): RoomLog {
  const log = new RoomLog();
  log.beginEnter();
  log.finishEnter({
    messages: ids.map((id) => message(id)),
    rev: Math.max(0, ...ids),
    has_more: hasMore,
    reset: true,
  });
  return log;
}

const ids = (log: RoomLog) => log.messages.map((each) => each.id);

describe("RoomLog", () => {
  it("keeps one copy of a message that arrives twice", () => {
    const log = entered([1, 2]);
    expect(log.apply(message(3))).toBe(true);
    expect(log.apply(message(3))).toBe(false);
    expect(ids(log)).toEqual([1, 2, 3]);
  });

  it("lets the higher revision win, whichever comes first", () => {
    const log = entered([1, 2]);
    log.apply(message(2, 9, "second edit"));
    log.apply(message(2, 8, "first edit"));
    expect(log.messages[1]?.text).toBe("second edit");
  });

  it("orders by id, whatever the order of arrival", () => {
    const log = entered([1]);
    log.apply(message(4));
    log.apply(message(3));
    expect(ids(log)).toEqual([1, 3, 4]);
  });

  it("asks to continue from the highest revision it has seen", () => {
    const log = entered([1, 2]);
    log.apply(message(1, 7));
    expect(log.rev).toBe(7);
    expect(new RoomLog().rev).toBeUndefined();
  });

  it("catches up on new, edited and deleted messages after a gap", () => {
    const log = entered([1, 2, 3]);
    log.beginEnter();
    log.finishEnter({
      messages: [message(2, 4, "edited"), message(4, 5), { ...message(3, 6, ""), deleted: true }],
      rev: 6,
      has_more: false,
      reset: false,
    });
    expect(log.messages.map((each) => [each.id, each.text, each.deleted])).toEqual([
      [1, "text 1", false],
      [2, "edited", false],
      [3, "", true],
      [4, "text 4", false],
    ]);
    expect(log.rev).toBe(6);
  });

  it("starts over when the server says that too much was missed", () => {
    const log = entered([1, 2, 3]);
    log.beginEnter();
    log.finishEnter({
      messages: [message(900), message(901)],
      rev: 950,
      has_more: true,
      reset: true,
    });
    expect(ids(log)).toEqual([900, 901]);
    expect(log.hasMore).toBe(true);
  });

  it("keeps what arrives live while the answer to entering is under way", () => {
    const log = new RoomLog();
    log.beginEnter();
    expect(log.apply(message(3))).toBe(false);
    log.finishEnter({ messages: [message(1), message(2)], rev: 2, has_more: false, reset: true });
    expect(ids(log)).toEqual([1, 2, 3]);
    expect(log.rev).toBe(3);
  });

  it("keeps the older live copy out when the answer already has a newer one", () => {
    const log = new RoomLog();
    log.beginEnter();
    log.apply(message(2, 2, "before the edit"));
    log.finishEnter({
      messages: [message(2, 5, "after the edit")],
      rev: 5,
      has_more: false,
      reset: true,
    });
    expect(log.messages.map((each) => each.text)).toEqual(["after the edit"]);
  });

  it("puts older pages before what is there", () => {
    const log = entered([51, 52], true);
    log.prepend({ messages: [message(49), message(50)], has_more: false });
    expect(ids(log)).toEqual([49, 50, 51, 52]);
    expect(log.oldestId).toBe(49);
    expect(log.hasMore).toBe(false);
  });

  it("does not take a change to a message older than its oldest page, but remembers the revision", () => {
    const log = entered([51, 52], true);
    expect(log.apply(message(7, 60, "edited long after"))).toBe(false);
    expect(ids(log)).toEqual([51, 52]);
    expect(log.rev).toBe(60);
  });

  it("ignores live messages of a room that was never entered", () => {
    const log = new RoomLog();
    expect(log.apply(message(1))).toBe(false);
    expect(log.loaded).toBe(false);
  });

  it("gives the same array until something changes", () => {
    const log = entered([1, 2]);
    const before = log.messages;
    log.apply(message(2));
    expect(log.messages).toBe(before);
    log.apply(message(3));
    expect(log.messages).not.toBe(before);
  });
});

// Messages on their way: matched by client_id, sent again when still pending, kept when they
// failed.
import { describe, expect, it } from "vitest";
import { Outbox } from "../src/outbox";

const entry = (client_id: string, room = "general") => ({
  client_id,
  room,
  text: `text ${client_id}`,
  created_at: "2026-11-21T08:00:00.000Z",
});

describe("Outbox", () => {
  it("drops an entry when the server's copy with its client_id arrives", () => {
    const outbox = new Outbox();
    outbox.add(entry("a"));
    expect(outbox.settle({ client_id: "a" })).toBe(true);
    expect(outbox.settle({ client_id: "a" })).toBe(false);
    expect(outbox.entries).toEqual([]);
  });

  it("does not mistake other people's messages for its own", () => {
    const outbox = new Outbox();
    outbox.add(entry("a"));
    expect(outbox.settle({ client_id: "b" })).toBe(false);
    expect(outbox.settle({ client_id: null })).toBe(false);
    expect(outbox.entries).toHaveLength(1);
  });

  it("sends what is pending again, oldest first, and not what failed", () => {
    const outbox = new Outbox();
    for (const id of ["a", "b", "c"]) outbox.add(entry(id));
    outbox.fail("b", "Too long.");
    expect(outbox.pending.map((each) => each.client_id)).toEqual(["a", "c"]);
    expect(outbox.entries[1]).toMatchObject({ state: "failed", reason: "Too long." });
  });

  it("retries with the same client_id, so that the server can tell a second copy", () => {
    const outbox = new Outbox();
    outbox.add(entry("a"));
    outbox.fail("a", "No answer.");
    expect(outbox.retry("a")).toMatchObject({ client_id: "a", state: "pending", reason: null });
    expect(outbox.retry("gone")).toBeUndefined();
  });

  it("separates the rooms", () => {
    const outbox = new Outbox();
    outbox.add(entry("a", "one"));
    outbox.add(entry("b", "two"));
    expect(outbox.in("two").map((each) => each.client_id)).toEqual(["b"]);
  });

  it("survives a reload through JSON, and anything else gives an empty box", () => {
    const outbox = new Outbox();
    outbox.add(entry("a"));
    expect(Outbox.from(JSON.parse(JSON.stringify(outbox))).entries).toEqual(outbox.entries);
    for (const other of [
      null,
      1,
      "x",
      {},
      [null],
      [{ client_id: 1 }],
      [{ ...entry("a"), state: "sent" }],
    ]) {
      expect(Outbox.from(other).entries).toEqual([]);
    }
  });
});

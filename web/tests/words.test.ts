// Names and times as people read them: slugs, addresses, initials, clocks, days and distances.
import { describe, expect, it } from "vitest";
import { CORD_COLOURS, cordColour, initials, newClientId } from "../src/identity";
import { length } from "../src/model";
import { hashOf, isLossy, roomInHash, slug } from "../src/slug";
import { clock, dayName, daysBetween, distance, sameGroup } from "../src/time";

describe("slug", () => {
  it("makes an address of a name", () => {
    expect(slug("Weekend plans")).toBe("weekend-plans");
    expect(slug("  Über & Größe!  ")).toBe("uber-grosse");
    expect(slug("C++ / Rust")).toBe("c-rust");
    expect(slug("!!!")).toBe("");
    expect(slug("日本")).toBe("");
  });

  it("is at most 60 characters and never ends with a dash", () => {
    const long = slug(`${"a".repeat(59)} bcd`);
    expect(long).toBe("a".repeat(59));
  });
});

describe("isLossy", () => {
  it("tells when the address cannot show all letters of the name", () => {
    for (const name of ["日本", "Plans 日本", "Łódź", "", "!!!"])
      expect(isLossy(name), name).toBe(true);
    for (const name of ["Weekend plans", "Über & Größe!", "C++", "№ 5"])
      expect(isLossy(name), name).toBe(false);
  });
});

describe("room addresses", () => {
  it("go there and back", () => {
    expect(roomInHash(hashOf("general"))).toBe("general");
    expect(roomInHash(hashOf(null))).toBeNull();
  });

  it("refuse what is no slug", () => {
    for (const hash of ["", "#/", "#/r/", "#/r/A", "#/r/a/b", "#/r/<b>", `#/r/${"a".repeat(61)}`])
      expect(roomInHash(hash)).toBeNull();
  });
});

describe("initials", () => {
  it("take the first and the last word", () => {
    expect(initials("Ada Lovelace King")).toBe("AK");
    expect(initials("zoë")).toBe("Z");
    expect(initials("李 雷")).toBe("李雷");
    expect(initials("(bob) _x_")).toBe("BX");
    expect(initials("🦊 fox")).toBe("🦊F");
    expect(initials("   ")).toBe("?");
  });
});

describe("cordColour", () => {
  it("stays with the id and uses every colour", () => {
    expect(cordColour("abc")).toBe(cordColour("abc"));
    const used = new Set(Array.from({ length: 400 }, (_, at) => cordColour(`guest-${at}`)));
    expect(used.size).toBe(CORD_COLOURS);
  });
});

describe("newClientId", () => {
  it("is 24 hex digits and new each time", () => {
    const all = new Set(Array.from({ length: 100 }, newClientId));
    expect(all.size).toBe(100);
    for (const id of all) expect(id).toMatch(/^[0-9a-f]{24}$/);
  });
});

describe("length", () => {
  it("counts as the server does", () => {
    expect(length("abc")).toBe(3);
    expect(length("🎉é")).toBe(2);
  });
});

describe("times", () => {
  const now = new Date(2026, 10, 21, 12, 0, 0);
  const at = (day: number, hour = 9, minute = 5) => new Date(2026, 10, day, hour, minute);

  it("tell the clock with two digits", () => {
    expect(clock(at(21), "en-GB")).toBe("09:05");
    expect(clock(at(21, 0, 0), "en-US")).toBe("00:00");
  });

  it("name the day", () => {
    expect(dayName(at(21), now, "en-GB")).toBe("Today");
    expect(dayName(at(20, 23, 59), now, "en-GB")).toBe("Yesterday");
    expect(dayName(at(17), now, "en-GB")).toMatch(/^Tuesday,? 17 November$/);
    expect(dayName(new Date(2024, 2, 3), now, "en-GB")).toMatch(/^Sunday,? 3 March 2024$/);
  });

  it("tell how far away something is", () => {
    expect(distance(new Date(now.getTime() - 20_000), now, "en-GB")).toBe("now");
    expect(distance(new Date(now.getTime() + 20_000), now, "en-GB")).toBe("now");
    expect(distance(new Date(now.getTime() - 5 * 60_000), now, "en-GB")).toBe("5 min");
    expect(distance(at(21), now, "en-GB")).toBe("09:05");
    expect(distance(at(17), now, "en-GB")).toBe("Tue");
    expect(distance(at(1), now, "en-GB")).toBe("1 Nov");
    expect(distance(new Date(2024, 2, 3), now, "en-GB")).toBe("3 Mar 2024");
  });

  it("count days by the calendar, not by spans of 24 hours", () => {
    expect(daysBetween(at(20, 23, 59), at(21, 0, 1))).toBe(1);
    expect(daysBetween(at(21, 0, 1), at(21, 23, 59))).toBe(0);
  });

  it("group what is close together on one day", () => {
    expect(sameGroup(at(21, 9, 0), at(21, 9, 5))).toBe(true);
    expect(sameGroup(at(21, 9, 0), at(21, 9, 6))).toBe(false);
    expect(sameGroup(at(20, 23, 59), at(21, 0, 1))).toBe(false);
  });
});

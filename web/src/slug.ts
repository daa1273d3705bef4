// The id that a room's name will get, shown while the name is typed; the server decides in the end.

export function slug(name: string): string {
  return name
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/ß/g, "ss")
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-/, "")
    .slice(0, 60)
    .replace(/-$/, "");
}

/**
 * Whether letters were lost on the way: the server then adds some digits, so that two such names do
 * not meet.
 */
export function isLossy(name: string): boolean {
  return (
    name === "" ||
    slug(name) === "" ||
    /[\p{Alphabetic}\p{N}]/u.test(
      name
        .normalize("NFKD")
        .replace(/\p{M}/gu, "")
        .replace(/[a-z0-9ß]/gi, ""),
    )
  );
}

/** "#/r/general" -> "general"; anything else is the list of rooms. */
export function roomInHash(hash: string): string | null {
  return /^#\/r\/([a-z0-9-]{1,60})$/.exec(hash)?.[1] ?? null;
}

export function hashOf(room: string | null): string {
  return room === null ? "#/" : `#/r/${room}`;
}

// How a person is drawn (initials, one of the cord colours) and how a message is named before the
// server has seen it.

export const CORD_COLOURS = 10;

/** First letters of the first and last word: "Ada King" -> "AK", "zoë" -> "Z". */
export function initials(name: string): string {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const first = firstSymbol(words[0] ?? "");
  const last = words.length > 1 ? firstSymbol(words.at(-1) ?? "") : "";
  return (first + last).toLocaleUpperCase() || "?";
}

function firstSymbol(word: string): string {
  return /\p{L}|\p{N}|\p{Extended_Pictographic}/u.exec(word)?.[0] ?? [...word][0] ?? "";
}

/** The colour stays with the id, whatever the name becomes (FNV-1a). */
export function cordColour(id: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < id.length; at += 1) {
    hash = Math.imul(hash ^ id.charCodeAt(at), 0x01000193);
  }
  return ((hash ^ (hash >>> 15)) >>> 0) % CORD_COLOURS;
}

/**
 * 96 random bits. `crypto.randomUUID` exists only on secure origins; a server on the local network
 * is not one.
 */
export function newClientId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

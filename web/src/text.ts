// What people write, cut into plain text and web links. The pieces become text nodes and <a>
// elements; nothing is ever parsed as HTML.

export type Piece = { kind: "text"; text: string } | { kind: "link"; text: string; href: string };

// Stops at white space, quotes, angle brackets and invisible direction marks, so that a link cannot
// show one address and open another.
const CANDIDATE =
  /\bhttps?:\/\/[^\s<>"“”«»\u0000-\u001f\u200b-\u200f\u202a-\u202e\u2060-\u2069]+/giu;

export function pieces(text: string): Piece[] {
  const out: Piece[] = [];
  let end = 0;
  for (const match of text.matchAll(CANDIDATE)) {
    const shown = trimTail(match[0]);
    const href = webAddress(shown);
    if (href === undefined) continue;
    if (match.index > end) out.push({ kind: "text", text: text.slice(end, match.index) });
    out.push({ kind: "link", text: shown, href });
    end = match.index + shown.length;
  }
  if (end < text.length) out.push({ kind: "text", text: text.slice(end) });
  return out;
}

/**
 * Punctuation that ends a sentence is not part of the address, nor is a bracket that the address
 * did not open.
 */
function trimTail(candidate: string): string {
  let link = candidate;
  for (;;) {
    const last = link.at(-1) ?? "";
    if (
      /[.,;:!?'’*_~…]/u.test(last) ||
      (last === ")" && !balanced(link, "(", ")")) ||
      (last === "]" && !balanced(link, "[", "]"))
    ) {
      link = link.slice(0, -1);
    } else {
      return link;
    }
  }
}

function balanced(text: string, open: string, close: string): boolean {
  return text.split(open).length >= text.split(close).length;
}

function webAddress(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  const isWeb = url.protocol === "https:" || url.protocol === "http:";
  // A user part ("https://bank.example@evil.example") exists to deceive: such text stays text.
  return isWeb && url.hostname !== "" && url.username === "" && url.password === ""
    ? url.href
    : undefined;
}

/** What the server says of an error, as a sentence for people. */
export function sentence(detail: string): string {
  const plain = detail.replaceAll("`", "").trim();
  if (plain === "") return "Something went wrong.";
  const [first = "", ...rest] = plain;
  return first.toLocaleUpperCase() + rest.join("") + (/[.!?]$/.test(plain) ? "" : ".");
}

/** One to three emoji and nothing else: shown larger. */
export function isEmojiOnly(text: string): boolean {
  return /^(?:(?:\p{Extended_Pictographic}|\p{Regional_Indicator}{2})[\u{fe0f}\u{1f3fb}-\u{1f3ff}]?(?:\u200d\p{Extended_Pictographic}\ufe0f?)*\s?){1,3}$/u.test(
    text,
  );
}

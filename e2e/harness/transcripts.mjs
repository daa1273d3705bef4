// The transcripts of the floors: texts that say what comes in, and what must be made of it.

import { readFileSync } from "node:fs";

/** The sections of a file as `{ name, transcripts }`; a transcript is a list of `[kind, rest]`. */
export function sections(crate, file) {
  const url = new URL(`../../crates/${crate}/tests/transcripts/${file}.txt`, import.meta.url);
  const [, ...texts] = readFileSync(url, "utf8").split(/^## /m);
  return texts.map((text) => {
    const [name, ...lines] = text.split("\n");
    const kept = lines.filter((it) => !it.startsWith("# ")).join("\n");
    const paragraphs = kept.split(/\n\n+/).map((it) => it.trim()).filter((it) => it !== "");
    return { name, transcripts: paragraphs.map((it) => it.split("\n").map(parse)) };
  });
}

/** Writes a transcript as it was read, for messages. */
export function written(transcript) {
  return transcript.map((it) => it.join(" ")).join("\n");
}

function parse(line) {
  const at = line.indexOf(" ");
  return at < 0 ? [line, ""] : [line.slice(0, at), line.slice(at + 1)];
}

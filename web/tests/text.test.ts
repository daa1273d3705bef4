// Text stays text: only whole http and https addresses become links, and nothing is lost or changed
// on the way.
import { describe, expect, it } from "vitest";
import { isEmojiOnly, pieces, sentence } from "../src/text";

const links = (text: string) =>
  pieces(text).flatMap((piece) => (piece.kind === "link" ? [piece.text] : []));
const hrefs = (text: string) =>
  pieces(text).flatMap((piece) => (piece.kind === "link" ? [piece.href] : []));

describe("pieces", () => {
  it("gives back exactly what was written", () => {
    for (const text of [
      "",
      "plain",
      "a https://x.example/y, b",
      "https://x.example",
      "<b>http://x.example</b>",
      "line\nhttps://x.example/\nline",
    ]) {
      expect(
        pieces(text)
          .map((piece) => piece.text)
          .join(""),
      ).toBe(text);
    }
  });

  it("leaves the punctuation of the sentence out of the link", () => {
    expect(links("See https://x.example/a.")).toEqual(["https://x.example/a"]);
    expect(links("(https://x.example/a)")).toEqual(["https://x.example/a"]);
    expect(links("really: https://x.example/a?!")).toEqual(["https://x.example/a"]);
    expect(links("https://x.example/a, https://x.example/b")).toEqual([
      "https://x.example/a",
      "https://x.example/b",
    ]);
  });

  it("keeps brackets that the address itself opened", () => {
    expect(links("https://x.example/Line_(telephone)")).toEqual([
      "https://x.example/Line_(telephone)",
    ]);
    expect(links("(see https://x.example/Line_(telephone))")).toEqual([
      "https://x.example/Line_(telephone)",
    ]);
  });

  it("links nothing but http and https", () => {
    for (const text of [
      "javascript:alert(1)",
      "data:text/html,x",
      "file:///etc/passwd",
      "ftp://x.example",
      "vbscript:x",
      "x.example",
      "//x.example",
      "blob:https://x.example/1",
      "http://",
      "https:///",
    ]) {
      expect(hrefs(text).filter((href) => !/^https?:\/\/[^/]/.test(href))).toEqual([]);
    }
    expect(links("javascript:alert(1)")).toEqual([]);
    expect(links("xhttps://x.example")).toEqual([]);
  });

  it("stops at markup, quotes and direction marks", () => {
    expect(links('<a href="https://x.example/a"onclick=x>')).toEqual(["https://x.example/a"]);
    expect(links("https://x.example/a\u202emoc.live")).toEqual(["https://x.example/a"]);
    expect(links("https://x.example/a<script>")).toEqual(["https://x.example/a"]);
  });

  it("does not link an address that pretends to be another one", () => {
    expect(links("https://bank.example@evil.example/")).toEqual([]);
    expect(links("https://user:pass@evil.example/")).toEqual([]);
  });

  it("takes long text in linear time", () => {
    const started = performance.now();
    pieces("https://x.example/" + ")".repeat(4000));
    pieces("http://".repeat(600));
    expect(performance.now() - started).toBeLessThan(500);
  });
});

describe("sentence", () => {
  it("makes a sentence of the server's words", () => {
    expect(sentence("`text` must not be empty")).toBe("Text must not be empty.");
    expect(sentence("there is no room `a`")).toBe("There is no room a.");
    expect(sentence("Already one.")).toBe("Already one.");
    expect(sentence(" ")).toBe("Something went wrong.");
  });
});

describe("isEmojiOnly", () => {
  it("is true for one to three emoji alone", () => {
    for (const text of ["🎉", "👍🏽", "👩‍💻", "🇩🇪", "❤️", "🎉🎉🎉", "🎉 👍"])
      expect(isEmojiOnly(text), text).toBe(true);
  });

  it("is false for anything else", () => {
    for (const text of ["", "ok", "ok 👍", "🎉🎉🎉🎉", "1", "#"])
      expect(isEmojiOnly(text), text).toBe(false);
  });
});

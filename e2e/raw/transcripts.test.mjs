// The transcripts of the floors over real connections: our server and the official one agree, but
// for the rows of a table in docs/compatibility.md. Engine.IO's transcripts of the heartbeat take
// their time, and are played in timers.test.mjs.

import { after, describe, test } from "node:test";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { isReplayable, replay as replayEio } from "../harness/eio-replay.mjs";
import { replay as replaySio } from "../harness/sio-replay.mjs";
import { conformance, isReference, serverOfThisFile } from "../harness/sut.mjs";
import { sections, written } from "../harness/transcripts.mjs";
import { COUNT, isDifferent, rowsOf } from "./differences.mjs";

const sio = await serverOfThisFile("api");
const eio = await conformance("eio", ["--ping-interval", "100000", "--ping-timeout", "100000"]);
after(() => eio.kill());

const FLOORS = [
  { crate: "switchboard-eio", files: ["heartbeat", "upgrade", "v3"], isReplayable, server: eio, replay: replayEio },
  { crate: "switchboard-sio", files: ["packets", "threats", "json"], isReplayable: () => true, server: sio, replay: replaySio },
];
const played = [];

for (const { crate, files, server, replay, ...floor } of FLOORS) {
  for (const file of files) {
    describe(`${crate}, ${file}`, () => {
      for (const { name, transcripts } of sections(crate, file)) {
        const playable = transcripts.filter(floor.isReplayable);
        const differs = playable.map((it) => isDifferent(name, written(it)));
        played.push(...playable.map(() => name));
        if (0 < playable.length) {
          test(name.replaceAll("_", " "), async () => {
            const all = playable.map((it, i) => replay(server, it, { livesOn: isReference && differs[i] }));
            await Promise.all(all);
          });
        }
      }
    });
  }
}

test("nearly all transcripts can be replayed", () => {
  assert(200 <= played.length, `${played.length} were`);
});

test("each difference is a row of the documentation, and there is a transcript of it", () => {
  const found = rowsOf(played);
  assert.equal(found.length, COUNT);
  const page = readFileSync(new URL("../../docs/compatibility.md", import.meta.url), "utf8");
  for (const { row, transcripts } of found) {
    assert(0 < transcripts, `no transcript: ${row}`);
    assert(page.includes(`\n| ${row} |`), `not in docs/compatibility.md: ${row}`);
  }
});

// The server is killed and comes back with the same data: pages return by themselves and catch up.

import { test } from "node:test";
import assert from "node:assert/strict";

import { Person, roomsAndBrowser } from "../harness/browser.mjs";
import { roomsServer } from "../harness/sut.mjs";
import { until } from "../harness/until.mjs";

const place = await roomsAndBrowser();

async function isDown(person) {
  const down = person.page.locator('[data-testid="connection"]:not([data-state="live"])');
  await down.first().waitFor();
}

for (const how of ["killed", "stopped"]) {
  test(`nothing is lost or doubled when the server is ${how} and comes back`, async () => {
    const { port } = place.server;
    const [ann, bob] = await Promise.all([
      Person.arrive(place, `Ann ${how}`),
      Person.arrive(place, `Bob ${how}`),
    ]);
    const id = await ann.createRoom(`Restart ${how}`);
    await bob.openRoom(id);
    const before = Array.from({ length: 10 }, (_, i) => `before ${i}`);
    for (const text of before) {
      await (before.indexOf(text) % 2 ? ann : bob).say(text);
      await Promise.all([ann.seesLast(text), bob.seesLast(text)]);
    }
    await until(async () => (await unsent(ann)) + (await unsent(bob)) === 0, "all are sent");

    await (how === "killed" ? place.server.kill() : place.server.stop());
    await Promise.all([isDown(ann), isDown(bob)]);
    await ann.say("written while away");
    await until(async () => (await unsent(ann)) === 1, "it waits");

    place.server = await roomsServer(place.folder, port);
    const program = await place.api.guest("Program");
    const path = `/rooms/${id}/messages`;
    await place.api.call("POST", path, { text: "posted meanwhile" }, program.token);
    await Promise.all([ann.live(), bob.live()]);

    await until(async () => (await bob.texts()).length === 12, "Bob has all twelve", 15_000);
    await until(async () => (await unsent(ann)) === 0, "what waited is sent");
    const all = await bob.texts();
    assert.deepEqual(all.slice(0, 10), before);
    assert.deepEqual(all.slice(10).sort(), ["posted meanwhile", "written while away"]);
    await ann.sees(all);
    await ann.say("and on");
    await Promise.all([ann.sees([...all, "and on"]), bob.sees([...all, "and on"])]);
    await Promise.all([ann, bob].map((it) => it.seesMembers(`Ann ${how}`, `Bob ${how}`)));

    const { messages } = (await place.api.call("GET", path, undefined, program.token)).body;
    assert.deepEqual(messages.map((it) => it.text), [...all, "and on"]);
    await bob.page.reload();
    await bob.sees([...all, "and on"]);
    place.server.assertQuiet();
    await Promise.all([ann.leave(), bob.leave()]);
  });
}

/** How many messages of the page wait to be sent. */
function unsent(person) {
  return person.page.locator('[data-testid="message"]:not([data-state="sent"])').count();
}

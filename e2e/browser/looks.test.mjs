// Screenshots of the app as people see it, into e2e/out: for eyes, not for comparison.
// UPDATE_README_IMAGE=1 also writes docs/images/rooms.png.

import { test } from "node:test";
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import { DESKTOP, Person, PHONE, roomsAndBrowser } from "../harness/browser.mjs";
import { until } from "../harness/until.mjs";

const place = await roomsAndBrowser();
const OUT = fileURLToPath(new URL("../out/", import.meta.url));
const IMAGES = fileURLToPath(new URL("../../docs/images/", import.meta.url));
await mkdir(OUT, { recursive: true });

const TALK = [
  ["Mira", "The 7:40 to Graz is on platform 4 today, not 6."],
  ["Jonas", "Good catch, thanks. Is the bike carriage still at the front?"],
  ["Mira", "At the back this week. They turned the whole set around."],
  ["Aylin", "I have two spare tickets for Saturday if anybody wants to come along 🚆"],
  ["Jonas", "Yes, please! Let us meet under the clock at nine."],
];

async function furnish() {
  const { api } = place;
  const names = ["Mira", "Jonas", "Aylin"];
  const guests = Object.fromEntries(await Promise.all(names.map(async (it) => [it, await api.guest(it)])));
  const make = async (name, topic) =>
    (await api.call("POST", "/rooms", { name, topic }, guests.Mira.token)).body.id;
  const trains = await make("Weekend trains", "Where to go, and on which platform");
  const [kitchen, garden] = [await make("Kitchen table", "What is cooking"), await make("Garden", "")];
  for (const [name, text] of TALK) {
    await api.call("POST", `/rooms/${trains}/messages`, { text }, guests[name].token);
  }
  return { guests, trains, kitchen, garden };
}

const { guests, trains, kitchen, garden } = await furnish();

for (const colorScheme of ["light", "dark"]) {
  for (const viewport of [DESKTOP, PHONE]) {
    test(`${viewport.width} wide, ${colorScheme}`, async () => {
      const shot = (person, what, path = OUT) =>
        person.page.screenshot({ path: `${path}${what}-${viewport.width}-${colorScheme}.png` });
      const visitor = await place.browser.newContext({ viewport, colorScheme });
      const page = await visitor.newPage();
      await page.goto(place.server.url);
      await page.getByTestId("name-input").waitFor();
      await page.screenshot({ path: `${OUT}name-${viewport.width}-${colorScheme}.png` });
      await visitor.close();

      const ann = await Person.arrive(place, "Ann", { viewport, colorScheme });
      await ann.room(trains).waitFor();
      for (const [room, text] of [[kitchen, "Soup is on."], [garden, "The plums are ripe."]]) {
        await place.api.call("POST", `/rooms/${room}/messages`, { text }, guests.Aylin.token);
      }
      await until(async () => 2 <= (await ann.get("unread").count()), "two rooms have marks");
      await shot(ann, "list");
      await ann.openRoom(trains);
      await ann.seesLast(TALK.at(-1)[1]);
      await assertFits(ann);
      await shot(ann, "room");
      if (viewport === PHONE) {
        await ann.get("back").click();
      }
      await shotOfDialog(ann, shot);
      await ann.leave();
      place.server.assertQuiet();
    });
  }
}

test("the picture of the README", async () => {
  const others = await Promise.all(["Jonas", "Aylin"].map((it) => Person.arrive(place, it)));
  const ann = await Person.arrive(place, "Ann", { viewport: { width: 1100, height: 660 } });
  await Promise.all([...others, ann].map((it) => it.openRoom(trains)));
  await others[0].get("composer").pressSequentially("On my w");
  await until(async () => /typing/.test(await ann.get("typing").textContent()), "Jonas is typing");
  await ann.live("websocket");
  const path = process.env.UPDATE_README_IMAGE === "1" ? IMAGES : OUT;
  await mkdir(path, { recursive: true });
  await ann.page.screenshot({ path: `${path}rooms.png` });
  await Promise.all([...others, ann].map((it) => it.leave()));
});

/** Nothing sticks out of the window sideways. */
async function assertFits(person) {
  const [content, window] = await person.page.evaluate(() => [
    document.documentElement.scrollWidth,
    document.documentElement.clientWidth,
  ]);
  assert(content <= window, `the page is ${content} wide in a window of ${window}`);
}

async function shotOfDialog(person, shot) {
  await person.get("create-room").click();
  await person.get("room-name-input").waitFor();
  await shot(person, "new-room");
}

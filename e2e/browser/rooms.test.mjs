// People in rooms: what one page does, the other shows at once.

import { test } from "node:test";
import assert from "node:assert/strict";

import { Person, roomsAndBrowser } from "../harness/browser.mjs";
import { until } from "../harness/until.mjs";

const place = await roomsAndBrowser();
const { api } = place;

async function two(room) {
  const [ann, bob] = await Promise.all([
    Person.arrive(place, `Ann of ${room}`),
    Person.arrive(place, `Bob of ${room}`),
  ]);
  const id = await ann.createRoom(room);
  await bob.openRoom(id);
  return { ann, bob, id };
}

async function leave(...people) {
  await Promise.all(people.map((it) => it.leave()));
  place.server.assertQuiet();
}

test("a newcomer chooses a name, and the page says how it is connected", async () => {
  const ann = await Person.arrive(place, "  Ann Newcomer ");
  await ann.live("websocket");
  assert.match(await ann.get("profile").textContent(), /^(?:\S )?.*Ann Newcomer/);
  await ann.page.reload();
  await ann.live("websocket");
  assert.match(await ann.get("profile").textContent(), /Ann Newcomer/);
  await leave(ann);
});

test("a name must be a name", async () => {
  const context = await place.browser.newContext();
  const page = await context.newPage();
  await page.goto(place.server.url);
  for (const name of ["", "   ", "x".repeat(41)]) {
    await page.getByTestId("name-input").fill(name);
    await page.getByTestId("name-submit").click();
    const error = async () => (await page.locator("#name-error").textContent()).trim();
    await until(async () => (await error()) !== "", "the page says what is wrong");
    assert.equal(await page.getByTestId("composer").count(), 0);
  }
  await context.close();
});

test("a new room appears on the other page, and messages cross at once", async () => {
  const { ann, bob } = await two("Crossing");
  await ann.say("hello Bob");
  await bob.sees(["hello Bob"]);
  await bob.say("hello Ann\nsecond line");
  await ann.sees(["hello Bob", "hello Ann\nsecond line"]);
  await bob.sees(["hello Bob", "hello Ann\nsecond line"]);
  const states = await ann.get("message").evaluateAll((all) => all.map((it) => it.dataset.state));
  assert.deepEqual(states, ["sent", "sent"]);
  const ids = (it) => it.get("message").evaluateAll((all) => all.map((one) => one.dataset.id));
  assert.deepEqual(await ids(ann), await ids(bob));
  await leave(ann, bob);
});

test("fifty messages written by two people at once are the same on both pages", async () => {
  const { ann, bob } = await two("Crowded");
  const write = async (person, name) => {
    for (let i = 0; i < 25; i += 1) {
      await person.say(`${name} ${i}`);
    }
  };
  await Promise.all([write(ann, "a"), write(bob, "b")]);
  await until(async () => (await ann.texts()).length === 50, "all fifty are there");
  await bob.sees(await ann.texts());
  const all = await ann.texts();
  for (const name of ["a", "b"]) {
    const own = all.filter((it) => it.startsWith(name));
    assert.deepEqual(own, Array.from({ length: 25 }, (_, i) => `${name} ${i}`));
  }
  await leave(ann, bob);
});

test("who is here and who leaves is shown", async () => {
  const { ann, bob, id } = await two("Presence");
  const names = ["Ann of Presence", "Bob of Presence"];
  await Promise.all([ann.seesMembers(...names), bob.seesMembers(...names)]);
  const second = await bob.page.context().newPage();
  await second.goto(`${place.server.url}/#/r/${id}`);
  await second.getByTestId("composer").waitFor();
  await second.close();
  await ann.seesMembers(...names);
  await bob.leave();
  await ann.seesMembers("Ann of Presence");
  await leave(ann);
});

test("who is typing is shown, until the message comes", async () => {
  const { ann, bob } = await two("Typing");
  await ann.get("composer").pressSequentially("a thou");
  const typing = async () => (await bob.get("typing").textContent()).trim();
  await until(async () => /Ann of Typing is typing/.test(await typing()), "Bob sees Ann typing");
  assert.equal((await ann.get("typing").textContent()).trim(), "");
  await ann.get("composer").press("Enter");
  await bob.sees(["a thou"]);
  await until(async () => (await typing()) === "", "nobody is typing");
  await leave(ann, bob);
});

test("a message in another room leaves a mark until it is read", async () => {
  const { ann, bob, id } = await two("Marked");
  await bob.createRoom("Elsewhere of Bob");
  await ann.say("one");
  await ann.say("two");
  const mark = bob.room(id).getByTestId("unread");
  await until(async () => /^2/.test(await mark.textContent()), "two are unread");
  await bob.openRoom(id);
  await bob.sees(["one", "two"]);
  await until(async () => (await mark.count()) === 0, "nothing is unread");
  await bob.page.reload();
  await bob.live();
  assert.equal(await mark.count(), 0);
  await leave(ann, bob);
});

test("what is edited or deleted changes on the other page", async () => {
  const { ann, bob } = await two("Changing");
  await ann.say("first wrods");
  await ann.say("to be deleted");
  await bob.sees(["first wrods", "to be deleted"]);
  const [first, second] = [ann.get("message").nth(0), ann.get("message").nth(1)];
  await first.hover();
  await first.getByTestId("edit").click();
  await ann.get("edit-input").fill("first words");
  await ann.get("edit-save").click();
  await until(async () => (await bob.texts())[0] === "first words", "Bob sees the edit");
  await second.hover();
  await second.getByTestId("delete").click();
  await ann.get("delete-confirm").click();
  const deleted = bob.page.locator('[data-testid="message"][data-state="deleted"]');
  await until(async () => (await deleted.count()) === 1, "Bob sees that it is gone");
  assert(!(await bob.page.content()).includes("to be deleted"));
  assert.equal(await bob.get("edit").count(), 0, "nobody edits what others wrote");
  await leave(ann, bob);
});

test("what is posted by REST appears live, and the other way round", async () => {
  const { ann, bob, id } = await two("Rest");
  const program = await api.guest("Program");
  const path = `/rooms/${id}/messages`;
  const { status, headers, body } = await api.call("POST", path, { text: "from REST" }, program.token);
  assert.equal(status, 201);
  assert.match(headers.get("location"), new RegExp(`/api/v1${path}/${body.id}$`));
  await Promise.all([ann.sees(["from REST"]), bob.sees(["from REST"])]);
  await api.call("PATCH", `${path}/${body.id}`, { text: "changed by REST" }, program.token);
  await Promise.all([ann.sees(["changed by REST"]), bob.sees(["changed by REST"])]);
  await ann.say("from the page");
  await bob.sees(["changed by REST", "from the page"]);
  const { messages } = (await api.call("GET", path, undefined, program.token)).body;
  assert.deepEqual(messages.map((it) => it.text), ["changed by REST", "from the page"]);
  assert.deepEqual(messages.map((it) => it.author.name), ["Program", "Ann of Rest"]);
  const made = await api.call("POST", "/rooms", { name: "Made by REST" }, program.token);
  assert.equal(made.status, 201);
  await ann.page.getByText("Made by REST").first().waitFor();
  await leave(ann, bob);
});

test("older messages come by scrolling, each once and in order", async () => {
  const ann = await Person.arrive(place, "Ann the Reader");
  const id = await ann.createRoom("Long story");
  const program = await api.guest("Narrator");
  const chapters = Array.from({ length: 130 }, (_, i) => `chapter ${i}`);
  for (const text of chapters) {
    await api.call("POST", `/rooms/${id}/messages`, { text }, program.token);
  }
  await ann.page.reload();
  await ann.seesLast("chapter 129");
  assert((await ann.texts()).length < 130, "the page begins with the latest only");
  const scroller = ann.page.getByRole("log");
  const reachTop = async () => {
    await scroller.evaluate((it) => it.scrollTo(0, 0));
    return (await ann.texts())[0] === "chapter 0";
  };
  await until(reachTop, "the first chapter is there", 20_000);
  assert.deepEqual(await ann.texts(), chapters);
  await leave(ann);
});

test("a page that cannot open WebSockets talks by polling", async () => {
  const ann = await Person.arrive(place, "Ann of the Proxy", {
    prepare: (context) => context.routeWebSocket(/socket\.io/, (socket) => socket.close()),
  });
  const bob = await Person.arrive(place, "Bob with WebSocket");
  await ann.live("polling");
  await bob.live("websocket");
  const id = await ann.createRoom("Polling room");
  await bob.openRoom(id);
  await ann.say("by polling");
  await bob.sees(["by polling"]);
  await bob.say("by websocket");
  await ann.sees(["by polling", "by websocket"]);
  await ann.live("polling");
  await leave(ann, bob);
});

test("the theme can be chosen and is remembered", async () => {
  const ann = await Person.arrive(place, "Ann the Owl");
  const theme = () => ann.page.evaluate(() => document.documentElement.dataset.theme);
  assert.equal(await theme(), "light");
  await ann.get("theme-toggle").click();
  await until(async () => (await theme()) === "dark", "it is dark");
  await ann.page.reload();
  await ann.live();
  assert.equal(await theme(), "dark");
  await leave(ann);
});

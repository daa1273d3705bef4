// Whatever people write is shown as text: in messages, in names, in the names of rooms.

import { test } from "node:test";
import assert from "node:assert/strict";

import { Person, roomsAndBrowser } from "../harness/browser.mjs";
import { until } from "../harness/until.mjs";

const place = await roomsAndBrowser();

// Each would call alert, run a script or load something if it were read as anything but text.
const TEXTS = [
  "<script>alert(1)</script>",
  "</script><script>alert(1)</script>",
  "<img src=x onerror=alert(1)>",
  '"><img src=x onerror=alert(1)>',
  "'><svg onload=alert(1)>",
  "<svg/onload=alert(1)>",
  "<svg><script>alert(1)</script></svg>",
  "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
  "<iframe src=javascript:alert(1)></iframe>",
  '<iframe srcdoc="<script>alert(1)</script>">',
  "<object data=javascript:alert(1)>",
  "<embed src=javascript:alert(1)>",
  "<a href=javascript:alert(1)>click</a>",
  "javascript:alert(1)",
  "java\tscript:alert(1)",
  "data:text/html,<script>alert(1)</script>",
  "https://example.com/\"onmouseover=\"alert(1)",
  "https://example.com/'onmouseover='alert(1)",
  "https://example.com/<script>alert(1)</script>",
  "http://javascript:alert(1)@example.com/",
  "[click](javascript:alert(1))",
  "![x](x\"onerror=\"alert(1))",
  "<body onload=alert(1)>",
  "<input autofocus onfocus=alert(1)>",
  "<details open ontoggle=alert(1)>",
  "<video><source onerror=alert(1)>",
  "<style>@import'//example.com/x.css';</style>",
  '<link rel=stylesheet href="//example.com/x.css">',
  '<meta http-equiv=refresh content="0;url=javascript:alert(1)">',
  '<base href="//example.com/">',
  "<form action=javascript:alert(1)><button>x</button></form>",
  "<template><script>alert(1)</script></template>",
  "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
  "<!--><img src=x onerror=alert(1)>-->",
  "{{constructor.constructor('alert(1)')()}}",
  "${alert(1)}",
  "&lt;img src=x onerror=alert(1)&gt;",
  "&#60;script&#62;alert(1)&#60;/script&#62;",
  "\\u003cscript\\u003ealert(1)\\u003c/script\\u003e",
  "%3Cscript%3Ealert(1)%3C/script%3E",
  "<scr<script>ipt>alert(1)</scr</script>ipt>",
  "＜script＞alert(1)＜/script＞",
  "\u202e<gpj.exe>\u202c (1)trela",
  '{"_placeholder":true,"num":0}',
  "'; DROP TABLE messages; --",
  "__proto__",
];
const NAME_MAX = 40;
const ROOM_MAX = 60;

test("in messages", async () => {
  const [ann, bob] = await Promise.all([
    Person.arrive(place, "Ann the Writer"),
    Person.arrive(place, "Bob the Reader"),
  ]);
  const id = await ann.createRoom("Strange words");
  await bob.openRoom(id);
  for (const text of TEXTS) {
    await ann.say(text);
    await bob.seesLast(text);
  }
  await Promise.all([ann.sees(TEXTS), bob.sees(TEXTS)]);
  await bob.page.reload();
  await bob.seesLast(TEXTS.at(-1));
  const reloaded = await bob.texts();
  assert.deepEqual(reloaded, TEXTS.slice(-reloaded.length));
  await assertHarmless(bob);
  await Promise.all([ann.leave(), bob.leave()]);
  place.server.assertQuiet();
});

test("in names", async () => {
  const reader = await Person.arrive(place, "Reader of names");
  const id = await reader.createRoom("Strange names");
  const names = TEXTS.filter((it) => it.length <= NAME_MAX && !/[\t\u202e]/.test(it));
  for (const name of names) {
    const guest = await place.api.guest(name);
    assert.equal(guest.name, name);
    await place.api.call("POST", `/rooms/${id}/messages`, { text: "I was here" }, guest.token);
    const last = reader.page.locator(".message-author").last();
    await until(async () => (await last.textContent()) === name, `the author is ${name}`);
  }
  const writer = await Person.arrive(place, names[0]);
  await writer.openRoom(id);
  await reader.seesMembers("Reader of names", names[0]);
  await writer.get("composer").pressSequentially("hm");
  const typing = reader.get("typing");
  await until(async () => (await typing.textContent()).includes(names[0]), "who is typing");
  await assertHarmless(reader);
  await Promise.all([reader.leave(), writer.leave()]);
  place.server.assertQuiet();
});

test("in the names of rooms", async () => {
  const reader = await Person.arrive(place, "Reader of rooms");
  const program = await place.api.guest("Program of rooms");
  const names = TEXTS.filter((it) => it.length <= ROOM_MAX && !/[\t\u202e]/.test(it));
  for (const name of names) {
    const body = { name, topic: name };
    const room = await place.api.ask("POST", "/rooms", body, program.token);
    // Two of them come to the same address, which is told.
    if (room.status === 409) {
      continue;
    }
    assert.equal(room.status, 201, `${name}: ${await room.clone().text()}`);
    const { id } = await room.json();
    const shown = reader.room(id).locator(".room-name");
    await until(async () => (await shown.textContent()) === name, `the room ${name} is listed`);
    await reader.openRoom(id);
    await until(
      async () => (await reader.page.locator("#room-title").textContent()) === name,
      `the room ${name} is open`,
    );
  }
  await assertHarmless(reader);
  await reader.leave();
  place.server.assertQuiet();
});

/** No element of the page came out of a text, and no link leads anywhere but to the web. */
async function assertHarmless(person) {
  const strangers = await person.page.evaluate(() =>
    [...document.querySelectorAll("iframe, object, embed, video, base, body form[action], style")]
      .filter((it) => it.closest("[data-testid=message], [data-testid=room-item], .members"))
      .map((it) => it.outerHTML),
  );
  assert.deepEqual(strangers, []);
  const links = await person.page
    .locator('[data-testid="message-text"] a')
    .evaluateAll((all) => all.map((it) => `${it.protocol} ${it.rel}`));
  for (const link of links) {
    assert.match(link, /^https?: .*noopener.*noreferrer/);
  }
  person.assertFaultless();
}

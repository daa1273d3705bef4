// Chromium and the rooms app: people with pages of their own, and REST beside them.

import { after } from "node:test";
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

import { roomsServer } from "./sut.mjs";
import { until } from "./until.mjs";

export const DESKTOP = { width: 1280, height: 800 };
export const PHONE = { width: 390, height: 844 };

/**
 * A rooms server with an empty data folder, and a browser; both end after the file's tests. With a
 * `certificate` it serves https, and the browser believes that certificate.
 */
export async function roomsAndBrowser({ certificate, options = [] } = {}) {
  const folder = await mkdtemp(join(tmpdir(), "switchboard-e2e-"));
  const place = { folder, server: await roomsServer(folder, 0, options) };
  const browser = await chromium.launch({
    executablePath: process.env.SWITCHBOARD_CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      ...(certificate
        ? [`--ignore-certificate-errors-spki-list=${certificate.fingerprint}`]
        : []),
    ],
  });
  after(async () => {
    await browser.close();
    await place.server.kill();
    await rm(folder, { recursive: true, force: true });
  });
  place.browser = browser;
  place.api = new Api(place);
  return place;
}

/** One person at one page, from the name screen on. */
export class Person {
  /** Opens the app in a browser profile of its own and chooses the name. */
  static async arrive(place, name, { viewport = DESKTOP, colorScheme = "light", prepare } = {}) {
    const context = await place.browser.newContext({
      viewport,
      colorScheme,
      reducedMotion: "reduce",
      hasTouch: viewport.width < 500,
    });
    context.setDefaultTimeout(8_000);
    await context.addInitScript(reportViolations);
    await prepare?.(context);
    const person = new Person(await context.newPage());
    await person.page.goto(place.server.url);
    await person.get("name-input").fill(name);
    await person.get("name-submit").click();
    await person.get("room-list").waitFor({ state: "attached" });
    await person.live();
    return person;
  }

  /** What must not happen on any page: dialogs, errors, violations of the content policy. */
  faults = [];

  constructor(page) {
    this.page = page;
    page.on("dialog", async (dialog) => {
      this.faults.push(`dialog: ${dialog.message()}`);
      await dialog.dismiss();
    });
    page.on("pageerror", (error) => this.faults.push(`error: ${error}`));
    page.on("console", (message) => {
      if (message.text().startsWith("violation: ")) {
        this.faults.push(message.text());
      }
    });
  }

  get(name) {
    return this.page.getByTestId(name);
  }

  /** Waits until the page says that it is connected, and by what. */
  async live(transport) {
    const wanted = transport ? `[data-transport="${transport}"]` : "";
    await this.page.locator(`[data-testid="connection"][data-state="live"]${wanted}`).waitFor();
  }

  async createRoom(name) {
    await this.get("create-room").click();
    await this.get("room-name-input").fill(name);
    await this.get("room-create-submit").click();
    await this.get("composer").waitFor();
    return until(
      async () => /#\/r\/([a-z0-9-]+)$/.exec(this.page.url())?.[1],
      `${name} is open`,
    );
  }

  room(id) {
    return this.page.locator(`[data-testid="room-item"][data-room="${id}"]`);
  }

  async openRoom(id) {
    await this.room(id).click();
    await this.get("composer").waitFor();
    await this.live();
  }

  async say(text) {
    await this.get("composer").fill(text);
    await this.get("composer").press("Enter");
  }

  /** The texts of all messages on the page, oldest first. */
  texts() {
    return this.get("message-text").allTextContents();
  }

  /** Waits until the messages on the page are exactly these. */
  async sees(expected) {
    let now = [];
    const isSame = async () => {
      now = await this.texts();
      return JSON.stringify(now) === JSON.stringify(expected);
    };
    const said = () => `${JSON.stringify(expected)}; there is ${JSON.stringify(now)}`;
    await until(isSame, said);
  }

  /** Waits until the last message on the page is this. */
  async seesLast(text) {
    await until(async () => (await this.texts()).at(-1) === text, `the last message is ${text}`);
  }

  /** Waits until the people of the room are these. */
  async seesMembers(...names) {
    const find = () => this.page.locator('[data-testid="members"] .member-name').allTextContents();
    const isSame = async () => `${(await find()).sort()}` === `${[...names].sort()}`;
    await until(isSame, `the members are ${names}`);
  }

  assertFaultless() {
    assert.deepEqual(this.faults, []);
  }

  async leave() {
    this.assertFaultless();
    await this.page.context().close();
  }
}

/** The REST API, as a program uses it. */
class Api {
  constructor(place) {
    this.place = place;
  }

  async guest(name) {
    return (await this.call("POST", "/guests", { name })).body;
  }

  async call(method, path, body, token) {
    const response = await this.ask(method, path, body, token);
    const text = await response.text();
    assert(response.ok, `${method} ${path}: ${response.status} ${text}`);
    return { status: response.status, headers: response.headers, body: text && JSON.parse(text) };
  }

  /** The answer, whatever it is. The server asks programs that write much to wait a little. */
  async ask(method, path, body, token) {
    const request = {
      method,
      headers: {
        ...(body && { "content-type": "application/json" }),
        ...(token && { authorization: `Bearer ${token}` }),
      },
      body: body && JSON.stringify(body),
    };
    let response;
    const isServed = async () => {
      response = await fetch(`${this.place.server.url}/api/v1${path}`, request);
      return response.status !== 429;
    };
    await until(isServed, `${method} ${path} is served`);
    return response;
  }
}

/** Runs in the page, before anything else. */
function reportViolations() {
  addEventListener("securitypolicyviolation", (event) => {
    console.log(`violation: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
  });
}

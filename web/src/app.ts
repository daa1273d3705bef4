// The state of the page and everything that people can do: the one place that talks to the line and
// tells the views.
import { computed, signal } from "@preact/signals";
import { createGuest } from "./account";
import { newClientId } from "./identity";
import { Line, RequestError, type LineStatus } from "./line";
import {
  MEMBERS_LISTED_MAX,
  UNREAD_MAX,
  type Activity,
  type Entered,
  type Message,
  type Person,
  type Room,
} from "./model";
import { Outbox, type Outgoing } from "./outbox";
import { RoomView } from "./room-view";
import { hashOf, roomInHash } from "./slug";
import {
  readOutbox,
  readSession,
  writeName,
  writeOutbox,
  writeSession,
  type Session,
} from "./storage";
import { toast } from "./toasts";
import { Drafts, OwnTyping } from "./writing";

const ROOMS_REFRESH_MS = 30_000;
const READ_DELAY_MS = 300;
/** After "too fast" or "too busy" (429, 503). */
const SEND_AGAIN_MS = 1_500;
const PAGE = 50;

export class App {
  readonly session = signal<Session | null>(readSession());
  /** Why the name is asked for again. */
  readonly notice = signal<string | null>(null);
  readonly rooms = signal<readonly Room[]>([]);
  readonly roomsLoaded = signal(false);
  readonly openId = signal<string | null>(null);
  readonly outgoing = signal<readonly Outgoing[]>([]);
  readonly view = computed(() =>
    this.openId.value === null ? null : this.#viewOf(this.openId.value),
  );
  readonly openRoom = computed(
    () => this.rooms.value.find((room) => room.id === this.openId.value) ?? null,
  );
  readonly unreadTotal = computed(() =>
    this.rooms.value.reduce((sum, room) => sum + room.unread, 0),
  );
  readonly drafts = new Drafts();
  readonly typing = new OwnTyping((room, typing) =>
    this.#line.peek()?.tell("typing", { room, typing }),
  );
  readonly #line = signal<Line | null>(null);
  readonly status = computed<LineStatus>(
    () =>
      this.#line.value?.status.value ?? { state: "connecting", transport: "none", retryAt: null },
  );

  /** Whether the browser's own "back" leads from the open room to the list. */
  cameFromList = false;

  #views = new Map<string, RoomView>();
  #outbox = Outbox.from(readOutbox());
  #sending = false;
  #readTimer: number | undefined;

  start(): void {
    this.outgoing.value = this.#outbox.entries;
    addEventListener("hashchange", () => this.#follow());
    document.addEventListener("visibilitychange", () => this.#seen());
    setInterval(() => {
      if (document.visibilityState === "visible") void this.#refreshRooms();
    }, ROOMS_REFRESH_MS);
    this.#connect();
  }

  // --- who we are ---

  async signIn(name: string): Promise<void> {
    const session = await createGuest(name);
    this.#remember(session);
    this.notice.value = null;
    this.#connect();
  }

  /** Forgets this person on this device. */
  signOut(notice: string | null = null): void {
    this.#line.peek()?.close();
    this.#line.value = null;
    writeSession(null);
    this.session.value = null;
    this.rooms.value = [];
    this.roomsLoaded.value = false;
    this.openId.value = null;
    this.#views.clear();
    this.notice.value = notice;
    if (notice !== null) return;
    this.#outbox = new Outbox();
    this.#outboxChanged();
  }

  async rename(name: string): Promise<void> {
    const { me } = await this.#request<{ me: Person }>("me:rename", { name });
    this.#iAm(me);
  }

  // --- where we are ---

  go(room: string | null): void {
    location.hash = hashOf(room);
  }

  retryNow(): void {
    this.#line.peek()?.retryNow();
  }

  async createRoom(name: string, topic: string): Promise<void> {
    const { room } = await this.#request<{ room: Room }>(
      "room:create",
      topic ? { name, topic } : { name },
    );
    this.#putRoom(room);
    this.go(room.id);
  }

  async loadOlder(): Promise<void> {
    const view = this.view.peek();
    const before = view?.log.oldestId;
    if (
      !view ||
      before === undefined ||
      !view.log.hasMore ||
      view.loadingOlder.peek() ||
      !this.#line.peek()?.isLive
    )
      return;
    view.loadingOlder.value = true;
    try {
      const page = await this.#request<{ messages: Message[]; has_more: boolean }>("history", {
        room: view.id,
        before,
        limit: PAGE,
      });
      // A fresh start of the log meanwhile would leave a hole after this page.
      if (view.log.oldestId !== before) return;
      view.log.prepend(page);
      view.changed();
    } catch (error) {
      this.#report(error);
    } finally {
      view.loadingOlder.value = false;
    }
  }

  /** Enters (again) the room that is open. */
  async enter(): Promise<void> {
    const view = this.view.peek();
    const me = this.session.peek();
    if (!view || !me || !this.#line.peek()?.isLive) return;
    if (view.status.peek() === "failed") view.status.value = "loading";
    const visit = view.visit;
    if (view.enteringVisit === visit) return;
    view.enteringVisit = visit;
    view.log.beginEnter();
    try {
      const rev = view.log.rev;
      const answer = await this.#request<Entered>(
        "room:enter",
        rev === undefined ? { room: view.id } : { room: view.id, rev },
      );
      if (view.visit !== visit) return;
      for (const message of answer.messages) this.#settle(message);
      view.entered(answer, me.id);
      this.#putRoom(answer.room);
      this.#seen();
    } catch (error) {
      if (view.visit !== visit) return;
      view.log.abortEnter();
      if (error instanceof RequestError && error.problem?.status === 404)
        view.status.value = "missing";
      else if (!(error instanceof RequestError) || error.kind !== "offline")
        view.status.value = "failed";
    } finally {
      if (view.enteringVisit === visit) view.enteringVisit = null;
    }
  }

  // --- what we say ---

  send(text: string): void {
    const view = this.view.peek();
    if (!view) return;
    this.#outbox.add({
      client_id: newClientId(),
      room: view.id,
      text,
      created_at: new Date().toISOString(),
    });
    view.dividerAfter.value = null;
    this.#outboxChanged();
    this.typing.stop();
    void this.#sendPending();
  }

  retry(clientId: string): void {
    this.#outbox.retry(clientId);
    this.#outboxChanged();
    void this.#sendPending();
  }

  discard(clientId: string): void {
    this.#outbox.remove(clientId);
    this.#outboxChanged();
  }

  /** True when the change is made; otherwise the person has been told. */
  async edit(message: Message, text: string): Promise<boolean> {
    return this.#change("message:edit", { room: message.room, id: message.id, text });
  }

  async remove(message: Message): Promise<boolean> {
    return this.#change("message:delete", { room: message.room, id: message.id });
  }

  /** The message list says whether the end of the room is in sight. */
  setAtEnd(view: RoomView, atEnd: boolean): void {
    if (view.atEnd.peek() !== atEnd) view.atEnd.value = atEnd;
    if (atEnd) this.#seen();
  }

  // --- from the line ---

  #connect(): void {
    const session = this.session.peek();
    if (!session) return;
    const line = new Line(session.token, {
      live: () => void this.#caughtLine(),
      lost: () => {
        const view = this.view.peek();
        if (view) view.typing.value = [];
      },
      unauthorized: () => this.signOut("Your session has ended. Choose a name to come back."),
      "message:new": (message) => this.#incoming(message),
      "message:changed": (message) => this.#incoming(message),
      "room:activity": (activity) => this.#activity(activity),
      "room:new": (room) => this.#putRoom(room),
      presence: (presence) => {
        this.#views.get(presence.room)?.presence(presence);
        const listed = presence.members.length;
        this.#changeRoom(presence.room, (room) => ({
          ...room,
          members: listed < MEMBERS_LISTED_MAX ? listed : Math.max(listed, room.members),
        }));
      },
      typing: (typing) => {
        if (typing.member.id !== this.session.peek()?.id)
          this.#views.get(typing.room)?.typed(typing);
      },
      me: (me) => this.#iAm(me),
    });
    this.#line.value = line;
    this.#follow();
    line.open();
  }

  /** Live (again): the list, then what the open room missed, then what still waits to be sent. */
  async #caughtLine(): Promise<void> {
    this.typing.forget();
    await this.#refreshRooms();
    await this.enter();
    await this.#sendPending();
  }

  async #refreshRooms(): Promise<void> {
    if (!this.#line.peek()?.isLive) return;
    try {
      const { me, rooms } = await this.#request<{ me: Person; rooms: Room[] }>("rooms", {});
      this.#iAm(me);
      this.rooms.value = sorted(rooms.map((room) => this.#withReadMark(room)));
      this.roomsLoaded.value = true;
    } catch (error) {
      this.#report(error);
    }
  }

  #incoming(message: Message): void {
    const view = this.#views.get(message.room);
    if (!view) return;
    const isNew = message.id > view.log.newestId && !message.deleted;
    const mine = message.author.id === this.session.peek()?.id;
    this.#settle(message);
    if (isNew && !mine) view.typed({ room: view.id, member: message.author, typing: false });
    const allRead = view.readId >= view.log.newestId || view.dividerAfter.peek() === null;
    if (isNew && !mine && allRead && !this.#isWatching(view) && view.log.loaded)
      view.dividerAfter.value = view.log.newestId;
    if (view.log.apply(message)) view.changed();
    this.#seen();
  }

  #activity(activity: Activity): void {
    this.#changeRoom(activity.room, (room) => {
      const isNew =
        activity.last_id > room.last_id && activity.author_id !== this.session.peek()?.id;
      const unread = isNew ? Math.min(room.unread + 1, UNREAD_MAX) : room.unread;
      return this.#withReadMark({
        ...room,
        last_id: activity.last_id,
        last_rev: activity.last_rev,
        last: activity.last,
        unread,
      });
    });
  }

  #iAm(me: Person): void {
    const session = this.session.peek();
    if (session && (session.name !== me.name || session.id !== me.id))
      this.#remember({ ...session, ...me });
  }

  // --- inside ---

  #follow(): void {
    const next = this.session.peek() ? roomInHash(location.hash) : null;
    const before = this.openId.peek();
    if (next === before) return;
    this.typing.stop();
    if (before !== null) {
      this.#viewOf(before).left();
      this.#line.peek()?.tell("room:leave", { room: before });
      this.#changeRoom(before, (room) => ({ ...room, members: Math.max(0, room.members - 1) }));
    }
    this.cameFromList = before === null && this.rooms.peek().length > 0;
    this.openId.value = next;
    void this.enter();
  }

  /** One after the other, so that they keep their order whatever happens on the way. */
  async #sendPending(): Promise<void> {
    if (this.#sending) return;
    this.#sending = true;
    try {
      for (
        let entry = this.#outbox.pending[0];
        entry && this.#line.peek()?.isLive;
        entry = this.#outbox.pending[0]
      ) {
        if (!(await this.#deliver(entry))) break;
      }
    } finally {
      this.#sending = false;
    }
  }

  /**
   * False when the line went down: the entry stays pending, and its client_id keeps the next try
   * from doubling it.
   */
  async #deliver({ room, text, client_id }: Outgoing): Promise<boolean> {
    try {
      const { message } = await this.#request<{ message: Message }>("message:send", {
        room,
        text,
        client_id,
      });
      this.#incoming(message);
      this.#settle(message);
      return true;
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      if (error.kind === "offline") return false;
      if (error.problem?.status === 429 || error.problem?.status === 503) {
        await new Promise((resolve) => setTimeout(resolve, SEND_AGAIN_MS));
      } else {
        this.#outbox.fail(client_id, error.message);
        this.#outboxChanged();
      }
      return true;
    }
  }

  async #change(event: string, payload: object): Promise<boolean> {
    try {
      const { message } = await this.#request<{ message: Message }>(event, payload);
      this.#incoming(message);
      return true;
    } catch (error) {
      this.#report(error);
      return false;
    }
  }

  /** What is on screen and in sight has been read. */
  #seen(): void {
    const view = this.view.peek();
    if (!view || !this.#isWatching(view) || view.status.peek() !== "ready") return;
    const newest = view.log.newestId;
    if (newest <= view.readReported) return;
    view.readId = Math.max(view.readId, newest);
    this.#changeRoom(view.id, (room) => this.#withReadMark(room));
    clearTimeout(this.#readTimer);
    this.#readTimer = window.setTimeout(() => {
      const id = view.readId;
      const reported = () => (view.readReported = Math.max(view.readReported, id));
      // Lost with the line: the next entering reports it again.
      this.#request("room:read", { room: view.id, id }).then(reported, () => undefined);
    }, READ_DELAY_MS);
  }

  #isWatching(view: RoomView): boolean {
    return view === this.view.peek() && view.atEnd.peek() && document.visibilityState === "visible";
  }

  #withReadMark(room: Room): Room {
    const view = this.#views.get(room.id);
    if (!view) return room;
    const read = view.readId >= room.last_id || this.#isWatching(view);
    return read && room.unread > 0 ? { ...room, unread: 0 } : room;
  }

  #settle(message: Message): void {
    if (message.author.id === this.session.peek()?.id && this.#outbox.settle(message))
      this.#outboxChanged();
  }

  #outboxChanged(): void {
    this.outgoing.value = this.#outbox.entries;
    writeOutbox(this.#outbox);
  }

  #viewOf(id: string): RoomView {
    let view = this.#views.get(id);
    if (!view) this.#views.set(id, (view = new RoomView(id)));
    return view;
  }

  #putRoom(room: Room): void {
    const known = this.rooms.peek().some((other) => other.id === room.id);
    if (known) this.#changeRoom(room.id, () => this.#withReadMark(room));
    else this.rooms.value = sorted([...this.rooms.peek(), this.#withReadMark(room)]);
    if (room.id === this.openId.peek() && this.view.peek()?.status.peek() === "missing") {
      this.#viewOf(room.id).status.value = "loading";
      void this.enter();
    }
  }

  #changeRoom(id: string, change: (room: Room) => Room): void {
    this.rooms.value = sorted(
      this.rooms.peek().map((room) => (room.id === id ? change(room) : room)),
    );
  }

  #remember(session: Session): void {
    writeSession(session);
    writeName(session.name);
    this.session.value = session;
  }

  #request<T>(event: string, payload: object): Promise<T> {
    return (
      this.#line.peek()?.request<T>(event, payload) ?? Promise.reject(new RequestError("offline"))
    );
  }

  #report(error: unknown): void {
    if (error instanceof RequestError) toast(error.message);
    else throw error;
  }
}

/** The liveliest first. */
function sorted(rooms: readonly Room[]): Room[] {
  const at = (room: Room) => Date.parse(room.last?.created_at ?? room.created_at);
  return [...rooms].sort(
    (a, b) => at(b) - at(a) || a.name.localeCompare(b.name, undefined, { numeric: true }),
  );
}

export const app = new App();

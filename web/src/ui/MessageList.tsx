// The conversation: days, groups, the "new messages" line, older pages on the way up, and the way
// back down.
import { useEffect, useRef } from "preact/hooks";
import { app } from "../app";
import type { RoomView } from "../room-view";
import { timeline, type Entry, type Row } from "../timeline";
import { dialog, now } from "./hooks";
import { DownIcon } from "./icons";
import { MessageRow } from "./MessageRow";
import { useScrollKeeper } from "./scroll";

export function MessageList({ view }: { view: RoomView }) {
  const scroller = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const me = app.session.value ?? { id: "", name: "" };
  const room = app.openRoom.value;
  const status = view.status.value;
  view.version.value; // Draws again when the log has changed.
  const messages = view.log.messages;
  const outgoing = app.outgoing.value.filter((entry) => entry.room === view.id);
  const rows = timeline({
    messages,
    outgoing,
    me,
    dividerAfter: view.dividerAfter.value,
    now: now.value,
  });
  const isEmpty = view.log.loaded && rows.length === 0;

  const keeper = useScrollKeeper({
    scroller,
    content,
    ready: status === "ready",
    onEnd: (atEnd) => app.setAtEnd(view, atEnd),
    onNearStart: () => void app.loadOlder(),
  });

  const sending = useRef(outgoing.length);
  useEffect(() => {
    if (outgoing.length > sending.current) keeper.toEnd(false);
    sending.current = outgoing.length;
  }, [outgoing.length]);

  const waiting = view.atEnd.value
    ? 0
    : messages.filter(
        (message) => message.id > view.readId && message.author.id !== me.id && !message.deleted,
      ).length;

  return (
    <div class="conversation">
      <div
        ref={scroller}
        class="messages-scroll"
        role="log"
        aria-label={`Messages in ${room?.name ?? view.id}`}
        aria-live="polite"
        aria-busy={view.loadingOlder.value || !view.log.loaded}
        tabIndex={0}
        onKeyDown={(event) => moveFocus(event, view, rows)}
      >
        <div class="messages-top">
          {view.log.hasMore ? (
            <button
              class="link-button older"
              type="button"
              data-testid="load-older"
              disabled={view.loadingOlder.value}
              onClick={() => void app.loadOlder()}
            >
              {view.loadingOlder.value ? "Loading earlier messages…" : "Load earlier messages"}
            </button>
          ) : (
            view.log.loaded &&
            !isEmpty && (
              <p class="beginning">
                This is where <bdi>{room?.name ?? view.id}</bdi> begins.
              </p>
            )
          )}
        </div>
        {!view.log.loaded && (status === "failed" ? <Failed /> : <MessagesSkeleton />)}
        {isEmpty && <EmptyRoom name={room?.name ?? view.id} />}
        <div ref={content} class="messages">
          {rows.map((row) => (
            <RowView
              key={row.key}
              row={row}
              view={view}
              isMine={row.kind === "entry" && row.entry.author.id === me.id}
            />
          ))}
        </div>
      </div>
      {!view.atEnd.value && (
        <button
          class={waiting > 0 ? "jump jump-lit" : "jump"}
          type="button"
          data-testid="jump-latest"
          onClick={() => keeper.toEnd(true)}
        >
          <DownIcon />
          {waiting > 0
            ? `${waiting} new ${waiting === 1 ? "message" : "messages"}`
            : "Jump to latest"}
        </button>
      )}
    </div>
  );
}

function RowView({ row, view, isMine }: { row: Row; view: RoomView; isMine: boolean }) {
  switch (row.kind) {
    case "day":
      return (
        <div class="day" role="separator" aria-label={row.label}>
          <span>{row.label}</span>
        </div>
      );
    case "new":
      return (
        <div
          class="new-line"
          role="separator"
          aria-label="New messages"
          data-new
          data-testid="new-divider"
        >
          <span>New</span>
        </div>
      );
    case "entry":
      return (
        <MessageRow
          entry={row.entry}
          first={row.first}
          isMine={isMine}
          view={view}
          isEditing={row.entry.message !== null && view.editing.value === row.entry.message.id}
        />
      );
  }
}

/** Arrows walk through the messages; E edits, Delete deletes, C copies the one in focus. */
function moveFocus(event: KeyboardEvent, view: RoomView, rows: Row[]): void {
  const target = event.target as HTMLElement;
  if (event.ctrlKey || event.metaKey || event.altKey || target.closest("textarea, a, button"))
    return;
  const scroller = event.currentTarget as HTMLElement;
  const elements = [...scroller.querySelectorAll<HTMLElement>('[data-testid="message"]')];
  const at = elements.indexOf(target);
  const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  if (step !== undefined) {
    event.preventDefault();
    const next = at === -1 ? elements.at(-1) : elements[at + step];
    if (next) next.focus();
    else if (step === 1) document.querySelector<HTMLElement>('[data-testid="composer"]')?.focus();
    return;
  }
  const entry = at === -1 ? undefined : rows.filter((row) => row.kind === "entry")[at]?.entry;
  if (entry && actOn(entry, event.key, view)) event.preventDefault();
}

function actOn(entry: Entry, key: string, view: RoomView): boolean {
  const isOwn =
    entry.message !== null && !entry.message.deleted && entry.author.id === app.session.peek()?.id;
  if (key.toLowerCase() === "c" && entry.state !== "deleted")
    void navigator.clipboard?.writeText(entry.text);
  else if (key.toLowerCase() === "e" && isOwn) view.editing.value = entry.message?.id ?? null;
  else if (key === "Delete" && isOwn && entry.message)
    dialog.value = { kind: "delete", message: entry.message };
  else return false;
  return true;
}

function EmptyRoom({ name }: { name: string }) {
  return (
    <div class="empty">
      <svg
        class="empty-mark"
        viewBox="0 0 120 60"
        width="120"
        height="60"
        fill="none"
        aria-hidden="true"
      >
        <circle cx="20" cy="18" r="10" />
        <circle cx="100" cy="18" r="10" />
        <path d="M20 18C20 66 100 66 100 18" stroke-linecap="round" />
      </svg>
      <h2>The line is open</h2>
      <p>
        Nobody has spoken in <bdi>{name}</bdi> yet. Say the first word.
      </p>
    </div>
  );
}

function Failed() {
  return (
    <div class="empty">
      <h2>This room did not load</h2>
      <button class="button" type="button" onClick={() => void app.enter()}>
        Try again
      </button>
    </div>
  );
}

function MessagesSkeleton() {
  return (
    <div class="skeleton skeleton-messages" aria-hidden="true">
      {[70, 44, 90, 52, 62, 38].map((width) => (
        <div key={width} class="skeleton-message">
          <span class="bone bone-round" />
          <span class="skeleton-lines">
            <span class="bone bone-20" />
            <span class={`bone bone-${width}`} />
          </span>
        </div>
      ))}
    </div>
  );
}

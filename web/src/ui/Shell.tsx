// The two panes and what belongs to both: keyboard shortcuts, dialogs, the skip link, and the cord
// from the list to the open room.
import { useEffect } from "preact/hooks";
import { app } from "../app";
import { Cord } from "./Cord";
import { Dialogs } from "./Dialogs";
import { closeDialog, dialog, isNarrow } from "./hooks";
import { LogoMark } from "./icons";
import { RoomPane } from "./RoomPane";
import { Sidebar } from "./Sidebar";

export function Shell() {
  const view = app.view.value;
  useEffect(() => {
    addEventListener("keydown", shortcut);
    return () => removeEventListener("keydown", shortcut);
  }, []);
  // A dialog belongs to the place where it was opened.
  useEffect(closeDialog, [view?.id]);
  return (
    <div class="shell" data-pane={view ? "room" : "list"}>
      <a class="skip-link" href="#main" onClick={skip}>
        Skip to the conversation
      </a>
      <Sidebar />
      {view ? <RoomPane key={view.id} view={view} /> : <NoRoom />}
      {!isNarrow.value && <Cord />}
      <Dialogs />
    </div>
  );
}

function NoRoom() {
  return (
    <main class="pane pane-empty" id="main" tabIndex={-1}>
      <div class="empty">
        <LogoMark size={56} />
        <h1>No room open</h1>
        <p>Choose one on the left to plug in, or start your own.</p>
        <button class="button" type="button" onClick={() => (dialog.value = { kind: "create" })}>
          New room
        </button>
      </div>
    </main>
  );
}

/** The address bar carries the room, so the skip link moves the focus itself. */
function skip(event: Event): void {
  event.preventDefault();
  (
    document.querySelector<HTMLElement>('[data-testid="composer"]') ??
    document.getElementById("main")
  )?.focus();
}

function shortcut(event: KeyboardEvent): void {
  if (dialog.peek() || event.defaultPrevented) return;
  const command = event.ctrlKey || event.metaKey;
  const isTyping =
    event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement;
  const act = (action: () => void): void => {
    event.preventDefault();
    action();
  };
  if (command && !event.shiftKey && event.key.toLowerCase() === "k") {
    act(() => document.querySelector<HTMLElement>("#room-filter")?.focus());
  } else if (event.altKey && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
    act(() => neighbour(event.key === "ArrowDown" ? 1 : -1, event.shiftKey));
  } else if (event.key === "?" && !isTyping) {
    act(() => (dialog.value = { kind: "shortcuts" }));
  } else if (command && event.key === "/") {
    act(() => (dialog.value = { kind: "shortcuts" }));
  } else if (event.key === "Escape" && !isTyping) {
    document.querySelector<HTMLElement>('[data-testid="composer"]')?.focus();
  }
}

/** The next room in the list, or the next one with something unread. */
function neighbour(step: 1 | -1, unreadOnly: boolean): void {
  const rooms = app.rooms.peek();
  const at = rooms.findIndex((room) => room.id === app.openId.peek());
  for (let moved = 1; moved <= rooms.length; moved += 1) {
    const start = at === -1 && step === -1 ? 0 : at;
    const room = rooms[(start + step * moved + rooms.length * 2) % rooms.length];
    if (room && (!unreadOnly || room.unread > 0)) return app.go(room.id);
  }
}

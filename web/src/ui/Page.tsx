// The whole page: the name screen until somebody is there, then rooms; toasts and the document
// title in either case.
import { useEffect } from "preact/hooks";
import { app } from "../app";
import { dismiss, toasts } from "../toasts";
import { AlertIcon, CloseIcon } from "./icons";
import { NameScreen } from "./NameScreen";
import { Shell } from "./Shell";

export function Page() {
  const unread = app.unreadTotal.value;
  const room = app.openRoom.value?.name;
  const title = [
    unread > 0 ? `(${unread > 99 ? "99+" : unread}) ` : "",
    room ? `${room} · ` : "",
    "Switchboard",
  ].join("");
  useEffect(() => {
    document.title = title;
    document
      .querySelector('link[rel="icon"]')
      ?.setAttribute("href", unread > 0 ? "/favicon-unread.svg" : "/favicon.svg");
  }, [title, unread > 0]);
  return (
    <>
      {app.session.value ? <Shell /> : <NameScreen />}
      <Toasts />
    </>
  );
}

function Toasts() {
  return (
    <div class="toasts" role="region" aria-label="Notices" aria-live="polite" data-testid="toasts">
      {toasts.value.map((toast) => (
        <div key={toast.id} class={`toast toast-${toast.kind}`} data-testid="toast">
          {toast.kind === "error" && <AlertIcon />}
          <span>{toast.text}</span>
          <button
            class="icon-button"
            type="button"
            aria-label="Dismiss"
            onClick={() => dismiss(toast.id)}
          >
            <CloseIcon />
          </button>
        </div>
      ))}
    </div>
  );
}

// The dialogs: native <dialog> elements, so that focus stays inside, Escape closes, and the focus
// goes back to where it was.
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { app } from "../app";
import { RequestError } from "../line";
import { length, NAME_MAX, ROOM_NAME_MAX, TOPIC_MAX, type Message } from "../model";
import { isLossy, slug } from "../slug";
import { closeDialog, dialog } from "./hooks";
import { CloseIcon } from "./icons";
import { Members } from "./Members";

export function Dialogs() {
  const open = dialog.value;
  const view = app.view.value;
  switch (open?.kind) {
    case "create":
      return <CreateRoom />;
    case "profile":
      return <Profile />;
    case "shortcuts":
      return <Shortcuts />;
    case "delete":
      return <ConfirmDelete message={open.message} />;
    case "members":
      return (
        view && (
          <Modal label="People in this room" isDrawer>
            <Members view={view} />
          </Modal>
        )
      );
    default:
      return null;
  }
}

function Modal({
  label,
  isDrawer = false,
  children,
}: {
  label: string;
  isDrawer?: boolean;
  children: ComponentChildren;
}) {
  const element = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    const modal = element.current;
    modal?.showModal();
    return () => modal?.close();
  }, []);
  return (
    <dialog
      ref={element}
      class={isDrawer ? "modal drawer" : "modal"}
      aria-label={label}
      data-testid="dialog"
      onClose={closeDialog}
      onPointerDown={(event) => event.target === event.currentTarget && closeDialog()}
    >
      <div class="modal-inner">
        <button
          class="icon-button modal-close"
          type="button"
          aria-label="Close"
          onClick={closeDialog}
        >
          <CloseIcon />
        </button>
        {children}
      </div>
    </dialog>
  );
}

/** Runs a request for a form: one at a time, and its refusal becomes the form's message. */
function useSubmit(action: () => Promise<void>): {
  submit: (event: Event) => void;
  busy: boolean;
  error: string | null;
  refuse: (text: string | null) => void;
} {
  const [busy, setBusy] = useState(false);
  const [error, refuse] = useState<string | null>(null);
  async function run() {
    setBusy(true);
    refuse(null);
    try {
      await action();
    } catch (failure) {
      refuse(
        failure instanceof RequestError ? failure.message : "Something went wrong. Try again.",
      );
    } finally {
      setBusy(false);
    }
  }
  const submit = (event: Event) => {
    event.preventDefault();
    if (!busy) void run();
  };
  return { submit, busy, error, refuse };
}

function CreateRoom() {
  const [name, setName] = useState("");
  const [topic, setTopic] = useState("");
  const id = slug(name);
  const lossy = isLossy(name.trim());
  const existing = lossy ? undefined : app.rooms.value.find((room) => room.id === id);
  const isTooLong = length(name.trim()) > ROOM_NAME_MAX || length(topic.trim()) > TOPIC_MAX;
  const { submit, busy, error } = useSubmit(async () => {
    await app.createRoom(name.trim(), topic.trim());
    closeDialog();
  });
  return (
    <Modal label="New room">
      <h2>New room</h2>
      <form onSubmit={submit} noValidate>
        <label class="field">
          <span class="field-label">Name</span>
          <input
            class="input"
            data-testid="room-name-input"
            value={name}
            autoFocus
            autoComplete="off"
            placeholder="Weekend plans"
            onInput={(event) => setName(event.currentTarget.value)}
          />
        </label>
        <p class="field-hint">
          {existing ? (
            <>
              There is already a room of this name.{" "}
              <a href={`#/r/${existing.id}`} onClick={closeDialog}>
                Open it
              </a>
            </>
          ) : lossy ? (
            "The address is made from the name."
          ) : (
            `${location.host}/#/r/${id}`
          )}
        </p>
        <label class="field">
          <span class="field-label">
            Topic <span class="optional">optional</span>
          </span>
          <input
            class="input"
            data-testid="room-topic-input"
            value={topic}
            autoComplete="off"
            placeholder="What is it about?"
            onInput={(event) => setTopic(event.currentTarget.value)}
          />
        </label>
        <p class="field-error" role="alert">
          {isTooLong
            ? `A name has at most ${ROOM_NAME_MAX} characters, a topic ${TOPIC_MAX}.`
            : error}
        </p>
        <div class="modal-actions">
          <button class="button" type="button" onClick={closeDialog}>
            Cancel
          </button>
          <button
            class="button button-primary"
            type="submit"
            data-testid="room-create-submit"
            disabled={busy || name.trim() === "" || isTooLong}
          >
            Create room
          </button>
        </div>
      </form>
    </Modal>
  );
}

function Profile() {
  const [name, setName] = useState(app.session.peek()?.name ?? "");
  const wanted = name.trim();
  const isValid = wanted !== "" && length(wanted) <= NAME_MAX;
  const { submit, busy, error } = useSubmit(async () => {
    if (wanted !== app.session.peek()?.name) await app.rename(wanted);
    closeDialog();
  });
  return (
    <Modal label="Your name">
      <h2>Your name</h2>
      <form onSubmit={submit} noValidate>
        <label class="field">
          <span class="field-label">Others see you as</span>
          <input
            class="input"
            data-testid="rename-input"
            value={name}
            autoFocus
            autoComplete="nickname"
            spellcheck={false}
            onInput={(event) => setName(event.currentTarget.value)}
          />
        </label>
        <p class="field-error" role="alert">
          {length(wanted) > NAME_MAX ? `At most ${NAME_MAX} characters.` : error}
        </p>
        <div class="modal-actions">
          <button
            class="link-button modal-aside"
            type="button"
            data-testid="sign-out"
            onClick={() => (closeDialog(), app.signOut())}
          >
            Forget me here
          </button>
          <button class="button" type="button" onClick={closeDialog}>
            Cancel
          </button>
          <button
            class="button button-primary"
            type="submit"
            data-testid="rename-submit"
            disabled={busy || !isValid}
          >
            Save
          </button>
        </div>
      </form>
    </Modal>
  );
}

function ConfirmDelete({ message }: { message: Message }) {
  const { submit, busy } = useSubmit(async () => {
    await app.remove(message);
    closeDialog();
  });
  return (
    <Modal label="Delete this message?">
      <h2>Delete this message?</h2>
      <blockquote class="modal-quote" dir="auto">
        {message.text}
      </blockquote>
      <p class="modal-text">It disappears for everybody in the room.</p>
      <form class="modal-actions" onSubmit={submit}>
        <button class="button" type="button" onClick={closeDialog}>
          Keep it
        </button>
        <button
          class="button button-danger"
          type="submit"
          data-testid="delete-confirm"
          autoFocus
          disabled={busy}
        >
          Delete
        </button>
      </form>
    </Modal>
  );
}

const SHORTCUTS: [keys: string[], what: string][] = [
  [["Enter"], "Send"],
  [["Shift", "Enter"], "New line"],
  [["↑"], "In an empty composer: edit your last message"],
  [["Ctrl", "K"], "Find a room"],
  [["Alt", "↑ ↓"], "Previous, next room"],
  [["Alt", "Shift", "↑ ↓"], "Previous, next unread room"],
  [["↑ ↓"], "In the conversation: walk through messages"],
  [["E"], "Edit the message in focus"],
  [["C"], "Copy the message in focus"],
  [["Delete"], "Delete the message in focus"],
  [["Esc"], "Back to the composer"],
  [["?"], "This list"],
];

function Shortcuts() {
  return (
    <Modal label="Keyboard shortcuts">
      <h2>Keyboard shortcuts</h2>
      <dl class="shortcuts">
        {SHORTCUTS.map(([keys, what]) => (
          <div key={keys.join()}>
            <dt>
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </Modal>
  );
}

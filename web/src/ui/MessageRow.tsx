// One message: who, when, what, in which state, and what its author can do with it.
import { Component } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { app } from "../app";
import { length, TEXT_MAX, type Message } from "../model";
import type { RoomView } from "../room-view";
import { isEmojiOnly, pieces } from "../text";
import { clock, wholeDate } from "../time";
import type { Entry } from "../timeline";
import { toast } from "../toasts";
import { Avatar } from "./Avatar";
import { fitHeight } from "./Composer";
import { dialog } from "./hooks";
import { CopyIcon, DeleteIcon, EditIcon } from "./icons";

interface Props {
  entry: Entry;
  /** First of a group: carries the avatar and the name. */
  first: boolean;
  isMine: boolean;
  isEditing: boolean;
  view: RoomView;
}

/**
 * A class for one reason: rows that have not changed are not drawn again, however long the room.
 */
export class MessageRow extends Component<Props> {
  override shouldComponentUpdate(next: Props): boolean {
    const now = this.props;
    return (
      next.entry !== now.entry ||
      next.first !== now.first ||
      next.isEditing !== now.isEditing ||
      next.isMine !== now.isMine
    );
  }

  override render({ entry, first, isMine, isEditing, view }: Props) {
    const { author, message, state } = entry;
    const time = clock(entry.at);
    const when = (
      <time class="message-time" dateTime={entry.at.toISOString()} title={wholeDate(entry.at)}>
        {time}
      </time>
    );
    return (
      <article
        class={`message${first ? " message-first" : ""}${isEditing ? " message-editing" : ""}`}
        data-testid="message"
        data-id={message?.id}
        data-client-id={message?.client_id ?? entry.outgoing?.client_id}
        data-state={state}
        data-mine={isMine}
        tabIndex={-1}
        aria-label={`${author.name}, ${time}`}
      >
        <span class="message-gutter">{first ? <Avatar person={author} /> : when}</span>
        <div class="message-body">
          {first && (
            <p class="message-head">
              <bdi class={isMine ? "message-author message-own" : "message-author"}>
                {author.name}
              </bdi>
              {when}
            </p>
          )}
          {isEditing && message ? (
            <InlineEdit message={message} view={view} />
          ) : (
            <Text entry={entry} />
          )}
          {state === "pending" && <p class="message-note message-sending">Waiting to be sent…</p>}
          {state === "failed" && entry.outgoing && (
            <FailedNote clientId={entry.outgoing.client_id} reason={entry.outgoing.reason} />
          )}
        </div>
        {message && !message.deleted && !isEditing && (
          <Tools message={message} isMine={isMine} view={view} />
        )}
      </article>
    );
  }
}

function Text({ entry }: { entry: Entry }) {
  if (entry.state === "deleted")
    return (
      <p class="message-text message-deleted" data-testid="message-text">
        Message deleted
      </p>
    );
  return (
    <div class={isEmojiOnly(entry.text) ? "message-line message-emoji" : "message-line"} dir="auto">
      <span class="message-text" data-testid="message-text">
        {pieces(entry.text).map((piece) =>
          piece.kind === "link" ? (
            <a href={piece.href} target="_blank" rel="noopener noreferrer nofollow ugc">
              {piece.text}
            </a>
          ) : (
            piece.text
          ),
        )}
      </span>
      {entry.message?.edited_at && (
        <span class="message-edited" title={wholeDate(new Date(entry.message.edited_at))}>
          {" "}
          (edited)
        </span>
      )}
    </div>
  );
}

function FailedNote({ clientId, reason }: { clientId: string; reason: string | null }) {
  return (
    <p class="message-note message-failed" role="alert">
      Not sent{reason ? `: ${reason}` : "."}
      <button
        class="link-button"
        type="button"
        data-testid="retry"
        onClick={() => app.retry(clientId)}
      >
        Try again
      </button>
      <button
        class="link-button"
        type="button"
        data-testid="discard"
        onClick={() => app.discard(clientId)}
      >
        Discard
      </button>
    </p>
  );
}

function Tools({ message, isMine, view }: { message: Message; isMine: boolean; view: RoomView }) {
  return (
    <div class="message-tools" role="group" aria-label="Message actions">
      <button
        class="icon-button"
        type="button"
        aria-label="Copy text"
        title="Copy text (C)"
        onClick={() => void copy(message.text)}
      >
        <CopyIcon />
      </button>
      {isMine && (
        <>
          <button
            class="icon-button"
            type="button"
            data-testid="edit"
            aria-label="Edit"
            title="Edit (E)"
            onClick={() => (view.editing.value = message.id)}
          >
            <EditIcon />
          </button>
          <button
            class="icon-button icon-danger"
            type="button"
            data-testid="delete"
            aria-label="Delete"
            title="Delete"
            onClick={() => (dialog.value = { kind: "delete", message })}
          >
            <DeleteIcon />
          </button>
        </>
      )}
    </div>
  );
}

/** The clipboard exists only on secure origins. */
async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toast("Copied.", "info");
  } catch {
    toast("This browser does not allow copying here.");
  }
}

function InlineEdit({ message, view }: { message: Message; view: RoomView }) {
  const [text, setText] = useState(message.text);
  const [busy, setBusy] = useState(false);
  const area = useRef<HTMLTextAreaElement>(null);
  const used = length(text.trim());
  const canSave = used > 0 && used <= TEXT_MAX && !busy;

  useLayoutEffect(() => {
    area.current?.focus();
    area.current?.setSelectionRange(text.length, text.length);
  }, []);
  useLayoutEffect(() => {
    if (area.current) fitHeight(area.current);
  }, [text]);

  function done() {
    view.editing.value = null;
    document.querySelector<HTMLElement>('[data-testid="composer"]')?.focus({ preventScroll: true });
  }

  async function save() {
    if (text.trim() === message.text) return done();
    if (!canSave) return;
    setBusy(true);
    if (await app.edit(message, text.trim())) done();
    else setBusy(false);
  }

  return (
    <form
      class="inline-edit"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <textarea
        ref={area}
        rows={1}
        value={text}
        dir="auto"
        data-testid="edit-input"
        aria-label="Edit message"
        aria-invalid={used > TEXT_MAX}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.isComposing) return;
          if (event.key === "Escape") done();
          else if (event.key === "Enter" && !event.shiftKey) void save();
          else return;
          event.preventDefault();
          event.stopPropagation();
        }}
      />
      <p class="message-note">
        <button class="link-button" type="submit" data-testid="edit-save" disabled={!canSave}>
          Save
        </button>
        <button class="link-button" type="button" data-testid="edit-cancel" onClick={done}>
          Cancel
        </button>
        {used > TEXT_MAX && <span class="counter counter-over">{TEXT_MAX - used}</span>}
      </p>
    </form>
  );
}

// Where a message is written: grows with its text, sends with Enter, keeps a draft per room, says
// when it gets too long.
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { app } from "../app";
import { length, TEXT_MAX } from "../model";
import type { RoomView } from "../room-view";
import { SendIcon } from "./icons";

const COUNTER_FROM = TEXT_MAX - 400;

/** Makes a textarea as high as its text (CSS caps it). */
export function fitHeight(area: HTMLTextAreaElement): void {
  area.style.height = "auto";
  area.style.height = `${area.scrollHeight}px`;
}

export function Composer({ view }: { view: RoomView }) {
  const [text, setText] = useState(() => app.drafts.of(view.id));
  const area = useRef<HTMLTextAreaElement>(null);
  const used = length(text.trim());
  const canSend = used > 0 && used <= TEXT_MAX;
  const name = app.openRoom.value?.name ?? view.id;

  useLayoutEffect(() => {
    if (area.current) fitHeight(area.current);
  }, [text]);

  function change(next: string) {
    setText(next);
    app.drafts.keep(view.id, next);
    if (next.trim() === "") app.typing.stop();
    else app.typing.typed(view.id);
  }

  function send() {
    area.current?.focus();
    if (!canSend) return;
    app.send(text.trim());
    setText("");
    app.drafts.keep(view.id, "");
  }

  function onKeyDown(event: KeyboardEvent) {
    if (event.isComposing) return;
    if (event.key === "Enter" && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      send();
    } else if (event.key === "ArrowUp" && text === "" && !event.altKey) {
      const own = view.log.messages.findLast(
        (message) => message.author.id === app.session.peek()?.id && !message.deleted,
      );
      if (!own) return;
      event.preventDefault();
      view.editing.value = own.id;
    }
  }

  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <textarea
        ref={area}
        class="composer-text"
        data-testid="composer"
        rows={1}
        value={text}
        dir="auto"
        placeholder={`Message ${name}`}
        aria-label={`Message ${name}`}
        aria-describedby="composer-hint"
        aria-invalid={used > TEXT_MAX}
        enterkeyhint="send"
        onInput={(event) => change(event.currentTarget.value)}
        onBlur={() => app.typing.stop()}
        onKeyDown={onKeyDown}
      />
      {used >= COUNTER_FROM && (
        <span
          class={used > TEXT_MAX ? "counter counter-over" : "counter"}
          data-testid="counter"
          role="status"
        >
          {TEXT_MAX - used}
          <span class="visually-hidden"> characters left</span>
        </span>
      )}
      <button class="send" type="submit" data-testid="send" aria-label="Send" disabled={!canSend}>
        <SendIcon />
      </button>
      <span class="visually-hidden" id="composer-hint">
        Enter sends, Shift and Enter starts a new line. Arrow up edits your last message.
      </span>
    </form>
  );
}

// One open room: its header, the conversation, who is typing, the composer, and who is here.
import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { app } from "../app";
import { cordColour } from "../identity";
import type { Person } from "../model";
import type { RoomView } from "../room-view";
import { Composer } from "./Composer";
import { ConnectionChip } from "./ConnectionChip";
import { dialog, hasMouse, isNarrow, isWide, membersShown } from "./hooks";
import { BackIcon, PeopleIcon } from "./icons";
import { Members } from "./Members";
import { MessageList } from "./MessageList";

export function RoomPane({ view }: { view: RoomView }) {
  const status = view.status.value;
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    const composer = document.querySelector<HTMLElement>('[data-testid="composer"]');
    // With a keyboard at hand, write at once; on a phone that would cover the room.
    if (hasMouse.peek() && composer) composer.focus({ preventScroll: true });
    else heading.current?.focus({ preventScroll: true });
  }, []);

  if (status === "missing") return <MissingRoom view={view} />;
  return (
    <>
      <main class="pane" id="main" tabIndex={-1} aria-labelledby="room-title">
        <RoomHeader view={view} heading={heading} />
        <MessageList view={view} />
        <div class="pane-foot">
          <TypingLine people={view.typing.value} />
          <Composer view={view} />
        </div>
      </main>
      {isWide.value && membersShown.value && (
        <aside class="members-panel" aria-label="People in this room">
          <Members view={view} />
        </aside>
      )}
    </>
  );
}

function RoomHeader({
  view,
  heading,
}: {
  view: RoomView;
  heading: RefObject<HTMLHeadingElement | null>;
}) {
  const room = app.openRoom.value;
  const count = room?.members ?? view.members.value.length;
  const shown = isWide.value && membersShown.value;
  const toggle = () => {
    if (isWide.peek()) membersShown.value = !membersShown.peek();
    else dialog.value = { kind: "members" };
  };
  return (
    <header class="room-header">
      <BackButton />
      <span class={`jack jack-plugged cord-${cordColour(view.id)}`} aria-hidden="true" />
      <div class="room-heading">
        <h1 id="room-title" ref={heading} tabIndex={-1}>
          <bdi>{room?.name ?? view.id}</bdi>
        </h1>
        {isNarrow.value && <ConnectionChip />}
        {room?.topic && !isNarrow.value && (
          <p class="room-topic" dir="auto" title={room.topic}>
            {room.topic}
          </p>
        )}
      </div>
      <button
        class="people-button"
        type="button"
        data-testid="members-toggle"
        aria-label={`${count} ${count === 1 ? "person" : "people"} here: ${shown ? "hide" : "show"} them`}
        aria-expanded={shown}
        onClick={toggle}
      >
        <PeopleIcon />
        <span aria-hidden="true">{count}</span>
      </button>
    </header>
  );
}

function BackButton() {
  if (!isNarrow.value) return null;
  return (
    <a
      class="icon-button"
      href="#/"
      data-testid="back"
      aria-label="Back to the rooms"
      onClick={(event) => {
        if (!app.cameFromList) return;
        event.preventDefault();
        history.back();
      }}
    >
      <BackIcon />
      {app.unreadTotal.value > 0 && <span class="back-lamp" aria-hidden="true" />}
    </a>
  );
}

function MissingRoom({ view }: { view: RoomView }) {
  return (
    <main class="pane pane-empty" id="main" tabIndex={-1}>
      <div class="empty">
        <h1>There is no room “{view.id}”</h1>
        <p>It may have been spelled differently, or it was never opened.</p>
        <div class="row">
          <a class="button" href="#/">
            All rooms
          </a>
          <button
            class="button button-primary"
            type="button"
            onClick={() => (dialog.value = { kind: "create" })}
          >
            New room
          </button>
        </div>
      </div>
    </main>
  );
}

function TypingLine({ people }: { people: readonly Person[] }) {
  const [first, second] = people;
  return (
    <p class="typing" data-testid="typing" aria-live="polite">
      {first && (
        <>
          <span class="typing-dots" aria-hidden="true">
            <i />
            <i />
            <i />
          </span>
          <span>
            <bdi>{first.name}</bdi>
            {second && people.length === 2 && (
              <>
                {" "}
                and <bdi>{second.name}</bdi>
              </>
            )}
            {second && people.length === 3 && (
              <>
                , <bdi>{second.name}</bdi> and <bdi>{people[2]?.name}</bdi>
              </>
            )}
            {people.length > 3 && ` and ${people.length - 1} others`}
            {people.length === 1 ? " is typing" : " are typing"}
          </span>
        </>
      )}
    </p>
  );
}

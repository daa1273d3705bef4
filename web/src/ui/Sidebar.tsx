// The list of rooms: each with its jack, its last words and how many people are in it; below it,
// who we are and how the line is.
import { useState } from "preact/hooks";
import { app } from "../app";
import { cordColour } from "../identity";
import type { Room } from "../model";
import { slug } from "../slug";
import { distance, wholeDate } from "../time";
import { theme, toggleTheme } from "../theme";
import { Avatar } from "./Avatar";
import { ConnectionChip } from "./ConnectionChip";
import { dialog, hasMouse, isNarrow, now } from "./hooks";
import {
  KeyboardIcon,
  LogoMark,
  MoonIcon,
  PeopleIcon,
  PlusIcon,
  SearchIcon,
  SunIcon,
} from "./icons";

export function Sidebar() {
  const me = app.session.value;
  const [filter, setFilter] = useState("");
  const rooms = app.rooms.value.filter((room) => matches(room, filter));

  function openFirst(event: Event) {
    event.preventDefault();
    const first = rooms[0];
    if (!first || filter === "") return;
    setFilter("");
    app.go(first.id);
  }

  // On a phone the list is a page of its own.
  const isPage = isNarrow.value && app.openId.value === null;
  return (
    <div class="sidebar" role={isPage ? "main" : "region"} aria-label="Rooms and connection">
      <div class="sidebar-header">
        <p class="brand" role={isPage ? "heading" : undefined} aria-level={isPage ? 1 : undefined}>
          <LogoMark /> Switchboard
        </p>
        <button
          class="icon-button"
          type="button"
          data-testid="create-room"
          aria-label="New room"
          title="New room"
          onClick={() => (dialog.value = { kind: "create" })}
        >
          <PlusIcon />
        </button>
      </div>
      <form class="room-filter" role="search" onSubmit={openFirst}>
        <SearchIcon />
        <input
          id="room-filter"
          type="search"
          placeholder="Find a room"
          aria-label="Find a room"
          autoComplete="off"
          value={filter}
          onInput={(event) => setFilter(event.currentTarget.value)}
          onKeyDown={(event) =>
            event.key === "Escape" && (setFilter(""), event.currentTarget.blur())
          }
        />
        <kbd aria-hidden="true">Ctrl K</kbd>
      </form>
      <nav class="rooms-scroll" aria-label="Rooms">
        {app.roomsLoaded.value ? <RoomItems rooms={rooms} filter={filter} /> : <ListSkeleton />}
      </nav>
      <div class="sidebar-footer">
        {/* On a phone the open room carries it in its header. */}
        {!(isNarrow.value && app.openId.value !== null) && <ConnectionChip />}
        <div class="me">
          {me && (
            <button
              class="me-button"
              type="button"
              data-testid="profile"
              title="Change your name"
              onClick={() => (dialog.value = { kind: "profile" })}
            >
              <Avatar person={me} size="small" />
              <bdi class="me-name">{me.name}</bdi>
              <span class="visually-hidden">: change your name</span>
            </button>
          )}
          {hasMouse.value && (
            <button
              class="icon-button"
              type="button"
              aria-label="Keyboard shortcuts"
              title="Keyboard shortcuts (?)"
              onClick={() => (dialog.value = { kind: "shortcuts" })}
            >
              <KeyboardIcon />
            </button>
          )}
          <button
            class="icon-button"
            type="button"
            data-testid="theme-toggle"
            aria-label={
              theme.value === "dark" ? "Switch to the light theme" : "Switch to the dark theme"
            }
            title={theme.value === "dark" ? "Light theme" : "Dark theme"}
            onClick={toggleTheme}
          >
            {theme.value === "dark" ? <SunIcon /> : <MoonIcon />}
          </button>
        </div>
      </div>
    </div>
  );
}

function RoomItems({ rooms, filter }: { rooms: Room[]; filter: string }) {
  return (
    <div>
      <ul class="rooms" data-testid="room-list">
        {rooms.map((room) => (
          <li key={room.id}>
            <RoomItem room={room} />
          </li>
        ))}
      </ul>
      {rooms.length === 0 && (
        <div class="rooms-none">
          <p>{filter ? `No room matches “${filter}”.` : "No rooms yet. Start the first one."}</p>
          <button class="button" type="button" onClick={() => (dialog.value = { kind: "create" })}>
            New room
          </button>
        </div>
      )}
    </div>
  );
}

function RoomItem({ room }: { room: Room }) {
  const isOpen = app.openId.value === room.id;
  const at = new Date(room.last?.created_at ?? room.created_at);
  return (
    <a
      class={room.unread > 0 ? "room-item room-unread" : "room-item"}
      href={`#/r/${room.id}`}
      data-testid="room-item"
      data-room={room.id}
      aria-current={isOpen ? "page" : undefined}
    >
      <span class="room-line">
        <bdi class="room-name">{room.name}</bdi>
        <time class="room-time" dateTime={at.toISOString()} title={wholeDate(at)}>
          {room.last ? distance(at, now.value) : ""}
        </time>
      </span>
      <span class="room-line">
        <span class="room-last" dir="auto">
          {room.last ? (
            <>
              <bdi class="room-last-author">{room.last.author_name}:</bdi>{" "}
              {room.last.text || <em>message deleted</em>}
            </>
          ) : (
            room.topic || "No messages yet"
          )}
        </span>
        {room.members > 0 && (
          <span class="room-people" title={people(room.members)}>
            <PeopleIcon />
            <span aria-hidden="true">{room.members}</span>
            <span class="visually-hidden">{people(room.members)}</span>
          </span>
        )}
      </span>
      <span class={`jack cord-${cordColour(room.id)}`}>
        {room.unread > 0 && (
          <span class="lamp" data-testid="unread">
            {room.unread > 99 ? "99+" : room.unread}
            <span class="visually-hidden"> unread</span>
          </span>
        )}
      </span>
    </a>
  );
}

const people = (count: number) => (count === 1 ? "1 person here" : `${count} people here`);

function matches(room: Room, filter: string): boolean {
  const wanted = filter.trim().toLocaleLowerCase();
  if (wanted === "") return true;
  const plain = slug(filter);
  return (
    room.name.toLocaleLowerCase().includes(wanted) || (plain !== "" && room.id.includes(plain))
  );
}

function ListSkeleton() {
  return (
    <div class="skeleton" role="status" aria-label="Loading rooms">
      {[62, 44, 70, 52, 38].map((width) => (
        <div key={width} class="skeleton-room">
          <span class={`bone bone-${width}`} />
          <span class="bone bone-90" />
        </div>
      ))}
    </div>
  );
}

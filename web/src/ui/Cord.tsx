// The cord that hangs between the open room's jack in the list and the jack of its conversation.
// Decoration: hidden from screen readers.
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { app } from "../app";
import { cordColour } from "../identity";

export function Cord() {
  const [path, setPath] = useState<string | null>(null);
  // Moves over to another room, but sticks to its jack while the list scrolls.
  const [isStill, setStill] = useState(false);
  const frame = useRef(0);
  const open = app.openRoom.value;
  // The order of the list moves the jack.
  const order = app.rooms.value.map((room) => room.id).join();

  useLayoutEffect(() => {
    const later = () => {
      cancelAnimationFrame(frame.current);
      frame.current = requestAnimationFrame(() => {
        setStill(true);
        setPath(measurePath());
      });
    };
    setStill(false);
    setPath(measurePath());
    const list = document.querySelector(".rooms-scroll");
    list?.addEventListener("scroll", later, { passive: true });
    const observer = new ResizeObserver(later);
    if (list) observer.observe(list);
    const inner = list?.firstElementChild;
    if (inner) observer.observe(inner);
    return () => {
      cancelAnimationFrame(frame.current);
      list?.removeEventListener("scroll", later);
      observer.disconnect();
    };
  }, [open?.id, order]);

  if (!open || path === null) return null;
  return (
    <svg
      class={`cord${app.status.value.state === "live" ? "" : " cord-dead"}${isStill ? " cord-still" : ""}`}
      aria-hidden="true"
      focusable="false"
    >
      <path class={`cord-line-${cordColour(open.id)}`} d={path} />
    </svg>
  );
}

function measurePath(): string | null {
  const list = document.querySelector(".rooms-scroll")?.getBoundingClientRect();
  const from = document
    .querySelector('[data-testid="room-item"][aria-current] .jack')
    ?.getBoundingClientRect();
  const to = document.querySelector(".room-header .jack")?.getBoundingClientRect();
  if (!list || !from || !to) return null;
  const [x1, y1] = [from.x + from.width / 2, from.y + from.height / 2];
  const [x2, y2] = [to.x + to.width / 2, to.y + to.height / 2];
  // The row has scrolled out of sight: no cord hangs from nowhere.
  if (y1 < list.top || y1 > list.bottom) return null;
  // Down the gutter between the two panes, past the avatars, then up into the plug.
  const gutter = list.right + 9;
  const low = Math.max(y1 - 34, y2 + 52);
  return `M${x2} ${y2}C${x2} ${y2 + 30} ${gutter} ${y2 + 22} ${gutter} ${y2 + 52}L${gutter} ${low}C${gutter} ${y1 + 24} ${x1 + 14} ${y1 + 20} ${x1} ${y1}`;
}

// Keeps the conversation where the reader is: at its end while they follow it, else the same line
// at the same height whatever comes or goes around it.
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import type { RefObject } from "preact";

/** This near to the end counts as being there (px). */
const END_SLACK = 48;
/** Older messages are asked for this long before the reader gets to them (px). */
const OLDER_AHEAD = 700;

export interface ScrollKeeper {
  toEnd: (smooth: boolean) => void;
}

interface Options {
  scroller: RefObject<HTMLDivElement | null>;
  content: RefObject<HTMLDivElement | null>;
  /** False until the first page is there. */
  ready: boolean;
  onEnd: (atEnd: boolean) => void;
  onNearStart: () => void;
}

export function useScrollKeeper({
  scroller,
  content,
  ready,
  onEnd,
  onNearStart,
}: Options): ScrollKeeper {
  const follows = useRef(true);
  const placed = useRef(false);
  /** On the way to the end by its own motion; the reader's hand stops it. */
  const gliding = useRef(false);
  const anchor = useRef<{ element: HTMLElement; top: number } | null>(null);
  /**
   * The heights that the last look saw: a scroll that comes with other ones is the browser's, not
   * the reader's.
   */
  const heights = useRef({ box: 0, content: 0 });
  const callbacks = useRef({ onEnd, onNearStart });
  callbacks.current = { onEnd, onNearStart };

  const look = () => {
    const box = scroller.current;
    const list = content.current;
    if (!box || !list) return;
    heights.current = { box: box.clientHeight, content: box.scrollHeight };
    const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < END_SLACK;
    if (atEnd) gliding.current = false;
    follows.current = atEnd || gliding.current;
    const element = firstBelow(list, box.scrollTop);
    anchor.current = element ? { element, top: element.offsetTop } : null;
    callbacks.current.onEnd(atEnd);
    if (placed.current && box.scrollTop < OLDER_AHEAD) callbacks.current.onNearStart();
  };

  const hold = () => {
    const box = scroller.current;
    if (!box) return;
    const kept = anchor.current;
    if (follows.current) box.scrollTop = box.scrollHeight;
    else if (kept?.element.isConnected && kept.element.offsetTop !== kept.top)
      box.scrollTop += kept.element.offsetTop - kept.top;
    look();
  };

  const onScroll = () => {
    const box = scroller.current;
    const resized =
      box?.clientHeight !== heights.current.box || box.scrollHeight !== heights.current.content;
    if (resized && follows.current) hold();
    else look();
  };

  useLayoutEffect(() => {
    const box = scroller.current;
    if (ready && !placed.current && box) {
      placed.current = true;
      const divider = content.current?.querySelector<HTMLElement>("[data-new]");
      if (divider) {
        // Start reading where reading stopped, with a little of what came before.
        follows.current = false;
        anchor.current = null;
        box.scrollTop = divider.offsetTop - box.clientHeight * 0.25;
        return look();
      }
    }
    hold();
  });

  useEffect(() => {
    const box = scroller.current;
    const list = content.current;
    if (!box || !list) return;
    const observer = new ResizeObserver(hold);
    observer.observe(box);
    observer.observe(list);
    box.addEventListener("scroll", onScroll, { passive: true });
    const hand = () => (gliding.current = false);
    for (const name of ["wheel", "touchstart", "pointerdown", "keydown"])
      box.addEventListener(name, hand, { passive: true });
    return () => {
      observer.disconnect();
      box.removeEventListener("scroll", onScroll);
    };
  }, []);

  return {
    toEnd: (smooth) => {
      const box = scroller.current;
      if (!box) return;
      follows.current = true;
      const glides = smooth && !matchMedia("(prefers-reduced-motion: reduce)").matches;
      // From far away only the last stretch is shown as motion.
      const far = box.scrollHeight - box.clientHeight * 2.5;
      gliding.current = glides;
      if (box.scrollTop < far || !glides) box.scrollTop = glides ? far : box.scrollHeight;
      if (glides) box.scrollTo({ top: box.scrollHeight, behavior: "smooth" });
    },
  };
}

/**
 * The first child that reaches below `top`; children are in order, so half of them are skipped at
 * each step.
 */
function firstBelow(list: HTMLElement, top: number): HTMLElement | null {
  const children = list.children;
  let low = 0;
  let high = children.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const child = children[middle] as HTMLElement;
    if (child.offsetTop + child.offsetHeight <= top) low = middle + 1;
    else high = middle;
  }
  return (children[low] as HTMLElement | undefined) ?? null;
}

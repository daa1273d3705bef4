// Small pieces of state that several views share: the width of the window, the passing minutes, the
// open dialog.
import { signal } from "@preact/signals";
import type { Message } from "../model";

function media(query: string) {
  const list = matchMedia(query);
  const matches = signal(list.matches);
  list.addEventListener("change", () => (matches.value = list.matches));
  return matches;
}

/** One pane at a time. */
export const isNarrow = media("(max-width: 759px)");
/** Room for the panel of members beside the conversation. */
export const isWide = media("(min-width: 1080px)");
export const hasMouse = media("(hover: hover) and (pointer: fine)");

/** Moves on every half minute, for "5 min" and "Today". */
export const now = signal(new Date());
setInterval(() => (now.value = new Date()), 30_000);

export type OpenDialog =
  | { kind: "create" }
  | { kind: "profile" }
  | { kind: "shortcuts" }
  | { kind: "members" }
  | { kind: "delete"; message: Message };

export const dialog = signal<OpenDialog | null>(null);
export const closeDialog = (): void => {
  dialog.value = null;
};

/** The panel of members on wide windows. */
export const membersShown = signal(true);

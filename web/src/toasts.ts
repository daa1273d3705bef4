// Short notices at the edge of the window: they tell, offer at most one way on, and leave by
// themselves.
import { signal } from "@preact/signals";

export interface Toast {
  id: number;
  text: string;
  kind: "error" | "info";
}

const SHOWN_MS = 6_000;
const SHOWN_MAX = 3;

export const toasts = signal<readonly Toast[]>([]);
let lastId = 0;

export function toast(text: string, kind: Toast["kind"] = "error"): void {
  lastId += 1;
  const added = { id: lastId, text, kind };
  toasts.value = [...toasts.peek().filter((other) => other.text !== text), added].slice(-SHOWN_MAX);
  setTimeout(() => dismiss(added.id), SHOWN_MS);
}

export function dismiss(id: number): void {
  toasts.value = toasts.peek().filter((toast) => toast.id !== id);
}

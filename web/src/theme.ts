// Light or dark: the system's wish until somebody chooses otherwise; the choice is remembered.
import { computed, effect, signal } from "@preact/signals";
import { readTheme, writeTheme, type Theme } from "./storage";

const darkQuery = matchMedia("(prefers-color-scheme: dark)");
const system = signal<Theme>(darkQuery.matches ? "dark" : "light");
const chosen = signal<Theme | null>(readTheme());

export const theme = computed(() => chosen.value ?? system.value);

export function toggleTheme(): void {
  const next = theme.peek() === "dark" ? "light" : "dark";
  // Back at what the system wants means: follow the system again.
  chosen.value = next === system.peek() ? null : next;
  writeTheme(chosen.peek());
}

export function startTheme(): void {
  darkQuery.addEventListener("change", () => (system.value = darkQuery.matches ? "dark" : "light"));
  effect(() => {
    document.documentElement.dataset["theme"] = theme.value;
  });
}

// What the browser remembers. Storage may be full, switched off or written by an older version:
// reading never throws.

function read(area: () => Storage, key: string): unknown {
  try {
    return JSON.parse(area().getItem(`switchboard.${key}`) ?? "null") as unknown;
  } catch {
    return null;
  }
}

function write(area: () => Storage, key: string, value: unknown): void {
  try {
    if (value === null) area().removeItem(`switchboard.${key}`);
    else area().setItem(`switchboard.${key}`, JSON.stringify(value));
  } catch {
    // Nothing is lost but the memory: the app goes on without it.
  }
}

const local = () => localStorage;
const session = () => sessionStorage;

export interface Session {
  id: string;
  name: string;
  token: string;
}

export function readSession(): Session | null {
  const value = read(local, "session") as Partial<Session> | null;
  return typeof value?.token === "string" &&
    typeof value.name === "string" &&
    typeof value.id === "string"
    ? { id: value.id, name: value.name, token: value.token }
    : null;
}

export const writeSession = (value: Session | null): void => write(local, "session", value);

export function readName(): string {
  const value = read(local, "name");
  return typeof value === "string" ? value : "";
}

export const writeName = (value: string): void => write(local, "name", value);

export type Theme = "light" | "dark";

export function readTheme(): Theme | null {
  const value = read(local, "theme");
  return value === "light" || value === "dark" ? value : null;
}

export const writeTheme = (value: Theme | null): void => write(local, "theme", value);

/**
 * Per tab, so that two tabs do not both send the same waiting messages (it would be safe, but
 * wasteful).
 */
export const readOutbox = (): unknown => read(session, "outbox");
export const writeOutbox = (value: unknown): void => write(session, "outbox", value);

export function readDrafts(): Record<string, string> {
  const value = read(session, "drafts");
  if (typeof value !== "object" || value === null) return {};
  return Object.fromEntries(
    Object.entries(value).filter(
      (entry): entry is [string, string] => typeof entry[1] === "string",
    ),
  );
}

export const writeDrafts = (value: Record<string, string>): void => write(session, "drafts", value);

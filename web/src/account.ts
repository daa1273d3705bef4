// Becoming somebody: the one call that needs no line yet.
import type { Problem } from "./model";
import type { Session } from "./storage";
import { sentence } from "./text";

export class AccountError extends Error {}

export async function createGuest(name: string): Promise<Session> {
  let response: Response;
  try {
    response = await fetch("/api/v1/guests", {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify({ name }),
    });
  } catch {
    throw new AccountError("The server cannot be reached. Check your connection and try again.");
  }
  if (response.ok) return (await response.json()) as Session;
  if (response.status === 429)
    throw new AccountError("Too many people are joining from here. Wait a moment and try again.");
  const problem = (await response.json().catch(() => null)) as Partial<Problem> | null;
  throw new AccountError(
    sentence(problem?.detail ?? problem?.title ?? `the server refused (${response.status})`),
  );
}

// A person's round mark: initials on the colour of their cord.
import type { Person } from "../model";
import { cordColour, initials } from "../identity";

export function Avatar({ person, size = "medium" }: { person: Person; size?: "small" | "medium" }) {
  return (
    <span class={`avatar avatar-${size} cord-${cordColour(person.id)}`} aria-hidden="true">
      {initials(person.name)}
    </span>
  );
}

// Who is in the room: oneself first, then by name. A panel on wide windows, a drawer on narrow
// ones.
import { app } from "../app";
import type { RoomView } from "../room-view";
import { Avatar } from "./Avatar";
import { isWide } from "./hooks";

export function Members({ view }: { view: RoomView }) {
  const me = app.session.value?.id;
  const members = [...view.members.value].sort(
    (a, b) => Number(b.id === me) - Number(a.id === me) || a.name.localeCompare(b.name),
  );
  const topic = app.openRoom.value?.topic;
  const count = Math.max(members.length, app.openRoom.value?.members ?? 0);
  return (
    <>
      {topic && !isWide.value && (
        <p class="members-topic" dir="auto">
          {topic}
        </p>
      )}
      <h2 class="members-title">
        Here now <span class="members-count">{count}</span>
      </h2>
      <ul class="members" data-testid="members">
        {members.map((member) => (
          <li key={member.id} data-member={member.id}>
            <Avatar person={member} size="small" />
            <bdi class="member-name">{member.name}</bdi>
            {member.id === me && <span class="member-you">you</span>}
          </li>
        ))}
      </ul>
      {count > members.length && <p class="members-alone">and {count - members.length} more</p>}
      {members.length === 1 && members[0]?.id === me && (
        <p class="members-alone">
          Only you so far. Share this page’s address to bring somebody in.
        </p>
      )}
    </>
  );
}

// How the line is: the transport and the state in words, a lamp, and a way to try again at once.
import { useEffect, useState } from "preact/hooks";
import { app } from "../app";
import type { LineStatus } from "../line";

function words(status: LineStatus, seconds: number | null): { long: string; short: string } {
  switch (status.state) {
    case "live":
      return {
        long: status.transport === "websocket" ? "Live · WebSocket" : "Live · polling",
        short: "Live",
      };
    case "connecting":
      return { long: "Connecting…", short: "Connecting…" };
    case "offline":
      return { long: "Offline", short: "Offline" };
    case "reconnecting": {
      const text =
        seconds !== null && seconds > 0 ? `Reconnecting in ${seconds} s` : "Reconnecting…";
      return { long: text, short: text };
    }
  }
}

export function ConnectionChip() {
  const status = app.status.value;
  const seconds = useSecondsUntil(status.state === "reconnecting" ? status.retryAt : null);
  const text = words(status, seconds);
  const isDown = status.state === "reconnecting" || status.state === "offline";
  return (
    <div
      class="connection"
      data-testid="connection"
      data-state={status.state}
      data-transport={status.transport}
    >
      <span class="connection-lamp" aria-hidden="true" />
      {/* The seconds are for the eye only: a screen reader hears each state once. */}
      <span class="connection-text" aria-hidden={status.state === "reconnecting"}>
        {text.long}
      </span>
      <span class="visually-hidden" role="status">
        {status.state === "reconnecting" ? "Connection lost, reconnecting" : ""}
      </span>
      {isDown && (
        <button class="link-button" type="button" onClick={() => app.retryNow()}>
          Retry
        </button>
      )}
    </div>
  );
}

function useSecondsUntil(at: number | null): number | null {
  const [, tick] = useState(0);
  useEffect(() => {
    if (at === null) return;
    const timer = setInterval(() => tick((count) => count + 1), 250);
    return () => clearInterval(timer);
  }, [at]);
  return at === null ? null : Math.max(0, Math.ceil((at - Date.now()) / 1000));
}

// The first screen: choose a name. The name appears on the label of a line in the panel, and its
// lamp lights up.
import { useRef, useState } from "preact/hooks";
import { AccountError } from "../account";
import { app } from "../app";
import { length, NAME_MAX } from "../model";
import { readName } from "../storage";
import { LogoMark } from "./icons";
import { PatchPanel } from "./PatchPanel";

export function NameScreen() {
  const [name, setName] = useState(readName);
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const notice = app.notice.value;

  async function submit(event: Event) {
    event.preventDefault();
    const wanted = name.trim();
    const problem =
      wanted === ""
        ? "Type a name first."
        : length(wanted) > NAME_MAX
          ? `At most ${NAME_MAX} characters.`
          : null;
    setError(problem);
    if (problem !== null || busy) return input.current?.focus();
    setBusy(true);
    try {
      await app.signIn(wanted);
    } catch (failure) {
      setBusy(false);
      setError(
        failure instanceof AccountError ? failure.message : "Something went wrong. Try again.",
      );
      input.current?.focus();
    }
  }

  return (
    <main class="welcome">
      <div class="welcome-panel">
        <PatchPanel label={name.trim()} />
      </div>
      <form class="welcome-form" onSubmit={(event) => void submit(event)} noValidate>
        <p class="brand">
          <LogoMark /> Switchboard
        </p>
        <h1>Pick up a line.</h1>
        <p class="lede">
          Live rooms for talking things through. Choose the name that others will see; no account
          needed.
        </p>
        {notice && (
          <p class="notice" role="status">
            {notice}
          </p>
        )}
        <label class="field">
          <span class="field-label">Your name</span>
          <input
            ref={input}
            class="input input-large"
            data-testid="name-input"
            value={name}
            autoFocus
            autoComplete="nickname"
            enterkeyhint="go"
            spellcheck={false}
            aria-invalid={error !== null}
            aria-describedby="name-error"
            onInput={(event) => setName(event.currentTarget.value)}
          />
        </label>
        <p class="field-error" id="name-error" role="alert">
          {error}
        </p>
        <button
          class="button button-primary button-large"
          data-testid="name-submit"
          type="submit"
          disabled={busy}
        >
          {busy ? "Connecting…" : "Enter"}
        </button>
      </form>
    </main>
  );
}

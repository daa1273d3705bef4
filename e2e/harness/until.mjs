// Waiting for something with a deadline. Nothing in this folder waits in any other way.

/** How long a single condition may take, in milliseconds. Generous: a deadline is not a measure. */
export const DEADLINE = 8_000;

/** Resolves with the first truthy value of `condition` (may be async), or fails saying `what`. */
export async function until(condition, what, milliseconds = DEADLINE) {
  const end = Date.now() + milliseconds;
  for (;;) {
    const value = await condition();
    if (value) {
      return value;
    }
    if (end < Date.now()) {
      const text = typeof what === "function" ? what() : what;
      throw new Error(`after ${milliseconds} ms still not: ${text ?? condition}`);
    }
    await pause();
  }
}

/** The promise, or a failure after the deadline. */
export async function within(promise, what, milliseconds = DEADLINE) {
  let timer;
  const late = new Promise((_, reject) => {
    const fail = () => reject(new Error(`after ${milliseconds} ms still not: ${what}`));
    timer = setTimeout(fail, milliseconds);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function pause() {
  return new Promise((next) => {
    setTimeout(next, 10);
  });
}

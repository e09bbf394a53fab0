// Server-sent events over fetch: like EventSource, but able to send the token in a header.

/** Without a byte for this long the connection is dead, whatever the socket says. */
const DEAD_MS = 10_000;
const LONGEST_PAUSE_MS = 8_000;

/**
 * @typedef {object} Ears
 * @property {(event: string, data: any) => void} onEvent
 * @property {(state: "open"|"down"|"refused", status?: number) => void} onState
 */

/**
 * Opens the stream and opens it again until it is closed, with back-off, from the last event that had an id.
 * @param {string} token @param {Ears} ears
 * @returns {{wake: () => void, close: () => void}} `wake` ends the pause before the next attempt
 */
export function openStream(token, { onEvent, onState }) {
  const closed = new AbortController();
  let lastId = "";
  let wake = () => {};
  const run = async () => {
    let failures = 0;
    while (!closed.signal.aborted) {
      try {
        await read(token, lastId, closed.signal, (event, data, id) => {
          failures = 0;
          if (id) lastId = id;
          onEvent(event, data);
        }, onState);
      } catch {
        // Every way to fail ends the same: down, then again.
      }
      if (closed.signal.aborted) return;
      onState("down");
      failures += 1;
      const pause = Math.min(LONGEST_PAUSE_MS, 500 * 2 ** Math.min(failures, 6));
      await new Promise((resolve) => {
        wake = () => resolve(undefined);
        setTimeout(resolve, pause * (0.5 + Math.random() / 2));
      });
    }
  };
  run();
  return { wake: () => wake(), close: () => { closed.abort(); wake(); } };
}

/**
 * @param {string} token @param {string} lastId @param {AbortSignal} closed
 * @param {(event: string, data: any, id: string) => void} onEvent
 * @param {Ears["onState"]} onState
 */
async function read(token, lastId, closed, onEvent, onState) {
  const abort = new AbortController();
  const end = () => abort.abort();
  closed.addEventListener("abort", end);
  let watch = setTimeout(end, DEAD_MS);
  try {
    /** @type {Record<string, string>} */
    const headers = { accept: "text/event-stream" };
    if (token) headers.authorization = `Bearer ${token}`;
    if (lastId) headers["last-event-id"] = lastId;
    const request = { headers, cache: /** @type {const} */ ("no-store"), signal: abort.signal };
    const response = await fetch(new URL("../api/v1/stream", import.meta.url), request);
    if (!response.ok || !response.body) {
      onState("refused", response.status);
      return;
    }
    onState("open");
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(watch);
      watch = setTimeout(end, DEAD_MS);
      rest += value;
      for (let at = rest.indexOf("\n\n"); at >= 0; at = rest.indexOf("\n\n")) {
        const fields = parse(rest.slice(0, at));
        rest = rest.slice(at + 2);
        if (fields.data) onEvent(fields.event, JSON.parse(fields.data), fields.id);
      }
    }
  } finally {
    clearTimeout(watch);
    closed.removeEventListener("abort", end);
    abort.abort();
  }
}

/** @param {string} text */
function parse(text) {
  const fields = { event: "message", data: "", id: "" };
  for (const line of text.split("\n")) {
    const at = line.indexOf(": ");
    const name = line.slice(0, at);
    if (name === "event" || name === "data" || name === "id") fields[name] = line.slice(at + 2);
  }
  return fields;
}

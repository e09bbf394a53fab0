// Server-sent events over fetch: like EventSource, but able to send the token in a header.

import { headers } from "./api.js";

/** Without a byte for this long the connection is dead, whatever the socket says. */
const DEAD_MS = 10_000;
const LONGEST_PAUSE_MS = 8_000;

/**
 * Opens the stream and opens it again for ever, with back-off, from the last event that had an id.
 * @param {(event: string, data: any) => void} onEvent
 * @param {(state: "open"|"down"|"refused", status?: number) => void} onState
 * @returns {() => void} wakes a waiting reconnect at once
 */
export function openStream(onEvent, onState) {
  let lastId = "";
  let wake = () => {};
  const run = async () => {
    let failures = 0;
    for (;;) {
      try {
        await read(lastId, (event, data, id) => {
          failures = 0;
          if (id) lastId = id;
          onEvent(event, data);
        }, onState);
      } catch {
        // Every way to fail ends the same: down, then again.
      }
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
  return () => wake();
}

/**
 * @param {string} lastId
 * @param {(event: string, data: any, id: string) => void} onEvent
 * @param {(state: "open"|"down"|"refused", status?: number) => void} onState
 */
async function read(lastId, onEvent, onState) {
  const abort = new AbortController();
  let watch = setTimeout(() => abort.abort(), DEAD_MS);
  try {
    /** @type {Record<string, string>} */
    const more = { accept: "text/event-stream" };
    if (lastId) more["last-event-id"] = lastId;
    const request = { headers: headers(more), cache: /** @type {const} */ ("no-store"), signal: abort.signal };
    const response = await fetch("api/v1/stream", request);
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
      watch = setTimeout(() => abort.abort(), DEAD_MS);
      rest += value;
      for (let end = rest.indexOf("\n\n"); end >= 0; end = rest.indexOf("\n\n")) {
        const fields = parse(rest.slice(0, end));
        rest = rest.slice(end + 2);
        if (fields.data) onEvent(fields.event, JSON.parse(fields.data), fields.id);
      }
    }
  } finally {
    clearTimeout(watch);
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

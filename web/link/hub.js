// One stream for any number of listeners, and one clock. Who joins late first hears how it stands.

import { openStream } from "./stream.js";

/**
 * `at` is when it arrived at this machine: what waited in a tab that slept is not news.
 * @typedef {{at: number} & (
 *   {kind: "state", state: "open"|"down"|"refused", status?: number}
 *   | {kind: "event", event: string, data: any}
 *   | {kind: "tick"|"here"})} Message
 */

const TICK_MS = 1_000;

/** @param {string} token */
export function openHub(token) {
  /** @type {Set<(message: Message) => void>} */
  const listeners = new Set();
  /** @type {Map<string, Message>} the newest state, hello and heartbeat */
  const standing = new Map();
  const tell = (/** @type {Message} */ message) => {
    for (const listener of listeners) listener(message);
  };
  const stream = openStream(token, {
    onState(state, status) {
      if (state !== "open") standing.clear();
      const message = /** @type {Message} */ ({ at: Date.now(), kind: "state", state, status });
      standing.set("state", message);
      tell(message);
    },
    onEvent(event, data) {
      const message = /** @type {Message} */ ({ at: Date.now(), kind: "event", event, data });
      if (event === "hello" || event === "heartbeat") standing.set(event, message);
      tell(message);
    },
  });
  const clock = setInterval(() => tell({ at: Date.now(), kind: "tick" }), TICK_MS);
  return {
    /** @param {(message: Message) => void} listener */
    join(listener) {
      listeners.add(listener);
      for (const message of standing.values()) listener(message);
    },
    /** @param {(message: Message) => void} listener @returns {boolean} whether nobody is left */
    leave(listener) {
      listeners.delete(listener);
      return listeners.size === 0;
    },
    wake: stream.wake,
    close() {
      clearInterval(clock);
      stream.close();
    },
  };
}

/** @returns {Message} the answer to a ping */
export function here() {
  return { at: Date.now(), kind: "here" };
}

// The SharedWorker: one stream for all tabs of this browser that have the same token. A browser opens
// at most six connections to a host; with a stream for each tab the seventh request waits for ever.

import { here, openHub } from "./hub.js";

/** @typedef {ReturnType<typeof openHub>} Hub */

/** @type {Map<string, Hub>} */
const hubs = new Map();

addEventListener("connect", (/** @type {any} */ { ports: [port] }) => {
  /** @type {string|null} */
  let joined = null;
  const listener = (/** @type {import("./hub.js").Message} */ message) => port.postMessage(message);
  const leave = () => {
    if (joined !== null && hubs.get(joined)?.leave(listener)) {
      hubs.get(joined)?.close();
      hubs.delete(joined);
    }
    joined = null;
  };
  port.onmessage = (/** @type {MessageEvent} */ { data }) => {
    if (data.ask === "join") {
      leave();
      joined = /** @type {string} */ (data.token);
      if (!hubs.has(joined)) hubs.set(joined, openHub(joined));
      hubs.get(joined)?.join(listener);
    }
    if (data.ask === "wake" && joined !== null) hubs.get(joined)?.wake();
    if (data.ask === "ping") port.postMessage(here());
    if (data.ask === "leave") leave();
  };
});

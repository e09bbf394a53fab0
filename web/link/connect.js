// A tab's tie to the stream, whoever holds it, and a watch that it still speaks.

import { openSource } from "./sources.js";

/** @import { Message } from "./hub.js" */

/** Ticks without a word, a heartbeat comes every 2 s; then it is asked whether it is there. */
const ASK_AFTER = 3;
const GONE_AFTER = 5;
const TICK_MS = 1_000;

/**
 * @param {() => string} token
 * @param {(message: Message) => void} onMessage
 * @returns {{wake: () => void, again: () => void}} `again` joins anew, as with another token
 */
export function connect(token, onMessage) {
  // Ticks, not time: those of a tab that sleeps do not count against the others.
  let silent = 0;
  const listener = (/** @type {Message} */ message) => {
    silent = 0;
    onMessage(message);
  };
  let source = openSource(token(), listener);
  const wake = () => source.ask("wake");
  const again = () => {
    source.close();
    silent = 0;
    source = openSource(token(), listener);
  };
  setInterval(() => {
    silent += 1;
    if (silent === ASK_AFTER) source.ask("ping");
    if (silent >= GONE_AFTER) {
      silent = 0;
      source = source.renew();
    }
  }, TICK_MS);
  addEventListener("pagehide", () => source.close());
  addEventListener("pageshow", (event) => { if (event.persisted) again(); });
  return { wake, again };
}

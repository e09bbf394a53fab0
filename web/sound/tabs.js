// Of several tabs of a browser one sounds, for all of them: each says what it needs and whether it can, and each finds the
// same one. A tab that says nothing any more, because it is closed or asleep, is out.

import { gravest } from "./need.js";

/** @import { Need } from "./need.js" */

/**
 * @typedef {{able: boolean, since: number, need: Need|null}} Standing whether its loudspeaker plays, since when it is armed, what
 *   its screen needs
 * @typedef {{who: string|null, need: Need|null}} Verdict who sounds, and what
 */

/** A tab speaks every second, and every 2 s with the heartbeat of the gateway where its timers are slowed. */
export const SILENT_MS = 5_000;

/**
 * @param {Map<string, Standing & {heard: number}>} tabs @param {number} now @returns {Verdict}
 */
export function verdict(tabs, now) {
  const there = [...tabs].filter(([, tab]) => now - tab.heard < SILENT_MS);
  const able = there.filter(([, tab]) => tab.able).sort(([a, x], [b, y]) => x.since - y.since || (a < b ? -1 : 1));
  return { who: able[0]?.[0] ?? null, need: gravest(there.map(([, tab]) => tab.need)) };
}

/**
 * @param {() => void} onNews something that another tab said changes the verdict
 * @returns {{me: string, say: (standing: Standing) => Verdict, hear: () => Verdict}}
 */
export function joinTabs(onNews) {
  // Not `crypto.randomUUID`, which is there only over HTTPS.
  const me = Array.from(crypto.getRandomValues(new Uint32Array(2)), (n) => n.toString(36)).join("");
  /** @type {Map<string, Standing & {heard: number}>} */
  const tabs = new Map();
  const hear = () => verdict(tabs, performance.now());
  // Tabs of another version of the page have a word of their own.
  const channel = "BroadcastChannel" in globalThis ? new BroadcastChannel("vitalgate-sound-1") : null;
  if (channel) {
    channel.onmessage = ({ data }) => {
      const before = JSON.stringify(hear());
      // Who has just been opened learns at once who is there.
      const own = tabs.get(me);
      if (own && !data.gone && !tabs.has(data.from)) channel.postMessage({ from: me, standing: own });
      if (data.gone) tabs.delete(data.from);
      else tabs.set(data.from, { ...data.standing, heard: performance.now() });
      if (JSON.stringify(hear()) !== before) onNews();
    };
  }
  addEventListener("pagehide", () => channel?.postMessage({ from: me, gone: true }));
  return {
    me,
    hear,
    say(standing) {
      tabs.set(me, { ...standing, heard: performance.now() });
      channel?.postMessage({ from: me, standing });
      return hear();
    },
  };
}

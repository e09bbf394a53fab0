// The loudspeaker of this tab: armed by a gesture, watched whether it plays, and kept supplied with bursts.

import { signal } from "../vendor/preact.js";
import { burst } from "./play.js";
import { lasts } from "./burst.js";
import { nextBurst } from "./need.js";

/** @import { Need, Played } from "./need.js" */

/** `off`: nobody has armed it. `on`: what is put on its clock is played. `stopped`: it was armed, and the browser does not play. */
export const speaker = signal(/** @type {"off"|"on"|"stopped"} */ ("off"));

/** What is put on the clock ahead of time, in seconds: timers of a tab in the background are late, the clock is not. */
const AHEAD_S = 20;
/** Without a step of its clock for so long it does not play, whatever it says. */
const STUCK_MS = 2_000;

/** @type {AudioContext|null} */
let audio = null;
/** @type {(Played & {take: () => void})[]} */
let queue = [];
/** @type {Played|null} */
let played = null;
let seen = { clock: -1, at: 0 };

/** To be called from a gesture. It is told by a tone that it is armed. @returns {Promise<boolean>} whether it plays */
export async function arm() {
  audio ??= open();
  seen = { clock: -1, at: 0 };
  await audio.resume().catch(() => {});
  look();
  if (speaker.value === "on") burst(audio, "low", audio.currentTime + 0.05);
  return speaker.value === "on";
}

export function disarm() {
  supply(null);
  const old = audio;
  audio = null;
  speaker.value = "off";
  old?.close().catch(() => {});
}

function open() {
  const opened = new AudioContext();
  opened.onstatechange = () => { if (opened === audio) look(); };
  return opened;
}

/** Looks whether it plays: it may say so and stand still, as without any device. */
export function look() {
  if (!audio) return;
  const at = performance.now();
  if (audio.currentTime !== seen.clock) seen = { clock: audio.currentTime, at };
  speaker.value = audio.state === "running" && at - seen.at < STUCK_MS ? "on" : "stopped";
}

/** Puts on the clock what is needed, and takes off it what is not any more. @param {Need|null} need */
export function supply(need) {
  if (!audio) return;
  const now = audio.currentTime;
  began(now);
  if (!need) {
    for (const one of queue) one.take();
    queue = [];
    played = null;
    return;
  }
  const other = (/** @type {Played} */ one) => one.priority !== need.priority || one.news < need.news;
  for (const one of queue.filter(other)) if (one.start > now || one.priority !== need.priority) one.take();
  queue = queue.filter((one) => !other(one) || (one.start <= now && one.priority === need.priority));
  for (;;) {
    const start = nextBurst(queue.at(-1) ?? played, need, now);
    if (start > now + AHEAD_S) return;
    queue.push({ ...need, start, take: burst(audio, need.priority, start) });
  }
}

/** What has begun is the last that was played; what is over leaves the queue. @param {number} now */
function began(now) {
  for (const one of queue) if (one.start <= now) played = { priority: one.priority, news: one.news, start: one.start };
  queue = queue.filter((one) => one.start + lasts(one.priority) > now);
}

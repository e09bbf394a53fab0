// A screen at which alarms are heard stays on: it is asked for while the sound is armed and the tab is seen, and taken again
// where the browser let go of it.

import { signal } from "./vendor/preact.js";

/** `off`: nobody asks for it. `on`: it stays on. `may_dark`: the browser cannot, or does not now. */
export const screen = signal(/** @type {"off"|"on"|"may_dark"} */ ("off"));

/** A browser that refused it, to save power, is asked again after so long. */
const AGAIN_MS = 30_000;

let wanted = false;
let asking = false;
let asked = 0;
/** @type {WakeLockSentinel|null} */
let held = null;

/** @param {boolean} on */
export function keepScreenOn(on) {
  if (wanted === on) return;
  wanted = on;
  asked = 0;
  if (on) take();
  else letGo();
}

/** To be called with every beat of the page: takes it again where it was lost. */
export function lookAtScreen() {
  if (wanted && !held && performance.now() - asked > AGAIN_MS) take();
}

document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") take();
});

async function take() {
  if (!wanted || held || asking || document.visibilityState !== "visible") return;
  asking = true;
  asked = performance.now();
  const lock = await navigator.wakeLock?.request("screen").catch(() => null);
  asking = false;
  if (!lock) {
    screen.value = wanted ? "may_dark" : "off";
    return;
  }
  held = lock;
  lock.addEventListener("release", () => {
    if (held !== lock) return;
    held = null;
    // Nobody looks at a tab that is hidden; one that is seen may go dark from now on.
    if (wanted && document.visibilityState === "visible") screen.value = "may_dark";
  });
  if (wanted) screen.value = "on";
  else letGo();
}

function letGo() {
  const lock = held;
  held = null;
  screen.value = "off";
  lock?.release().catch(() => {});
}

// Sound: armed once by a gesture, of one tab for all, and loud about it when nothing would be heard.

import { keepScreenOn, lookAtScreen } from "./awake.js";
import { computed, effect, signal } from "./vendor/preact.js";
import { needOf } from "./sound/need.js";
import { arm, disarm, look, speaker, supply } from "./sound/speaker.js";
import { joinTabs } from "./sound/tabs.js";
import * as state from "./state.js";

/** @import { Verdict } from "./sound/tabs.js" */

/** Whether somebody wants sound in this browser: a tab opened later arms itself with the first gesture in it. */
const KEPT = "vitalgate.sound";

const wanted = signal(false);
/** When this tab was armed, in ms: the one that was first sounds. */
let since = 0;
/** Whether somebody relies on this screen: it was live, and nobody has signed out of it since. */
let watched = false;

/** From where alarms are heard: this tab, another one of this browser, or nowhere. */
export const heard = signal(/** @type {"here"|"elsewhere"|"nowhere"} */ ("nowhere"));
/** It was armed, or would be, and the browser plays nothing yet or any more. */
export const stopped = computed(() => speaker.value === "stopped" || (wanted.value && speaker.value === "off"));

/** Since when this screen cannot be trusted, in ms; 0 while it can. */
const dark = signal(0);
const need = computed(() => needOf(state.openAlarms.value, dark.value));

const tabs = joinTabs(() => decide(tabs.hear()));

export function beginSound() {
  wanted.value = localStorage.getItem(KEPT) === "on";
  if (wanted.value) soundOn();
  const gesture = () => { if (wanted.value && speaker.value !== "on") soundOn(); };
  for (const kind of ["click", "keydown"]) addEventListener(kind, gesture, { capture: true });
  effect(() => {
    const outside = state.needsToken.value || state.setup.value !== null;
    if (state.link.value === "live") watched = true;
    const blind = state.seesPatients.value && (outside ? watched : state.link.value === "lost" || state.notMonitored.value);
    if (blind !== dark.value > 0) dark.value = blind ? Date.now() : 0;
  });
  effect(() => {
    void [need.value, speaker.value];
    say();
  });
  effect(() => keepScreenOn(wanted.value && speaker.value !== "off"));
}

/** To be called with every beat of the page, from wherever it comes. */
export function beat() {
  look();
  lookAtScreen();
  say();
}

/** From a gesture: whether it plays now. */
export async function soundOn() {
  wanted.value = true;
  localStorage.setItem(KEPT, "on");
  since ||= Date.now();
  watched ||= state.link.value === "live";
  const plays = await arm();
  if (plays) keepAwake();
  say();
}

export function soundOff() {
  wanted.value = false;
  watched = false;
  localStorage.removeItem(KEPT);
  since = 0;
  disarm();
  say();
}

function say() {
  decide(tabs.say({ able: speaker.value === "on", since, need: need.value }));
}

/** @param {Verdict} verdict */
function decide({ who, need: all }) {
  const here = who === tabs.me;
  heard.value = here ? "here" : who ? "elsewhere" : "nowhere";
  supply(here ? all : null);
}

let awake = false;
/** A tab that holds a lock is not put to sleep in the background. */
function keepAwake() {
  if (awake || !navigator.locks) return;
  awake = true;
  navigator.locks.request(`vitalgate-sound ${tabs.me}`, () => new Promise(() => {})).catch(() => {});
}

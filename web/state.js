// Everything the page knows, and what follows from it.

import { computed, signal } from "./vendor/preact.js";
import { time } from "./format.js";
import { inOrder, waits } from "./order.js";
import { split } from "./places.js";
import { format, parse, setupLink, stationLink } from "./route.js";

/** @import { Alarm, Bed, Device, Heartbeat, Patient } from "./types.js" */
/** @import { Route } from "./route.js" */

/** No heartbeat for longer than this is CONNECTION LOST. */
const LOST_MS = 6_000;
/** Judgement further behind than this is NOT MONITORED. */
const BEHIND_MS = 5_000;

export const alarms = signal(/** @type {Map<string, Alarm>} */ (new Map()));
export const patients = signal(/** @type {Map<string, Patient>} */ (new Map()));
export const devices = signal(/** @type {Map<string, Device>} */ (new Map()));
export const beds = signal(/** @type {Bed[]} */ ([]));
export const beat = signal(/** @type {Heartbeat|null} */ (null));
export const me = signal({ actor: "", role: "", simulated: false, person: "", station: false });
export const needsToken = signal(false);
/** The link to set a password, until it was used. */
export const setup = signal(setupLink(location.hash));
/** The link by which this browser becomes a station, until it was used. */
export const becoming = signal(stationLink(location.hash));
/** Whoever is signed in may see patients. */
export const seesPatients = signal(true);
/** Whoever is signed in is so by name. */
export const byName = signal(false);
/** Good to know, and gone by itself. */
export const notice = signal("");
export const route = signal(parse(location.hash));

export const tick = signal(performance.now());
/** When the last heartbeat arrived at this machine. */
export const lastBeat = signal(performance.now());
/** When the page was last live. */
export const lastLive = signal(performance.now());
/** The stream is open. */
export const open = signal(false);
/** Everything was fetched since it opened. */
export const ready = signal(false);
/** The gateway's clock less this machine's. */
export const offset = signal(0);

/** The gateway's time, in milliseconds. */
export const now = computed(() => (tick.value, Date.now() + offset.value));

/** `lost` is loud; `connecting` is the first seconds of a page or of a reconnect. */
export const link = computed(() => {
  if (tick.value - lastBeat.value > LOST_MS) return "lost";
  if (open.value && ready.value && beat.value) return "live";
  return tick.value - lastLive.value > LOST_MS ? "lost" : "connecting";
});

/** Whether judgement has fallen behind the clock. */
export const notMonitored = computed(() => {
  const hb = beat.value;
  return hb !== null && time(hb.server_time) - time(hb.judged_to) > BEHIND_MS;
});

/** Values may be looked at only while this holds. */
export const trustworthy = computed(() => link.value === "live" && !notMonitored.value);

/** Who is signed in as the plan of duty calls them. */
export const person = computed(() => me.value.person || me.value.actor);

/** At a station whoever acts says who it is when they do. */
export const mayAnswer = computed(() => me.value.station || ["clinician", "ward-admin", "local"].includes(me.value.role));

/** The chosen ward; empty for all of them. */
export const ward = computed(() => route.value.ward);

/** @type {{key: string, map: Map<string, {ward: string|null, bed: string|null}>}} */
let lastPlaces = { key: "", map: new Map() };
/** Where each patient is. Values come all the time and places hardly change: what only asks for them rests. */
export const places = computed(() => {
  const all = [...patients.value.values()].map(({ id, ward, bed }) => /** @type {const} */ ([id, { ward, bed }]));
  const key = JSON.stringify(all);
  if (key !== lastPlaces.key) lastPlaces = { key, map: new Map(all) };
  return lastPlaces.map;
});

const divided = computed(() => split(inOrder(alarms.value.values()), ward.value, places.value));
/** Open alarms of the chosen ward, in the one order. */
export const openAlarms = computed(() => divided.value.inside);
/** Those nobody has answered. */
export const waiting = computed(() => divided.value.inside.filter(waits));
/** The same of all other wards. */
export const waitingElsewhere = computed(() => divided.value.outside.filter(waits));

/** Every ward that has a bed, and the chosen one even if it has none. */
export const wards = computed(() => {
  const all = new Set(beds.value.map((bed) => bed.ward));
  if (ward.value) all.add(ward.value);
  return [...all].sort();
});

/** The address of a view; the chosen ward stays chosen. @param {Partial<Route>} to */
export function href(to) {
  return format({ ...route.value, id: "", ...to });
}

/** @param {string} chosen */
export function chooseWard(chosen) {
  const next = { ...route.value, ward: chosen };
  history.replaceState(null, "", format(next));
  route.value = next;
}

/** Nothing of patients stays on a screen that nobody is signed in at. */
export function forget() {
  alarms.value = new Map();
  patients.value = new Map();
  devices.value = new Map();
  beds.value = [];
  me.value = { actor: "", role: "", simulated: false, person: "", station: false };
  byName.value = false;
}

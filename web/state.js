// Everything the page knows, and how events change it.

import { batch, computed, signal } from "./vendor/preact.js";
import { get, getAll, post, Refused } from "./api.js";
import { openStream } from "./stream.js";
import { time } from "./format.js";

/** @import { Alarm, Bed, Device, Heartbeat, Patient, Vital } from "./types.js" */

/** No heartbeat for longer than this is CONNECTION LOST. */
const LOST_MS = 6_000;
/** Judgement further behind than this is NOT MONITORED. */
const BEHIND_MS = 5_000;
/** Events kept back while everything is fetched; beyond this the fetch begins anew. */
const MOST_HELD = 5_000;
/** Beds and patients come and go without events of their own. */
const REFRESH_MS = 30_000;

const RANK = { high: 3, medium: 2, low: 1, info: 0 };

/** @type {Map<string, number>} the newest transition known of each alarm, closed ones included */
let seqs = new Map();
/** @type {{event: string, data: any}[]|null} events kept back while everything is fetched anew */
let held = [];
let synced = false;
let fetching = 0;
let refreshed = 0;
let lastBeat = performance.now();
/** When the page was last live. */
let lastLive = performance.now();

export const alarms = signal(/** @type {Map<string, Alarm>} */ (new Map()));
export const patients = signal(/** @type {Map<string, Patient>} */ (new Map()));
export const devices = signal(/** @type {Map<string, Device>} */ (new Map()));
export const beds = signal(/** @type {Bed[]} */ ([]));
export const beat = signal(/** @type {Heartbeat|null} */ (null));
export const me = signal({ actor: "", role: "", simulated: false });
export const needsToken = signal(false);
export const notice = signal("");
export const route = signal(location.hash.slice(1) || "ward");
export const ward = signal("");
const tick = signal(performance.now());
const open = signal(false);
const ready = signal(false);
const offset = signal(0);

/** The gateway's time, in milliseconds. */
export const now = computed(() => (tick.value, Date.now() + offset.value));

/** `lost` is loud; `connecting` is the first seconds of a page or of a reconnect. */
export const link = computed(() => {
  if (tick.value - lastBeat > LOST_MS) return "lost";
  if (open.value && ready.value && beat.value) return "live";
  return tick.value - lastLive > LOST_MS ? "lost" : "connecting";
});

/** Whether judgement has fallen behind the clock. */
export const notMonitored = computed(() => {
  const hb = beat.value;
  return hb !== null && time(hb.server_time) - time(hb.judged_to) > BEHIND_MS;
});

/** Values may be looked at only while this holds. */
export const trustworthy = computed(() => link.value === "live" && !notMonitored.value);

export const mayAnswer = computed(() => ["clinician", "local"].includes(me.value.role));

/** Open alarms, the most urgent first. */
export const openAlarms = computed(() => [...alarms.value.values()].sort(urgency));

export const wards = computed(() => [...new Set(beds.value.map((bed) => bed.ward))].sort());

/** @param {Alarm} a @param {Alarm} b */
function urgency(a, b) {
  const order = { alarming: 0, latched: 1, paused: 2, off: 2, acknowledged: 3, closed: 4 };
  return order[a.state] - order[b.state]
    || RANK[b.priority] - RANK[a.priority]
    || Number(a.kind === "technical") - Number(b.kind === "technical")
    || time(b.announced_at) - time(a.announced_at);
}

export function start() {
  const wake = openStream(onEvent, onState);
  setInterval(onTick, 500);
  addEventListener("hashchange", () => { route.value = location.hash.slice(1) || "ward"; });
  addEventListener("online", wake);
  document.addEventListener("visibilitychange", wake);
  return wake;
}

/**
 * @param {Alarm} alarm @param {"acknowledge"|"unacknowledge"|"reset"} act @param {string} [reason]
 */
export async function answerAlarm(alarm, act, reason) {
  try {
    const answer = await post(`alarms/${alarm.id}/${act}`, reason ? { seq: alarm.seq, reason } : { seq: alarm.seq });
    if (answer.alarm) applyAlarm(answer.alarm);
    notice.value = answer.outcome === "already_so" ? answer.detail : "";
  } catch (error) {
    if (error instanceof Refused && error.problem?.alarm) applyAlarm(error.problem.alarm);
    notice.value = `${alarm.text}: ${error instanceof Error ? error.message : error}`;
  }
}

function onTick() {
  if (link.value === "live") lastLive = performance.now();
  tick.value = performance.now();
  if (synced && open.value && tick.value - refreshed > REFRESH_MS) fetchPlaces();
}

/** @param {"open"|"down"|"refused"} state @param {number} [status] */
function onState(state, status) {
  open.value = state === "open";
  if (state === "open") needsToken.value = false;
  if (state !== "open") {
    ready.value = false;
    held ??= [];
  }
  if (status === 401) needsToken.value = true;
  if (status === 403) notice.value = "This token may not see patients.";
  if (status === 503) notice.value = "The gateway has no room for another screen; close one.";
}

/** @param {string} event @param {any} data */
function onEvent(event, data) {
  if (event === "heartbeat") {
    lastBeat = performance.now();
    offset.value = time(data.server_time) - Date.now();
    beat.value = data;
    tick.value = lastBeat;
  } else if (event === "hello") {
    me.value = data;
    fetchAll();
  } else if (event === "resync") {
    fetchAll();
  } else if (held) {
    held.push({ event, data });
    if (held.length > MOST_HELD) {
      held = [];
      fetchAll();
    }
  } else {
    apply(event, data);
  }
}

/** Fetches everything; what the stream says meanwhile waits, and counts only where it is newer. */
async function fetchAll() {
  const mine = ++fetching;
  ready.value = false;
  held ??= [];
  try {
    const [list, ...places] = await Promise.all([get("alarms"), ...placeRequests()]);
    if (mine !== fetching) return;
    batch(() => {
      const listed = new Set(list.items.map((/** @type {Alarm} */ a) => a.id));
      const kept = new Map([...alarms.value].filter(([id, a]) => listed.has(id) || a.seq > list.seq));
      alarms.value = kept;
      seqs = new Map([...seqs].filter(([id, seq]) => kept.has(id) || seq > list.seq));
      for (const alarm of list.items) applyAlarm(alarm);
      takePlaces(places);
      for (const { event, data } of held ?? []) apply(event, data);
      held = null;
      synced = true;
      ready.value = true;
    });
  } catch (error) {
    if (error instanceof Refused && error.status === 401) needsToken.value = true;
    else if (mine === fetching) setTimeout(() => mine === fetching && fetchAll(), 2_000);
  }
}

async function fetchPlaces() {
  refreshed = performance.now();
  try {
    const places = await Promise.all(placeRequests());
    batch(() => takePlaces(places));
  } catch {
    // The heartbeat says whether the gateway is there; the next refresh tries again.
  }
}

function placeRequests() {
  return [getAll("patients"), get("beds"), getAll("devices")];
}

/** @param {any[]} places */
function takePlaces([people, where, things]) {
  refreshed = performance.now();
  const before = patients.value;
  patients.value = new Map(people.items.map((/** @type {Patient} */ p) => {
    const known = before.get(p.id);
    return [p.id, known ? { ...p, vitals: newest(p.vitals, known.vitals) } : p];
  }));
  beds.value = where.items;
  devices.value = new Map(things.items.map((/** @type {Device} */ d) => [d.id, d]));
}

/** @param {string} event @param {any} data */
function apply(event, data) {
  if (event === "alarm") applyAlarm(data);
  if (event === "vitals") applyVitals(data);
  if (event === "device") {
    if (!devices.value.has(data.id)) refreshed = -REFRESH_MS;
    devices.value = new Map(devices.value).set(data.id, { ...devices.value.get(data.id), ...data });
  }
}

/** @param {Alarm} alarm */
function applyAlarm(alarm) {
  const known = seqs.get(alarm.id) ?? -1;
  const shown = alarms.value.get(alarm.id);
  const confirms = shown?.confirmed === false && alarm.confirmed && alarm.seq === known;
  if (alarm.seq <= known && !confirms) return;
  seqs.set(alarm.id, alarm.seq);
  const next = new Map(alarms.value);
  if (alarm.state === "closed") next.delete(alarm.id);
  else next.set(alarm.id, alarm);
  alarms.value = next;
}

/** @param {{patient: string, monitored?: any, vitals?: Vital[]}} change */
function applyVitals(change) {
  const known = patients.value.get(change.patient);
  if (!known) {
    refreshed = -REFRESH_MS;
    return;
  }
  const vitals = newest(known.vitals, change.vitals ?? []);
  const monitored = change.monitored ?? known.monitored;
  patients.value = new Map(patients.value).set(known.id, { ...known, monitored, vitals });
}

/** Both lists as one; of the same series the one received later. @param {Vital[]} base @param {Vital[]} more */
function newest(base, more) {
  const series = (/** @type {Vital} */ v) => `${v.device} ${v.signal} ${v.instance}`;
  const known = new Map(base.map((v) => [series(v), v]));
  for (const vital of more) {
    const old = known.get(series(vital));
    if (!old || time(vital.received_at) >= time(old.received_at)) known.set(series(vital), vital);
  }
  return [...known.values()];
}

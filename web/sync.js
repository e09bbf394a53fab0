// How what the gateway says becomes what the page knows: the stream, and lists fetched anew.

import { batch } from "./vendor/preact.js";
import { get, getAll, Refused, token } from "./api.js";
import { time } from "./format.js";
import { connect } from "./link/connect.js";
import { t } from "./language.js";
import { tellAgain } from "./push.js";
import { parse, setupLink, stationLink } from "./route.js";
import { session } from "./session.js";
import { beat } from "./sound.js";
import * as state from "./state.js";

/** @import { Alarm, Device, Patient, Vital } from "./types.js" */
/** @import { Message } from "./link/hub.js" */

/** Events kept back while everything is fetched; beyond this the fetch begins anew. */
const MOST_HELD = 5_000;
/** Beds and patients come and go without events of their own. */
const REFRESH_MS = 30_000;

/** @type {Map<string, number>} the newest transition known of each alarm, closed ones included */
let seqs = new Map();
/** @type {{event: string, data: any}[]|null} events kept back while everything is fetched anew */
let held = [];
let synced = false;
let fetching = 0;
let refreshed = 0;

/** @returns {{signedIn: () => void}} */
export function start() {
  const { wake, again } = connect(token, onMessage);
  setInterval(onTick, 500);
  addEventListener("hashchange", () => {
    state.setup.value = setupLink(location.hash);
    state.becoming.value = stationLink(location.hash);
    const { view, id } = state.route.value;
    state.route.value = parse(location.hash);
    // What is opened is read from its begin, wherever the list before it was.
    if (view !== state.route.value.view || id !== state.route.value.id) scrollTo(0, 0);
  });
  addEventListener("online", wake);
  document.addEventListener("visibilitychange", () => {
    onTick();
    wake();
  });
  return { signedIn: () => { state.seesPatients.value = true; again(); wake(); } };
}

/** What was answered to a command is news as well. @param {Alarm|undefined} alarm */
export function take(alarm) {
  if (alarm) applyAlarm(alarm);
}

function onTick() {
  const at = performance.now();
  if (state.link.value === "live") state.lastLive.value = at;
  state.tick.value = at;
  beat();
  if (synced && state.open.value && at - refreshed > REFRESH_MS) fetchPlaces();
}

/** @param {Message} message */
function onMessage(message) {
  if (message.kind === "state") onState(message.state, message.status);
  if (message.kind === "event") onEvent(message.event, message.data, message.at);
  // Timers of a tab in the background are slow; those of the worker are not.
  if (message.kind === "tick") onTick();
}

/** @param {"open"|"down"|"refused"} word @param {number} [status] */
function onState(word, status) {
  state.open.value = word === "open";
  if (word === "open") {
    state.needsToken.value = false;
    state.seesPatients.value = true;
  }
  else {
    state.ready.value = false;
    held ??= [];
  }
  if (status === 401) signedOut();
  if (status === 403) blind();
  if (status === 503) state.notice.value = t("app.no_room");
}

/** Nobody is signed in any more. */
function signedOut() {
  state.needsToken.value = true;
  state.forget();
  seqs = new Map();
  synced = false;
}

/** Whoever is signed in sees no patients: there is no stream that says who it is. */
function blind() {
  state.needsToken.value = false;
  state.seesPatients.value = false;
  session().then((me) => {
    state.me.value = { actor: me.actor ?? "", role: me.role ?? "", simulated: false, person: "", station: me.station };
    state.byName.value = me.by_name && !token();
  }, () => {});
}

/** @param {string} event @param {any} data @param {number} at */
function onEvent(event, data, at) {
  if (event === "heartbeat") {
    batch(() => {
      const age = Math.max(0, Date.now() - at);
      state.lastBeat.value = Math.max(state.lastBeat.value, performance.now() - age);
      state.offset.value = time(data.server_time) - at;
      state.beat.value = data;
      state.tick.value = performance.now();
    });
  } else if (event === "hello") {
    state.me.value = data;
    state.byName.value = !token() && data.role !== "local" && !data.station;
    if (state.byName.value) tellAgain().catch(() => {});
    // So that the browser keeps its cookie for as long again.
    if (data.station) session().catch(() => {});
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
  state.ready.value = false;
  held ??= [];
  try {
    const [list, ...places] = await Promise.all([get("alarms"), ...placeRequests()]);
    if (mine !== fetching) return;
    batch(() => {
      const listed = new Set(list.items.map((/** @type {Alarm} */ a) => a.id));
      const kept = new Map([...state.alarms.value].filter(([id, a]) => listed.has(id) || a.seq > list.seq));
      state.alarms.value = kept;
      seqs = new Map([...seqs].filter(([id, seq]) => kept.has(id) || seq > list.seq));
      for (const alarm of list.items) applyAlarm(alarm);
      takePlaces(places);
      for (const { event, data } of held ?? []) apply(event, data);
      held = null;
      synced = true;
      state.ready.value = true;
    });
  } catch (error) {
    if (error instanceof Refused && error.status === 401) signedOut();
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
  const before = state.patients.value;
  state.patients.value = new Map(people.items.map((/** @type {Patient} */ p) => {
    const known = before.get(p.id);
    return [p.id, known ? { ...p, vitals: newest(p.vitals, known.vitals) } : p];
  }));
  state.beds.value = where.items;
  state.devices.value = new Map(things.items.map((/** @type {Device} */ d) => [d.id, d]));
}

/** @param {string} event @param {any} data */
function apply(event, data) {
  if (event === "alarm") applyAlarm(data);
  if (event === "vitals") applyVitals(data);
  if (event === "device") {
    const known = state.devices.value;
    if (!known.has(data.id)) refreshed = -REFRESH_MS;
    state.devices.value = new Map(known).set(data.id, { ...known.get(data.id), ...data });
  }
}

/** @param {Alarm} alarm */
function applyAlarm(alarm) {
  const known = seqs.get(alarm.id) ?? -1;
  const shown = state.alarms.value.get(alarm.id);
  const confirms = shown?.confirmed === false && alarm.confirmed && alarm.seq === known;
  if (alarm.seq <= known && !confirms) return;
  seqs.set(alarm.id, alarm.seq);
  const next = new Map(state.alarms.value);
  if (alarm.state === "closed") next.delete(alarm.id);
  else next.set(alarm.id, alarm);
  state.alarms.value = next;
}

/** @param {{patient: string, monitored?: any, vitals?: Vital[]}} change */
function applyVitals(change) {
  const known = state.patients.value.get(change.patient);
  if (!known) {
    refreshed = -REFRESH_MS;
    return;
  }
  const vitals = newest(known.vitals, change.vitals ?? []);
  const monitored = change.monitored ?? known.monitored;
  state.patients.value = new Map(state.patients.value).set(known.id, { ...known, monitored, vitals });
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

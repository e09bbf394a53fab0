// The ward: a tile for every bed, with live numbers, their age, alarms and devices.

import { html, signal } from "../vendor/preact.js";
import { clock, number, span, time, unitText } from "../format.js";
import * as state from "../state.js";
import { AlarmChip, tone } from "./alarm.js";

/** @import { Alarm, Bed, Device, Patient, Vital } from "../types.js" */

const RANK = { high: 3, medium: 2, low: 1, info: 0 };
const COLOUR = [
  [/^(heart|pulse|ecg)/, "green"], [/^(spo2|oxygen)/, "blue"], [/^resp|^etco2|^rr/, "cream"],
  [/^(nibp|abp|ibp|bp|art)/, "rose"], [/^glucose/, "violet"],
];
/** The order of readouts in a tile; others follow by name. */
const ORDER = [/^heart|^pulse/, /^spo2/, /^resp/, /^nibp|^abp|^art|^bp/, /temp/, /^glucose/];

const bySeverity = signal(false);

export function Ward() {
  const tiles = tilesOf().filter((t) => !state.ward.value || t.ward === state.ward.value);
  const hidden = tilesOf().length - tiles.length;
  if (bySeverity.value) tiles.sort((a, b) => severity(b) - severity(a));
  if (tiles.length === 0) {
    const text = state.link.value === "live"
      ? "No beds yet — connect a device or start the demo" : "Not known: this page is not live";
    return html`<p class="empty">${text}</p>`;
  }
  const occupied = tiles.filter((t) => t.patient).length;
  return html`<section aria-label="Ward">
    <div class="bar"><span>${occupied} patients, ${tiles.length} beds${hidden ? `, ${hidden} not shown` : ""}</span>
      <button aria-pressed=${bySeverity.value} onClick=${() => { bySeverity.value = !bySeverity.value; }}>
        Most urgent first</button></div>
    <div class="tiles">${tiles.map((tile) => html`<${Tile} key=${tile.key} tile=${tile} />`)}</div>
  </section>`;
}

/** @typedef {{key: string, ward: string, bed: string, patient: Patient|undefined, alarms: Alarm[]}} TileData */

/** Every bed, then everybody without one. @returns {TileData[]} */
function tilesOf() {
  const people = state.patients.value;
  /** @type {Map<string, Alarm[]>} */
  const alarms = new Map();
  for (const alarm of state.openAlarms.value) {
    const key = alarm.patient ?? "";
    alarms.set(key, [...(alarms.get(key) ?? []), alarm]);
  }
  const tile = (/** @type {string} */ ward, /** @type {string} */ bed, /** @type {Patient|undefined} */ patient) =>
    ({ key: bed || `p ${patient?.id}`, ward, bed, patient, alarms: alarms.get(patient?.id ?? " ") ?? [] });
  const placed = state.beds.value.map((bed) => tile(bed.ward, bed.id, people.get(bed.patient ?? "")));
  const there = new Set(placed.map((t) => t.patient?.id));
  const rest = [...people.values()].filter((p) => !p.discharged_at && !there.has(p.id));
  return [...placed, ...rest.map((p) => tile(p.ward ?? "", "", p))];
}

/** @param {TileData} tile */
function severity(tile) {
  return Math.max(-1, ...tile.alarms.map((a) => RANK[a.priority] + (a.state === "alarming" ? 10 : 0)));
}

/** @param {{tile: TileData}} props */
function Tile({ tile }) {
  const { bed, patient, alarms } = tile;
  if (!patient) return html`<article class="tile vacant"><h2>${bed}</h2><p>empty</p></article>`;
  const first = alarms.find((a) => a.state === "alarming");
  const edge = first ? `edge-${tone(first)}` : "";
  const watched = patient.monitored.state;
  return html`<article class="tile ${edge} ${watched === "not" ? "unwatched" : ""}" aria-label=${bed || patient.id}>
    <h2>${bed || "no bed"} <small>${patient.id}</small>
      ${watched === "monitored" ? null : html`<span class="watch ${watched}">${watched === "not" ? "NOT MONITORED" : "PARTLY MONITORED"}</span>`}</h2>
    ${watched === "monitored" ? null : html`<p class="why">${patient.monitored.why.join("; ")}</p>`}
    <div class="chips">${alarms.map((a) => html`<${AlarmChip} key=${a.id} alarm=${a} />`)}</div>
    <dl class="vitals">${readouts(patient.vitals).map((r) => html`<${Readout} key=${r.key} readout=${r} />`)}</dl>
    ${patient.vitals.length ? null : html`<p class="why">no values yet</p>`}
    <p class="devices">${patient.devices.map((id) => html`<${DeviceState} key=${id} id=${id} />`)}
      ${patient.devices.length ? null : "no device bound"}</p>
  </article>`;
}

/** @typedef {{key: string, label: string, first: Vital, second: Vital|undefined}} ReadoutData */

/** One readout a series; systolic and diastolic of one device share theirs. @param {Vital[]} vitals @returns {ReadoutData[]} */
function readouts(vitals) {
  const paired = new Set();
  const all = vitals.map((first) => {
    const stem = first.signal.endsWith("_sys") ? first.signal.slice(0, -4) : null;
    const second = stem === null ? undefined
      : vitals.find((v) => v.signal === `${stem}_dia` && v.device === first.device && v.instance === first.instance);
    if (second) paired.add(second);
    const label = second && stem ? stem.toUpperCase() : first.label;
    return { key: `${first.device} ${first.signal} ${first.instance}`, label, first, second };
  });
  const place = (/** @type {ReadoutData} */ r) => {
    const at = ORDER.findIndex((pattern) => pattern.test(r.first.signal));
    return at < 0 ? ORDER.length : at;
  };
  return all.filter((r) => !paired.has(r.first))
    .sort((a, b) => place(a) - place(b) || a.first.signal.localeCompare(b.first.signal));
}

/** @param {{readout: ReadoutData}} props */
function Readout({ readout: { label, first, second } }) {
  const now = state.now.value;
  const age = first.measured_at ? span(now - time(first.measured_at)) : "";
  const empty = first.value === null && first.text === null;
  const old = (/** @type {Vital} */ v) => v.stale_after === null || now > time(v.stale_after);
  const stale = empty || old(first) || (second !== undefined && old(second));
  const doubt = first.doubt ?? second?.doubt;
  const colour = COLOUR.find(([pattern]) => /** @type {RegExp} */ (pattern).test(first.signal))?.[1] ?? "plain";
  const last = empty ? "no value yet" : `last ${valueText(first, second)}, ${age} ago`;
  return html`<div class="readout ${colour} ${stale ? "stale" : ""} ${second || first.text ? "wide" : ""}">
    <dt>${label}${first.instance ? ` ${first.instance}` : ""} <small>${unitText(first.unit)}</small></dt>
    <dd>${stale ? "--" : valueText(first, second)}</dd>
    <dd class="age" title="measured ${clock(time(first.measured_at))}">${stale ? last : age}
      ${doubt ? html`<span class="doubt" title=${doubt}> ? ${doubt}</span>` : null}</dd>
  </div>`;
}

/** @param {Vital} first @param {Vital|undefined} second */
function valueText(first, second) {
  const one = (/** @type {Vital|undefined} */ v) => v?.value == null ? v?.text ?? "--" : `${v.comparator ?? ""}${number(v.value)}`;
  return second ? `${one(first)}/${one(second)}` : one(first);
}

/** @param {{id: string}} props */
function DeviceState({ id }) {
  const device = state.devices.value.get(id);
  const link = device?.connectivity ?? "unknown";
  const last = device?.last_device_contact;
  const age = last ? `, heard ${span(state.now.value - time(last))} ago` : "";
  const ok = link === "connected";
  return html`<span class="device ${ok ? "" : "off"}" title="${id}: ${link}${age}">
    ${ok ? "▣" : "⚠"} ${id}${ok ? "" : ` ${link.replaceAll("_", " ")}${age}`}</span>`;
}

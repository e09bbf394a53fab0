// What is kept quiet: every alarm, rule, patient and bed, by whom, why and until when.

import { effect, html, signal } from "../vendor/preact.js";
import { clock, span, time } from "../format.js";
import { mutedBy, SPANS_MIN, spanText } from "../mute.js";
import { asking, begin, end, pauses, readPauses, refused } from "../pauses.js";
import * as state from "../state.js";
import { Command, mark, Open, place, tone } from "./alarm.js";

/** @import { Alarm, Pause } from "../types.js" */

const AGAIN_MS = 10_000;

const form = signal({ bed: "", minutes: 30, reason: "" });
let read = 0;

// Read when the list is looked at, and again while it is.
effect(() => {
  const looked = state.route.value.view === "muted" && state.ready.value;
  const due = state.tick.value - read > AGAIN_MS || pauses.value === null;
  if (!looked || !due) return;
  read = state.tick.value;
  readPauses();
});

export function Muted() {
  const stand = (pauses.value ?? []).filter((pause) => time(pause.until) > state.now.value)
    .filter((pause) => !state.ward.value || pause.ward === null || pause.ward === state.ward.value);
  const alarms = state.openAlarms.value.filter((alarm) => alarm.inactivation);
  return html`<section aria-label="Muted">
    <section aria-label="Alarms kept quiet"><h2 class="group">Alarms kept quiet <small>${alarms.length}</small></h2>
      ${alarms.length === 0 ? html`<p class="nothing">No alarm is paused or switched off</p>` : html`<ul class="alarms">
        ${alarms.map((alarm) => html`<${Quiet} key=${alarm.id} alarm=${alarm} />`)}</ul>`}</section>
    <section aria-label="Places and rules paused"><h2 class="group">Paused before it begins <small>${pauses.value === null ? "" : stand.length}</small></h2>
      ${pauses.value === null ? html`<p class="nothing">Loading …</p>` : null}
      ${pauses.value !== null && stand.length === 0 ? html`<p class="nothing">No rule, patient or bed is paused</p>` : null}
      <ul class="alarms">${stand.map((pause) => html`<${Standing} key=${pause.id} pause=${pause} />`)}</ul></section>
    <${Begin} />
    ${refused.value ? html`<p class="alert failed" role="alert">${refused.value}</p>` : null}
  </section>`;
}

/** @param {{alarm: Alarm}} props */
function Quiet({ alarm }) {
  return html`<li class="row ${tone(alarm)} ${alarm.state}" data-row=${alarm.id}>
    <span class="chip ${tone(alarm)} quiet"><b>${mark(alarm)}</b> ${alarm.priority}</span>
    <span class="where">${place(alarm)}</span>
    <span class="text">${alarm.text}<small>${mutedBy(alarm)}</small></span>
    <span class="since">${left(alarm.inactivation?.until)}</span>
    <span class="latest"></span>
    <span class="actions"><${Command} alarm=${alarm} act="resume" /><${Open} alarm=${alarm} /></span>
  </li>`;
}

/** @param {{pause: Pause}} props */
function Standing({ pause }) {
  const whose = [pause.rule && `rule ${pause.rule}`, pause.patient && `patient ${pause.patient}`, pause.bed && `bed ${pause.bed}`]
    .filter(Boolean).join(", ");
  const waits = asking.value === pause.id;
  return html`<li class="row info" data-pause=${pause.id}>
    <span class="chip info quiet">paused</span>
    <span class="where">${whose}</span>
    <span class="text">${pause.reason}<small>by ${pause.by} since ${clock(time(pause.at))} until ${clock(time(pause.until))}${pause.ward ? ` · ${pause.ward}` : ""}</small></span>
    <span class="since">${left(pause.until)}</span>
    <span class="latest"></span>
    <span class="actions"><button class="act ${waits ? "pending" : ""}" data-meaning="end ${pause.id}" data-refused=${blocked()}
      aria-label="End the pause of ${whose}" onClick=${() => end(pause.id)}>${waits ? "Sending …" : "End"}</button></span>
  </li>`;
}

/** A pause of a bed: whatever begins there meanwhile. */
function Begin() {
  const occupied = state.beds.value.filter((bed) => bed.patient && (!state.ward.value || bed.ward === state.ward.value));
  const { bed, minutes, reason } = form.value;
  const choose = (/** @type {object} */ more) => { form.value = { ...form.value, ...more }; };
  const why = !bed ? "choose a bed" : !reason.trim() ? "write first why" : blocked();
  const send = async () => {
    const until = new Date(state.now.value + minutes * 60_000).toISOString();
    if (await begin({ bed, reason: reason.trim(), until })) form.value = { bed: "", minutes: 30, reason: "" };
  };
  return html`<section aria-label="Pause a bed"><h2 class="group">Pause a bed</h2>
    <div class="commands mute">
      <label>Bed <select value=${bed} onChange=${(/** @type {any} */ e) => choose({ bed: e.target.value })}>
        <option value="">choose</option>
        ${occupied.map((one) => html`<option value=${one.id}>${`${one.id} · ${one.patient}`}</option>`)}</select></label>
      <label>For <select value=${minutes} onChange=${(/** @type {any} */ e) => choose({ minutes: Number(e.target.value) })}>
        ${SPANS_MIN.map((span) => html`<option value=${span}>${spanText(span)}</option>`)}</select></label>
      <label>Why <input value=${reason} maxlength="200" placeholder="CT, shower, …"
        onInput=${(/** @type {any} */ e) => choose({ reason: e.target.value })} /></label>
      <button class="act" data-meaning="pause ${bed}" data-refused=${why} onClick=${send}>${asking.value === "begin" ? "Sending …" : "Pause bed"}
        <small>what begins there is announced after 2 min (high), 10 min (medium) or 60 min (low) at the latest</small></button>
    </div></section>`;
}

/** @param {string|undefined} until */
function left(until) {
  return until ? html`${clock(time(until))}<small>${span(time(until) - state.now.value)} left</small>` : null;
}

function blocked() {
  if (asking.value !== "") return "waits for the gateway's answer";
  if (!state.mayAnswer.value) return "your role may look but not answer";
  if (state.link.value !== "live") return "not connected: nothing would be recorded";
  return "";
}

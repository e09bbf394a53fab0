// What is kept quiet: every alarm, rule, patient and bed, by whom, why and until when.

import { effect, html, signal } from "../vendor/preact.js";
import { clock, span, time } from "../format.js";
import { t } from "../language.js";
import { mutedBy, SPANS_MIN, spanText } from "../mute.js";
import { asking, begin, end, pauses, readPauses, refused } from "../pauses.js";
import { said } from "../said.js";
import * as state from "../state.js";
import { blocked as blockedHere, Command, mark, Open, place, tone } from "./alarm.js";

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
  return html`<section aria-label=${t("muted.title")}><h1 class="sr">${t("muted.title")}</h1>
    <section aria-label=${t("muted.alarms")}><h2 class="group">${t("muted.alarms")} <small>${alarms.length}</small></h2>
      ${alarms.length === 0 ? html`<p class="nothing">${t("muted.no_alarms")}</p>` : html`<ul class="alarms">
        ${alarms.map((alarm) => html`<${Quiet} key=${alarm.id} alarm=${alarm} />`)}</ul>`}</section>
    <section aria-label=${t("muted.places")}><h2 class="group">${t("muted.before")} <small>${pauses.value === null ? "" : stand.length}</small></h2>
      ${pauses.value === null ? html`<p class="nothing">${t("alarms.loading")}</p>` : null}
      ${pauses.value !== null && stand.length === 0 ? html`<p class="nothing">${t("muted.nothing")}</p>` : null}
      <ul class="alarms">${stand.map((pause) => html`<${Standing} key=${pause.id} pause=${pause} />`)}</ul></section>
    <${Begin} />
    ${refused.value ? html`<p class="alert failed" role="alert">${refused.value}</p>` : null}
  </section>`;
}

/** @param {{alarm: Alarm}} props */
function Quiet({ alarm }) {
  return html`<li class="row ${tone(alarm)} ${alarm.state}" data-row=${alarm.id}>
    <span class="chip ${tone(alarm)} quiet"><b>${mark(alarm)}</b> ${t(`priority.${alarm.priority}`)}</span>
    <span class="where">${place(alarm)}</span>
    <span class="text">${said(alarm.text)}<small>${mutedBy(alarm)}</small></span>
    <span class="since">${left(alarm.inactivation?.until)}</span>
    <span class="latest"></span>
    <span class="actions"><${Command} alarm=${alarm} act="resume" /><${Open} alarm=${alarm} /></span>
  </li>`;
}

/** @param {{pause: Pause}} props */
function Standing({ pause }) {
  const whose = [pause.rule && t("muted.rule", { id: pause.rule }), pause.patient && t("muted.patient", { id: pause.patient }), pause.bed && t("muted.bed", { id: pause.bed })]
    .filter(Boolean).join(", ");
  const waits = asking.value === pause.id;
  return html`<li class="row info" data-pause=${pause.id}>
    <span class="chip info quiet">${t("muted.paused")}</span>
    <span class="where">${whose}</span>
    <span class="text">${pause.reason}<small>${t("muted.by", { by: pause.by, since: clock(time(pause.at)), until: clock(time(pause.until)) })}${pause.ward ? ` · ${pause.ward}` : ""}</small></span>
    <span class="since">${left(pause.until)}</span>
    <span class="latest"></span>
    <span class="actions"><button class="act ${waits ? "pending" : ""}" data-meaning="end ${pause.id}" data-refused=${blocked()}
      aria-label=${t("muted.end_of", { whose })} onClick=${() => end(pause.id)}>${waits ? t("act.sending") : t("muted.end")}</button></span>
  </li>`;
}

/** A pause of a bed: whatever begins there meanwhile. */
function Begin() {
  const occupied = state.beds.value.filter((bed) => bed.patient && (!state.ward.value || bed.ward === state.ward.value));
  const { bed, minutes, reason } = form.value;
  const choose = (/** @type {object} */ more) => { form.value = { ...form.value, ...more }; };
  const why = !bed ? t("refused.bed") : !reason.trim() ? t("refused.why") : blocked();
  const send = async () => {
    const until = new Date(state.now.value + minutes * 60_000).toISOString();
    if (await begin({ bed, reason: reason.trim(), until })) form.value = { bed: "", minutes: 30, reason: "" };
  };
  return html`<section aria-label=${t("muted.pause")}><h2 class="group">${t("muted.pause")}</h2>
    <div class="commands mute">
      <label>${t("muted.pick_bed")} <select value=${bed} onChange=${(/** @type {any} */ e) => choose({ bed: e.target.value })}>
        <option value="">${t("muted.choose")}</option>
        ${occupied.map((one) => html`<option value=${one.id}>${`${one.id} · ${one.patient}`}</option>`)}</select></label>
      <label>${t("muted.for")} <select value=${minutes} onChange=${(/** @type {any} */ e) => choose({ minutes: Number(e.target.value) })}>
        ${SPANS_MIN.map((span) => html`<option value=${span}>${spanText(span)}</option>`)}</select></label>
      <label>${t("mute.why")} <input value=${reason} maxlength="200" placeholder=${t("muted.example")}
        onInput=${(/** @type {any} */ e) => choose({ reason: e.target.value })} /></label>
      <button class="act" data-meaning="pause ${bed}" data-refused=${why} onClick=${send}>${asking.value === "begin" ? t("act.sending") : t("muted.begin")}
        <small>${t("muted.longest")}</small></button>
    </div></section>`;
}

/** @param {string|undefined} until */
function left(until) {
  return until ? html`${clock(time(until))}<small>${t("time.left", { span: span(time(until) - state.now.value) })}</small>` : null;
}

function blocked() {
  return asking.value === "" ? blockedHere() : t("refused.waits");
}

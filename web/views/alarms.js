// The list of alarms: those that wait and those that were answered, live; closed ones on demand.

import { html, signal } from "../vendor/preact.js";
import { get } from "../api.js";
import { clock, moment, number, time, unitText } from "../format.js";
import { t } from "../language.js";
import { muted } from "../mute.js";
import { waits } from "../order.js";
import { split } from "../places.js";
import { said } from "../said.js";
import * as state from "../state.js";
import { Command, mark, Open, place, story, Times, tone } from "./alarm.js";
import { Mine } from "./hand-over.js";

/** @import { Alarm } from "../types.js" */

const tab = signal(/** @type {"open"|"closed"} */ ("open"));
const closed = signal(/** @type {{items: Alarm[], next: string|null}|null} */ (null));

export function Alarms() {
  const choose = (/** @type {"open"|"closed"} */ name, /** @type {string} */ text) => html`
    <button role="tab" aria-selected=${tab.value === name} onClick=${() => show(name)}>${text}</button>`;
  return html`<section aria-label=${t("alarms.title")}><h1 class="sr">${t("alarms.title")}</h1>
    <div class="tabs" role="tablist">${choose("open", t("alarms.open"))}${choose("closed", t("alarms.closed"))}</div>
    ${tab.value === "open" ? html`<${OpenOnes} />` : html`<${ClosedOnes} />`}
  </section>`;
}

function OpenOnes() {
  const answered = state.openAlarms.value.filter((alarm) => !waits(alarm));
  if (state.openAlarms.value.length === 0) return html`<p class="empty">${nothing()}</p>`;
  return [
    list("wait", t("alarms.wait"), state.waiting.value),
    answered.length ? list("answered", t("alarms.answered"), answered) : null,
    html`<${Mine} key="mine" />`,
  ];
}

function ClosedOnes() {
  if (!closed.value) return html`<p class="empty">${t("alarms.loading")}</p>`;
  // A transition that cannot be read is an empty place in the list.
  const shown = split(closed.value.items.filter(Boolean), state.ward.value, state.places.value).inside;
  return [
    shown.length === 0 ? html`<p class="empty">${t("alarms.no_closed")}</p>` : list("closed", t("alarms.closed"), shown),
    closed.value.next ? html`<button onClick=${more}>${t("alarms.older")}</button>` : null,
  ];
}

/** @param {string} key @param {string} title @param {Alarm[]} alarms */
function list(key, title, alarms) {
  return html`<section key=${key} aria-label=${title}><h2 class="group">${title} <small>${alarms.length}</small></h2>
    <ul class="alarms">${alarms.map((alarm) => html`<${Row} key=${alarm.id} alarm=${alarm} />`)}</ul></section>`;
}

/** @param {{alarm: Alarm}} props */
function Row({ alarm }) {
  const latest = alarm.latest;
  const age = latest ? t("alarm.at", { value: `${number(latest.value)} ${unitText(latest.unit)}`, time: moment(time(latest.measured_at), state.now.value) }) : "";
  const closedAs = alarm.closed_at
    ? t("alarm.closed_at", { time: moment(time(alarm.closed_at), state.now.value), why: said((alarm.closed_reason ?? "").replaceAll("_", " ")) }) : "";
  return html`<li class="row ${tone(alarm)} ${alarm.state}" data-row=${alarm.id}>
    <span class="chip ${tone(alarm)} ${alarm.state === "acknowledged" || muted(alarm) ? "quiet" : ""}"><b>${mark(alarm)}</b> ${t(`priority.${alarm.priority}`)}</span>
    <span class="where">${place(alarm)}</span>
    <span class="text">${said(alarm.text)}<small>${closedAs || story(alarm)}</small></span>
    <${Times} alarm=${alarm} />
    <span class="latest">${age}</span>
    <span class="actions">${alarm.state === "closed" ? html`<span></span>` : html`<${Command} alarm=${alarm} act="acknowledge" />`}
      <${Open} alarm=${alarm} /></span>
  </li>`;
}

function nothing() {
  const hb = state.beat.value;
  if (!hb || !state.trustworthy.value) return t("alarms.not_known");
  const where = state.ward.value ? t("banner.in", { ward: state.ward.value }) : "";
  return t("alarms.none", { where, time: clock(time(hb.judged_to)) });
}

/** @param {"open"|"closed"} name */
async function show(name) {
  tab.value = name;
  if (name === "closed") {
    closed.value = null;
    closed.value = await ask("alarms?state=closed");
  }
}

async function more() {
  const before = closed.value;
  const page = before && await ask(`alarms?state=closed&cursor=${before.next}`);
  if (page && before) closed.value = { items: [...before.items, ...page.items], next: page.next };
}

/** @param {string} path */
async function ask(path) {
  try {
    return await get(path);
  } catch (error) {
    state.notice.value = error instanceof Error ? error.message : String(error);
    return null;
  }
}

// The list of alarms: those that wait and those that were answered, live; closed ones on demand.

import { html, signal } from "../vendor/preact.js";
import { get } from "../api.js";
import { clock, number, time, unitText } from "../format.js";
import { waits } from "../order.js";
import { split } from "../places.js";
import * as state from "../state.js";
import { Command, mark, Open, place, story, Times, tone } from "./alarm.js";

/** @import { Alarm } from "../types.js" */

const tab = signal(/** @type {"open"|"closed"} */ ("open"));
const closed = signal(/** @type {{items: Alarm[], next: string|null}|null} */ (null));

export function Alarms() {
  const choose = (/** @type {"open"|"closed"} */ name, /** @type {string} */ text) => html`
    <button role="tab" aria-selected=${tab.value === name} onClick=${() => show(name)}>${text}</button>`;
  return html`<section aria-label="Alarms">
    <div class="tabs" role="tablist">${choose("open", "Open")}${choose("closed", "Closed")}</div>
    ${tab.value === "open" ? html`<${OpenOnes} />` : html`<${ClosedOnes} />`}
  </section>`;
}

function OpenOnes() {
  const answered = state.openAlarms.value.filter((alarm) => !waits(alarm));
  if (state.openAlarms.value.length === 0) return html`<p class="empty">${nothing()}</p>`;
  return [
    list("wait", "Wait for an answer", state.waiting.value),
    answered.length ? list("answered", "Answered or paused", answered) : null,
  ];
}

function ClosedOnes() {
  if (!closed.value) return html`<p class="empty">Loading …</p>`;
  // A transition that cannot be read is an empty place in the list.
  const shown = split(closed.value.items.filter(Boolean), state.ward.value, state.places.value).inside;
  return [
    shown.length === 0 ? html`<p class="empty">No closed alarms</p>` : list("closed", "Closed", shown),
    closed.value.next ? html`<button onClick=${more}>Older</button>` : null,
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
  const age = latest ? `${number(latest.value)} ${unitText(latest.unit)} at ${clock(time(latest.measured_at))}` : "";
  const closedAs = alarm.closed_at ? `closed ${clock(time(alarm.closed_at))}, ${alarm.closed_reason}` : "";
  return html`<li class="row ${tone(alarm)} ${alarm.state}" data-row=${alarm.id}>
    <span class="chip ${tone(alarm)} ${alarm.state === "acknowledged" ? "quiet" : ""}"><b>${mark(alarm)}</b> ${alarm.priority}</span>
    <span class="where">${place(alarm)}</span>
    <span class="text">${alarm.text}<small>${closedAs || story(alarm)}</small></span>
    <${Times} alarm=${alarm} />
    <span class="latest">${age}</span>
    <span class="actions">${alarm.state === "closed" ? html`<span></span>` : html`<${Command} alarm=${alarm} act="acknowledge" />`}
      <${Open} alarm=${alarm} /></span>
  </li>`;
}

function nothing() {
  const hb = state.beat.value;
  if (!hb || !state.trustworthy.value) return "Not known: this page is not live";
  const where = state.ward.value ? ` in ${state.ward.value}` : "";
  return `No active alarms${where}. Judged up to ${clock(time(hb.judged_to))}.`;
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

// The list of alarms: open ones live, closed ones on demand, each with its story.

import { html, signal } from "../vendor/preact.js";
import { get } from "../api.js";
import { clock, number, span, time, unitText } from "../format.js";
import * as state from "../state.js";
import { AlarmActions, mark, place, story, tone } from "./alarm.js";

/** @import { Alarm } from "../types.js" */

const tab = signal(/** @type {"open"|"closed"} */ ("open"));
const closed = signal(/** @type {{items: Alarm[], next: string|null}|null} */ (null));
const detail = signal(/** @type {{id: string, transitions: any[]}|null} */ (null));

export function Alarms() {
  const shown = (tab.value === "open" ? state.openAlarms.value : closed.value?.items ?? [])
    .filter((alarm) => !state.ward.value || !alarm.ward || alarm.ward === state.ward.value);
  const choose = (/** @type {"open"|"closed"} */ name, /** @type {string} */ text) => html`
    <button role="tab" aria-selected=${tab.value === name} onClick=${() => show(name)}>${text}</button>`;
  return html`<section aria-label="Alarms">
    <div class="tabs" role="tablist">${choose("open", "Open")}${choose("closed", "Closed")}</div>
    ${shown.length === 0 ? html`<p class="empty">${nothing()}</p>` : null}
    <ul class="alarms">${shown.map((alarm) => html`<${Row} key=${alarm.id} alarm=${alarm} />`)}</ul>
    ${tab.value === "closed" && closed.value?.next ? html`<button onClick=${more}>Older</button>` : null}
  </section>`;
}

/** @param {{alarm: Alarm}} props */
function Row({ alarm }) {
  const open = detail.value?.id === alarm.id ? detail.value : null;
  const latest = alarm.latest;
  const age = latest ? `${number(latest.value)} ${unitText(latest.unit)} at ${clock(time(latest.measured_at))}` : "";
  const closedAs = alarm.closed_at ? `closed ${clock(time(alarm.closed_at))}, ${alarm.closed_reason}` : "";
  return html`<li class="row ${tone(alarm)} ${alarm.state}">
    <span class="chip ${tone(alarm)} ${alarm.state === "acknowledged" ? "quiet" : ""}"><b>${mark(alarm)}</b> ${alarm.priority}</span>
    <span class="where">${place(alarm)}</span>
    <span class="text">${alarm.text}<small>${closedAs || story(alarm)}</small></span>
    <span class="since">${clock(time(alarm.raised_at))}<small>${span(state.now.value - time(alarm.raised_at))} ago</small></span>
    <span class="latest">${age}</span>
    <span class="actions">${alarm.state === "closed" ? null : html`<${AlarmActions} alarm=${alarm} />`}
      <button aria-expanded=${open !== null} aria-label="Story of ${alarm.text}" onClick=${() => toggle(alarm.id)}>Story</button></span>
    ${open ? html`<ol class="story">${open.transitions.map((t) => html`<li>
      <time>${clock(time(t.at))}</time> ${t.change.replaceAll("_", " ")}${t.actor ? ` by ${t.actor}` : ""} → ${t.state}, ${t.text}</li>`)}</ol>` : null}
  </li>`;
}

function nothing() {
  if (tab.value === "closed") return closed.value ? "No closed alarms" : "Loading …";
  const hb = state.beat.value;
  if (!hb || !state.trustworthy.value) return "Not known: this page is not live";
  return `No active alarms. Judged up to ${clock(time(hb.judged_to))}.`;
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

/** @param {string} id */
async function toggle(id) {
  detail.value = detail.value?.id === id ? null : await ask(`alarms/${id}`).then((d) => d && { id, transitions: d.transitions });
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

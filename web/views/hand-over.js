// All alarms of one person handed over to another: a list that must be taken, on every page of whoever is to take it.

import { effect, html, signal } from "../vendor/preact.js";
import { get } from "../api.js";
import { asking, handOver, refused, takeOver } from "../hand_over.js";
import { t } from "../language.js";
import { mine, offers } from "../responsible.js";
import { said } from "../said.js";
import * as state from "../state.js";
import { blocked, mark, place, tone } from "./alarm.js";

const to = signal("");
/** Who is on duty now, for whoever does not know the name. */
const onDuty = signal(/** @type {string[]} */ ([]));

/** What was handed over to whoever is signed in, and nobody has taken. */
export function Handed() {
  return [...offers(state.alarms.value.values(), state.person.value)].map(([from, alarms]) => html`
    <section class="alert handed" key=${from} aria-label=${t("hand.title")}>
      <p role="status"><b>${t("hand.title")}</b> ${t("hand.offered", { from, n: alarms.length })}</p>
      <ul aria-label=${t("hand.list")}>${alarms.map((alarm) => html`<li key=${alarm.id}><a class="chip ${tone(alarm)}" href=${state.href({ view: "alarm", id: alarm.id })}
        ><b>${mark(alarm)}</b> ${place(alarm)} ${said(alarm.text)}</a></li>`)}</ul>
      <button class="act" data-meaning="take ${alarms.map((alarm) => `${alarm.id} ${alarm.priority}`).join(" ")}" data-refused=${refusal()}
        onClick=${() => takeOver(from, alarms)}>${t("hand.take", { from, n: alarms.length })}</button>
      <${Refused} />
    </section>`);
}

/** How many are whoever's is signed in, and the way to give them on. */
export function Mine() {
  const all = mine(state.alarms.value.values(), state.person.value);
  if (all.length === 0) return null;
  const offered = all.find((alarm) => alarm.responsibility?.offered)?.responsibility?.offered;
  const text = offered ? t("hand.mine_offered", { n: all.length, to: offered }) : t("hand.mine", { n: all.length });
  return html`<section aria-label=${t("hand.title")}><h2 class="group">${text}</h2>
    <div class="commands"><${HandOver} /></div></section>`;
}

export function HandOver() {
  const whom = to.value.trim();
  return html`<span class="hand">
    <input value=${to.value} maxlength="64" list="on-duty" aria-label=${t("hand.to_whom")} placeholder=${t("hand.to")}
      onInput=${(/** @type {any} */ e) => { to.value = e.target.value; }} />
    <datalist id="on-duty">${onDuty.value.map((person) => html`<option key=${person} value=${person} />`)}</datalist>
    <button class="act" data-meaning="hand over ${whom}" data-refused=${whom ? refusal() : t("refused.whom")}
      onClick=${() => handOver(whom)}>${t("hand.all")} <small>${t("hand.until")}</small></button>
    <${Refused} /></span>`;
}

function Refused() {
  return refused.value ? html`<p class="alert failed" role="alert">${refused.value}</p>` : null;
}

function refusal() {
  return asking.value ? t("refused.waits") : blocked();
}

// Read when the list or an alarm is opened: who is on duty changes with the shifts.
effect(() => {
  if (!state.ready.value || !["alarms", "alarm"].includes(state.route.value.view)) return;
  get("duty").then(({ items }) => {
    const others = items.map((/** @type {{person: string|null}} */ one) => one.person)
      .filter((/** @type {string|null} */ person) => person && person !== state.person.value);
    onDuty.value = [...new Set(/** @type {string[]} */ (others))].sort();
  }, () => {});
});

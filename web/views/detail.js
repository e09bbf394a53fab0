// One alarm, opened: what it says, what it was raised on, its story, and every command, each at a
// place of its own.

import { effect, html, signal } from "../vendor/preact.js";
import { get } from "../api.js";
import { resets, resetSoon, secondsLeft, undoReset } from "../commands.js";
import { clock, number, span, time, unitText } from "../format.js";
import { announced, waits } from "../order.js";
import { keptBack } from "../mute.js";
import { resetOf } from "../outcome.js";
import * as state from "../state.js";
import { Command, mark, place, story, tone } from "./alarm.js";
import { Mute, Say } from "./mute.js";

/** @import { Alarm } from "../types.js" */

/** Transitions that begin, or remind of, what is kept back. */
const KEPT = ["raised", "paused", "off", "reminded"];

/** @typedef {{alarm: Alarm|null, transitions: any[], limits: any[]|null, readings: any[]}} Story */

const known = signal(/** @type {{id: string, story: Story|null, error: string}|null} */ (null));
/** Why an alarm may be closed that is not known to be over. */
const reason = signal({ id: "", text: "" });

effect(() => {
  const { view, id } = state.route.value;
  if (view === "alarm" && state.ready.value) load(id, state.alarms.value.get(id)?.seq);
});

/** @param {string} id @param {number} [seq] only so that news on the alarm loads it again */
async function load(id, seq) {
  void seq;
  try {
    const found = await get(`alarms/${encodeURIComponent(id)}`);
    if (state.route.value.id === id) known.value = { id, story: found, error: "" };
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    if (state.route.value.id === id && known.value?.id !== id) known.value = { id, story: null, error: text };
  }
}

export function Detail() {
  const { id } = state.route.value;
  const read = known.value?.id === id ? known.value : null;
  const alarm = shown(id, read?.story?.alarm ?? null);
  if (!alarm) return html`<${Back} /><p class="empty">${read?.error || "Loading …"}</p>`;
  return html`<article key=${id} class="detail ${tone(alarm)}" aria-label="${place(alarm)}, ${alarm.text}">
    <${Back} />
    <h1 tabindex="-1" data-alarm=${id} data-act="heading">
      <span class="chip ${tone(alarm)}"><b>${mark(alarm)}</b> ${alarm.priority}</span> ${place(alarm)} <span class="text">${alarm.text}</span></h1>
    <p class="now">${standing(alarm)}</p>
    <${Commands} alarm=${alarm} />
    <${Mute} alarm=${alarm} />
    <${Say} alarm=${alarm} />
    <dl class="facts">${facts(alarm).map(([name, text]) => html`<div key=${name}><dt>${name}</dt><dd>${text}</dd></div>`)}</dl>
    ${read?.story ? html`<${Grounds} story=${read.story} />` : null}
  </article>`;
}

function Back() {
  return html`<p class="bar"><a class="button" href=${state.href({ view: "alarms" })}>← All alarms</a>
    <a class="button" href=${state.href({ view: "ward" })}>← Ward</a></p>`;
}

/** What is not open any more is closed, whatever was read before. @param {string} id @param {Alarm|null} read */
function shown(id, read) {
  const open = state.alarms.value.get(id);
  if (open || !read) return open ?? null;
  return { ...read, state: /** @type {const} */ ("closed") };
}

/** @param {Alarm} alarm */
function standing(alarm) {
  if (alarm.state === "closed") return `closed${alarm.closed_at ? ` ${clock(time(alarm.closed_at))}, ${alarm.closed_reason}` : ""}`;
  return [waits(alarm) && alarm.state !== "latched" ? "waits for an answer" : "", story(alarm)].filter(Boolean).join(" · ");
}

/** @param {{alarm: Alarm}} props */
function Commands({ alarm }) {
  const waiting = resets.value.get(alarm.id);
  const asks = alarm.state !== "closed" && resetOf(alarm) === "with_a_reason";
  const doubt = alarm.condition === "unknown" ? "Nobody knows whether it still holds" : "It may never end by itself";
  const why = asks && reason.value.id === alarm.id ? reason.value.text.trim() : "";
  const press = () => resetSoon(alarm, why);
  return html`<div class="commands" role="group" aria-label="Answer this alarm">
    <${Command} alarm=${alarm} act="acknowledge" />
    <${Command} alarm=${alarm} act="unacknowledge" />
    <span class="apart">
      ${asks ? html`<input value=${why ? reason.value.text : ""} maxlength="200" disabled=${waiting !== undefined}
        aria-label="Why may it be closed? ${doubt}"
        placeholder="${alarm.condition === "unknown" ? "Not known now" : "It still holds"}: why close it?"
        onInput=${(/** @type {any} */ e) => { reason.value = { id: alarm.id, text: e.target.value }; }} />` : null}
      <${Command} alarm=${alarm} act="reset" press=${press} blocked=${asks && !why ? "write first why it may be closed" : ""}>
        <small>${waiting ? `is sent in ${secondsLeft(waiting)} s` : "is sent after 10 s, or when you leave and confirm"}</small><//>
      <button class="act undo" data-alarm=${alarm.id} data-act="undo" data-meaning="undo ${alarm.id}"
        data-refused=${waiting ? "" : "nothing to undo"} aria-label="Undo reset: ${place(alarm)}, ${alarm.text}"
        onClick=${() => undoReset(alarm.id)}>Undo</button>
    </span>
  </div>`;
}

/** @param {Alarm} alarm @returns {[string, string][]} */
function facts(alarm) {
  const { latest, trigger } = alarm;
  const ago = (/** @type {string} */ at) => `${clock(time(at))}, ${span(state.now.value - time(at))} ago`;
  /** @type {[string, string][]} */
  const all = [[announced(alarm) ? "Last announced" : "Not announced, as of", ago(alarm.announced_at)], ["First rose", ago(alarm.raised_at)]];
  if (alarm.condition_since) all.push(["Condition", `${alarm.condition} since ${ago(alarm.condition_since)}`]);
  if (latest) all.push(["Value", `${number(latest.value)} ${unitText(latest.unit)} at ${clock(time(latest.measured_at))}`]);
  if (trigger?.limit != null) all.push(["Limit", `${number(trigger.limit)} ${unitText(trigger.unit)}`]);
  if (alarm.priority_peak !== alarm.priority) all.push(["Was", alarm.priority_peak]);
  if (alarm.device) all.push(["Device", alarm.device]);
  if (alarm.advice) all.push(["Advice", alarm.advice]);
  return all;
}

/** @param {{story: Story}} props */
function Grounds({ story: { transitions, readings } }) {
  return html`<section aria-label="Story"><h2 class="group">Story</h2>
    <ol class="story">${transitions.map((t) => html`<li key=${t.seq}>
      <time>${clock(time(t.at))}</time> ${t.change.replaceAll("_", " ")}${t.actor ? ` by ${t.actor}` : ""}${t.comment ? `: “${t.comment}”` : t.state ? ` → ${t.state}, ${t.text}` : ""}${t.inactivation && KEPT.includes(t.change) ? ` (${keptBack(t.inactivation)})` : ""}</li>`)}</ol></section>
    ${readings?.length ? html`<section aria-label="Readings it was raised on"><h2 class="group">Raised on</h2>
    <ol class="story">${readings.map((r) => html`<li>
      <time>${clock(time(r.at))}</time> ${r.comparator ?? ""}${r.value == null ? "--" : number(r.value)} ${unitText(r.unit)} ${(r.flags ?? []).join(", ").replaceAll("_", " ")}</li>`)}</ol></section>` : null}`;
}

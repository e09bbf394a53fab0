// One alarm, opened: what it says, what it was raised on, its story, and every command, each at a
// place of its own.

import { effect, html, signal } from "../vendor/preact.js";
import { get } from "../api.js";
import { resets, resetSoon, secondsLeft, undoReset } from "../commands.js";
import { clock, moment, number, span, time, unitText } from "../format.js";
import { t } from "../language.js";
import { readLimits } from "../limits.js";
import { announced, waits } from "../order.js";
import { keptBack } from "../mute.js";
import { resetOf } from "../outcome.js";
import { said } from "../said.js";
import * as state from "../state.js";
import { Command, mark, place, story, tone } from "./alarm.js";
import { Limits } from "./limits.js";
import { Members } from "./members.js";
import { Mute, Say } from "./mute.js";
import { Responsible } from "./responsible.js";

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

readLimits(() => {
  const { view, id } = state.route.value;
  const read = known.value?.id === id ? known.value.story?.alarm : null;
  return view === "alarm" ? (state.alarms.value.get(id) ?? read)?.patient ?? null : null;
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
  if (!alarm) return html`<${Back} /><p class="empty">${read?.error || t("alarms.loading")}</p>`;
  return html`<article key=${id} class="detail ${tone(alarm)}" aria-label="${place(alarm)}, ${said(alarm.text)}">
    <${Back} />
    <h1 tabindex="-1" data-alarm=${id} data-act="heading">
      <span class="chip ${tone(alarm)}"><b>${mark(alarm)}</b> ${t(`priority.${alarm.priority}`)}</span> ${place(alarm)} <span class="text">${said(alarm.text)}</span></h1>
    <p class="now">${standing(alarm)}</p>
    <${Commands} alarm=${alarm} />
    <${Responsible} alarm=${alarm} />
    <${Mute} alarm=${alarm} />
    <${Say} alarm=${alarm} />
    <${Members} alarm=${alarm} />
    <dl class="facts">${facts(alarm).map(([name, text]) => html`<div key=${name}><dt>${name}</dt><dd>${text}</dd></div>`)}</dl>
    <${Limits} alarm=${alarm} />
    ${read?.story ? html`<${Grounds} story=${read.story} />` : null}
  </article>`;
}

function Back() {
  return html`<p class="bar"><a class="button" href=${state.href({ view: "alarms" })}>${t("detail.all")}</a>
    <a class="button" href=${state.href({ view: "ward" })}>${t("detail.ward")}</a></p>`;
}

/** What is not open any more is closed, whatever was read before. @param {string} id @param {Alarm|null} read */
function shown(id, read) {
  const open = state.alarms.value.get(id);
  if (open || !read) return open ?? null;
  return { ...read, state: /** @type {const} */ ("closed") };
}

/** @param {Alarm} alarm */
function standing(alarm) {
  if (alarm.state === "closed") {
    const why = said((alarm.closed_reason ?? "").replaceAll("_", " "));
    return alarm.closed_at ? t("alarm.closed_at", { time: moment(time(alarm.closed_at), state.now.value), why }) : t("alarm.closed");
  }
  return [waits(alarm) && alarm.state !== "latched" ? t("story.waits") : "", story(alarm)].filter(Boolean).join(" · ");
}

/** @param {{alarm: Alarm}} props */
function Commands({ alarm }) {
  const waiting = resets.value.get(alarm.id);
  const asks = alarm.state !== "closed" && resetOf(alarm) === "with_a_reason";
  const doubt = alarm.condition === "unknown" ? t("detail.nobody_knows") : t("detail.no_end");
  const why = asks && reason.value.id === alarm.id ? reason.value.text.trim() : "";
  const press = () => resetSoon(alarm, why);
  return html`<div class="commands" role="group" aria-label=${t("detail.answer")}>
    <${Command} alarm=${alarm} act="acknowledge" />
    <${Command} alarm=${alarm} act="unacknowledge" />
    <span class="apart">
      ${asks ? html`<input value=${why ? reason.value.text : ""} maxlength="200" disabled=${waiting !== undefined}
        aria-label=${t("detail.why", { doubt })}
        placeholder=${alarm.condition === "unknown" ? t("detail.why_unknown") : t("detail.why_holds")}
        onInput=${(/** @type {any} */ e) => { reason.value = { id: alarm.id, text: e.target.value }; }} />` : null}
      <${Command} alarm=${alarm} act="reset" press=${press} blocked=${asks && !why ? t("refused.why_close") : ""}>
        <small>${waiting ? t("detail.sent_in", { s: secondsLeft(waiting) }) : t("detail.sent_after")}</small><//>
      <button class="act undo" data-alarm=${alarm.id} data-act="undo" data-meaning="undo ${alarm.id}"
        data-refused=${waiting ? "" : t("refused.undo")} aria-label=${t("reset.undo_of", { name: `${place(alarm)}, ${said(alarm.text)}` })}
        onClick=${() => undoReset(alarm.id)}>${t("act.undo")}</button>
    </span>
  </div>`;
}

/** @param {Alarm} alarm @returns {[string, string][]} */
function facts(alarm) {
  const { latest, trigger } = alarm;
  const now = state.now.value;
  const ago = (/** @type {string} */ at) => t("detail.when", { time: moment(time(at), now), span: span(now - time(at)) });
  /** @type {[string, string][]} */
  const all = [[announced(alarm) ? t("detail.announced") : t("detail.not_announced"), ago(alarm.announced_at)], [t("detail.rose"), ago(alarm.raised_at)]];
  if (alarm.condition_since) all.push([t("detail.condition"), t("detail.since", { condition: t(`condition.${alarm.condition}`), when: ago(alarm.condition_since) })]);
  if (latest) all.push([t("detail.value"), t("alarm.at", { value: `${number(latest.value)} ${unitText(latest.unit)}`, time: moment(time(latest.measured_at), now) })]);
  if (trigger?.limit != null) all.push([t("detail.limit"), `${number(trigger.limit)} ${unitText(trigger.unit)}`]);
  if (alarm.priority_peak !== alarm.priority) all.push([t("detail.was"), t(`priority.${alarm.priority_peak}`)]);
  if (alarm.device) all.push([t("detail.device"), alarm.device]);
  if (alarm.advice) all.push([t("detail.advice"), said(alarm.advice)]);
  return all;
}

/** @param {{story: Story}} props */
function Grounds({ story: { transitions, readings } }) {
  return html`<section aria-label=${t("detail.story")}><h2 class="group">${t("detail.story")}</h2>
    <ol class="story">${transitions.map((one) => html`<li key=${one.seq}>
      <time>${moment(time(one.at), state.now.value)}</time> ${moved(one)}</li>`)}</ol></section>
    ${readings?.length ? html`<section aria-label=${t("detail.readings")}><h2 class="group">${t("detail.raised_on")}</h2>
    <ol class="story">${readings.map((r) => html`<li>
      <time>${clock(time(r.at))}</time> ${r.comparator ?? ""}${r.value == null ? "--" : number(r.value)} ${unitText(r.unit)} ${(r.flags ?? []).map((/** @type {string} */ flag) => said(flag.replaceAll("_", " "))).join(", ")}</li>`)}</ol></section>` : null}`;
}

/** What happened to it, by whom, and how it stood then. @param {any} one a transition */
function moved(one) {
  const change = said(one.change.replaceAll("_", " "));
  const what = one.actor ? t("detail.by", { change, by: one.actor }) : change;
  const then = one.state ? ` → ${t(/** @type {import("../language.js").Key} */ (`state.${one.state}`))}, ${said(one.text)}` : "";
  const kept = one.inactivation && KEPT.includes(one.change) ? ` (${keptBack(one.inactivation)})` : "";
  return `${what}${one.comment ? `: “${one.comment}”` : then}${kept}`;
}

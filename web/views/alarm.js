// How one alarm looks and what can be done with it, wherever it is shown.

import { html, signal } from "../vendor/preact.js";
import { clock, time } from "../format.js";
import * as state from "../state.js";

/** @import { Alarm } from "../types.js" */

/** Id of the alarm whose reason is being written. A dialog would stop the watch over the connection. */
const asking = signal("");

/** Shape and words say the priority as well as the colour. @param {Alarm} alarm */
export function mark(alarm) {
  if (alarm.kind === "technical") return alarm.priority === "high" ? "⚙!" : "⚙";
  return { high: "!!!", medium: "!!", low: "!", info: "i" }[alarm.priority];
}

/** Class of the colour. @param {Alarm} alarm */
export function tone(alarm) {
  if (alarm.kind === "technical" && alarm.priority !== "high") return "technical";
  return alarm.priority;
}

/** Where: bed and patient, or the gateway. @param {Alarm} alarm */
export function place(alarm) {
  if (!alarm.patient) return "Gateway";
  return alarm.bed ? `${alarm.bed} · ${alarm.patient}` : alarm.patient;
}

/** What holds now, in words. @param {Alarm} alarm */
export function story(alarm) {
  const parts = [];
  if (alarm.confirmed === false) parts.push("unconfirmed: not yet stored");
  if (alarm.late) parts.push("late");
  if (alarm.condition === "unknown") parts.push(`not known now: ${alarm.condition_reason ?? "no data"}`);
  else if (alarm.condition === "absent") parts.push("over");
  else if (alarm.condition === "momentary") parts.push("event");
  if (alarm.state === "latched") parts.push("waits for a look");
  if (alarm.recurrence > 0) parts.push(`came back ${alarm.recurrence}×`);
  const ack = alarm.acknowledged;
  if (ack) parts.push(`acknowledged by ${ack.by}${ack.until ? ` until ${clock(time(ack.until))}` : ""}`);
  return parts.join(" · ");
}

/** A chip for tiles. @param {{alarm: Alarm}} props */
export function AlarmChip({ alarm }) {
  const quiet = alarm.state === "acknowledged" ? "quiet" : "";
  const ended = alarm.state === "latched" ? "ended" : "";
  return html`<a class="chip ${tone(alarm)} ${quiet} ${ended}" href="#alarms" title=${story(alarm)}>
    <b>${mark(alarm)}</b> ${alarm.text}${quiet ? " ✓" : ""}${alarm.confirmed === false ? " (unconfirmed)" : ""}</a>`;
}

/** The buttons an alarm has in its state. @param {{alarm: Alarm}} props */
export function AlarmActions({ alarm }) {
  const why = refusal();
  const button = (/** @type {"acknowledge"|"unacknowledge"|"reset"} */ act, /** @type {string} */ text) => html`
    <button class="act" disabled=${why !== ""} title=${why} aria-label="${text}: ${place(alarm)} ${alarm.text}"
      onClick=${() => act === "reset" ? reset(alarm) : state.answerAlarm(alarm, act)}>${text}</button>`;
  if (asking.value === alarm.id) return html`<${Reason} alarm=${alarm} />`;
  const settled = alarm.condition === "absent" || alarm.condition === "momentary";
  return html`<span class="actions">
    ${alarm.state === "alarming" ? button("acknowledge", "Acknowledge") : null}
    ${alarm.state === "acknowledged" ? button("unacknowledge", "Take back") : null}
    ${alarm.state === "latched" || settled || alarm.condition === "unknown" ? button("reset", "Reset") : null}
  </span>`;
}

function refusal() {
  if (!state.mayAnswer.value) return "your role may look but not answer";
  if (state.link.value !== "live") return "not connected: nothing would be recorded";
  if (state.beat.value?.store === "failing") return "the store fails: nothing would be recorded";
  return "";
}

/** An alarm whose condition is not known is closed only with a reason. @param {Alarm} alarm */
function reset(alarm) {
  if (alarm.condition === "unknown") asking.value = alarm.id;
  else state.answerAlarm(alarm, "reset");
}

/** @param {{alarm: Alarm}} props */
function Reason({ alarm }) {
  const send = (/** @type {any} */ event) => {
    event.preventDefault();
    const reason = event.target.elements.reason.value.trim();
    asking.value = "";
    if (reason) state.answerAlarm(alarm, "reset", reason);
  };
  return html`<form class="actions" onSubmit=${send}>
    <input name="reason" required maxlength="200" aria-label="Why may it be closed?"
      placeholder="Not known whether it holds: why close it?" />
    <button type="submit">Reset</button>
    <button type="button" onClick=${() => { asking.value = ""; }}>Cancel</button>
  </form>`;
}

// What is loud on every page: the state of the connection, what failed, and the most urgent alarm.

import { html } from "../vendor/preact.js";
import { failures, resets, secondsLeft, seen, send, undoReset } from "../commands.js";
import { span, time } from "../format.js";
import { muted } from "../mute.js";
import { announced, counts } from "../order.js";
import * as state from "../state.js";
import { Command, mark, Open, place, tone } from "./alarm.js";

export function Alerts() {
  const hb = state.beat.value;
  const alerts = [];
  if (state.link.value === "lost") {
    const silent = hb ? state.now.value - time(hb.server_time) : 0;
    const why = !hb ? "the gateway has not answered"
      : silent > 6_000 ? `no heartbeat for ${span(silent)}` : "alarms and values cannot be fetched";
    alerts.push(loud("CONNECTION LOST", `${why}. Values below are old. Go to the bedside.`));
  } else if (state.notMonitored.value && hb) {
    const behind = span(time(hb.server_time) - time(hb.judged_to));
    alerts.push(loud("NOT MONITORED", `judgement is ${behind} behind. New alarms do not come.`));
  }
  if (hb?.store === "failing") {
    alerts.push(html`<div class="alert store" role="alert"><b>STORE FAILING</b>
      <span>alarms are shown unconfirmed; nothing can be acknowledged until it recovers</span></div>`);
  }
  if (hb?.store === "full") {
    alerts.push(html`<div class="alert store" role="alert"><b>DISK FULL</b>
      <span>nothing of devices is taken in until there is room; alarms can be answered</span></div>`);
  }
  if (state.me.value.simulated) {
    alerts.push(html`<div class="simulated">SIMULATED — no real patients here</div>`);
  }
  return alerts;
}

/** The most urgent alarm nobody has answered, and how many there are. */
export function AlarmBanner() {
  const waiting = state.waiting.value.filter(announced);
  const first = waiting[0];
  if (!first) {
    return html`<div class="banner none" role="status">${state.trustworthy.value ? nothing() : "Alarms are not known: this page is not live"}</div>`;
  }
  const urgent = first.priority === "high" && first.state === "alarming";
  return html`<div class="banner ${tone(first)} ${urgent ? "urgent" : ""}" role=${urgent ? "alert" : "status"}>
    <span class="mark" aria-hidden="true">${mark(first)}</span>
    <span class="what"><b>${place(first)}</b> ${first.text}
      ${first.state === "latched" ? html` <i>ended, not yet looked at</i>` : null}</span>
    <span class="actions" key=${first.id}>
      <${Command} alarm=${first} act="acknowledge" />
      <${Open} alarm=${first} />
    </span>
    <span class="counts">${counts(waiting).map(({ priority, count }) => html`<span key=${priority} class=${priority}>${count} ${priority}</span>`)}</span>
    <a class="button list" href=${state.href({ view: "alarms" })}>Open list</a>
  </div>`;
}

/** That nothing is announced is not that nothing waits. */
function nothing() {
  const where = state.ward.value ? ` in ${state.ward.value}` : "";
  const quiet = state.waiting.value.length;
  const kept = state.openAlarms.value.filter(muted).length;
  const list = kept ? html` <a href=${state.href({ view: "muted" })}>${kept} kept quiet</a>` : null;
  if (quiet === 0) return html`<span>No alarm waits for an answer${where}${kept ? ";" : ""}</span>${list}`;
  const text = `No alarm is announced now${where}; ${quiet} ${quiet === 1 ? "waits" : "wait"} without being announced.`;
  return html`<span>${text}</span> <a href=${state.href({ view: "alarms" })}>Open list</a>${list}`;
}

/** That only one ward is shown, and what waits in the others. */
export function Filtered() {
  const ward = state.ward.value;
  if (!ward) return null;
  const elsewhere = state.waitingElsewhere.value.filter(announced);
  const high = elsewhere.some((alarm) => alarm.priority === "high");
  return html`<div class="filtered ${high ? "high" : ""}" role="status">
    <span>Only ward <b>${ward}</b> is shown. Other wards: ${elsewhere.length === 0 ? "no alarm waits" : counts(elsewhere)
      .map(({ priority, count }) => html`<b key=${priority} class="count ${priority}">${count} ${priority}</b> `)}
    </span>
    <button onClick=${() => state.chooseWard("")}>Show all wards</button>
  </div>`;
}

/** Commands that failed; each stays until it was seen. */
export function Failures() {
  return failures.value.map((failure) => html`<div class="alert failed" role="alert" key=${failure.key}>
    <b>${failure.title}</b><span><strong>${failure.where}</strong> ${failure.text}: ${failure.cause}. ${failure.todo}</span>
    <button data-meaning="seen ${failure.key}" aria-label="Seen: ${failure.title}, ${failure.where}"
      onClick=${() => seen(failure.key)}>Seen</button></div>`);
}

/** Resets that wait while another view is open. */
export function Waiting() {
  const { view, id } = state.route.value;
  return [...resets.value.values()].filter((reset) => view !== "alarm" || reset.alarm.id !== id).map((reset) => {
    const { alarm } = reset;
    const name = `${place(alarm)}, ${alarm.text}`;
    return html`<div class="alert unsent" role="status" key=${alarm.id}>
      <b>Reset not sent yet</b><span><strong>${place(alarm)}</strong> ${alarm.text}. You have left it: send it now?${" "}
        <span aria-hidden="true">Else it is sent in ${secondsLeft(reset)} s.</span></span>
      <button data-meaning="send ${alarm.id}" aria-label="Send reset now: ${name}" onClick=${() => send(alarm.id)}>Send now</button>
      <button data-meaning="undo ${alarm.id}" aria-label="Undo reset: ${name}" onClick=${() => undoReset(alarm.id)}>Undo</button>
    </div>`;
  });
}

/** @param {string} title @param {string} text */
function loud(title, text) {
  return html`<div class="alert loud" role="alert"><b>${title}</b><span>${text}</span></div>`;
}

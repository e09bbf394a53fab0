// What is loud on every page: the state of the connection and the most urgent alarm.

import { html } from "../vendor/preact.js";
import { span, time } from "../format.js";
import * as state from "../state.js";
import { AlarmActions, mark, place, tone } from "./alarm.js";

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
  if (state.me.value.simulated) {
    alerts.push(html`<div class="simulated">SIMULATED — no real patients here</div>`);
  }
  return alerts;
}

/** The most urgent alarm nobody has answered, and how many there are. */
export function AlarmBanner() {
  const waiting = state.openAlarms.value.filter((a) => a.state === "alarming" || a.state === "latched");
  const first = waiting[0];
  if (!first) {
    const text = state.trustworthy.value ? "No alarm waits for an answer" : "Alarms are not known: this page is not live";
    return html`<div class="banner none" role="status">${text}</div>`;
  }
  const counts = ["high", "medium", "low", "info"]
    .map((priority) => [priority, waiting.filter((a) => a.priority === priority).length])
    .filter(([, count]) => count);
  const urgent = first.priority === "high" && first.state === "alarming";
  return html`<div class="banner ${tone(first)} ${urgent ? "urgent" : ""}" role=${urgent ? "alert" : "status"}>
    <span class="mark" aria-hidden="true">${mark(first)}</span>
    <span class="what"><b>${place(first)}</b> ${first.text}
      ${first.state === "latched" ? html` <i>ended, not yet looked at</i>` : null}</span>
    <${AlarmActions} alarm=${first} />
    <span class="counts">${counts.map(([priority, count]) => html`<span>${count} ${priority}</span>`)}</span>
    <a class="button" href="#alarms">Open list</a>
  </div>`;
}

/** @param {string} title @param {string} text */
function loud(title, text) {
  return html`<div class="alert loud" role="alert"><b>${title}</b><span>${text}</span></div>`;
}

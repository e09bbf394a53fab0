// What is loud on every page: the state of the connection, what failed, and the most urgent alarm.

import { html } from "../vendor/preact.js";
import { failures, resets, secondsLeft, seen, send, undoReset } from "../commands.js";
import { span, time } from "../format.js";
import { parts, t } from "../language.js";
import { muted } from "../mute.js";
import { announced, counts } from "../order.js";
import { said } from "../said.js";
import * as state from "../state.js";
import { Command, mark, Open, place, tone } from "./alarm.js";

export function Alerts() {
  const hb = state.beat.value;
  const alerts = [];
  if (state.link.value === "lost") {
    const silent = hb ? state.now.value - time(hb.server_time) : 0;
    const why = !hb ? t("lost.no_answer") : silent > 6_000 ? t("lost.silent", { span: span(silent) }) : t("lost.no_lists");
    alerts.push(loud(t("lost.title"), t("lost.todo", { why })));
  } else if (state.notMonitored.value && hb) {
    const behind = span(time(hb.server_time) - time(hb.judged_to));
    alerts.push(loud(t("behind.title"), t("behind.todo", { span: behind })));
  }
  if (hb?.store === "failing") {
    alerts.push(html`<div class="alert store" role="alert"><b>${t("store.failing")}</b>
      <span>${t("store.failing_why")}</span></div>`);
  }
  if (hb?.store === "full") {
    alerts.push(html`<div class="alert store" role="alert"><b>${t("store.full")}</b>
      <span>${t("store.full_why")}</span></div>`);
  }
  if (state.me.value.simulated) {
    alerts.push(html`<div class="simulated" role="status">${t("app.simulated")}</div>`);
  }
  return alerts;
}

/** The most urgent alarm nobody has answered, and how many there are. */
export function AlarmBanner() {
  const waiting = state.waiting.value.filter(announced);
  const first = waiting[0];
  if (!first) {
    return html`<div class="banner none" role="status">${state.trustworthy.value ? nothing() : t("banner.unknown")}</div>`;
  }
  const urgent = first.priority === "high" && first.state === "alarming";
  return html`<div class="banner ${tone(first)} ${urgent ? "urgent" : ""}" role=${urgent ? "alert" : "status"}>
    <span class="mark" aria-hidden="true">${mark(first)}</span>
    <span class="what"><b>${place(first)}</b> ${said(first.text)}
      ${first.state === "latched" ? html` <i>${t("banner.latched")}</i>` : null}</span>
    <span class="actions" key=${first.id}>
      <${Command} alarm=${first} act="acknowledge" />
      <${Open} alarm=${first} />
    </span>
    <span class="counts">${counts(waiting).map(({ priority, count }) => html`<span key=${priority} class=${priority}>${count} ${t(`priority.${priority}`)}</span>`)}</span>
    <a class="button list" href=${state.href({ view: "alarms" })}>${t("banner.list")}</a>
  </div>`;
}

/** That nothing is announced is not that nothing waits. */
function nothing() {
  const where = state.ward.value ? t("banner.in", { ward: state.ward.value }) : "";
  const quiet = state.waiting.value.length;
  const kept = state.openAlarms.value.filter(muted).length;
  const list = kept ? html` <a href=${state.href({ view: "muted" })}>${t("banner.kept", { n: kept })}</a>` : null;
  if (quiet === 0) return html`<span>${t("banner.none", { where })}${kept ? ";" : ""}</span>${list}`;
  return html`<span>${t("banner.quiet", { where, n: quiet })}</span> <a href=${state.href({ view: "alarms" })}>${t("banner.list")}</a>${list}`;
}

/** That only one ward is shown, and what waits in the others. */
export function Filtered() {
  const ward = state.ward.value;
  if (!ward) return null;
  const elsewhere = state.waitingElsewhere.value.filter(announced);
  const high = elsewhere.some((alarm) => alarm.priority === "high");
  const others = elsewhere.length === 0 ? t("filtered.none") : counts(elsewhere)
    .map(({ priority, count }) => html`<b key=${priority} class="count ${priority}">${count} ${t(`priority.${priority}`)}</b> `);
  return html`<div class="filtered ${high ? "high" : ""}" role="status">
    <span>${parts("filtered.only", { ward: html`<b>${ward}</b>`, others })}</span>
    <button onClick=${() => state.chooseWard("")}>${t("filtered.all")}</button>
  </div>`;
}

/** Commands that failed; each stays until it was seen. */
export function Failures() {
  return failures.value.map((failure) => html`<div class="alert failed" role="alert" key=${failure.key}>
    <b>${failure.title}</b><span><strong>${failure.where}</strong> ${said(failure.text)}: ${failure.cause}. ${failure.todo}</span>
    <button data-meaning="seen ${failure.key}" aria-label=${t("failure.seen_of", { title: failure.title, where: failure.where })}
      onClick=${() => seen(failure.key)}>${t("failure.seen")}</button></div>`);
}

/** Resets that wait while another view is open. */
export function Waiting() {
  const { view, id } = state.route.value;
  return [...resets.value.values()].filter((reset) => view !== "alarm" || reset.alarm.id !== id).map((reset) => {
    const { alarm } = reset;
    const name = `${place(alarm)}, ${said(alarm.text)}`;
    return html`<div class="alert unsent" role="status" key=${alarm.id}>
      <b>${t("reset.unsent")}</b><span><strong>${place(alarm)}</strong> ${said(alarm.text)}. ${t("reset.left")}${" "}
        <span aria-hidden="true">${t("reset.in", { s: secondsLeft(reset) })}</span></span>
      <button data-meaning="send ${alarm.id}" aria-label=${t("reset.send_of", { name })} onClick=${() => send(alarm.id)}>${t("reset.send")}</button>
      <button data-meaning="undo ${alarm.id}" aria-label=${t("reset.undo_of", { name })} onClick=${() => undoReset(alarm.id)}>${t("act.undo")}</button>
    </div>`;
  });
}

/** @param {string} title @param {string} text */
function loud(title, text) {
  return html`<div class="alert loud" role="alert"><b>${title}</b><span>${text}</span></div>`;
}

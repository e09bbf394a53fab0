// How one alarm looks and what can be done with it, wherever it is shown.

import { html } from "../vendor/preact.js";
import { answer, pending, resets } from "../commands.js";
import { clock, moment, span, time } from "../format.js";
import { t } from "../language.js";
import { muted, mutedBy } from "../mute.js";
import { announced } from "../order.js";
import { resetOf } from "../outcome.js";
import { placeName, whereNow } from "../places.js";
import { answering } from "../responsible.js";
import { said } from "../said.js";
import * as state from "../state.js";

/** @import { Alarm } from "../types.js" */
/** @import { Act } from "../commands.js" */

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
  return placeName(alarm, state.places.value);
}

/** What holds now, in words. @param {Alarm} alarm */
export function story(alarm) {
  const parts = [];
  if (alarm.confirmed === false) parts.push(t("story.unconfirmed"));
  if (alarm.group) parts.push(t("story.group"));
  if (alarm.quiet_until) parts.push(t("story.quiet", { time: clock(time(alarm.quiet_until)) }));
  if (alarm.late) parts.push(t("story.late"));
  if (alarm.condition === "unknown") parts.push(t("story.unknown", { why: alarm.condition_reason ? said(alarm.condition_reason.replaceAll("_", " ")) : t("story.no_data") }));
  else if (alarm.condition === "absent") parts.push(t("story.over"));
  else if (alarm.condition === "momentary") parts.push(t("story.event"));
  if (alarm.state === "latched") parts.push(t("story.latched"));
  if (alarm.recurrence > 0) parts.push(t("story.recurred", { n: alarm.recurrence }));
  const { bed } = whereNow(alarm, state.places.value);
  if (alarm.bed && bed && bed !== alarm.bed) parts.push(t("story.rose", { bed: alarm.bed }));
  if (alarm.inactivation) parts.push(mutedBy(alarm));
  const whose = answering(alarm, state.now.value);
  if (whose) parts.push(whose);
  const ack = alarm.acknowledged;
  if (ack) parts.push(ack.until ? t("story.acknowledged_until", { by: ack.by, time: clock(time(ack.until)) }) : t("story.acknowledged", { by: ack.by }));
  return parts.join(" · ");
}

/** When it was announced last, or had news that was not, and when it first rose. @param {{alarm: Alarm}} props */
export function Times({ alarm }) {
  const last = time(alarm.announced_at);
  const first = time(alarm.raised_at);
  const now = state.now.value;
  return html`<span class="since"><span class="sr">${announced(alarm) ? t("time.announced") : t("time.not_announced")} </span>${moment(last, now)}
    <small>${t("time.ago", { span: span(now - last) })}${last - first < 1_000 ? null : ` · ${t("time.first", { time: moment(first, now) })}`}</small></span>`;
}

/** A chip for tiles; it opens the alarm. @param {{alarm: Alarm}} props */
export function AlarmChip({ alarm }) {
  const quiet = alarm.state === "acknowledged" || muted(alarm) ? "quiet" : "";
  const ended = alarm.state === "latched" ? "ended" : "";
  return html`<a class="chip ${tone(alarm)} ${quiet} ${ended}" title=${story(alarm)}
    href=${state.href({ view: "alarm", id: alarm.id })} data-alarm=${alarm.id} data-act="open">
    <b>${mark(alarm)}</b> ${said(alarm.text)}${alarm.state === "acknowledged" ? " ✓" : ""}${alarm.inactivation ? ` ${t("alarm.quiet")}` : ""}${alarm.confirmed === false ? ` ${t("alarm.unconfirmed")}` : ""}</a>`;
}

/**
 * One command on one alarm. It is always there, so that nothing takes its place; `data-meaning` is what
 * a press would answer, see hold.js.
 * @param {{alarm: Alarm, act: Act, press?: () => void, blocked?: string, children?: unknown}} props
 */
export function Command({ alarm, act, press, blocked: first, children }) {
  const waits = pending.value.get(alarm.id) === act;
  const word = t(`act.${act}`);
  // Takes no more room than the buttons have: a longer one would move what is around it.
  const sending = t("act.sending");
  const news = act === "reset" ? `${alarm.condition} ${alarm.announced_at}` : "";
  return html`<button class="act ${act} ${waits ? "pending" : ""}" aria-busy=${waits}
    data-alarm=${alarm.id} data-act=${act} data-refused=${refusal(alarm, act) || first || ""}
    data-meaning="${act} ${alarm.id} ${alarm.state} ${alarm.priority} ${news}"
    onClick=${press ?? (() => answer(alarm, act))}>${waits ? sending : word}<span class="sr">${waits ? ` ${word}` : ""}: ${place(alarm)}, ${said(alarm.text)}${children ? "; " : ""}</span>${children}</button>`;
}

/** Opens the alarm by itself. @param {{alarm: Alarm}} props */
export function Open({ alarm }) {
  return html`<a class="button" href=${state.href({ view: "alarm", id: alarm.id })}
    data-alarm=${alarm.id} data-act="open" data-meaning="open ${alarm.id}"
    aria-label="${t("act.open")}: ${place(alarm)}, ${said(alarm.text)}">${t("act.open")}</a>`;
}

/** Why it cannot be asked now; empty if it can. @param {Alarm} alarm @param {Act} act */
function refusal(alarm, act) {
  if (pending.value.has(alarm.id)) return t("refused.waits");
  if (resets.value.has(alarm.id)) return t("refused.reset_waits");
  if (alarm.state === "closed") return t("refused.closed");
  if (act === "acknowledge" && alarm.state === "acknowledged") return t("refused.acknowledged");
  if (act === "acknowledge" && (alarm.state === "latched" || alarm.condition === "absent")) return t("refused.over");
  if (act === "unacknowledge" && !alarm.acknowledged) return t("refused.not_acknowledged");
  const owned = alarm.responsibility?.state === "accepted";
  if (act === "reject" && (owned || !alarm.responsibility?.person)) return t("refused.nobody_asked");
  if (act === "release" && !owned) return t("refused.nobody_has");
  if (act === "resume" && !alarm.inactivation) return t("refused.not_paused");
  if (act === "reset" && resetOf(alarm) === "not_while_it_holds") return t("refused.holds");
  return blocked();
}

/** Why nobody could do anything here now; empty if they can. */
export function blocked() {
  if (!state.mayAnswer.value) return t("refused.role");
  if (state.link.value !== "live") return t("refused.not_connected");
  if (state.beat.value?.store === "failing") return t("refused.store");
  return "";
}

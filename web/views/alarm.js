// How one alarm looks and what can be done with it, wherever it is shown.

import { html } from "../vendor/preact.js";
import { answer, pending, resets } from "../commands.js";
import { clock, span, time } from "../format.js";
import { muted, mutedBy } from "../mute.js";
import { announced } from "../order.js";
import { resetOf } from "../outcome.js";
import { placeName, whereNow } from "../places.js";
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
  if (alarm.confirmed === false) parts.push("unconfirmed: not yet stored");
  if (alarm.group) parts.push("follows from another alarm");
  if (alarm.quiet_until) parts.push(`announced twice within the hour: again at ${clock(time(alarm.quiet_until))}, if it is still open`);
  if (alarm.late) parts.push("late");
  if (alarm.condition === "unknown") parts.push(`not known now: ${alarm.condition_reason ?? "no data"}`);
  else if (alarm.condition === "absent") parts.push("over");
  else if (alarm.condition === "momentary") parts.push("event");
  if (alarm.state === "latched") parts.push("waits for a look");
  if (alarm.recurrence > 0) parts.push(`came back ${alarm.recurrence}×`);
  const { bed } = whereNow(alarm, state.places.value);
  if (alarm.bed && bed && bed !== alarm.bed) parts.push(`rose in ${alarm.bed}`);
  if (alarm.inactivation) parts.push(mutedBy(alarm));
  const ack = alarm.acknowledged;
  if (ack) parts.push(`acknowledged by ${ack.by}${ack.until ? ` until ${clock(time(ack.until))}` : ""}`);
  return parts.join(" · ");
}

/** When it was announced last, or had news that was not, and when it first rose. @param {{alarm: Alarm}} props */
export function Times({ alarm }) {
  const last = time(alarm.announced_at);
  const first = time(alarm.raised_at);
  const ago = span(state.now.value - last);
  return html`<span class="since"><span class="sr">${announced(alarm) ? "announced" : "not announced, as of"} </span>${clock(last)}
    <small>${ago} ago${last - first < 1_000 ? null : html` · first ${clock(first)}`}</small></span>`;
}

/** A chip for tiles; it opens the alarm. @param {{alarm: Alarm}} props */
export function AlarmChip({ alarm }) {
  const quiet = alarm.state === "acknowledged" || muted(alarm) ? "quiet" : "";
  const ended = alarm.state === "latched" ? "ended" : "";
  return html`<a class="chip ${tone(alarm)} ${quiet} ${ended}" title=${story(alarm)}
    href=${state.href({ view: "alarm", id: alarm.id })} data-alarm=${alarm.id} data-act="open">
    <b>${mark(alarm)}</b> ${alarm.text}${alarm.state === "acknowledged" ? " ✓" : ""}${alarm.inactivation ? " ⏸" : ""}${alarm.confirmed === false ? " (unconfirmed)" : ""}</a>`;
}

const WORDS = {
  acknowledge: "Acknowledge", unacknowledge: "Take back", reset: "Reset", pause: "Pause", off: "Switch off", resume: "End pause",
  comment: "Comment",
};
/** Takes no more room than the buttons have: a longer one would move what is around it. */
const SENDING = "Sending …";

/**
 * One command on one alarm. It is always there, so that nothing takes its place; `data-meaning` is what
 * a press would answer, see hold.js.
 * @param {{alarm: Alarm, act: Act, press?: () => void, blocked?: string, children?: unknown}} props
 */
export function Command({ alarm, act, press, blocked, children }) {
  const waits = pending.value.get(alarm.id) === act;
  const word = WORDS[act];
  const news = act === "reset" ? `${alarm.condition} ${alarm.announced_at}` : "";
  return html`<button class="act ${act} ${waits ? "pending" : ""}" aria-busy=${waits}
    aria-label="${waits ? `${SENDING} ${word}` : word}: ${place(alarm)}, ${alarm.text}"
    data-alarm=${alarm.id} data-act=${act} data-refused=${refusal(alarm, act) || blocked || ""}
    data-meaning="${act} ${alarm.id} ${alarm.state} ${alarm.priority} ${news}"
    onClick=${press ?? (() => answer(alarm, act))}>${waits ? SENDING : word}${children}</button>`;
}

/** Opens the alarm by itself. @param {{alarm: Alarm}} props */
export function Open({ alarm }) {
  return html`<a class="button" href=${state.href({ view: "alarm", id: alarm.id })}
    data-alarm=${alarm.id} data-act="open" data-meaning="open ${alarm.id}"
    aria-label="Open: ${place(alarm)}, ${alarm.text}">Open</a>`;
}

/** Why it cannot be asked now; empty if it can. @param {Alarm} alarm @param {Act} act */
function refusal(alarm, act) {
  if (pending.value.has(alarm.id)) return "waits for the gateway's answer";
  if (resets.value.has(alarm.id)) return "a reset waits to be sent: undo it first";
  if (alarm.state === "closed") return "closed";
  if (act === "acknowledge" && alarm.state === "acknowledged") return "acknowledged already";
  if (act === "acknowledge" && (alarm.state === "latched" || alarm.condition === "absent")) return "it is over: open it to reset it";
  if (act === "unacknowledge" && !alarm.acknowledged) return "nobody has acknowledged it";
  if (act === "resume" && !alarm.inactivation) return "nobody has paused it";
  if (act === "reset" && resetOf(alarm) === "not_while_it_holds") return "it still holds: only what is over can be reset";
  if (!state.mayAnswer.value) return "your role may look but not answer";
  if (state.link.value !== "live") return "not connected: nothing would be recorded";
  if (state.beat.value?.store === "failing") return "the store fails: nothing would be recorded";
  return "";
}

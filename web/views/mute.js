// Keeping one alarm quiet, and saying something of it, in the opened alarm.

import { html, signal } from "../vendor/preact.js";
import { answer } from "../commands.js";
import { t } from "../language.js";
import { longestPause, SPANS_MIN, spanText } from "../mute.js";
import * as state from "../state.js";
import { Command } from "./alarm.js";

/** @import { Alarm } from "../types.js" */

/** What is chosen, of one alarm. */
const chosen = signal({ id: "", what: "audio", minutes: 30, reason: "" });

/** @param {{alarm: Alarm}} props */
export function Mute({ alarm }) {
  const mine = chosen.value.id === alarm.id ? chosen.value : { id: alarm.id, what: "audio", minutes: 30, reason: "" };
  const choose = (/** @type {object} */ more) => { chosen.value = { ...mine, ...more }; };
  const reason = mine.reason.trim();
  const why = reason ? { reason } : {};
  const until = () => new Date(state.now.value + mine.minutes * 60_000).toISOString();
  const pause = () => answer(alarm, "pause", { what: mine.what, ...why });
  const off = () => answer(alarm, "off", { what: mine.what, ...why, until: until() });
  return html`<div class="commands mute" role="group" aria-label=${t("mute.title")}>
    <label>${t("mute.quiet")} <select value=${mine.what} onChange=${(/** @type {any} */ e) => choose({ what: e.target.value })}>
      <option value="audio">${t("mute.sound")}</option>
      <option value="alarm">${t("mute.all")}</option>
    </select></label>
    <label>${t("mute.why")} <input value=${mine.reason} maxlength="200" placeholder=${t("mute.why_example")}
      onInput=${(/** @type {any} */ e) => choose({ reason: e.target.value })} /></label>
    <${Command} alarm=${alarm} act="pause" press=${pause}><small>${t("mute.for", { n: longestPause(alarm) })}</small><//>
    <label>${t("mute.off_for")} <select value=${mine.minutes} onChange=${(/** @type {any} */ e) => choose({ minutes: Number(e.target.value) })}>
      ${SPANS_MIN.map((minutes) => html`<option value=${minutes}>${spanText(minutes)}</option>`)}
    </select></label>
    <${Command} alarm=${alarm} act="off" press=${off} blocked=${reason ? "" : t("refused.why")}><small>${t("mute.off")}</small><//>
    <${Command} alarm=${alarm} act="resume"><small>${t("mute.ends")}</small><//>
  </div>`;
}

/** What is being said, of one alarm. */
const saying = signal({ id: "", text: "" });

/** Saying something of an alarm answers nothing. @param {{alarm: Alarm}} props */
export function Say({ alarm }) {
  const text = saying.value.id === alarm.id ? saying.value.text : "";
  const send = async () => {
    if (await answer(alarm, "comment", { text: text.trim() })) saying.value = { id: "", text: "" };
  };
  return html`<div class="commands say" role="group" aria-label=${t("say.title")}>
    <label>${t("act.comment")} <input value=${text} maxlength="300" placeholder=${t("say.example")}
      onInput=${(/** @type {any} */ e) => { saying.value = { id: alarm.id, text: e.target.value }; }} /></label>
    <${Command} alarm=${alarm} act="comment" press=${send} blocked=${text.trim() ? "" : t("refused.what")} />
  </div>`;
}

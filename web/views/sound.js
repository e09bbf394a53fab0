// Whether alarms are heard on this machine: small while they are, loud while they are not.

import { html } from "../vendor/preact.js";
import { screen } from "../awake.js";
import { t } from "../language.js";
import { heard, soundOff, soundOn, stopped } from "../sound.js";

/** In the frame of every view. */
export function SoundSwitch() {
  if (heard.value === "nowhere") return null;
  const here = heard.value === "here";
  return html`<button class="sound" aria-pressed=${here} title=${here ? t("sound.turn_off") : t("sound.elsewhere_why")}
    onClick=${here ? soundOff : soundOn}>♪ ${here ? t("sound.on") : t("sound.elsewhere")}</button>`;
}

/** That the screen may go dark though alarms are to be heard at it. */
export function MayGoDark() {
  if (screen.value !== "may_dark") return null;
  return html`<span class="goes-dark" role="status" title=${t("screen.why")}>☾ ${t("screen.may_dark")}</span>`;
}

/** A strip that stays until something would be heard. */
export function Soundless() {
  if (heard.value !== "nowhere") return null;
  const [title, why] = stopped.value ? [t("sound.stopped"), t("sound.stopped_why")] : [t("sound.off"), t("sound.off_why")];
  return html`<div class="soundless" role="status"><b>${title}</b><span>${why}</span>
    <button onClick=${soundOn}>♪ ${t("sound.turn_on")}</button></div>`;
}

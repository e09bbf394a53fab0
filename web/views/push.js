// Push in this browser: whether it is on, and the button that turns it on or off.

import { html, signal } from "../vendor/preact.js";
import { Refused } from "../api.js";
import { t } from "../language.js";
import { replaced, standing, turnOff, turnOn } from "../push.js";

/** @typedef {import("../push.js").Standing} Standing */

const here = signal(/** @type {Standing} */ ("unknown"));
const said = signal("");
const busy = signal(false);

/** @param {() => Promise<Standing>} act */
async function change(act) {
  busy.value = true;
  said.value = "";
  try {
    here.value = await act();
  } catch (error) {
    said.value = error instanceof Refused ? error.message : t("push.no_answer");
    here.value = await standing().catch(() => "unknown");
  }
  busy.value = false;
}

export function PushHere() {
  if (here.value === "unknown" && !busy.value) change(standing);
  const button = here.value === "on"
    ? html`<button onClick=${() => change(turnOff)} disabled=${busy.value}>${t("push.turn_off")}</button>`
    : html`<button onClick=${() => change(turnOn)} disabled=${busy.value}>${t("push.turn_on")}</button>`;
  return html`<section class="push">
    <h2>${t("push.title")}</h2>
    <p>${t(`push.is_${here.value}`)}</p>
    <p role="status">${said.value || (here.value === "on" && replaced.value ? t("push.replaced") : "")}</p>
    ${here.value === "on" || here.value === "off" ? button : null}
  </section>`;
}

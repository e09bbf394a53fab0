// Push in this browser: whether it is on, and the button that turns it on or off.

import { html, signal } from "../vendor/preact.js";
import { Refused } from "../api.js";
import { standing, turnOff, turnOn } from "../push.js";

/** @typedef {import("../push.js").Standing} Standing */

const here = signal(/** @type {Standing} */ ("unknown"));
const said = signal("");
const busy = signal(false);

/** @type {Record<Standing, string>} */
const HOW = {
  unknown: "…",
  none: "This browser takes no push.",
  blocked: "This browser was told to show nothing of this page: allow notifications in its settings.",
  off: "Alarms do not reach you in this browser while the page is closed.",
  on: "What you are called for is shown here also while the page is closed, if the browser and its push service work.",
};

/** @param {() => Promise<Standing>} act */
async function change(act) {
  busy.value = true;
  said.value = "";
  try {
    here.value = await act();
  } catch (error) {
    said.value = error instanceof Refused ? error.message : "That did not work: the push service or the gateway did not answer.";
    here.value = await standing().catch(() => "unknown");
  }
  busy.value = false;
}

export function PushHere() {
  if (here.value === "unknown" && !busy.value) change(standing);
  const button = here.value === "on"
    ? html`<button onClick=${() => change(turnOff)} disabled=${busy.value}>Turn off here</button>`
    : html`<button onClick=${() => change(turnOn)} disabled=${busy.value}>Turn on here</button>`;
  return html`<section class="push">
    <h3>Calls in this browser</h3>
    <p>${HOW[here.value]}</p>
    <p role="status">${said.value}</p>
    ${here.value === "on" || here.value === "off" ? button : null}
  </section>`;
}

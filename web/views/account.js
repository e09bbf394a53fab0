// Whoever is signed in: another password, and the way out.

import { html, signal } from "../vendor/preact.js";
import { Refused } from "../api.js";
import { changePassword, setPin } from "../session.js";
import * as state from "../state.js";
import { looksAfter, People } from "./people.js";

const old = signal("");
const next = signal("");
const said = signal("");
const busy = signal(false);

async function change() {
  busy.value = true;
  said.value = "";
  try {
    await changePassword(old.value, next.value);
    said.value = "Your password is another now; every other screen of yours has to sign in again, and your PIN and tokens are void: make new ones.";
  } catch (error) {
    said.value = error instanceof Refused ? error.message : "The gateway did not answer; nobody knows whether it was done.";
  }
  old.value = "";
  next.value = "";
  busy.value = false;
}

const pin = signal("");
const known = signal("");
const pinSaid = signal("");

async function choose(/** @type {Event} */ event) {
  event.preventDefault();
  pinSaid.value = "";
  try {
    await setPin(known.value, pin.value);
    pinSaid.value = pin.value ? "Your PIN is set." : "You have no PIN any more.";
  } catch (error) {
    pinSaid.value = error instanceof Refused ? error.message : "The gateway did not answer; nobody knows whether it was done.";
  }
  known.value = "";
  pin.value = "";
}

/** @param {{changed: () => void}} props */
export function Account({ changed }) {
  const me = state.me.value;
  const go = (/** @type {Event} */ event) => {
    event.preventDefault();
    change().then(changed);
  };
  const typed = (/** @type {any} */ of) => (/** @type {any} */ event) => { of.value = event.target.value; };
  return html`<section class="account">
    <h2>${me.actor}</h2>
    <p>${me.role}${state.seesPatients.value ? "" : ": sees no patients. NOT MONITORED on this screen."}</p>
    ${state.byName.value ? html`<form class="sign-in" onSubmit=${go}>
      <h3>Another password</h3>
      <label>Present password <input type="password" required autocomplete="current-password" value=${old.value} onInput=${typed(old)} /></label>
      <label>New password, at least 12 characters <input type="password" required autocomplete="new-password" value=${next.value} onInput=${typed(next)} /></label>
      <p role="status">${said.value}</p>
      <button type="submit" disabled=${busy.value}>Change</button>
    </form>` : null}
    ${state.byName.value && state.seesPatients.value ? html`<form class="sign-in" onSubmit=${choose}>
      <h3>PIN for ward stations</h3>
      <label>Password <input type="password" required autocomplete="current-password" value=${known.value} onInput=${typed(known)} /></label>
      <label>PIN, 6 to 12 digits; empty for none <input type="password" inputmode="numeric" autocomplete="off" maxlength="12" value=${pin.value} onInput=${typed(pin)} /></label>
      <p role="status">${pinSaid.value}</p>
      <button type="submit">Set PIN</button>
    </form>` : null}
    ${looksAfter() ? html`<${People} />` : null}
  </section>`;
}

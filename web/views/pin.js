// Who acts at a station: the question for name and PIN, above what the station shows and never over it; and who acts now.

import { html, signal } from "../vendor/preact.js";
import { Refused } from "../api.js";
import { asked, cancel, give, lockNow, names, secondsLeft, signer, typing } from "../pin.js";
import { becomeStation } from "../session.js";

const name = signal("");
const pin = signal("");
const busy = signal(false);
const why = signal("");

function forget() {
  name.value = "";
  pin.value = "";
  why.value = "";
}

async function send(/** @type {Event} */ event) {
  event.preventDefault();
  if (busy.value) return;
  busy.value = true;
  why.value = "";
  try {
    await give(name.value, pin.value);
    forget();
  } catch (error) {
    pin.value = "";
    why.value = error instanceof Refused ? error.message : "The gateway did not answer. Try again.";
  } finally {
    busy.value = false;
  }
}

export function Pin() {
  if (asked.value) return html`<${Question} />`;
  if (name.value || pin.value || why.value) forget();
  if (!signer.value) return null;
  return html`<div class="pin" role="status">
    <span><b>${signer.value.actor}</b> acts at this station. It locks in ${secondsLeft()} s.</span>
    <button onClick=${lockNow}>Lock now</button></div>`;
}

function Question() {
  const typed = (/** @type {any} */ of) => (/** @type {any} */ event) => {
    of.value = event.target.value;
    typing();
  };
  const first = (/** @type {HTMLInputElement|null} */ input) => {
    if (input && !input.dataset.focused) {
      input.dataset.focused = "yes";
      input.focus({ preventScroll: true });
    }
  };
  return html`<form class="pin" aria-label="Who acts?" onSubmit=${send} onKeyDown=${(/** @type {KeyboardEvent} */ e) => { if (e.key === "Escape") cancel(); }}>
    <b>Who acts?</b>
    <label>Name <input ref=${first} required list="signers" value=${name.value} onInput=${typed(name)} autocomplete="off" autocapitalize="none" spellcheck=${false} maxlength="64" /></label>
    <datalist id="signers">${names().map((one) => html`<option value=${one} />`)}</datalist>
    <label>PIN <input required type="password" inputmode="numeric" autocomplete="off" value=${pin.value} onInput=${typed(pin)} maxlength="12" /></label>
    <button type="submit" disabled=${busy.value}>${busy.value ? "One moment …" : "Sign"}</button>
    <button type="button" class="plain" onClick=${cancel}>Cancel</button>
    <span class="refused" role="alert">${why.value}</span>
  </form>`;
}

/** @param {{link: string, done: () => void}} props */
export function Become({ link, done }) {
  const go = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (busy.value) return;
    busy.value = true;
    why.value = "";
    try {
      await becomeStation(link);
      done();
    } catch (error) {
      why.value = error instanceof Refused ? error.message : "The gateway did not answer. Try again.";
    } finally {
      busy.value = false;
    }
  };
  return html`<form class="sign-in" onSubmit=${go}>
    <h1>Make this browser a station?</h1>
    <p>It shows its wards to whoever stands before it, until it is taken back. Whoever acts here gives name and PIN.</p>
    <p class="refused" role="alert">${why.value}</p>
    <button type="submit" disabled=${busy.value}>${busy.value ? "One moment …" : "Make it a station"}</button>
    <p class="loud">NOT MONITORED on this screen until then.</p>
  </form>`;
}

// Who acts at a station: the question for name and PIN, above what the station shows and never over it; and who acts now.

import { html, signal } from "../vendor/preact.js";
import { Refused } from "../api.js";
import { t } from "../language.js";
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
    why.value = error instanceof Refused ? error.message : t("pin.no_answer");
  } finally {
    busy.value = false;
  }
}

export function Pin() {
  if (asked.value) return html`<${Question} />`;
  if (name.value || pin.value || why.value) forget();
  if (!signer.value) return null;
  return html`<div class="pin" role="status">
    <span><b>${signer.value.actor}</b>: ${t("pin.acts", { n: secondsLeft() })}</span>
    <button onClick=${lockNow}>${t("pin.lock")}</button></div>`;
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
  return html`<form class="pin" aria-label=${t("pin.who")} onSubmit=${send} onKeyDown=${(/** @type {KeyboardEvent} */ e) => { if (e.key === "Escape") cancel(); }}>
    <b>${t("pin.who")}</b>
    <label>${t("pin.name")} <input ref=${first} required list="signers" value=${name.value} onInput=${typed(name)} autocomplete="off" autocapitalize="none" spellcheck=${false} maxlength="64" /></label>
    <datalist id="signers">${names().map((one) => html`<option value=${one} />`)}</datalist>
    <label>${t("pin.pin")} <input required type="password" inputmode="numeric" autocomplete="off" value=${pin.value} onInput=${typed(pin)} maxlength="12" /></label>
    <button type="submit" disabled=${busy.value}>${t(busy.value ? "pin.moment" : "pin.sign")}</button>
    <button type="button" class="plain" onClick=${cancel}>${t("pin.cancel")}</button>
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
      why.value = error instanceof Refused ? error.message : t("pin.no_answer");
    } finally {
      busy.value = false;
    }
  };
  return html`<form class="sign-in" onSubmit=${go}>
    <h1>${t("pin.become")}</h1>
    <p>${t("pin.become_why")}</p>
    <p class="refused" role="alert">${why.value}</p>
    <button type="submit" disabled=${busy.value}>${t(busy.value ? "pin.moment" : "pin.become_yes")}</button>
    <p class="loud">${t("pin.become_blind")}</p>
  </form>`;
}

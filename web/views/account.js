// Whoever is signed in: another password, and the way out.

import { html, signal } from "../vendor/preact.js";
import { refusal } from "../api.js";
import { t } from "../language.js";
import { changePassword, setPin } from "../session.js";
import * as state from "../state.js";
import { Duty } from "./duty.js";
import { looksAfter, People, roleName } from "./people.js";
import { PushHere } from "./push.js";

const old = signal("");
const next = signal("");
const said = signal("");
const busy = signal(false);

async function change() {
  busy.value = true;
  said.value = "";
  try {
    await changePassword(old.value, next.value);
    said.value = t("account.changed");
  } catch (error) {
    said.value = refusal(error);
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
    pinSaid.value = t(pin.value ? "pin.is_set" : "pin.is_none");
  } catch (error) {
    pinSaid.value = refusal(error);
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
    <h1>${me.actor}</h1>
    <p>${state.seesPatients.value ? roleName(me.role) : t("account.blind", { role: roleName(me.role) })}</p>
    ${state.byName.value ? html`<form class="sign-in" onSubmit=${go}>
      <h2>${t("account.title")}</h2>
      <label>${t("account.present")} <input type="password" required autocomplete="current-password" value=${old.value} onInput=${typed(old)} /></label>
      <label>${t("account.new")} <input type="password" required autocomplete="new-password" value=${next.value} onInput=${typed(next)} /></label>
      <p role="status">${said.value}</p>
      <button type="submit" disabled=${busy.value}>${t("account.change")}</button>
    </form>` : null}
    ${state.byName.value && state.seesPatients.value ? html`<form class="sign-in" onSubmit=${choose}>
      <h2>${t("pin.title")}</h2>
      <label>${t("pin.password")} <input type="password" required autocomplete="current-password" value=${known.value} onInput=${typed(known)} /></label>
      <label>${t("pin.choose")} <input type="password" inputmode="numeric" autocomplete="off" maxlength="12" value=${pin.value} onInput=${typed(pin)} /></label>
      <p role="status">${pinSaid.value}</p>
      <button type="submit">${t("pin.set")}</button>
    </form>` : null}
    ${state.byName.value && state.seesPatients.value ? html`<${PushHere} />` : null}
    ${state.me.value.role && state.me.value.role !== "maker" ? html`<${Duty} />` : null}
    ${looksAfter() ? html`<${People} />` : null}
  </section>`;
}

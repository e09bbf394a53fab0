// Whoever is signed in: another password, and the way out.

import { html, signal } from "../vendor/preact.js";
import { Refused } from "../api.js";
import { t } from "../language.js";
import { changePassword } from "../session.js";
import * as state from "../state.js";

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
    said.value = error instanceof Refused ? error.message : t("account.no_answer");
  }
  old.value = "";
  next.value = "";
  busy.value = false;
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
  </section>`;
}

/** @param {string} role */
function roleName(role) {
  return role ? t(/** @type {import("../language.js").Key} */ (`role.${role}`)) : "";
}

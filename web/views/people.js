// Accounts and stations: who there is, what they may and where, and links to let somebody in.

import { html, signal, useEffect } from "../vendor/preact.js";
import {
  addStation, asking, change, given, invite, newLink, people, readFor, refused, removeStation, stationLink, stations, words,
} from "../people.js";
import { t } from "../language.js";
import * as state from "../state.js";

/** @import { Person, Station } from "../people.js" */

const OF_ADMINS = ["viewer", "clinician", "ward-admin", "maker", "ops", "admin"];
const OF_WARD_ADMINS = ["viewer", "clinician"];

const form = signal({ name: "", role: "clinician", wards: "", devices: "" });
const place = signal({ name: "", wards: "" });
/** What is being changed of somebody. */
const changing = signal(/** @type {{name: string, role: string, wards: string, devices: string}|null} */ (null));

/** Whether whoever is signed in looks after people. */
export const looksAfter = () => state.byName.value && ["admin", "ward-admin"].includes(state.me.value.role);

const roles = () => (state.me.value.role === "admin" ? OF_ADMINS : OF_WARD_ADMINS);

export function People() {
  const actor = state.me.value.actor;
  useEffect(() => readFor(actor), [actor]);
  if (people.value === null && !refused.value) return html`<p class="nothing">${t("people.loading")}</p>`;
  return html`<section class="people" aria-label=${t("people.title")}>
    <h2>${t("people.title")}</h2>
    ${given.value ? html`<div class="notice-link" role="status"><p>${t("people.link_of", { name: given.value.whose })}</p>
      <input readonly aria-label=${t("people.link")} value=${given.value.link} onFocus=${(/** @type {any} */ e) => e.target.select()} /></div>` : null}
    ${refused.value ? html`<p class="refused" role="alert">${refused.value}</p>` : null}
    <div class="wide"><table><thead><tr><th>${t("people.name")}</th><th>${t("people.role")}</th><th>${t("people.wards")}</th><th>${t("people.state")}</th><th>${t("pin.pin")}</th><td></td></tr></thead>
      <tbody>${(people.value ?? []).map((person) => html`<${Row} key=${person.name} person=${person} />`)}</tbody></table></div>
    <${Invite} />
    <h2>${t("people.stations")}</h2>
    <div class="wide"><table><thead><tr><th>${t("people.name")}</th><th>${t("people.wards")}</th><th>${t("people.state")}</th><td></td></tr></thead>
      <tbody>${(stations.value ?? []).map((station) => html`<${Place} key=${station.name} station=${station} />`)}</tbody></table></div>
    <${AddPlace} />
  </section>`;
}

/** @param {{person: Person}} props */
function Row({ person }) {
  const { name, role, wards, devices, state: is, has_pin } = person;
  const now = { name, role, wards: (wards ?? []).join(", "), devices: devices.join(", ") };
  if (changing.value?.name === name) return html`<tr data-person=${name}><td>${name}</td><td colspan="5"><${Change} /></td></tr>`;
  const disabled = is === "disabled";
  return html`<tr data-person=${name}><td>${name}</td><td>${roleName(role)}</td><td>${wards ? wards.join(", ") : devices.length ? devices.join(", ") : t("people.all")}</td>
    <td>${t(/** @type {import("../language.js").Key} */ (`people.is_${is}`))}</td><td>${has_pin ? t("people.has_pin") : ""}</td>
    <td><button disabled=${asking.value} onClick=${() => { changing.value = now; }}>${t("people.change")} <span class="sr">${name}</span></button>
      <button disabled=${asking.value} onClick=${() => newLink(name)}>${t("people.new_link")} <span class="sr">${name}</span></button>
      <button disabled=${asking.value}
        onClick=${() => change(name, { disabled: !disabled })}>${t(disabled ? "people.let_in" : "people.disable")} <span class="sr">${name}</span></button></td></tr>`;
}

/** @param {string} role */
export const roleName = (role) => (role ? t(/** @type {import("../language.js").Key} */ (`role.${role}`)) : "");

/** The fields of what somebody may. @param {{of: any}} props */
function Rights({ of }) {
  const set = (/** @type {string} */ key) => (/** @type {any} */ e) => { of.value = { ...of.value, [key]: e.target.value }; };
  return html`<label>${t("people.role")} <select value=${of.value.role} onChange=${set("role")}>
      ${roles().map((role) => html`<option value=${role}>${roleName(role)}</option>`)}</select></label>
    <label>${t(of.value.role === "maker" ? "people.devices" : "people.wards")} <input value=${of.value.role === "maker" ? of.value.devices : of.value.wards}
      placeholder=${t(of.value.role === "maker" ? "people.which_devices" : "people.which_wards")}
      onInput=${set(of.value.role === "maker" ? "devices" : "wards")} /></label>`;
}

/** @param {{role: string, wards: string, devices: string}} of */
function asked({ role, wards, devices }) {
  return role === "maker" ? { role, wards: null, devices: words(devices) ?? [] } : { role, wards: words(wards), devices: [] };
}

function Change() {
  const go = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const to = changing.value;
    if (to && await change(to.name, asked(to))) changing.value = null;
  };
  return html`<form class="commands" onSubmit=${go}><${Rights} of=${changing} />
    <button type="submit" disabled=${asking.value}>${t("people.save")}</button>
    <button type="button" class="plain" onClick=${() => { changing.value = null; }}>${t("pin.cancel")}</button></form>`;
}

function Invite() {
  const go = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const { name, ...of } = form.value;
    if (await invite({ name, ...asked(of) })) form.value = { ...form.value, name: "" };
  };
  const typed = (/** @type {any} */ e) => { form.value = { ...form.value, name: e.target.value }; };
  return html`<form class="commands" aria-label=${t("people.invite_somebody")} onSubmit=${go}>
    <label>${t("people.name")} <input required value=${form.value.name} maxlength="64" autocapitalize="none" spellcheck=${false} autocomplete="off" onInput=${typed} /></label>
    <${Rights} of=${form} />
    <button type="submit" disabled=${asking.value}>${t("people.invite")}</button></form>`;
}

/** @param {{station: Station}} props */
function Place({ station }) {
  const { name, wards, in_use } = station;
  return html`<tr data-station=${name}><td>${name}</td><td>${wards.join(", ")}</td><td>${t(in_use ? "people.in_use" : "people.waits")}</td>
    <td><button disabled=${asking.value} onClick=${() => stationLink(name)}>${t("people.new_link")} <span class="sr">${name}</span></button>
      <button disabled=${asking.value} onClick=${() => removeStation(name)}>${t("people.take_back")} <span class="sr">${name}</span></button></td></tr>`;
}

function AddPlace() {
  const go = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const { name, wards } = place.value;
    if (await addStation({ name, wards: words(wards) ?? [] })) place.value = { name: "", wards: "" };
  };
  const set = (/** @type {string} */ key) => (/** @type {any} */ e) => { place.value = { ...place.value, [key]: e.target.value }; };
  return html`<form class="commands" aria-label=${t("people.add_a_station")} onSubmit=${go}>
    <label>${t("people.name")} <input required value=${place.value.name} maxlength="64" autocomplete="off" onInput=${set("name")} /></label>
    <label>${t("people.wards")} <input required value=${place.value.wards} placeholder=${t("people.a_ward")} onInput=${set("wards")} /></label>
    <button type="submit" disabled=${asking.value}>${t("people.add_station")}</button></form>`;
}

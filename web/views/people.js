// Accounts and stations: who there is, what they may and where, and links to let somebody in.

import { html, signal, useEffect } from "../vendor/preact.js";
import {
  addStation, asking, change, given, invite, newLink, people, readFor, refused, removeStation, stationLink, stations, words,
} from "../people.js";
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
  if (people.value === null && !refused.value) return html`<p class="nothing">Loading …</p>`;
  return html`<section class="people" aria-label="People">
    <h3>People</h3>
    ${given.value ? html`<div class="notice-link" role="status"><p>The link of <b>${given.value.whose}</b>, for 72 h and once. It is shown only now:</p>
      <input readonly aria-label="The link" value=${given.value.link} onFocus=${(/** @type {any} */ e) => e.target.select()} /></div>` : null}
    ${refused.value ? html`<p class="refused" role="alert">${refused.value}</p>` : null}
    <table><thead><tr><th>Name</th><th>Role</th><th>Wards</th><th>State</th><th>PIN</th><th></th></tr></thead>
      <tbody>${(people.value ?? []).map((person) => html`<${Row} key=${person.name} person=${person} />`)}</tbody></table>
    <${Invite} />
    <h3>Ward stations</h3>
    <table><thead><tr><th>Name</th><th>Wards</th><th>State</th><th></th></tr></thead>
      <tbody>${(stations.value ?? []).map((station) => html`<${Place} key=${station.name} station=${station} />`)}</tbody></table>
    <${AddPlace} />
  </section>`;
}

/** @param {{person: Person}} props */
function Row({ person }) {
  const { name, role, wards, devices, state: is, has_pin } = person;
  const now = { name, role, wards: (wards ?? []).join(", "), devices: devices.join(", ") };
  if (changing.value?.name === name) return html`<tr data-person=${name}><td>${name}</td><td colspan="5"><${Change} /></td></tr>`;
  const disabled = is === "disabled";
  return html`<tr data-person=${name}><td>${name}</td><td>${role}</td><td>${wards ? wards.join(", ") : devices.length ? devices.join(", ") : "all"}</td>
    <td>${is}</td><td>${has_pin ? "set" : ""}</td>
    <td><button disabled=${asking.value} aria-label="Change ${name}" onClick=${() => { changing.value = now; }}>Change</button>
      <button disabled=${asking.value} aria-label="New link for ${name}" onClick=${() => newLink(name)}>New link</button>
      <button disabled=${asking.value} aria-label="${disabled ? "Let in" : "Disable"} ${name}"
        onClick=${() => change(name, { disabled: !disabled })}>${disabled ? "Let in again" : "Disable"}</button></td></tr>`;
}

/** The fields of what somebody may. @param {{of: any}} props */
function Rights({ of }) {
  const set = (/** @type {string} */ key) => (/** @type {any} */ e) => { of.value = { ...of.value, [key]: e.target.value }; };
  return html`<label>Role <select value=${of.value.role} onChange=${set("role")}>
      ${roles().map((role) => html`<option value=${role}>${role}</option>`)}</select></label>
    <label>${of.value.role === "maker" ? "Devices" : "Wards"} <input value=${of.value.role === "maker" ? of.value.devices : of.value.wards}
      placeholder=${of.value.role === "maker" ? "cm-1, cm-2" : "all, or icu, west"}
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
    <button type="submit" disabled=${asking.value}>Save</button>
    <button type="button" class="plain" onClick=${() => { changing.value = null; }}>Cancel</button></form>`;
}

function Invite() {
  const go = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const { name, ...of } = form.value;
    if (await invite({ name, ...asked(of) })) form.value = { ...form.value, name: "" };
  };
  const typed = (/** @type {any} */ e) => { form.value = { ...form.value, name: e.target.value }; };
  return html`<form class="commands" aria-label="Invite somebody" onSubmit=${go}>
    <label>Name <input required value=${form.value.name} maxlength="64" autocapitalize="none" spellcheck=${false} autocomplete="off" onInput=${typed} /></label>
    <${Rights} of=${form} />
    <button type="submit" disabled=${asking.value}>Invite</button></form>`;
}

/** @param {{station: Station}} props */
function Place({ station }) {
  const { name, wards, in_use } = station;
  return html`<tr data-station=${name}><td>${name}</td><td>${wards.join(", ")}</td><td>${in_use ? "in use" : "waits for its link"}</td>
    <td><button disabled=${asking.value} aria-label="New link for the station ${name}" onClick=${() => stationLink(name)}>New link</button>
      <button disabled=${asking.value} aria-label="Take back the station ${name}" onClick=${() => removeStation(name)}>Take back</button></td></tr>`;
}

function AddPlace() {
  const go = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const { name, wards } = place.value;
    if (await addStation({ name, wards: words(wards) ?? [] })) place.value = { name: "", wards: "" };
  };
  const set = (/** @type {string} */ key) => (/** @type {any} */ e) => { place.value = { ...place.value, [key]: e.target.value }; };
  return html`<form class="commands" aria-label="Add a station" onSubmit=${go}>
    <label>Name <input required value=${place.value.name} maxlength="64" autocomplete="off" onInput=${set("name")} /></label>
    <label>Wards <input required value=${place.value.wards} placeholder="icu" onInput=${set("wards")} /></label>
    <button type="submit" disabled=${asking.value}>Add station</button></form>`;
}

// Who is on duty, when nobody will be, and the plan itself for whoever makes it.

import { html, signal, useEffect } from "../vendor/preact.js";
import { asking, check, checked, onDuty, put, readAgain, readFor, refused, text, unmeant, withAbsence } from "../duty.js";
import { moment } from "../format.js";
import { t } from "../language.js";
import * as state from "../state.js";

/** @import { Hole, OnDuty } from "../duty.js" */

const NOBODY = { person: "", from: "", to: "", substitute: "" };
const away = signal(NOBODY);

/** Whether whoever is signed in makes the plan. */
const plans = () => ["admin", "ward-admin", "local"].includes(state.me.value.role);

const at = (/** @type {string} */ text) => moment(Date.parse(text), state.now.value);

export function Duty() {
  const actor = state.me.value.actor;
  useEffect(() => readFor(actor, plans()), [actor]);
  const items = onDuty.value?.items ?? [];
  if (!items.length && text.value === null && !refused.value) return null;
  return html`<section class="people" aria-label=${t("plan.title")}>
    <h2>${t("plan.title")}</h2>
    ${refused.value ? html`<p class="refused" role="alert">${refused.value}</p>` : null}
    ${items.length ? html`<div class="wide"><table><thead><tr><th>${t("plan.team")}</th><th>${t("plan.step")}</th><th>${t("plan.role")}</th><th>${t("plan.who")}</th><th>${t("plan.until")}</th></tr></thead>
      <tbody>${items.map((item) => html`<${Row} key=${`${item.team} ${item.step}`} item=${item} />`)}</tbody></table></div>` : null}
    <${Holes} holes=${onDuty.value?.holes ?? []} />
    ${text.value === null ? null : html`<${Plan} />`}
  </section>`;
}

/** @param {{item: OnDuty}} props */
function Row({ item }) {
  const { team, step, role, person, until, on_call } = item;
  return html`<tr><td>${team}</td><td>${step}</td><td>${role}</td>
    <td>${person === null ? html`<strong>${t("plan.nobody")}</strong>` : person}${on_call ? ` (${t("plan.on_call")})` : ""}</td>
    <td>${until ? at(until) : ""}</td></tr>`;
}

/** @param {{holes: Hole[]}} props */
function Holes({ holes }) {
  if (!holes.length) return null;
  return html`<ul>${holes.slice(0, 20).map(({ team, role, from, until }) => html`<li>${t("plan.hole", { team, role, from: at(from), until: at(until) })}</li>`)}
    ${holes.length > 20 ? html`<li>${t("plan.more", { count: holes.length - 20 })}</li>` : null}</ul>`;
}

function Plan() {
  const typed = (/** @type {any} */ event) => { [text.value, checked.value, unmeant.value] = [event.target.value, null, []]; };
  return html`<${Away} />
    <form onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); put(); }}>
      <label class="plan">${t("plan.text")} <textarea rows="16" spellcheck=${false} autocapitalize="none" value=${text.value} onInput=${typed}></textarea></label>
      <div class="commands"><button type="button" disabled=${asking.value} onClick=${check}>${t("plan.check")}</button>
        <button type="submit" disabled=${asking.value}>${t("plan.put")}</button>
        <button type="button" class="plain" disabled=${asking.value} onClick=${readAgain}>${t("plan.again")}</button></div>
      <${Unmeant} />
      <div role="status">${checked.value ? html`<p>${t(checked.value.done ? "plan.in_force" : "plan.is_right")}</p>
        ${checked.value.nobody_for.length ? html`<p><strong>${t("plan.nobody_for", { where: places(checked.value.nobody_for) })}</strong></p>` : null}
        <${Holes} holes=${checked.value.holes} /><ul>${checked.value.warnings.map((one) => html`<li>${one}</li>`)}</ul>` : null}</div>
    </form>`;
}

/** What was put leaves nobody somewhere: whoever means it says so, of those places. */
function Unmeant() {
  const where = unmeant.value;
  if (!where.length) return null;
  return html`<div class="alert failed" role="alert"><strong>${t("plan.nobody_for", { where: places(where) })}</strong> <span>${t("plan.not_put")}</span>
    <button type="button" disabled=${asking.value} onClick=${() => put(where)}>${t("plan.all_the_same")}</button></div>`;
}

/** @param {string[]} all */
const places = (all) => all.map((one) => (one === "gateway" ? t("plan.gateway") : one === "no_ward" ? t("plan.no_ward") : t("plan.ward", { id: one.replace("ward/", "") }))).join(", ");

/** Somebody is away: an entry more in the text, which is then looked at and put. */
function Away() {
  const set = (/** @type {string} */ key) => (/** @type {any} */ event) => { away.value = { ...away.value, [key]: event.target.value }; };
  const add = (/** @type {Event} */ event) => {
    event.preventDefault();
    text.value = withAbsence(text.value ?? "", away.value);
    away.value = NOBODY;
    check();
  };
  const { person, from, to, substitute } = away.value;
  return html`<form class="commands" aria-label=${t("plan.away")} onSubmit=${add}>
    <label>${t("plan.person")} <input required value=${person} autocapitalize="none" autocomplete="off" onInput=${set("person")} /></label>
    <label>${t("plan.from")} <input required type="date" value=${from} onInput=${set("from")} /></label>
    <label>${t("plan.to")} <input required type="date" value=${to} onInput=${set("to")} /></label>
    <label>${t("plan.substitute")} <input value=${substitute} autocapitalize="none" autocomplete="off" onInput=${set("substitute")} /></label>
    <button type="submit">${t("plan.add")}</button></form>`;
}

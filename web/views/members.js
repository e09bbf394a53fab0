// What follows from an outage: how many alarms of how many patients, and of whom nobody has answered yet.

import { html } from "../vendor/preact.js";
import { t } from "../language.js";
import { followers, inOrder, waits } from "../order.js";
import * as state from "../state.js";
import { AlarmChip, place } from "./alarm.js";

/** @import { Alarm } from "../types.js" */

/** @param {{alarm: Alarm}} props */
export function Members({ alarm }) {
  const all = followers(alarm, state.alarms.value.values());
  if (!all.length) return null;
  const patients = new Set(all.map((one) => one.patient ?? "")).size;
  const waiting = all.filter(waits).length;
  return html`<section aria-label=${t("members.title")}><h2 class="group">${t("members.title")}</h2>
    <p class="now">${t("members.count", { n: all.length, patients })} ${waiting ? t("members.waiting", { n: waiting }) : t("members.answered")}</p>
    <ul class="plain-list">${inOrder(all).map((one) => html`<li key=${one.id}><b>${place(one)}</b> <${AlarmChip} alarm=${one} />
      ${waits(one) ? html` <small>${t("members.waits")}</small>` : null}</li>`)}</ul></section>`;
}

// The limits of the patient of an opened alarm: whose they are, how long they hold, and what holds after.

import { html } from "../vendor/preact.js";
import { moment, number, time, unitText } from "../format.js";
import { t } from "../language.js";
import { limits } from "../limits.js";
import { said } from "../said.js";
import * as state from "../state.js";

/** @import { Alarm } from "../types.js" */
/** @import { Limit, Standing } from "../limits.js" */

/** @param {{alarm: Alarm}} props */
export function Limits({ alarm }) {
  if (!alarm.patient) return null;
  const { patient, known, unread } = limits.value;
  const own = patient === alarm.patient ? known : null;
  const title = t("limits.title", { patient: alarm.patient });
  return html`<section aria-label=${title}><h2 class="group">${title}</h2>
    ${own ? null : html`<p class="nothing">${patient === alarm.patient && unread ? t("limits.unread", { why: unread }) : t("alarms.loading")}</p>`}
    ${own && own.limits.length === 0 ? html`<p class="nothing">${t("limits.none")}</p>` : null}
    ${own ? html`<ul class="plain-list">${own.limits.map((one) => html`<li key=${name(one)}><b>${named(one, alarm.patient)}</b> <small>${put(one)}</small></li>`)}
      ${own.waiting.map(({ from, limits: all }) => html`<li key=${from}>${t("limits.later", { time: at(from), then: all.map((one) => named(one, alarm.patient)).join(" · ") || t("limits.none") })}</li>`)}</ul>` : null}
    <p class="nothing"><a href=${state.href({ view: "patient", id: alarm.patient })}>${t("watched.title", { patient: alarm.patient })}</a></p>
  </section>`;
}

/** Who put it, why, until when, and what holds then. @param {Standing} one */
function put(one) {
  const by = t(one.reason ? "limits.by_why" : "limits.by", { by: one.by, time: at(one.from), why: one.reason ?? "" });
  return `${by} · ${ends(one)}`;
}

/** @param {Standing} one */
function ends({ until, then, unit }) {
  if (!until) return t("limits.stay");
  if (!then) return t("limits.until", { time: at(until) });
  return t("limits.until_then", { time: at(until), then: then.value === null ? t("limits.nothing") : amount(then.value, unit) });
}

/** @param {Limit} one @param {string|null} patient */
function named(one, patient) {
  const vital = state.patients.value.get(patient ?? "")?.vitals.find((v) => v.signal === one.signal);
  const which = t(`limits.${one.critical ? "critical_" : ""}${one.side}`);
  return `${said(vital?.label ?? one.signal)} ${which} ${one.value === null ? t("limits.off") : amount(one.value, one.unit)}`;
}

/** @param {Limit} one */
const name = ({ signal, side, critical }) => `${signal} ${side} ${critical}`;

/** @param {number} value @param {string} unit */
const amount = (value, unit) => `${number(value)} ${unitText(unit)}`;

/** @param {string} text */
const at = (text) => moment(time(text), state.now.value);

// One patient: whether alarms would come, what watches now, and why something does not alarm.

import { html } from "../vendor/preact.js";
import { called, groupOf, GROUPS, limitsOf, stands, unheard, values } from "../explained.js";
import { moment, time } from "../format.js";
import { t } from "../language.js";
import { inCommon } from "../readouts.js";
import { said } from "../said.js";
import * as state from "../state.js";
import { readWatched, watched } from "../watched.js";

/** @import { Explained } from "../explained.js" */

readWatched(() => {
  const { view, id } = state.route.value;
  return view === "patient" ? id : null;
});

export function PatientHere() {
  const { id } = state.route.value;
  const patient = state.patients.value.get(id);
  const why = patient ? inCommon(patient.monitored.why.map(said)).join(" · ") : "";
  return html`<article key=${id} class="detail" aria-label=${t("watched.title", { patient: id })}>
    <p class="bar"><a class="button" href=${state.href({ view: "ward" })}>${t("detail.ward")}</a>
      <a class="button" href=${state.href({ view: "alarms" })}>${t("detail.all")}</a></p>
    <h1 tabindex="-1">${t("watched.title", { patient: id })} <small>${patient?.bed ?? ""}</small></h1>
    ${why ? html`<p class="why">${why}</p>` : null}
    <${Watched} id=${id} />
  </article>`;
}

/** @param {{id: string}} props */
function Watched({ id }) {
  const { patient, known, unread } = watched.value;
  // What was true when the page was live may not be any more.
  if (!state.trustworthy.value) return html`<p class="nothing">${t("alarms.not_known")}</p>`;
  if (patient !== id || !known) {
    return html`<p class="nothing">${patient === id && unread ? t("limits.unread", { why: unread }) : t("alarms.loading")}</p>`;
  }
  if (known.rules.length === 0) return html`<p class="nothing">${t("watched.none")}</p>`;
  return html`<p class="nothing">${t("watched.as_of", { time: moment(time(known.at), state.now.value) })}</p>
    ${GROUPS.map((group) => html`<${Group} key=${group} group=${group} rows=${known.rules.filter((row) => groupOf(row) === group)} />`)}`;
}

/** What nothing sends is there to be found, and in nobody's way. @param {{group: typeof GROUPS[number], rows: Explained[]}} props */
function Group({ group, rows }) {
  if (rows.length === 0) return null;
  const title = html`${t(`watched.group_${group}`)} <small>${rows.length}</small>`;
  if (group === "unsent") return html`<details><summary class="group" id="watched-${group}">${title}</summary><${Table} group=${group} rows=${rows} /></details>`;
  return html`<section aria-labelledby="watched-${group}"><h2 class="group" id="watched-${group}">${title}</h2><${Table} group=${group} rows=${rows} /></section>`;
}

/** @param {{group: typeof GROUPS[number], rows: Explained[]}} props */
function Table({ group, rows }) {
  const now = state.now.value;
  return html`<table class="watched ${group}" aria-labelledby="watched-${group}">
    <thead><tr><th scope="col">${t("watched.what")}</th><th scope="col">${t("watched.limit")}</th><th scope="col">${t("watched.how")}</th></tr></thead>
    <tbody>${rows.map((row) => html`<tr key=${`${row.rule} ${row.device} ${row.instance} ${row.signal} ${row.alarm?.id}`}>
      <th scope="row">${called(row)}<small>${[row.device, row.rule].filter(Boolean).join(" · ")}</small></th>
      <td>${limitsOf(row, now).map(({ key, which, whose }) => html`<p key=${key}>${which}<small>${whose}</small></p>`)}</td>
      <td><p>${stands(row, now)}</p>${unheard(row, now).map((text) => html`<p key=${text} class="why">${text}</p>`)}
        ${values(row, now).map((text) => html`<small key=${text}>${text}</small>`)}
        ${row.alarm ? html`<a href=${state.href({ view: "alarm", id: row.alarm.id })} aria-label=${t("watched.open_alarm", { rule: called(row) })}>${t("watched.alarm")}</a>` : null}</td>
    </tr>`)}</tbody></table>`;
}

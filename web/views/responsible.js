// Who answers for one alarm, and what a person does about that: take it, give it back, hand all of theirs over.

import { html } from "../vendor/preact.js";
import { t } from "../language.js";
import { told } from "../responsible.js";
import { Command } from "./alarm.js";
import { HandOver } from "./hand-over.js";

/** @import { Alarm } from "../types.js" */

/** @param {{alarm: Alarm}} props */
export function Responsible({ alarm }) {
  if (alarm.state === "closed") return null;
  const all = told(alarm);
  return html`<section aria-label=${t("duty.title")}>
    ${all.length ? html`<p class="now"><small>${t("duty.told_all", { all: all.join(" · ") })}</small></p>` : null}
    <div class="commands" role="group" aria-label=${t("duty.acts")}>
      <${Command} alarm=${alarm} act="accept" />
      <${Command} alarm=${alarm} act="reject" />
      <${Command} alarm=${alarm} act="release" />
      <${HandOver} />
    </div>
  </section>`;
}

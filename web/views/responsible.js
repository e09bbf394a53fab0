// Who answers for one alarm, and what a person does about that: take it, give it back, hand all of theirs over.

import { html, signal } from "../vendor/preact.js";
import { asking, handOver, refused, takeOver } from "../hand_over.js";
import { answering, together, told } from "../responsible.js";
import * as state from "../state.js";
import { Command } from "./alarm.js";

/** @import { Alarm } from "../types.js" */

const to = signal("");

/** @param {{alarm: Alarm}} props */
export function Responsible({ alarm }) {
  if (alarm.state === "closed") return null;
  const said = answering(alarm, state.now.value);
  const all = together(alarm, state.openAlarms.value);
  const whom = to.value.trim();
  return html`<section aria-label="Who answers for it">
    ${said ? html`<p class="now">${said}</p>` : null}
    ${told(alarm).length ? html`<p class="now"><small>Told: ${told(alarm).join(" · ")}</small></p>` : null}
    <div class="commands" role="group" aria-label="Take it, or hand it over">
      <${Command} alarm=${alarm} act="accept" />
      <${Command} alarm=${alarm} act="reject" />
      <${Command} alarm=${alarm} act="release" />
      <span class="apart">
        ${all.length ? html`<button class="act" data-meaning="take ${all.map((one) => one.id).join(" ")}" data-refused=${blocked()}
          onClick=${() => takeOver(alarm, all)}>Take all ${all.length} from ${alarm.responsibility?.person}</button>` : null}
        <input value=${to.value} maxlength="64" aria-label="To whom are all of yours handed over?" placeholder="hand over to"
          onInput=${(/** @type {any} */ e) => { to.value = e.target.value; }} />
        <button class="act" data-meaning="hand over ${whom}" data-refused=${whom ? blocked() : "write first to whom"}
          onClick=${() => handOver(whom)}>Hand over all of mine <small>they are yours until they are taken</small></button>
      </span>
    </div>
    ${refused.value ? html`<p class="alert failed" role="alert">${refused.value}</p>` : null}
  </section>`;
}

function blocked() {
  if (asking.value) return "waits for the gateway's answer";
  if (!state.mayAnswer.value) return "your role may look but not answer";
  if (state.link.value !== "live") return "not connected: nothing would be recorded";
  return "";
}

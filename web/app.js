// The frame around every view.

import { effect, html, render, signal } from "./vendor/preact.js";
import { signIn } from "./api.js";
import { keepFocus } from "./focus.js";
import { clock } from "./format.js";
import { watchButtons } from "./hold.js";
import * as state from "./state.js";
import { start } from "./sync.js";
import { AlarmBanner, Alerts, Failures, Filtered, Waiting } from "./views/banner.js";
import { Alarms } from "./views/alarms.js";
import { Detail } from "./views/detail.js";
import { Muted } from "./views/muted.js";
import { Ward } from "./views/ward.js";

const LINK = {
  live: "● Live", connecting: "○ Connecting …", lost: "✕ CONNECTION LOST", behind: "✕ NOT MONITORED",
};

function App() {
  if (state.needsToken.value) return html`<${SignIn} />`;
  const View = { ward: Ward, alarms: Alarms, alarm: Detail, muted: Muted }[state.route.value.view];
  const dimmed = state.trustworthy.value ? "" : "untrusted";
  return html`
    <div class="top" data-still><${TopBar} /><${Alerts} /><${AlarmBanner} /><${Filtered} /><${Failures} /><${Waiting} /></div>
    <main class=${dimmed}><${View} /></main>
    <p id="rest" tabindex="-1">The alarm you were on is not shown here any more.</p>
    <${Notice} />
    <footer>Research and demonstration software. Not a medical device, never the only means of monitoring.</footer>`;
}

function TopBar() {
  const link = state.link.value === "live" && state.notMonitored.value ? "behind" : state.link.value;
  const count = state.openAlarms.value.length;
  const here = state.route.value.view;
  const quiet = state.openAlarms.value.filter((alarm) => alarm.inactivation).length;
  const tab = (/** @type {"ward"|"alarms"|"muted"} */ view, /** @type {string} */ text) =>
    html`<a href=${state.href({ view })} aria-current=${here === view ? "page" : null}>${text}</a>`;
  return html`<header>
    <strong>vitalgate</strong>
    <nav aria-label="Views">${tab("ward", "Ward")}${tab("alarms", `Alarms ${count}`)}${tab("muted", `Muted ${quiet}`)}</nav>
    <${WardPicker} />
    <span class="grow"></span>
    <span class="who">${state.me.value.actor}</span>
    <time>${clock(state.now.value)}</time>
    <span class="link ${link}">${LINK[link]}</span>
  </header>`;
}

function WardPicker() {
  const wards = state.wards.value;
  if (wards.length < 2 && !state.ward.value) return null;
  const pick = (/** @type {any} */ event) => state.chooseWard(event.target.value);
  return html`<label class="picker">Ward
    <select onChange=${pick} value=${state.ward.value}>
      <option value="">all ${wards.length}</option>
      ${wards.map((ward) => html`<option value=${ward}>${ward}</option>`)}
    </select></label>`;
}

function Notice() {
  if (!state.notice.value) return null;
  return html`<div class="notice" role="status"><span>${state.notice.value}</span>
    <button onClick=${() => { state.notice.value = ""; }}>Close</button></div>`;
}

const typed = signal("");

function SignIn() {
  const send = (/** @type {Event} */ event) => {
    event.preventDefault();
    signIn(typed.value.trim());
    typed.value = "";
    signedIn();
  };
  return html`<form class="sign-in" onSubmit=${send}>
    <h1>vitalgate</h1>
    <p>This gateway needs a token. It is kept in this tab only.</p>
    <label>Token <input type="password" autocomplete="off" value=${typed.value}
      onInput=${(/** @type {any} */ e) => { typed.value = e.target.value; }} /></label>
    <button type="submit">Sign in</button>
    <p class="loud">NOT MONITORED on this screen until then.</p>
  </form>`;
}

// What a tab in the background shows.
effect(() => {
  const waiting = state.waiting.value.length;
  const high = state.waitingElsewhere.value.filter((alarm) => alarm.priority === "high").length;
  const count = `${waiting ? `(${waiting}) ` : ""}${high ? `[${high} high elsewhere] ` : ""}`;
  document.title = `${state.trustworthy.value ? count : "✕ NOT LIVE · "}vitalgate`;
});

const NOTICE_MS = 10_000;
effect(() => {
  const text = state.notice.value;
  if (text) setTimeout(() => { if (state.notice.value === text) state.notice.value = ""; }, NOTICE_MS);
});

const root = /** @type {HTMLElement} */ (document.getElementById("app"));
root.replaceChildren();
watchButtons(root, (why) => { state.notice.value = `Not taken: ${why}`; });
keepFocus(root, () => document.getElementById("rest"));
const { signedIn } = start();
render(html`<${App} />`, root);

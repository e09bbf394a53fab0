// The frame around every view.

import { effect, html, render } from "./vendor/preact.js";
import { signOutOfTab, token } from "./api.js";
import { keepFocus } from "./focus.js";
import { clock } from "./format.js";
import { watchButtons } from "./hold.js";
import * as state from "./state.js";
import { signOut } from "./session.js";
import { start } from "./sync.js";
import { Account } from "./views/account.js";
import { AlarmBanner, Alerts, Failures, Filtered, Waiting } from "./views/banner.js";
import { Alarms } from "./views/alarms.js";
import { Detail } from "./views/detail.js";
import { Muted } from "./views/muted.js";
import { Become, Pin } from "./views/pin.js";
import { SetUp, SignIn } from "./views/sign-in.js";
import { Ward } from "./views/ward.js";

const LINK = {
  live: "● Live", connecting: "○ Connecting …", lost: "✕ CONNECTION LOST", behind: "✕ NOT MONITORED",
};

function App() {
  if (state.setup.value) return html`<${SetUp} link=${state.setup.value} done=${isSetUp} />`;
  if (state.becoming.value) return html`<${Become} link=${state.becoming.value} done=${isSetUp} />`;
  if (state.needsToken.value) return html`<${SignIn} done=${() => signedIn()} />`;
  if (!state.seesPatients.value) return html`<div class="top"><header><strong>vitalgate</strong><span class="grow"></span><${Who} /></header></div>
    <main><${Account} changed=${() => signedIn()} /></main>`;
  const View = { ward: Ward, alarms: Alarms, alarm: Detail, muted: Muted, account: AccountHere }[state.route.value.view];
  const dimmed = state.trustworthy.value ? "" : "untrusted";
  return html`
    <div class="top" data-still><${TopBar} /><${Pin} /><${Alerts} /><${AlarmBanner} /><${Filtered} /><${Failures} /><${Waiting} /></div>
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
    <${Who} />
    <time>${clock(state.now.value)}</time>
    <span class="link ${link}">${LINK[link]}</span>
  </header>`;
}

const AccountHere = () => html`<${Account} changed=${() => signedIn()} />`;

/** Who is signed in, and the way out. */
function Who() {
  const { actor, role, station } = state.me.value;
  if (station) return html`<span class="who">${actor}: acts need a PIN</span>`;
  if (!actor || role === "local") return html`<span class="who">${actor}</span>`;
  return html`<span class="who"><a href=${state.href({ view: "account" })}>${actor}</a>
    <button class="plain" onClick=${leave}>Sign out</button></span>`;
}

/** The link was used: its secret leaves the address. */
function isSetUp() {
  history.replaceState(null, "", "#ward");
  state.setup.value = null;
  state.becoming.value = null;
  signedIn();
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

async function leave() {
  if (token()) signOutOfTab();
  else await signOut().catch(() => { state.notice.value = "Not signed out: the gateway did not answer."; });
  signedIn();
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

// The frame around every view.

import { effect, html, render, signal } from "./vendor/preact.js";
import { signIn } from "./api.js";
import { clock } from "./format.js";
import * as state from "./state.js";
import { AlarmBanner, Alerts } from "./views/banner.js";
import { Alarms } from "./views/alarms.js";
import { Ward } from "./views/ward.js";

const LINK = {
  live: "● Live", connecting: "○ Connecting …", lost: "✕ CONNECTION LOST", behind: "✕ NOT MONITORED",
};

function App() {
  if (state.needsToken.value) return html`<${SignIn} />`;
  const view = state.route.value === "alarms" ? html`<${Alarms} />` : html`<${Ward} />`;
  const dimmed = state.trustworthy.value ? "" : "untrusted";
  return html`
    <div class="top"><${TopBar} /><${Alerts} /><${AlarmBanner} /><${Notice} /></div>
    <main class=${dimmed}>${view}</main>
    <footer>Research and demonstration software. Not a medical device, never the only means of monitoring.</footer>`;
}

function TopBar() {
  const link = state.link.value === "live" && state.notMonitored.value ? "behind" : state.link.value;
  const count = state.openAlarms.value.length;
  const here = state.route.value;
  const tab = (/** @type {string} */ name, /** @type {string} */ text) =>
    html`<a href="#${name}" aria-current=${here === name ? "page" : null}>${text}</a>`;
  return html`<header>
    <strong>vitalgate</strong>
    <nav aria-label="Views">${tab("ward", "Ward")}${tab("alarms", `Alarms ${count}`)}</nav>
    <${WardPicker} />
    <span class="grow"></span>
    <span class="who">${state.me.value.actor}</span>
    <time>${clock(state.now.value)}</time>
    <span class="link ${link}">${LINK[link]}</span>
  </header>`;
}

function WardPicker() {
  const wards = state.wards.value;
  if (wards.length < 2) return null;
  const pick = (/** @type {any} */ event) => { state.ward.value = event.target.value; };
  return html`<label class="picker">Ward
    <select onChange=${pick} value=${state.ward.value}>
      <option value="">all ${wards.length}</option>
      ${wards.map((ward) => html`<option value=${ward}>${ward}</option>`)}
    </select></label>`;
}

function Notice() {
  if (!state.notice.value) return null;
  return html`<div class="notice" role="status">${state.notice.value}
    <button onClick=${() => { state.notice.value = ""; }}>Close</button></div>`;
}

const typed = signal("");

function SignIn() {
  const send = (/** @type {Event} */ event) => {
    event.preventDefault();
    signIn(typed.value.trim());
    typed.value = "";
    wake();
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
  const waiting = state.openAlarms.value.filter((alarm) => alarm.state === "alarming").length;
  const word = state.trustworthy.value ? (waiting ? `(${waiting}) ` : "") : "✕ NOT LIVE · ";
  document.title = `${word}vitalgate`;
});

const root = /** @type {HTMLElement} */ (document.getElementById("app"));
root.replaceChildren();
const wake = state.start();
render(html`<${App} />`, root);

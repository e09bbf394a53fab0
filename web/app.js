// The frame around every view.

import { effect, html, render } from "./vendor/preact.js";
import { signOutOfTab, token } from "./api.js";
import { keepFocus } from "./focus.js";
import { clock } from "./format.js";
import { beginSpeaking, choose, language, LANGUAGES, t } from "./language.js";
import { watchButtons } from "./hold.js";
import * as state from "./state.js";
import { signOut } from "./session.js";
import { beginSound, soundOff } from "./sound.js";
import { start } from "./sync.js";
import { Account } from "./views/account.js";
import { AlarmBanner, Alerts, Failures, Filtered, Waiting } from "./views/banner.js";
import { Alarms } from "./views/alarms.js";
import { Detail } from "./views/detail.js";
import { Handed } from "./views/hand-over.js";
import { Muted } from "./views/muted.js";
import { Become, Pin } from "./views/pin.js";
import { SetUp, SignIn } from "./views/sign-in.js";
import { PatientHere } from "./views/patient.js";
import { MayGoDark, Soundless, SoundSwitch } from "./views/sound.js";
import { Ward } from "./views/ward.js";

function App() {
  if (state.setup.value) return html`<${Outside}><${SetUp} link=${state.setup.value} done=${isSetUp} /><//>`;
  if (state.becoming.value) return html`<${Outside}><${Become} link=${state.becoming.value} done=${isSetUp} /><//>`;
  if (state.needsToken.value) return html`<${Outside}><${SignIn} done=${() => signedIn()} /><//>`;
  if (!state.seesPatients.value) return html`<${Outside}><${Account} changed=${() => signedIn()} /><//>`;
  const View = { ward: Ward, alarms: Alarms, alarm: Detail, patient: PatientHere, muted: Muted, account: AccountHere }[state.route.value.view];
  const dimmed = state.trustworthy.value ? "" : "untrusted";
  return html`
    <div class="top" data-still><${TopBar} /><${Pin} /><${Soundless} /><${Alerts} /><${AlarmBanner} /><${Filtered} /><${Failures} /><${Waiting} /></div>
    <${Handed} />
    <main class=${dimmed}><${View} /></main>
    <${Notice} />
    <footer><p id="rest" tabindex="-1">${t("app.rest")}</p><span>${t("app.disclaimer")}</span><${Speaks} /></footer>`;
}

/** The frame around what is shown while nobody who sees patients is signed in. @param {{children?: unknown}} props */
function Outside({ children }) {
  return html`<div class="top"><header><strong>vitalgate</strong><span class="grow"></span><${SoundSwitch} /><${Who} /><${Speaks} /></header></div>
    <main>${children}</main>
    <footer><span>${t("app.disclaimer")}</span></footer>`;
}

/** The language is chosen in itself. */
function Speaks() {
  return html`<span class="languages" role="group" aria-label=${t("app.language")}>${Object.entries(LANGUAGES).map(([tag, name]) => html`
    <button key=${tag} class="plain" lang=${tag} aria-pressed=${language.value === tag}
      onClick=${() => choose(/** @type {import("./language.js").Language} */ (tag))}>${name}</button>`)}</span>`;
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
    <nav aria-label=${t("app.views")}>${tab("ward", t("app.ward"))}${tab("alarms", t("app.alarms", { n: count }))}${tab("muted", t("app.muted", { n: quiet }))}</nav>
    <${WardPicker} />
    <span class="grow"></span>
    <${MayGoDark} /><${SoundSwitch} />
    <${Who} />
    <time>${clock(state.now.value)}</time>
    <span class="link ${link}">${t(`link.${link}`)}</span>
  </header>`;
}

const AccountHere = () => html`<${Account} changed=${() => signedIn()} />`;

/** Who is signed in, and the way out. */
function Who() {
  const { actor, role, station } = state.me.value;
  if (station) return html`<span class="who">${actor}: ${t("pin.needed")}</span>`;
  if (!actor || role === "local") return html`<span class="who">${actor}</span>`;
  return html`<span class="who"><a href=${state.href({ view: "account" })}>${actor}</a>
    <button class="plain" onClick=${leave}>${t("app.sign_out")}</button></span>`;
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
  return html`<label class="picker"><span class="sr">${t("app.pick_ward")}</span>
    <select onChange=${pick} value=${state.ward.value}>
      <option value="">${t("app.all_wards", { n: wards.length })}</option>
      ${wards.map((ward) => html`<option value=${ward}>${ward}</option>`)}
    </select></label>`;
}

function Notice() {
  if (!state.notice.value) return null;
  return html`<div class="notice" role="status"><span>${state.notice.value}</span>
    <button onClick=${() => { state.notice.value = ""; }}>${t("app.close")}</button></div>`;
}

async function leave() {
  soundOff();
  if (token()) signOutOfTab();
  else await signOut().catch(() => { state.notice.value = t("app.not_signed_out"); });
  signedIn();
}

// What a tab in the background shows.
effect(() => {
  const waiting = state.waiting.value.length;
  const high = state.waitingElsewhere.value.filter((alarm) => alarm.priority === "high").length;
  const count = `${waiting ? `(${waiting}) ` : ""}${high ? `${t("app.elsewhere", { n: high })} ` : ""}`;
  document.title = `${state.trustworthy.value ? count : `${t("app.not_live")} · `}vitalgate`;
});

const NOTICE_MS = 10_000;
effect(() => {
  const text = state.notice.value;
  if (text) setTimeout(() => { if (state.notice.value === text) state.notice.value = ""; }, NOTICE_MS);
});

beginSpeaking();
const root = /** @type {HTMLElement} */ (document.getElementById("app"));
root.replaceChildren();
watchButtons(root, (why) => { state.notice.value = t("app.not_taken", { why }); });
keepFocus(root, () => document.getElementById("rest"));
const { signedIn } = start();
beginSound();
render(html`<${App} />`, root);

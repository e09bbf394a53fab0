// What stands in place of every view until somebody has signed in; and the page of a link to set a password.

import { html, signal } from "../vendor/preact.js";
import { Refused, signIn } from "../api.js";
import { t } from "../language.js";
import { session, signInByName, useLink } from "../session.js";

/** How people sign in here, once the gateway has said so. */
const ways = signal(/** @type {import("../session.js").Session|null} */ (null));
const byToken = signal(false);
const name = signal("");
const secret = signal("");
const again = signal("");
const busy = signal(false);
/** Why it did not work. */
const why = signal("");
/** Seconds until the gateway looks at another attempt. */
const wait = signal(0);

let asked = false;
function ask() {
  if (asked) return;
  asked = true;
  session().then(
    (answer) => { ways.value = answer; byToken.value = !answer.by_name; },
    // One that does not answer that knows tokens alone, or is not there: then the page says so itself.
    () => { byToken.value = true; asked = false; },
  );
}

/** Nothing that was typed stays in the page. */
function forget() {
  name.value = "";
  secret.value = "";
  again.value = "";
  why.value = "";
}

/** @param {number} seconds */
function count(seconds) {
  wait.value = seconds;
  const timer = setInterval(() => {
    wait.value -= 1;
    if (wait.value <= 0) clearInterval(timer);
  }, 1_000);
}

/** @param {() => Promise<any>} attempt @param {() => void} done */
async function tryTo(attempt, done) {
  if (busy.value || wait.value > 0) return;
  busy.value = true;
  why.value = "";
  try {
    await attempt();
    forget();
    done();
  } catch (error) {
    secret.value = "";
    again.value = "";
    if (error instanceof Refused && error.status === 429) count(error.retryAfter ?? 5);
    why.value = error instanceof Refused && error.status !== 429 ? error.message
      : error instanceof Refused ? t("sign_in.too_many") : t("sign_in.no_answer");
  } finally {
    busy.value = false;
  }
}

/** @param {any} of @param {string} label @param {object} attributes */
function field(of, label, attributes) {
  const typed = (/** @type {any} */ event) => { of.value = event.target.value; };
  return html`<label>${label} <input required value=${of.value} onInput=${typed} ...${attributes} /></label>`;
}

function Outcome() {
  return html`<p class="refused" role="alert">${why.value}${wait.value > 0 ? ` ${t("sign_in.wait", { s: wait.value })}` : ""}</p>`;
}

/** @param {string} word */
function submit(word) {
  return html`<button type="submit" disabled=${busy.value || wait.value > 0}>${busy.value ? t("sign_in.busy") : word}</button>`;
}

/** @param {{done: () => void}} props */
export function SignIn({ done }) {
  ask();
  if (byToken.value) return html`<${ByToken} done=${done} />`;
  const go = (/** @type {Event} */ event) => {
    event.preventDefault();
    tryTo(() => signInByName(name.value, secret.value), done);
  };
  return html`<form class="sign-in" onSubmit=${go}>
    <h1>vitalgate</h1>
    ${ways.value?.unset ? html`<p>${t("sign_in.no_admin")}</p>` : null}
    ${field(name, t("sign_in.name"), { autocomplete: "username", autocapitalize: "none", spellcheck: false, maxlength: 64 })}
    ${field(secret, t("sign_in.password"), { type: "password", autocomplete: "current-password", maxlength: 256 })}
    <${Outcome} />
    ${submit(t("sign_in.go"))}
    ${ways.value?.oidc ? html`<a class="button" href="api/v1/session/oidc">${t("sign_in.by_provider")}</a>` : null}
    <button type="button" class="plain" onClick=${() => { byToken.value = true; why.value = ""; }}>${t("sign_in.use_token")}</button>
    <p class="loud">${t("sign_in.not_monitored")}</p>
  </form>`;
}

/** @param {{done: () => void}} props */
function ByToken({ done }) {
  const go = (/** @type {Event} */ event) => {
    event.preventDefault();
    signIn(secret.value.trim());
    forget();
    done();
  };
  return html`<form class="sign-in" onSubmit=${go}>
    <h1>vitalgate</h1>
    <p>${t("sign_in.needs_token")}</p>
    ${field(secret, t("sign_in.token"), { type: "password", autocomplete: "off" })}
    <button type="submit">${t("sign_in.go")}</button>
    ${ways.value?.by_name ? html`<button type="button" class="plain" onClick=${() => { byToken.value = false; }}>${t("sign_in.use_name")}</button>` : null}
    <p class="loud">${t("sign_in.not_monitored")}</p>
  </form>`;
}

/** @param {{link: {first: boolean, secret: string}, done: () => void}} props */
export function SetUp({ link, done }) {
  const { first } = link;
  const go = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (secret.value !== again.value) {
      why.value = t("sign_in.differ");
      return;
    }
    tryTo(() => useLink(link.secret, name.value, secret.value), done);
  };
  return html`<form class="sign-in" onSubmit=${go}>
    <h1>${first ? t("sign_in.set_up") : t("sign_in.set_password")}</h1>
    ${first ? html`<p>${t("sign_in.first")}</p>` : null}
    ${first ? field(name, t("sign_in.name"), { autocomplete: "username", autocapitalize: "none", spellcheck: false, maxlength: 64 }) : null}
    ${field(secret, t("sign_in.new"), { type: "password", autocomplete: "new-password", maxlength: 256 })}
    ${field(again, t("sign_in.again"), { type: "password", autocomplete: "new-password", maxlength: 256 })}
    <${Outcome} />
    ${submit(t("sign_in.set"))}
    <p class="loud">${t("sign_in.not_monitored")}</p>
  </form>`;
}

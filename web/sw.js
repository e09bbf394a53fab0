// The part of the page that lives without a tab: shows what the gateway pushes, and sends the answer that is given there.
// It keeps nothing and serves no file: a page out of a cache would look like monitoring.

/** @typedef {{accept: string, acknowledge: string, reject: string}} Answers */
/**
 * @typedef {{lead: string, place: string|null, technical: boolean, simulated: boolean, calls: boolean, high: boolean,
 *   tag: string, key: string, answers?: Answers}} Told
 */

const GERMAN = navigator.language.toLowerCase().startsWith("de");
/** @param {string} english @param {string} german */
const say = (english, german) => (GERMAN ? german : english);

/** What the gateway leads with. @type {Record<string, string>} */
const LEADS = {
  High: "HOCH", Medium: "Mittel", Low: "Niedrig", Test: "Test", Over: "Vorbei", Taken: "Übernommen", Closed: "Geschlossen",
  "Over while paused": "Während der Pause vorbei", "Told in error": "Irrtümlich gemeldet",
};

const PATIENCE_MS = 20_000;
const worker = /** @type {any} */ (self);

worker.addEventListener("install", () => worker.skipWaiting());
worker.addEventListener("activate", (/** @type {any} */ event) => event.waitUntil(worker.clients.claim()));

worker.addEventListener("push", (/** @type {any} */ event) => event.waitUntil(show(told(event.data))));

worker.addEventListener("notificationclick", (/** @type {any} */ event) => {
  const { data, tag } = event.notification;
  const path = event.action && data?.answers?.[event.action];
  event.notification.close();
  event.waitUntil(path ? answer(event.action, path, data) : open(tag));
});

/** What was pushed; `null` where it cannot be read. @param {any} data @returns {Told|null} */
function told(data) {
  try {
    const message = data.json();
    return typeof message?.lead === "string" ? message : null;
  } catch {
    return null;
  }
}

/** @param {Told|null} message */
function show(message) {
  if (!message) {
    // A browser asks that something is shown, and whatever came was meant for somebody.
    return notify(say("An alarm that cannot be read here", "Ein Alarm, der hier nicht gelesen werden kann"), {
      body: openThePage(), requireInteraction: true, tag: "unreadable",
    });
  }
  return notify(headline(message), {
    body: message.calls ? what(message) : openThePage(),
    tag: message.tag,
    // News of the same alarm sounds again, unless it only says what became of it.
    renotify: message.calls,
    requireInteraction: message.calls,
    silent: !message.calls,
    vibrate: message.high ? [400, 200, 400, 200, 400] : undefined,
    data: { answers: message.answers, headline: headline(message) },
    actions: message.answers
      ? [
        { action: "accept", title: say("Accept", "Übernehmen") },
        { action: "acknowledge", title: say("Acknowledge", "Quittieren") },
      ]
      : [],
  });
}

/** @param {Told} message */
function headline({ lead, place, simulated }) {
  const word = GERMAN ? LEADS[lead] ?? lead : lead;
  return `${simulated ? say("SIMULATED ", "SIMULIERT ") : ""}${word}: ${place ?? "Gateway"}`;
}

/** @param {Told} message */
function what({ technical }) {
  return technical
    ? say("An alarm of the equipment", "Ein technischer Alarm")
    : say("An alarm of the patient", "Ein Alarm des Patienten");
}

function openThePage() {
  return say("Open the page and look.", "Seite öffnen und nachsehen.");
}

/** Answers, and says what came of it: an answer that did not arrive must not look like one. @param {string} act @param {string} path @param {any} data */
async function answer(act, path, data) {
  let status = 0;
  try {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    status = (await fetch(new URL(path.slice(1), worker.registration.scope), { method: "POST", signal })).status;
  } catch {
    // No answer came.
  }
  if (status >= 200 && status < 300) {
    const done = act === "accept" ? say("You have it", "Sie haben übernommen") : say("Noted", "Quittiert");
    return notify(`${done} · ${data.headline}`, { tag: `answer-${path}`, silent: true });
  }
  const why = {
    0: say("The gateway did not answer.", "Das Gateway hat nicht geantwortet."),
    409: say("There is news, or it was answered already.", "Es gibt Neues, oder es wurde schon geantwortet."),
    410: say("That call is too old.", "Dieser Ruf ist zu alt."),
    403: say("You may not do that any more.", "Sie dürfen das nicht mehr."),
  }[status] ?? say("It was refused.", "Es wurde abgelehnt.");
  return notify(`${say("NOT ANSWERED", "NICHT BEANTWORTET")} · ${data.headline}`, {
    body: `${why} ${openThePage()}`, tag: `answer-${path}`, requireInteraction: true,
  });
}

/** Shows the alarm in the tab that there is, or in a new one. @param {string} alarm */
async function open(alarm) {
  const known = /^[a-z2-7]{8,}$/.test(alarm);
  const url = new URL(known ? `#alarm/${alarm}` : "#alarms", worker.registration.scope).href;
  const [tab] = await worker.clients.matchAll({ type: "window" });
  if (!tab) return worker.clients.openWindow(url);
  await tab.navigate(url).catch(() => null);
  return tab.focus();
}

/** @param {string} title @param {any} options */
function notify(title, options) {
  return worker.registration.showNotification(title, { icon: "icon.svg", lang: GERMAN ? "de" : "en", ...options });
}

// Accounts and stations, for whoever looks after them: what the gateway says of them, and what is asked of it.

import { signal } from "./vendor/preact.js";
import { get, refusal, remove, send } from "./api.js";
import { t } from "./language.js";

/** @typedef {{name: string, role: string, wards: string[]|null, devices: string[], state: string, has_pin: boolean, link?: string}} Person */
/** @typedef {{name: string, wards: string[], in_use: boolean, link?: string}} Station */

const ANSWER_MS = 15_000;

export const people = signal(/** @type {Person[]|null} */ (null));
export const stations = signal(/** @type {Station[]|null} */ (null));
/** A link that was given just now, and whose; it is nowhere else. */
export const given = signal(/** @type {{whose: string, link: string}|null} */ (null));
export const asking = signal(false);
/** Why the last thing asked was not done; empty if it was. */
export const refused = signal("");

/** For whom they were read; nobody sees what was read for another. */
let reader = "";

/** @param {string} actor */
export function readFor(actor) {
  if (reader === actor) return;
  reader = actor;
  people.value = null;
  stations.value = null;
  given.value = null;
  refused.value = "";
  readPeople();
}

async function readPeople() {
  try {
    const [all, places] = await Promise.all([get("people"), get("stations")]);
    people.value = all.items;
    stations.value = places.items;
  } catch (error) {
    refused.value = refusal(error);
  }
}

/** @param {{name: string, role: string, wards: string[]|null, devices: string[]}} person */
export const invite = (person) => ask(() => send("people", person, ANSWER_MS));

/** @param {string} name @param {{role?: string, wards?: string[]|null, devices?: string[], disabled?: boolean}} to */
export const change = (name, to) => ask(() => send(`people/${name}`, to, ANSWER_MS, "PATCH"));

/** @param {string} name */
export const newLink = (name) => ask(() => send(`people/${name}/link`, {}, ANSWER_MS));

/** @param {{name: string, wards: string[]}} station */
export const addStation = (station) => ask(() => send("stations", station, ANSWER_MS));

/** @param {string} name */
export const stationLink = (name) => ask(() => send(`stations/${name}/link`, {}, ANSWER_MS));

/** @param {string} name */
export const removeStation = (name) => ask(() => remove(`stations/${name}`, ANSWER_MS));

/** Words with commas as a list; nothing is null. @param {string} text */
export function words(text) {
  const all = text.split(",").map((word) => word.trim()).filter(Boolean);
  return all.length ? all : null;
}

/** Whether it was done. @param {() => Promise<any>} request */
async function ask(request) {
  if (asking.value) return false;
  asking.value = true;
  refused.value = "";
  given.value = null;
  try {
    const answer = await request();
    if (answer?.unwritten) refused.value = t("people.unwritten");
    if (answer?.link) given.value = { whose: answer.name, link: new URL(answer.link, location.href.split("#")[0]).href };
    return true;
  } catch (error) {
    refused.value = refusal(error);
    return false;
  } finally {
    asking.value = false;
    await readPeople();
  }
}

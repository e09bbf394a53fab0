// The plan of who is on duty: as the gateway says it, and another that is put in its place.

import { signal } from "./vendor/preact.js";
import { get, refusal, Refused, send } from "./api.js";

/** @typedef {{team: string, step: number, role: string, person: string|null, from: string|null, until: string|null, on_call: boolean}} OnDuty */
/** @typedef {{team: string, role: string, from: string, until: string}} Hole */
/** @typedef {{holes: Hole[], nobody_for: string[], version: string, warnings: string[]}} Checked */

const ANSWER_MS = 15_000;
/** A plan that was put is told to what judges within so long. */
const SHOWN_MS = 1_000;

export const onDuty = signal(/** @type {{items: OnDuty[], holes: Hole[]}|null} */ (null));
/** The plan as text, as it is being changed; null where nobody may, or there is none. */
export const text = signal(/** @type {string|null} */ (null));
/** What would become of the text, or became of it. */
export const checked = signal(/** @type {(Checked & {done: boolean})|null} */ (null));
/** Where nobody would be called any more by what was put; whoever means it says so. */
export const unmeant = signal(/** @type {string[]} */ ([]));
export const asking = signal(false);
/** Why the last thing asked was not done; empty if it was. */
export const refused = signal("");

let reader = "";
/** The version that was read. */
let seen = "";

/** @param {string} actor @param {boolean} plans whether they make the plan */
export function readFor(actor, plans) {
  const whose = `${actor} ${plans}`;
  if (reader === whose) return;
  reader = whose;
  [onDuty.value, text.value, checked.value, refused.value, unmeant.value] = [null, null, null, "", []];
  read(plans);
}

/** @param {boolean} plans */
async function read(plans) {
  try {
    onDuty.value = await get("duty");
    if (!plans) return;
    const plan = await get("duty/plan");
    [seen, text.value] = [plan.version, plan.text];
  } catch (error) {
    // Without a file there is no plan to change, and whoever is of some wards does not change it: nothing is wrong.
    if (!(error instanceof Refused) || ![403, 404].includes(error.status)) refused.value = refusal(error);
  }
}

/** Reads what stands now; what was typed is gone. */
export function readAgain() {
  [checked.value, refused.value, unmeant.value] = [null, "", []];
  return read(true);
}

/** What would become of the plan. */
export const check = () => ask("duty/plan/check", "POST", false);

/** Puts the plan in force, and shows soon who is on duty by it. @param {string[]} nobodyFor where it is meant that nobody is called */
export async function put(nobodyFor = []) {
  if (!(await ask("duty/plan", "PUT", true, { nobody_for: nobodyFor }))) return;
  await new Promise((resolve) => { setTimeout(resolve, SHOWN_MS); });
  onDuty.value = await get("duty").catch(() => onDuty.value);
}

/** @param {string} path @param {string} method @param {boolean} done @param {object} [also] */
async function ask(path, method, done, also = {}) {
  if (asking.value || text.value === null) return false;
  [asking.value, refused.value, checked.value, unmeant.value] = [true, "", null, []];
  try {
    const more = done ? { "if-match": `"${seen}"` } : {};
    const answer = await send(path, { text: text.value, ...also }, ANSWER_MS, method, more);
    if (done) seen = answer.version;
    checked.value = { ...answer, done };
    return true;
  } catch (error) {
    const left = error instanceof Refused ? error.problem?.nobody_for : undefined;
    if (left) unmeant.value = left;
    else refused.value = refusal(error);
    return false;
  } finally {
    asking.value = false;
  }
}

/** The text with an absence more. @param {string} plan @param {{person: string, from: string, to: string, substitute: string}} away */
export function withAbsence(plan, { person, from, to, substitute }) {
  const quoted = (/** @type {string} */ word) => JSON.stringify(word.trim());
  const by = substitute.trim() ? `substitute = ${quoted(substitute)}\n` : "";
  const gap = plan.endsWith("\n") || plan === "" ? "" : "\n";
  return `${plan}${gap}\n[[absence]]\nperson = ${quoted(person)}\nfrom = ${quoted(from)}\nto = ${quoted(to)}\n${by}`;
}

// In which language the page speaks: chosen in this browser, else the first of the browser's own that there is. Every
// text is one of web/texts/, by its key.

import { signal } from "./vendor/preact.js";
import { DE } from "./texts/de.js";
import { EN } from "./texts/en.js";

/** @typedef {"en"|"de"} Language */
/** @typedef {keyof typeof EN} Key */

/** What each calls itself. */
export const LANGUAGES = { en: "English", de: "Deutsch" };
/** Whose numbers and times. */
const LOCALES = { en: "en-GB", de: "de-DE" };
const TABLES = { en: EN, de: DE };
const KEPT = "vitalgate.language";

export const language = signal(/** @type {Language} */ ("en"));

/** For `Intl`. */
export const locale = () => LOCALES[language.value];

/** The first of the languages of a browser that there is. @param {readonly string[]} wanted @returns {Language} */
export function firstOf(wanted) {
  const known = wanted.map((tag) => tag.toLowerCase().split("-")[0]).find((tag) => tag in TABLES);
  return /** @type {Language} */ (known ?? "en");
}

/** Reads what was chosen, and follows what is chosen in another tab. */
export function beginSpeaking() {
  const read = () => {
    const chosen = localStorage.getItem(KEPT);
    speak(firstOf(chosen ? [chosen] : navigator.languages));
  };
  read();
  addEventListener("storage", (event) => { if (event.key === KEPT) read(); });
}

/** @param {Language} chosen */
export function choose(chosen) {
  localStorage.setItem(KEPT, chosen);
  speak(chosen);
}

/** @param {Language} next */
function speak(next) {
  language.value = next;
  document.documentElement.lang = next;
}

/**
 * A text with its values; `n` also says how many there are of what it is about.
 * @param {Key} key @param {Record<string, string|number>} [values] @returns {string}
 */
export function t(key, values = {}) {
  return parts(key, values).join("");
}

/**
 * The same for values that are more than text, as pieces one after the other.
 * @template V @param {Key} key @param {Record<string, V|string|number>} values @returns {(V|string|number)[]}
 */
export function parts(key, values) {
  const entry = /** @type {any} */ (TABLES[language.value][key]);
  // A word of a newer gateway: better as it is than not at all.
  if (entry === undefined) return [key.replace(/^[^.]*\./, "").replaceAll("_", " ")];
  const text = typeof entry === "string" ? entry : values.n === 1 ? entry.one : entry.other;
  return text.split(/\{(\w+)\}/).map((/** @type {string} */ piece, /** @type {number} */ at) => (at % 2 ? values[piece] ?? "" : piece));
}

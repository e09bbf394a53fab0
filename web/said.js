// What the gateway says in words (texts of alarms, why something is not watched or was refused), in the language of the
// page. What is not in the table of a language, such as what a site wrote in its own rules, is shown as it came.

import { language, locale } from "./language.js";
import { LABELS, PATTERNS, PHRASES, SCORED } from "./texts/said.de.js";

/** @typedef {{form: RegExp, names: string[], to: string}} Pattern */

const UNIT = "(?:%|/min|mmHg|kPa|°C|°F|mg/dL|mmol/L|kg/m2|kg|lb|cm|ms|mo|mV|min|mA|m|s|h/d|h|V|Ω|J|L/min|U/h|U|/h|µV)";
const N = `(?:[<>]=?)?-?\\d+(?:\\.\\d+)?(?: ${UNIT})?`;
const CONDITION = `.+? ${N} (?:below|above) ${N}`;
/** `{n}` is a number as people write it, with its unit; `{said}` is in words again; `{conditions}` are numbers beyond figures, `{labels}`
 * names of signals; all else is as it is. */
const KINDS = { n: N, said: ".+?", conditions: `${CONDITION}(?:, ${CONDITION})*` };

/** @type {Pattern[]} */
const patterns = PATTERNS.map(([from, to]) => {
  const names = [...from.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
  const form = from.split(/\{\w+\}/).map((piece) => piece.replace(/[.*+?^$()|[\]\\]/g, "\\$&"))
    .reduce((all, piece, at) => `${all}(${KINDS[/** @type {"n"} */ (kind(names[at - 1]))] ?? ".+?"})${piece}`);
  return { form: new RegExp(`^${form}$`), names, to };
});

/** `n2` is another `n`. @param {string} name */
function kind(name) {
  return name.replace(/\d$/, "");
}

/** @type {Map<string, string>} */
const known = new Map();
const MOST_KNOWN = 2_000;

/** @param {string} text @returns {string} */
export function said(text) {
  if (language.value === "en" || !text) return text;
  const before = known.get(text);
  if (before !== undefined) return before;
  if (known.size >= MOST_KNOWN) known.clear();
  const translated = inGerman(text) ?? text;
  known.set(text, translated);
  return translated;
}

/** Null where it is not known. @param {string} text @returns {string|null} */
export function inGerman(text) {
  const whole = PHRASES[text] ?? LABELS[text];
  if (whole !== undefined) return whole;
  for (const { form, names, to } of patterns) {
    const found = form.exec(text);
    if (!found) continue;
    const values = found.slice(1);
    return to.replace(/\{(\w+)\}/g, (_, name) => value(kind(name), values[names.indexOf(name)] ?? ""));
  }
  return measured(text) ?? inTwo(text);
}

const MEASURED = new RegExp(`^(.+?) (${KINDS.n})$`);

/** `Heart rate 0 /min`. @param {string} text */
function measured(text) {
  const found = MEASURED.exec(text);
  const label = found && LABELS[found[1]];
  return label ? `${label} ${value("n", found[2])}` : null;
}

/** @param {string} kind @param {string} text */
function value(kind, text) {
  if (kind === "n") return text.replace(/(\d)\.(\d)/, `$1${comma()}$2`);
  if (kind === "scored") return text.split(", ").map(scored).join(", ");
  if (kind === "conditions") return text.replace(CONDITIONS, condition);
  if (kind === "labels") return text.split("; ").map((label) => LABELS[label] ?? label).join("; ");
  if (kind === "list") return text.split("), ").map(withReason).join("), ");
  return kind === "said" ? inGerman(text) ?? text : text;
}

/** `respiration 3`, `high`. @param {string} text */
function scored(text) {
  const [, part, points] = /^(.+?)( \d+)?$/.exec(text) ?? [text, text];
  return `${SCORED[part] ?? part}${points ?? ""}`;
}

const CONDITIONS = new RegExp(`(.+?) (${N}) (below|above) (${N})(, |$)`, "g");

/**
 * `SpO2 89 % below 90 %`.
 * @param {string} _ @param {string} label @param {string} is @param {string} side @param {string} figure @param {string} end
 */
function condition(_, label, is, side, figure, end) {
  return `${LABELS[label] ?? label} ${value("n", is)} ${side === "below" ? "unter" : "über"} ${value("n", figure)}${end}`;
}

/** `Heart rate (no data`, without its end. @param {string} text */
function withReason(text) {
  const at = text.lastIndexOf(" (");
  const [label, reason] = [text.slice(0, at), text.slice(at + 2)];
  const end = reason.endsWith(")") ? ")" : "";
  const why = end ? reason.slice(0, -1) : reason;
  return `${inGerman(label) ?? label} (${inGerman(why) ?? why}${end}`;
}

/** `Asystole: Heart rate 0 /min`: a name, and what was found. @param {string} text */
function inTwo(text) {
  const at = text.indexOf(": ");
  if (at < 0) return null;
  const [name, rest] = [text.slice(0, at), text.slice(at + 2)];
  const [first, second] = [inGerman(name), inGerman(rest)];
  return first === null && second === null ? null : `${first ?? name}: ${second ?? rest}`;
}

function comma() {
  return new Intl.NumberFormat(locale()).formatToParts(1.5).find((part) => part.type === "decimal")?.value ?? ".";
}

// How a rule stands to a patient, in words. Pure, but for the language and the time that is shown.

import { moment, number, span, time, unitText } from "./format.js";
import { t } from "./language.js";
import { said } from "./said.js";

/** @import { Key } from "./language.js" */
/** @import { Priority } from "./types.js" */

/**
 * @typedef {"limit"|"loss"|"event"|"silence"|"trend"|"count"|"prediction"|"frozen"|"score"|"combination"} Kind
 *
 * @typedef {object} Stands
 * @property {"watching"|"delay_running"|"repeat_asked"|"alarming"|"clearing"|"unknown"|"not_judged"} is
 * @property {string|null} by
 * @property {boolean|null} critical
 * @property {string|null} ends_at
 * @property {string|null} fires_at
 * @property {string|null} lost_at
 * @property {string|null} reason
 * @property {string|null} since
 * @property {string|null} why
 *
 * @typedef {object} Level
 * @property {string|null} by
 * @property {boolean} critical
 * @property {number} delay_s
 * @property {"patient"|"cohort"|"pack"} from
 * @property {Priority} priority
 * @property {string|null} reason
 * @property {string|null} since
 * @property {string} unit
 * @property {string|null} until
 * @property {number|null} value
 *
 * @typedef {{is: "paused"|"follows"|"quiet"|"budget"|"information", by: string|null, reason: string|null, until: string|null}} KeptBack
 * @typedef {{comparator: string|null, measured_at: string, unit: string, value: number}} Value
 *
 * @typedef {object} Explained
 * @property {{id: string, state: string, condition: string}|null} alarm
 * @property {string|null} device
 * @property {Value|null} doubtful
 * @property {string} instance
 * @property {KeptBack[]} kept_back
 * @property {Kind} kind
 * @property {string} label
 * @property {Value|null} last
 * @property {Level[]} levels
 * @property {string|null} name
 * @property {string} rule
 * @property {{at: string|null, priority: Priority, reached: boolean}[]} rungs
 * @property {"low"|"high"|null} side
 * @property {string|null} signal
 * @property {Stands} state
 */

/** The groups in which rules are shown, what needs a look first. */
export const GROUPS = /** @type {const} */ (["now", "watched", "not", "unsent"]);

/** In which group a rule is shown. @param {Explained} row @returns {typeof GROUPS[number]} */
export function groupOf({ state, kind }) {
  switch (state.is) {
    case "watching": return "watched";
    case "not_judged":
      // What another says as soon is watched.
      if (state.reason === "covered" || state.reason === "told_elsewhere") return "watched";
      return state.reason === "no_device" ? "unsent" : "not";
    case "unknown": return "not";
    // What has not come yet, or was not judged, is missing.
    default: return kind === "silence" && state.is === "delay_running" ? "not" : "now";
  }
}

/** What a rule is called. @param {Explained} row */
export function called({ kind, name, label, instance, side }) {
  // One over several signals names each.
  const labels = kind === "combination" ? label.split(" + ") : [label];
  const what = `${labels.map(said).join(" + ")}${instance ? ` ${instance}` : ""}`;
  const full = name ? `${said(name)}: ${what}` : what;
  if (kind === "limit") return `${full} ${t(`limits.${side ?? "low"}`)}`;
  return ["event", "count", "score"].includes(kind) ? full : `${full}: ${t(`watched.kind_${kind}`)}`;
}

/** How it stands. @param {Explained} row @param {number} now */
export function stands(row, now) {
  const { is, by, since, fires_at, lost_at, ends_at, reason, why } = row.state;
  const at = (/** @type {string|null} */ text) => moment(time(text), now);
  const begun = at(since);
  const missing = row.kind === "loss" || row.kind === "silence";
  const together = row.kind === "combination";
  switch (is) {
    case "watching": return t(`watched.watching_${row.kind}`);
    case "delay_running":
      if (together) return t(fires_at ? "watched.met" : "watched.met_open", { since: begun, time: at(fires_at) });
      if (fires_at) return t(missing ? "watched.missing" : "watched.delay", { since: begun, time: at(fires_at) });
      if (lost_at) return t("watched.delay_lost", { since: begun, time: at(lost_at) });
      return t(missing ? "watched.missing_open" : "watched.delay_open", { since: begun });
    case "repeat_asked": return fires_at
      ? t("watched.repeat", { since: begun, time: at(fires_at) })
      : t("watched.repeat_open", { since: begun });
    case "alarming": return t("watched.alarming");
    case "clearing": return t(together ? "watched.clearing_met" : "watched.clearing", { since: begun, time: at(ends_at) });
    case "unknown": return since
      ? t("watched.unknown", { since: begun, why: said(why ?? "") })
      : t("watched.unknown_ever", { why: said(why ?? "") });
    default: return t(/** @type {Key} */ (`watched.not_${reason}`), { why: said(why ?? ""), by: by ?? "" });
  }
}

/** The last value, and a newer one that is in doubt. @param {Explained} row @param {number} now */
export function values({ last, doubtful }, now) {
  const one = (/** @type {Value} */ v) => `${v.comparator ?? ""}${amount(v.value, v.unit)}`;
  const when = (/** @type {Value} */ v) => t("alarm.at", { value: one(v), time: moment(time(v.measured_at), now) });
  return [last && when(last), doubtful && t("watched.in_doubt", { value: when(doubtful) })].filter((text) => text !== null);
}

/** Each limit with whose it is; of a silence when it is told. @param {Explained} row @param {number} now */
export function limitsOf({ levels, rungs }, now) {
  const at = (/** @type {string|null} */ text) => moment(time(text), now);
  const level = (/** @type {Level} */ one) => {
    const value = one.value === null ? t("limits.off") : amount(one.value, one.unit);
    const which = `${one.critical ? `${t("watched.critical")} ` : ""}${value}`;
    const delay = one.delay_s > 0 && one.value !== null ? t("watched.after", { span: span(one.delay_s * 1_000) }) : "";
    return { key: `${one.critical}`, which: delay ? `${which} ${delay}` : which, whose: whose(one, at) };
  };
  const rung = (/** @type {Explained["rungs"][number]} */ one) => ({
    key: one.priority, which: t(one.reached ? "watched.told" : "watched.tells", { priority: t(`priority.${one.priority}`), time: one.at ? at(one.at) : "--:--" }), whose: "",
  });
  return [...levels.map(level), ...rungs.map(rung)];
}

/** @param {Level} one @param {(text: string|null) => string} at */
function whose(one, at) {
  if (one.from !== "patient") return t("watched.of_rules");
  const by = t(one.reason ? "limits.by_why" : "limits.by", { by: one.by ?? "", time: at(one.since), why: one.reason ?? "" });
  return `${by} · ${one.until ? t("limits.until", { time: at(one.until) }) : t("limits.stay")}`;
}

/** Why nobody hears of it, or what of its alarm is still open. @param {Explained} row @param {number} now */
export function unheard({ kept_back, alarm, state }, now) {
  const kept = kept_back.map(({ is, by, reason, until }) => {
    const values = { by: by ?? "", why: reason ?? "", time: until ? moment(time(until), now) : "--:--" };
    return is === "paused" && reason ? t("watched.kept_paused_why", values) : t(/** @type {Key} */ (`watched.kept_${is}`), values);
  });
  return alarm && state.is === "watching" ? [t("watched.over"), ...kept] : kept;
}

/** @param {number} value @param {string} unit */
const amount = (value, unit) => `${number(value)} ${unitText(unit)}`;

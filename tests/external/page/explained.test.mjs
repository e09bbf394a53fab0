// Each state, each reason and each thing that keeps an alarm back has a sentence in both languages.
//
//   node --test tests/external/page/*.test.mjs
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { called, groupOf, limitsOf, stands, unheard, values } from "../../../web/explained.js";
import { language } from "../../../web/language.js";
import { DE } from "../../../web/texts/de.js";
import { EN } from "../../../web/texts/en.js";

const core = ["mod.rs", "kept.rs"].map((name) => readFileSync(new URL(`../../../crates/domain/src/patient/explain/${name}`, import.meta.url), "utf8")).join("\n");
/** The words on the wire of one enum of the core. */
function wordsOf(name) {
  const from = core.indexOf(`impl ${name} {`);
  assert.ok(from > 0, name);
  const all = [...core.slice(from, core.indexOf("\n}", from)).matchAll(/=> "(\w+)"/g)].map(([, word]) => word);
  assert.ok(all.length > 3, name);
  return all;
}

const NOW = Date.parse("2026-11-21T10:00:30Z");
const at = (second) => `2026-11-21T10:00:${second}Z`;
const row = (state, more = {}) => ({
  alarm: null, device: "dev", doubtful: null, instance: "", kept_back: [], kind: "limit", label: "SpO2", last: null, levels: [], name: null,
  rule: "r", rungs: [], side: "low", signal: "spo2",
  state: { is: "watching", by: null, critical: null, ends_at: null, fires_at: null, lost_at: null, reason: null, since: null, why: null, ...state }, ...more,
});

test("every state of every kind has a sentence, and every reason", () => {
  for (const spoken of ["en", "de"]) {
    language.value = spoken;
    try {
      const table = { en: EN, de: DE }[spoken];
      const known = new Set(Object.values(table).filter((text) => typeof text === "string"));
      for (const is of wordsOf("State")) for (const kind of ["limit", "loss", "event", "silence", "combination"]) {
        if (is === "not_judged") continue;
        const text = stands(row({ is, since: at(10), fires_at: at(20), ends_at: at(40), why: "no data" }, { kind }), NOW);
        assert.match(text, / /, `${spoken} ${is} ${kind}: ${text}`);
        assert.doesNotMatch(text, /[{}]|undefined/, text);
      }
      for (const reason of wordsOf("NotJudged")) {
        assert.ok(`watched.not_${reason}` in table, reason);
        assert.doesNotMatch(stands(row({ is: "not_judged", reason, why: "late", by: "x" }), NOW), /[{}]|undefined/);
      }
      for (const is of wordsOf("KeptBack")) {
        assert.ok(`watched.kept_${is}` in table, is);
        const [text] = unheard(row({}, { kept_back: [{ is, by: "anna", reason: null, until: at(50) }] }), NOW);
        assert.doesNotMatch(text, /[{}]|undefined/, text);
      }
      assert.ok(known.size > 100);
    } finally { language.value = "en"; }
  }
});

test("a combination names each of its signals, and says since when it is met", () => {
  const together = (state) => row(state, { kind: "combination", label: "Heart rate + SpO2", device: null, signal: null, side: null });
  assert.equal(called(together({})), "Heart rate + SpO2: together");
  assert.match(stands(together({ is: "delay_running", since: at(10), fires_at: at(20) }), NOW), /^met since .*:10: alarms at .*:20/);
  assert.match(stands(together({ is: "clearing", since: at(10), ends_at: at(40) }), NOW), /not met since .*:10: over at .*:40/);
  language.value = "de";
  try { assert.equal(called(together({})), "Herzfrequenz + SpO2: zugleich"); } finally { language.value = "en"; }
});

test("when it fires, when it is lost and when nobody can say are three sentences", () => {
  const delay = (more) => stands(row({ is: "delay_running", since: at(10), ...more }), NOW);
  assert.match(delay({ fires_at: at(25) }), /alarms at \d\d:\d\d:25 unless it comes back/);
  assert.match(delay({ lost_at: at(20) }), /if no more comes, that is told at \d\d:\d\d:20/);
  assert.match(delay({}), /alarms if it goes on/);
  assert.match(stands(row({ is: "delay_running", since: at(10) }, { kind: "loss" }), NOW), /its device goes on without it/);
  assert.match(stands(row({ is: "not_judged", reason: "newer_than_this_page" }), NOW), /newer than this page/);
});

test("a limit says whose it is, and one that is switched off says so", () => {
  const level = { by: null, critical: false, delay_s: 15, from: "pack", priority: "medium", reason: null, since: null, unit: "%", until: null, value: 88 };
  const own = { ...level, critical: true, value: null, from: "patient", by: "anna", reason: "COPD", since: at(10) };
  const [ordinary, critical] = limitsOf(row({}, { levels: [level, own] }), NOW);
  assert.deepEqual([ordinary.which, ordinary.whose], ["88 % for 15 s", "of the rules"]);
  assert.equal(critical.which, "critical off");
  assert.match(critical.whose, /^by anna, since .+: COPD · until the end of the stay$/);
  const rungs = [{ at: at(15), priority: "low", reached: true }, { at: at(55), priority: "medium", reached: false }];
  const told = limitsOf(row({}, { kind: "silence", rungs }), NOW).map((one) => one.which);
  assert.match(told.join(" · "), /^low, told at .+:15 · medium, at .+:55$/);
});

test("what is looked at first is what alarms, and what nobody sends comes last", () => {
  assert.equal(groupOf(row({ is: "delay_running" })), "now");
  assert.equal(groupOf(row({ is: "delay_running" }, { kind: "silence" })), "not");
  assert.equal(groupOf(row({})), "watched");
  assert.equal(groupOf(row({ is: "unknown" })), "not");
  assert.equal(groupOf(row({ is: "not_judged", reason: "doubtful" })), "not");
  assert.equal(groupOf(row({ is: "not_judged", reason: "covered" })), "watched");
  assert.equal(groupOf(row({ is: "not_judged", reason: "no_device" })), "unsent");
});

test("a rule is called by what it finds and what it watches", () => {
  assert.equal(called(row({}, { name: "Asystole", label: "Heart rate" })), "Asystole: Heart rate low");
  assert.equal(called(row({}, { kind: "silence" })), "SpO2: does not come");
  assert.equal(called(row({}, { kind: "event", label: "VF episode" })), "VF episode");
  const value = { comparator: "<", measured_at: at(10), unit: "%", value: 84 };
  assert.match(values(row({}, { last: value, doubtful: value }), NOW).join(), /^<84 % at .+,in doubt: <84 % at/);
  assert.deepEqual(unheard(row({}, { alarm: { id: "a" } }), NOW), ["its alarm is over and still open"]);
});

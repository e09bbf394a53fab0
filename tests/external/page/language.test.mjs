// Two languages: the same keys, each used, no words beside the tables, and German for what the gateway says.
//
//   node --test tests/external/page/*.test.mjs
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { clock, moment, number, span } from "../../../web/format.js";
import { firstOf, language, t } from "../../../web/language.js";
import { inGerman, said } from "../../../web/said.js";
import { DE } from "../../../web/texts/de.js";
import { EN } from "../../../web/texts/en.js";
import { LABELS, PATTERNS } from "../../../web/texts/said.de.js";

const read = (path) => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");
const files = readdirSync(new URL("../../../web/", import.meta.url), { recursive: true })
  .filter((name) => name.endsWith(".js") && !/^(vendor|texts)\//.test(name)).map((name) => [name, read(`web/${name}`)]);
const placeholders = (entry) => [...JSON.stringify(entry).matchAll(/\{\w+\}/g)].map(([name]) => name);

function inLanguage(chosen, run) {
  language.value = chosen;
  try { run(); } finally { language.value = "en"; }
}

test("both tables have the same keys, each with the same values", () => {
  assert.deepEqual(Object.keys(DE).sort(), Object.keys(EN).sort());
  for (const key of Object.keys(EN)) {
    assert.equal(typeof DE[key], typeof EN[key], key);
    assert.deepEqual(new Set(placeholders(DE[key])), new Set(placeholders(EN[key])), key);
  }
});

test("every key is used, and every key that is used is there", () => {
  const used = new Set();
  for (const [name, source] of files) {
    for (const [, key] of source.matchAll(/\b(?:t|parts)\(\s*"([\w.-]+)"/g)) {
      assert.ok(key in EN, `${name} uses ${key}`);
      used.add(key);
    }
    for (const [, key] of source.matchAll(/[?:] "((?:[a-z_]+)\.[\w-]+)"/g)) if (key in EN) used.add(key);
    for (const [, before] of source.matchAll(/\b(?:t|parts)\((?:\/\*\*.*?\*\/ \()?`([\w.]+)\$\{/g)) {
      const all = Object.keys(EN).filter((key) => key.startsWith(before));
      assert.ok(all.length > 1, `${name} uses ${before}…`);
      for (const key of all) used.add(key);
    }
  }
  assert.deepEqual(Object.keys(EN).filter((key) => !used.has(key)), []);
});

/** The templates of a source as they stand, each without what is put into it; those inside others as well. */
function templates(source) {
  const found = [];
  /** Reads on from behind a backtick, and says where the template ends. */
  const template = (at, isHtml) => {
    let text = "";
    while (source[at] !== "`") {
      if (source.startsWith("${", at)) at = code(at + 2);
      else text += source[at++];
    }
    if (isHtml) found.push(text);
    return at + 1;
  };
  /** Reads on from behind an open brace, and says where it is closed. */
  const code = (at) => {
    for (let depth = 0; at < source.length; at += 1) {
      if (source[at] === "`") at = template(at + 1, source.slice(at - 4, at) === "html") - 1;
      else if (source[at] === "{") depth += 1;
      else if (source[at] === "}" && depth-- === 0) return at + 1;
    }
    return at;
  };
  code(0);
  return found;
}

/** What stands between the tags of templates, and in the attributes that people read. */
function words(source) {
  const all = templates(source.replace(/^\s*(?:\/\/|\/?\*).*$/gm, "")).flatMap((text) => [
    ...text.split(/<[^<>]*>/), ...[...text.matchAll(/(?:aria-label|title|placeholder|alt)="([^"]*)"/g)].map(([, said]) => said),
  ]);
  return all.map((text) => text.trim()).filter((text) => /\p{L}{2}/u.test(text));
}

test("no view has words of its own", () => {
  const names = ["vitalgate"];
  assert.deepEqual(words("html`<p title=\"So what\">${[1].map((n) => html`<b>Inside ${n}</b>`)} Out</p>`"), ["Inside", "Out", "So what"]);
  for (const [name, source] of files.filter(([path]) => path.startsWith("views/") || path === "app.js")) {
    assert.deepEqual(words(source).filter((text) => !names.includes(text)), [], name);
  }
});

test("all that a view reads of the gateway in words is put into the language", () => {
  for (const [name, source] of files) {
    assert.doesNotMatch(source, /\$\{(?:alarm|first|failure)\.(?:text|advice|priority)\}[^"`]*</, name);
  }
});

test("the language is the first of the browser's that there is, else English", () => {
  assert.equal(firstOf(["fr-CH", "de-AT", "en"]), "de");
  assert.equal(firstOf(["EN-us", "de"]), "en");
  assert.equal(firstOf(["fr"]), "en");
  assert.equal(firstOf([]), "en");
});

test("numbers and times are those of the language, and thousands are never parted", () => {
  const noon = new Date(2026, 10, 30, 14, 2, 9).getTime();
  assert.deepEqual([36.6, 120, 5.444, 1234, -0.5].map(number), ["36.6", "120", "5.44", "1234", "-0.5"]);
  assert.equal(clock(noon), "14:02:09");
  assert.equal(span(3 * 86_400_000), "3 d");
  assert.equal(moment(noon, noon + 60_000), "14:02:09");
  assert.match(moment(noon, noon + 86_400_000), /^Mon,? 30\/11 14:02:09$/);
  inLanguage("de", () => {
    assert.deepEqual([36.6, 120, 5.444, 1234, -0.5].map(number), ["36,6", "120", "5,44", "1234", "-0,5"]);
    assert.equal(clock(noon), "14:02:09");
    assert.equal(span(3 * 86_400_000), "3 Tg.");
    assert.match(moment(noon, noon + 86_400_000), /^Mo\.?,? 30\.11\.? 14:02:09$/);
  });
});

test("one and several are said apart, and what is not in the table is said as it is", () => {
  assert.match(t("banner.quiet", { n: 1, where: "" }), /; 1 waits without/);
  assert.match(t("banner.quiet", { n: 2, where: "" }), /; 2 wait without/);
  assert.equal(t("device.not_known_yet"), "not known yet");
});

test("every text that the gateway makes of an alarm has its German", () => {
  const texts = read("tests/fixtures/texts.txt").trim().split("\n").filter((line) => !line.startsWith("#"));
  assert.ok(texts.length > 40, "the texts of the gateway");
  for (const line of texts) {
    const [name, text] = line.split("\t");
    assert.notEqual(inGerman(text), null, `${name}: ${text}`);
  }
});

test("each condition of a combination is said in German, with its values", () => {
  inLanguage("de", () => assert.equal(inGerman("Heart rate 42.5 /min below 50 /min, Arterial pressure, mean 121 mmHg above 120 mmHg; not known: SpO2; Temperature"),
    "Herzfrequenz 42,5 /min unter 50 /min, Arterieller Druck, mittel 121 mmHg über 120 mmHg; nicht bekannt: SpO2; Temperatur"));
});

test("every signal and rule that is shipped has its German", () => {
  const labels = [...read("config/signals.toml").matchAll(/^label = "(.*)"$/gm)].map(([, label]) => label);
  assert.ok(labels.length > 60);
  assert.deepEqual(labels.filter((label) => !(label in LABELS)), []);
  assert.deepEqual(Object.keys(LABELS).filter((label) => !labels.includes(label)), []);
  const packs = readdirSync(new URL("../../../config/packs", import.meta.url)).map((pack) => `config/packs/${pack}`);
  assert.ok(packs.length > 2);
  for (const file of ["config/rules.toml", ...packs]) {
    for (const [, text] of read(file).matchAll(/^(?:text|name|advice) = "(.*)"$/gm)) assert.notEqual(inGerman(text), null, text);
  }
});

test("every word of a transition has its German", () => {
  const source = read("crates/domain/src/output/transition.rs");
  const all = [...source.matchAll(/Self::\w+ => "([a-z_]+)",/g)].map(([, word]) => word.replaceAll("_", " "));
  assert.ok(all.length > 35);
  assert.deepEqual(all.filter((word) => inGerman(word) === null), []);
});

test("why somebody is not watched has its German", () => {
  const source = read("src/projection/monitored.rs");
  for (const [, text] of source.matchAll(/why\.push\("([^"]+)"/g)) assert.notEqual(inGerman(text), null, text);
  for (const [, text] of source.matchAll(/why\.push\(format!\("\{what\}: ([^"{]+)"/g)) assert.notEqual(inGerman(text), null, text);
});

test("values keep their units and take the separator of the language", () => {
  const of = {
    "SpO2 74 % (lowest 68 %) below 80 %": "SpO2 74 % (tiefster Wert 68 %) unter 80 %",
    "Temperature 38.7 °C above 38.5 °C": "Temperatur 38,7 °C über 38,5 °C",
    "SpO2 97 % (lowest 74 %, limit 80 %)": "SpO2 97 % (tiefster Wert 74 %, Grenze 80 %)",
    "Asystole: Heart rate 0 /min": "Asystolie: Herzfrequenz 0 /min",
    "Extreme bradycardia: Heart rate 25 /min (lowest 22 /min)": "Extreme Bradykardie: Herzfrequenz 25 /min (tiefster Wert 22 /min)",
    "Glucose, sensor <39 mg/dL below 55 mg/dL (late)": "Glukose, Sensor <39 mg/dL unter 55 mg/dL (verspätet)",
    "Glasgow coma scale 7 below 8": "Glasgow-Koma-Skala 7 unter 8",
    "No judged data from dev-1: Blood pressure, cuff, mean (no data), SaO2 (blood gas) (quality)":
      "Keine bewerteten Daten von dev-1: Blutdruck, Manschette, mittel (keine Daten), SaO2 (Blutgas) (Qualität)",
    "Atemnot nach Anstrengung": "Atemnot nach Anstrengung",
    "Event reported by the device: door open": "Vom Gerät gemeldetes Ereignis: door open",
  };
  for (const [english, german] of Object.entries(of)) {
    assert.equal(said(english), english);
    inLanguage("de", () => assert.equal(said(english), german));
  }
  for (const [from, to] of PATTERNS) assert.deepEqual(placeholders(from).sort(), placeholders(to).sort().concat(from.includes("{time}") ? ["{time}"] : []).sort(), from);
});

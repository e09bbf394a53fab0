// Every view in both languages, wide and narrow, by axe: no rule of it is left out.
"use strict";

const fs = require("node:fs");
const { assert } = require("./help.cjs");

const AXE = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const now = () => new Date().toISOString();

async function clean(page, where) {
  await page.evaluate(AXE);
  const found = await page.evaluate(async () => {
    const { violations } = await globalThis.axe.run(document);
    return violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => `${node.html} ${node.failureSummary}`).join(" | ")}`);
  });
  assert.deepEqual(found, [], where);
}

/** A ward with one of everything. */
function everything(gateway) {
  const asked = (state, more) => ({ state, team: "icu", step: 1, role: "nurse", person: "anna", since: now(), deadline: null,
    told: [{ to: "anna", channel: "phone", at: now(), result: "taken", seq: 1 }], ...more });
  for (const bed of ["bed-01", "bed-02"]) {
    gateway.vital(bed, "heart_rate", 72, { label: "Heart rate" });
    gateway.vital(bed, "spo2", 84, { label: "SpO2", unit: "%", doubt: "unit doubtful" });
    gateway.vital(bed, "temperature", 38.6, { label: "Temperature", unit: "Cel", stale_after: "2026-01-01T00:00:00Z" });
  }
  gateway.watched = { "bed-02": { state: "partly", why: ["SpO2: no data"] }, "bed-07": { state: "not", why: ["no device is bound"] } };
  gateway.alarm("a-1", "bed-01", { text: "Heart rate 25 /min below 30 /min", priority: "high", trigger: { signal: "heart_rate", limit: 30, unit: "/min" }, responsibility: asked("notified") });
  gateway.alarm("a-2", "bed-02", { text: "SpO2 84 % below 88 %", state: "acknowledged", acknowledged: { by: "anna", at: now(), until: null, seq: 1 },
    responsibility: asked("accepted", { offered: "local:test" }) });
  gateway.alarm("a-3", "bed-02", { text: "Temperature 38.6 °C above 38.5 °C", priority: "low", trigger: { signal: "temperature" } });
  gateway.alarm("a-4", "bed-07", { text: "No judged data from dev-07: SpO2 (no data)", kind: "technical", condition: "unknown", condition_reason: "no data" });
  gateway.alarm("a-5", "bed-01", { text: "VF episode reported", priority: "high", state: "latched", condition: "absent", kind: "physiological" });
  gateway.alarm("a-6", null, { text: "no screen shows ward icu-2", kind: "technical", priority: "high" });
  gateway.alarm("a-7", "bed-20", { text: "SpO2 84 % below 88 %", state: "off", inactivation: { what: "alarm", how: "off", by: "anna", reason: "CT", at: now(), until: new Date(Date.now() + 3_600_000).toISOString() } });
  gateway.alarm("a-8", "bed-20", { text: "Atrial episode", priority: "info", condition: "momentary" });
  const stands = (is, more = {}) => ({ is, by: null, critical: null, ends_at: null, fires_at: null, lost_at: null, reason: null, since: null, why: null, ...more });
  const level = { by: "anna", critical: true, delay_s: 5, from: "patient", priority: "high", reason: "COPD", since: now(), unit: "%", until: null, value: 85 };
  const value = { comparator: null, doubt: "late", measured_at: now(), unit: "%", value: 84 };
  const row = (rule, state, more = {}) => ({ alarm: null, device: "dev-01", doubtful: null, instance: "", kept_back: [], kind: "limit", label: "SpO2", last: value,
    levels: [level], name: null, rule, rungs: [], side: "low", signal: "spo2", state, ...more });
  gateway.explained["p-01"] = [
    row("vitals_live.spo2_low", stands("delay_running", { since: now(), fires_at: now() }), { alarm: { id: "a-1", state: "latched", condition: "absent" }, doubtful: value }),
    row("vitals_live.heart_rate_low", stands("watching"), { kept_back: [{ is: "paused", by: "anna", reason: "CT", until: now() }] }),
    row("vitals_live.spo2_floor_low", stands("not_judged", { reason: "covered", by: "vitals_live.spo2_low" })),
    row("link.silence", stands("watching"), { kind: "silence", levels: [], rungs: [{ after_s: 15, at: now(), priority: "low", reached: false }] }),
    row("cgm.glucose_low", stands("not_judged", { reason: "no_device" }), { device: null }),
  ];
  gateway.pauses.push({ id: 5, rule: null, patient: null, bed: "bed-07", ward: "icu", by: "anna", reason: "CT", at: now(), until: new Date(Date.now() + 3_600_000).toISOString() });
}

async function inEach(context, gateway, look, widths = [1280, 390]) {
  for (const locale of ["en-GB", "de-DE"]) for (const width of widths) {
    const own = await context.browser().newContext({ locale, viewport: { width, height: 800 }, reducedMotion: "reduce" });
    try {
      const page = await own.newPage();
      page.setDefaultTimeout(20_000);
      await look(page, `${locale} ${width}`, async (hash) => {
        await page.goto("about:blank");
        await page.goto(gateway.url + hash);
      });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wide <= 0, `${locale} ${width}: ${wide} px wider than the screen`);
    } finally {
      await own.close();
    }
  }
}

module.exports = {
  async axe_finds_nothing_in_any_view({ gateway, context }) {
    everything(gateway);
    await inEach(context, gateway, async (page, where, go) => {
      for (const hash of ["#ward", "#ward?ward=icu", "#alarms", "#alarm/a-1", "#alarm/a-4", "#patient/p-01", "#muted", "#account"]) {
        await go(hash);
        await page.getByText("● Live").waitFor();
        await page.waitForFunction(() => document.querySelector("main").textContent.length > 10);
        await clean(page, `${where} ${hash}`);
      }
    });
  },

  /** As on a screen of 1280 px at 400 %: whoever needs large letters scrolls in one direction alone. */
  async nothing_is_wider_than_a_screen_of_320_pixels({ gateway, context }) {
    everything(gateway);
    await inEach(context, gateway, async (page, where, go) => {
      for (const hash of ["#ward?ward=icu", "#alarms", "#alarm/a-1", "#patient/p-01", "#muted", "#account"]) {
        await go(hash);
        await page.getByText("● Live").waitFor();
        await page.waitForFunction(() => document.querySelector("main").textContent.length > 10);
        const beyond = await page.evaluate(() => [...document.querySelectorAll("body *")].filter((element) => {
          const { right, width, height } = element.getBoundingClientRect();
          return width > 1 && height > 1 && right > document.documentElement.clientWidth + 1;
        }).map((element) => `${element.tagName} ${element.className} ${element.textContent.slice(0, 40)}`));
        assert.deepEqual(beyond, [], `${where} ${hash}`);
      }
    }, [320]);
  },

  async axe_finds_nothing_when_the_page_is_lost_or_behind({ gateway, context }) {
    everything(gateway);
    await inEach(context, gateway, async (page, where, go) => {
      gateway.behind = 30_000;
      await go("#ward");
      await page.getByText(/✕ N/).waitFor();
      await clean(page, `${where} behind`);
      gateway.behind = 0;
    });
    clearInterval(gateway.beats);
    await inEach(context, gateway, async (page, where, go) => {
      await go("#alarms");
      await page.getByText(/✕ (CONN|VERB)/).waitFor();
      await clean(page, `${where} lost`);
    });
  },

  async axe_finds_nothing_where_people_sign_in({ gateway, context }) {
    gateway.session = { actor: null, by_name: true, role: null, unset: true, wards: null };
    await inEach(context, gateway, async (page, where, go) => {
      for (const hash of ["", "#setup/abc", "#invited/abc"]) {
        await go(hash);
        await page.locator("form.sign-in").waitFor();
        await clean(page, `${where} ${hash}`);
      }
    });
  },
};

// What stands beside an opened alarm: its patient's own limits, and what follows from an outage.
"use strict";

const { assert, until } = require("./help.cjs");

const LOW = { text: "SpO2 84 % below 88 %" };
const later = (hours) => new Date(Date.now() + hours * 3_600_000).toISOString();
const own = (more = {}) => ({
  signal: "spo2", side: "low", critical: false, value: 85, unit: "%", until: null, by: "anna", from: later(-1), reason: null, then: null, ...more,
});

module.exports = {
  async an_opened_alarm_says_whose_limits_hold_until_when_and_what_holds_after({ gateway, open }) {
    gateway.alarm("a-1", "bed-01", LOW);
    gateway.vital("bed-01", "spo2", 84, { label: "SpO2", unit: "%" });
    gateway.limits["p-01"] = {
      limits: [
        own({ until: later(2), reason: "COPD", then: { value: 88 } }),
        own({ signal: "heart_rate", side: "high", critical: true, value: null, unit: "/min", by: "ben" }),
        own({ signal: "resp_rate", until: later(3), then: { value: null }, unit: "/min", value: 7.5 }),
      ],
      waiting: [{ from: later(4), limits: [own({ value: 90 })] }],
    };
    const page = await open("#alarm/a-1");
    const limits = page.getByRole("region", { name: "Limits of patient p-01" });
    const lines = limits.getByRole("listitem");
    await lines.nth(3).waitFor();
    const said = await lines.allInnerTexts();
    assert.match(said[0], /^SpO2 low 85 % by anna, since .+: COPD · until .+, then 88 %$/);
    assert.match(said[1], /^heart_rate critically high off by ben, since .+ · until the end of the stay$/);
    assert.match(said[2], /^resp_rate low 7\.5 \/min by anna, since .+ · until .+, then none$/);
    assert.match(said[3], /^From .+: SpO2 low 90 %$/);
    await page.getByRole("button", { name: "Deutsch" }).click();
    await page.getByRole("region", { name: "Grenzen von Patient p-01" }).getByText(/bis .+, dann 88 %/).waitFor();
  },

  /** They are read again while they are looked at, and what is not known is not shown as if it held. */
  async limits_that_change_are_seen_and_those_that_cannot_be_read_are_not_known({ gateway, context, open }) {
    gateway.alarm("a-1", "bed-01", LOW);
    const page = await open("#alarm/a-1");
    const limits = page.getByRole("region", { name: "Limits of patient p-01" });
    await limits.getByText("none of their own: those of the rules hold").waitFor();
    gateway.limits["p-01"] = { limits: [own()] };
    await limits.getByText("SpO2 low 85 %").or(limits.getByText("spo2 low 85 %")).waitFor();
    await context.route(/\/limits$/, (route) => route.fulfill({ status: 503, contentType: "application/json", body: '{"status":503,"detail":"too much at once"}' }));
    await limits.getByText("Not known: too much at once").waitFor();
    assert.equal(await limits.getByRole("listitem").count(), 0);
  },

  /** From the ward by keyboard: what watches, whose limits, why something does not alarm, read again while it is looked at. */
  async a_patient_says_what_watches_and_why_something_does_not_alarm({ gateway, open }) {
    const state = (is, more = {}) => ({ is, by: null, critical: null, ends_at: null, fires_at: null, lost_at: null, reason: null, since: null, why: null, ...more });
    const row = (rule, label, is, more = {}) => ({
      alarm: null, device: "dev-01", doubtful: null, due_at: null, instance: "", kept_back: [], kind: "limit", label, last: null,
      levels: [{ by: null, critical: false, delay_s: 15, due_at: null, from: "pack", priority: "medium", reason: null, response: "prompt", since: null, unit: "%", until: null, value: 88 }],
      name: null, rule, rungs: [], side: "low", signal: "spo2", state: is, terms: null, ...more,
    });
    const since = later(-0.01);
    gateway.vital("bed-01", "spo2", 84, { label: "SpO2", unit: "%" });
    gateway.explained["p-01"] = [
      row("r.spo2_low", "SpO2", state("delay_running", { critical: false, since, fires_at: later(0.01) })),
      row("r.heart_low", "Heart rate", state("watching"), { kept_back: [{ is: "paused", alarm: null, by: "anna", reason: "CT", scope: true, until: later(1), what: "alarm" }] }),
      row("r.glucose_low", "Glucose, sensor", state("not_judged", { reason: "no_device" }), { device: null }),
    ];
    const page = await open("#ward");
    await page.getByRole("link", { name: "p-01" }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "What watches patient p-01" }).waitFor();
    const now = page.getByRole("region", { name: "Alarms now, or about to" });
    await now.getByText(/^beyond since .+: alarms at .+ unless it comes back$/).waitFor();
    assert.equal(await now.getByRole("rowheader").count(), 1);
    assert.match(await now.getByRole("row").nth(1).innerText(), /SpO2 low[\s\S]+88 % for 15 s[\s\S]+of the rules/);
    await page.getByText(/^kept quiet by anna until .+: CT$/).waitFor();
    const unsent = page.getByText("no device of the patient sends it");
    assert.equal(await unsent.isVisible(), false, "what nobody sends is folded");
    await page.getByText("Not sent by any device of the patient").click();
    await unsent.waitFor();
    gateway.explained["p-01"] = [row("r.spo2_low", "SpO2", state("watching"))];
    await now.waitFor({ state: "detached" });
    await page.getByText("watched: nothing lies beyond").waitFor();
    await page.getByRole("button", { name: "Deutsch" }).click();
    await page.getByText("überwacht: nichts liegt jenseits").waitFor();
    gateway.behind = 30_000;
    await page.getByText("Nicht bekannt: Diese Seite ist nicht live", { exact: true }).waitFor();
    assert.equal(await page.getByRole("table").count(), 0, "what is not live is not shown as if it held");
  },

  async an_outage_says_how_many_follow_from_it_and_who_still_waits({ gateway, open }) {
    gateway.alarm("o-1", null, { ward: "icu", rule: "link.outage", kind: "technical", patient: null, device: null, text: "3 devices are silent at once", priority: "high" });
    for (const [id, bed] of [["m-1", "bed-01"], ["m-2", "bed-02"], ["m-3", "bed-02"]]) {
      gateway.alarm(id, bed, { group: "o-1", kind: "technical", text: `silent ${id}` });
    }
    gateway.alarm("m-2", "bed-02", { state: "acknowledged", acknowledged: { by: "anna", at: later(0), until: null, seq: 1 } });
    const page = await open("#alarm/o-1");
    const members = page.getByRole("region", { name: "What follows from it" });
    await members.getByText("3 alarms follow from it; patients: 2. 2 still wait for an answer.").waitFor();
    assert.equal(await members.getByText("waits for an answer", { exact: true }).count(), 2);
    for (const id of ["m-1", "m-3"]) gateway.alarm(id, id === "m-1" ? "bed-01" : "bed-02", { state: "closed", closed_at: later(0), closed_reason: "ended" });
    await members.getByText("1 alarm of 1 patient follows from it. All are answered.").waitFor();
    await members.getByRole("link", { name: /silent m-2/ }).click();
    await page.getByRole("heading", { name: /bed-02.*silent m-2/ }).waitFor();
    await page.getByRole("region", { name: "Limits of patient p-02" }).waitFor();
    await page.goBack();
    gateway.alarm("m-2", "bed-02", { state: "closed", closed_at: later(0), closed_reason: "ended" });
    await until("nothing follows any more", 2_000, async () => (await members.count()) === 0);
  },
};

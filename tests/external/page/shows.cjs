// What the page shows first, in which colour, and what it says it does not show.
"use strict";

const { assert, pause, until } = require("./help.cjs");
const { iso } = require("./gateway.cjs");

const ago = (minutes) => iso(Date.now() - minutes * 60_000);

module.exports = {
  async a_chosen_ward_holds_for_banner_and_counts_and_after_a_reload({ gateway, open }) {
    gateway.alarm("a-02", "bed-02", { text: "SpO2 low" });
    gateway.alarm("a-20", "bed-20", { text: "HR high elsewhere", priority: "high" });
    const page = await open();
    await page.locator(".banner", { hasText: "HR high elsewhere" }).waitFor();
    await page.getByLabel("Ward", { exact: true }).first().selectOption("icu").catch(() => page.locator("select").selectOption("icu"));
    for (const round of ["chosen", "reloaded"]) {
      await page.locator(".banner", { hasText: "SpO2 low" }).waitFor({ timeout: 3_000 });
      assert.match(await page.locator(".banner").innerText(), /1 medium/, round);
      assert.doesNotMatch(await page.locator(".banner").innerText(), /1 high/, round);
      assert.match(await page.locator("nav").innerText(), /Alarms 1/, round);
      assert.match(await page.locator(".top").innerText(), /Only ward icu is shown[\s\S]*1 high/, round);
      assert.equal(await page.locator("article.tile").count(), 3, round);
      if (round === "chosen") await page.reload();
      await page.getByText("● Live").waitFor();
    }
    await page.evaluate(() => { document.querySelector('nav a[href*="alarms"]').click(); });
    await page.locator("main li").first().waitFor();
    assert.equal(await page.locator("main li").count(), 1, "the list shows the ward");
    await page.getByRole("button", { name: "Show all wards" }).click();
    await page.locator(".banner", { hasText: "HR high elsewhere" }).waitFor();
  },

  /** The ward of an alarm is where its patient is, not where it rose. */
  async an_alarm_goes_with_its_patient({ gateway, open }) {
    gateway.alarm("a-02", "bed-02", { text: "SpO2 low", ward: "step-down", bed: "bed-20" });
    const page = await open("#ward?ward=icu");
    await page.locator(".banner", { hasText: "SpO2 low" }).waitFor({ timeout: 3_000 });
    assert.match(await page.locator(".banner").innerText(), /bed-02/);
  },

  async the_gateways_own_messages_stand_after_a_latched_high_alarm({ gateway, open }) {
    gateway.alarm("a-02", "bed-02", { text: "HR 150 above 140", priority: "high", priority_peak: "high", state: "latched", condition: "absent" });
    gateway.alarm("a-gw", null, { text: "the clock was set back", kind: "technical" });
    const page = await open("#alarms");
    await page.locator(".banner").waitFor();
    assert.match(await page.locator(".banner").innerText(), /HR 150/);
    assert.match(await page.locator("main li").first().innerText(), /HR 150/);
  },

  async what_is_kept_back_is_shown_as_waiting_and_not_as_announced({ gateway, open }) {
    gateway.alarm("a-02", "bed-02", { text: "no data", kind: "technical", quiet_until: iso(Date.now() + 30 * 60_000) });
    const page = await open("#alarms");
    const banner = page.locator(".banner");
    await banner.filter({ hasText: /No alarm is announced now; 1 waits without being announced/ }).waitFor({ timeout: 3_000 });
    assert.match(await page.locator("main li").first().innerText(), /announced twice within the hour: again at \d\d:\d\d/);
    await page.evaluate(() => { location.hash = "#alarm/a-02"; });
    await page.getByText("Not announced, as of").waitFor();
    assert.doesNotMatch(await page.locator("main").innerText(), /Last announced/);
    gateway.alarm("a-02", "bed-02", { quiet_until: undefined, announced_at: iso(Date.now()) });
    await banner.filter({ hasText: "no data" }).waitFor({ timeout: 3_000 });
    gateway.forget();
    await banner.filter({ hasText: "No alarm waits for an answer" }).waitFor({ timeout: 3_000 });
  },

  async high_messages_of_the_gateway_stand_after_a_latched_high_alarm({ gateway, open }) {
    gateway.alarm("a-02", "bed-02", { text: "HR 150 above 140", priority: "high", priority_peak: "high", state: "latched", condition: "absent" });
    gateway.alarm("a-gw", null, { text: "the store fails", kind: "technical", priority: "high" });
    const page = await open("#alarms");
    await page.locator(".banner").waitFor();
    assert.match(await page.locator(".banner").innerText(), /HR 150/);
    assert.match(await page.locator("main li").first().innerText(), /HR 150/);
  },

  async a_recurrence_shows_when_it_was_announced_and_when_it_first_rose({ gateway, open }) {
    gateway.alarm("a-02", "bed-02", { text: "SpO2 low", recurrence: 1, raised_at: ago(25), announced_at: ago(2) });
    const page = await open("#alarms");
    const row = page.locator("main li").first();
    await row.waitFor();
    const text = await row.innerText();
    assert.match(text, /2 min ago|120 s ago/);
    assert.doesNotMatch(text, /25 min ago/);
    assert.match(text, /first \d\d:\d\d/);
  },

  /** Whoever opens an alarm from the end of a long page reads its begin. */
  async what_is_opened_is_read_from_its_begin({ gateway, open }) {
    for (let n = 0; n < 12; n += 1) gateway.alarm(`a-${n}`, "bed-02", { text: `SpO2 low ${n}`, rule: `r${n}` });
    const page = await open("#alarms");
    await page.locator("main li").last().scrollIntoViewIfNeeded();
    assert.ok(await page.evaluate(() => scrollY > 100), "it is a long list");
    await page.locator("main li").last().getByRole("link", { name: /^Open/ }).click();
    const heading = page.getByRole("heading", { level: 1 });
    await heading.waitFor();
    await until("its heading is seen", 2_000, () => heading.evaluate((it) => {
      const { left, top } = it.getBoundingClientRect();
      return it.contains(document.elementFromPoint(left + 5, top + 5));
    }));
  },

  async nothing_but_links_and_buttons_is_underlined({ gateway, open }) {
    gateway.vital("bed-01", "temperature", 37);
    const page = await open();
    const value = page.locator("article", { hasText: "bed-01" }).locator("dd").first();
    await value.waitFor();
    assert.equal(await value.evaluate((dd) => getComputedStyle(dd.parentElement).textDecorationLine), "none");
  },

  async a_value_with_an_alarm_is_in_its_colour({ gateway, open }) {
    gateway.vital("bed-02", "heart_rate", 0);
    gateway.vital("bed-07", "heart_rate", 72);
    gateway.vital("bed-01", "heart_rate", 0, { stale_after: ago(1), measured_at: ago(3) });
    const heart = { signal: "heart_rate" };
    gateway.alarm("a-02", "bed-02", { text: "Asystole", priority: "high", trigger: heart });
    gateway.alarm("a-01", "bed-01", { text: "Asystole", priority: "high", trigger: heart });
    const page = await open();
    const colour = (bed) => page.locator("article.tile", { hasText: bed }).locator("dd").first()
      .evaluate((dd) => getComputedStyle(dd).color);
    await page.locator("article.tile dd").first().waitFor();
    assert.equal(await colour("bed-02"), "rgb(255, 77, 66)", "the colour of a high alarm");
    assert.equal(await colour("bed-07"), "rgb(74, 222, 128)", "without an alarm its own");
    assert.equal(await colour("bed-01"), "rgb(169, 183, 198)", "stale is grey, whatever alarm there is");
    gateway.alarm("a-02", "bed-02", { state: "closed", closed_reason: "ended" });
    await until("its own colour comes back", 2_000, async () => await colour("bed-02") === "rgb(74, 222, 128)");
    await pause(10);
  },
};

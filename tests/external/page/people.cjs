// What people do from one end to the other: a shift that changes, the keyboard alone, two languages.
"use strict";

const { assert, command, until } = require("./help.cjs");

const HIGH = { text: "Extreme bradycardia: Heart rate 25 /min (lowest 22 /min)", priority: "high" };
const owned = (person, offered) => ({
  state: "accepted", team: "icu", step: 1, role: "nurse", person, since: new Date().toISOString(), deadline: null, told: [], offered,
});

/** Goes on with Tab until what has the focus is called so, as somebody does who has no mouse. */
async function tabTo(page, name, key = "Tab") {
  const seen = [];
  for (let n = 0; n < 80; n += 1) {
    await page.keyboard.press(key);
    const on = await page.evaluate(() => {
      const element = document.activeElement;
      const style = getComputedStyle(element);
      return {
        name: element.getAttribute("aria-label") ?? element.labels?.[0]?.textContent ?? element.textContent, ring: style.outlineStyle,
        box: element.getBoundingClientRect().toJSON(),
      };
    });
    seen.push(on.name.trim());
    if (!name.test(on.name.trim())) continue;
    assert.notEqual(on.ring, "none", `nobody sees that ${on.name} has the focus`);
    assert.ok(on.box.width > 0 && on.box.height > 0, on.name);
    return;
  }
  assert.fail(`no Tab leads to ${name}: ${seen.join(" | ")}`);
}

/** Presses Enter as soon as what has the focus takes it. */
async function press(page) {
  await page.waitForFunction(() => !document.activeElement.hasAttribute("aria-disabled"));
  await page.keyboard.press("Enter");
}

module.exports = {
  async with_the_keyboard_alone_an_alarm_is_found_opened_answered_and_handed_over({ gateway, open }) {
    gateway.duty = ["ben"];
    gateway.alarm("a-1", "bed-01", HIGH);
    gateway.alarm("a-2", "bed-02", { text: "SpO2 84 % below 88 %", responsibility: { ...owned("local:test"), state: "notified" } });
    const page = await open();
    await tabTo(page, /^Turn sound on|♪ Turn sound on/);
    await press(page);
    await tabTo(page, /^Open list$/);
    await press(page);
    await tabTo(page, /^Open: bed-02/);
    await press(page);
    await page.getByRole("heading", { name: /bed-02/ }).waitFor();
    await tabTo(page, /^Acknowledge: bed-02/);
    await press(page);
    await until("it is acknowledged", 3_000, () => gateway.alarms.get("a-2").state === "acknowledged");
    await tabTo(page, /^Take it: bed-02/);
    await press(page);
    await until("it is taken", 3_000, () => gateway.alarms.get("a-2").responsibility.state === "accepted");
    await tabTo(page, /^To whom/);
    await page.keyboard.type("ben");
    await tabTo(page, /^Hand over all of mine/);
    await press(page);
    await until("it is handed over", 3_000, () => gateway.alarms.get("a-2").responsibility.offered === "ben");
    assert.deepEqual(gateway.commands.map(({ act }) => act), ["acknowledge", "accept", "hand-over"]);
    await tabTo(page, /^← All alarms/, "Shift+Tab");
    await press(page);
    await page.getByText("1 alarm is yours, handed over to ben").waitFor();
  },

  /** The list stands on every page, over every ward, and is taken as a whole. */
  async what_is_handed_over_is_a_list_that_is_taken_as_a_whole({ gateway, open }) {
    gateway.alarm("a-1", "bed-01", { ...HIGH, responsibility: owned("anna", "local:test") });
    gateway.alarm("a-20", "bed-20", { text: "SpO2 84 % below 88 %", responsibility: owned("anna", "local:test") });
    gateway.alarm("a-2", "bed-02", { text: "HR high", responsibility: owned("anna", "carl") });
    const page = await open("#muted?ward=icu");
    const list = page.getByRole("region", { name: "Hand over" });
    await list.getByText("anna hands over 2 alarms to you").waitFor();
    assert.deepEqual(await list.getByRole("listitem").allInnerTexts().then((all) => all.map((text) => text.match(/bed-\d+/)[0])), ["bed-01", "bed-20"]);
    await list.getByRole("button", { name: "Take all 2 from anna" }).click();
    await until("both are asked for", 3_000, () => gateway.commands.length === 1);
    const [{ act, from, alarms }] = gateway.commands;
    assert.deepEqual([act, from, alarms.map(({ id }) => id).sort()], ["hand-over/take", "anna", ["a-1", "a-20"]]);
    await list.waitFor({ state: "detached" });
    await page.evaluate(() => { location.hash = "#alarms"; });
    await page.getByText("2 alarms are yours").waitFor();
  },

  /** Chosen once, it holds in every tab and after a reload; nothing is left in the other language. */
  async the_language_is_the_browsers_until_another_is_chosen({ gateway, context, open }) {
    gateway.alarm("a-1", "bed-01", { ...HIGH, latest: { value: 36.6, unit: "Cel", measured_at: new Date().toISOString(), age_s: 1, stale: false } });
    gateway.alarm("a-2", "bed-02", { text: "Atemnot: von der Station", kind: "technical" });
    gateway.vital("bed-01", "temperature", 38.25, { label: "Temperature", unit: "Cel" });
    const page = await open();
    const other = await open("#alarms");
    assert.equal(await page.evaluate(() => document.documentElement.lang), "en");
    await page.getByRole("button", { name: "Deutsch" }).click();
    for (const tab of [page, other]) {
      await tab.locator(".banner", { hasText: "Extreme Bradykardie: Herzfrequenz 25 /min (tiefster Wert 22 /min)" }).waitFor();
      assert.equal(await tab.evaluate(() => document.documentElement.lang), "de");
    }
    await page.locator("article", { hasText: "Temperatur °C" }).getByText("38,3").waitFor();
    await other.getByText(/^36,6 °C um/).waitFor();
    await other.locator(".row", { hasText: "Atemnot: von der Station" }).waitFor();
    await page.reload();
    await command(page, "Quittieren", "bed-01").first().waitFor();
    const { EN, DE } = await page.evaluate(async () => ({ EN: (await import("./texts/en.js")).EN, DE: (await import("./texts/de.js")).DE }));
    const left = Object.keys(EN).filter((key) => typeof EN[key] === "string" && EN[key] !== DE[key] && EN[key].length > 5 && !EN[key].includes("{"));
    for (const hash of ["#ward", "#alarms", "#alarm/a-1", "#muted", "#account"]) {
      await page.evaluate((to) => { location.hash = to; }, hash);
      await page.waitForFunction(() => document.querySelector("main").textContent.length > 10);
      const shown = await page.evaluate(() => [
        document.body.innerText, ...[...document.querySelectorAll("*")].flatMap((element) => ["aria-label", "title", "placeholder"].map((name) => element.getAttribute(name) ?? "")),
      ].join("\n"));
      const english = left.filter((key) => new RegExp(`(^|[^\\p{L}])${EN[key].replace(/[.*+?^$()|[\]\\]/g, "\\$&")}($|[^\\p{L}])`, "mu").test(shown));
      assert.deepEqual(english.map((key) => EN[key]), [], hash);
    }
    await page.getByRole("button", { name: "English" }).click();
    await other.locator(".banner", { hasText: "Extreme bradycardia" }).waitFor();
    await context.clearCookies();
  },

  async a_german_browser_is_spoken_to_in_german({ gateway, context, executablePath }) {
    const own = await context.browser().newContext({ locale: "de-AT" });
    try {
      const page = await own.newPage();
      await page.goto(gateway.url);
      await page.getByText("An diesem Bildschirm ist kein Alarm zu hören").waitFor();
      assert.ok(executablePath);
    } finally {
      await own.close();
    }
  },

  async what_is_not_watched_is_called_so_and_so_is_a_gateway_that_lags({ gateway, open }) {
    gateway.watched = { "bed-01": { state: "not", why: ["no device is bound"] }, "bed-02": { state: "partly", why: ["SpO2: no data"] } };
    const page = await open();
    await page.locator("article", { hasText: "bed-01" }).getByText("NOT MONITORED").waitFor();
    await page.locator("article", { hasText: "bed-02" }).getByText("PARTLY MONITORED").waitFor();
    gateway.behind = 30_000;
    await page.getByRole("alert").filter({ hasText: "NOT MONITORED" }).getByText(/30 s behind/).waitFor();
    await page.getByText("✕ NOT MONITORED").waitFor();
    assert.equal(await page.locator("main.untrusted").count(), 1);
    gateway.behind = 0;
    await page.getByText("● Live").waitFor();
    assert.equal(await page.locator("main.untrusted").count(), 0);
  },

  /** As the person who is signed in acts, in whichever tab. */
  async an_answer_in_one_tab_is_shown_in_the_other({ gateway, open }) {
    gateway.alarm("a-1", "bed-01", HIGH);
    const [first, second] = [await open(), await open("#alarm/a-1")];
    await command(first, "Acknowledge", "bed-01").first().click();
    await second.getByText(/acknowledged by local:test/).first().waitFor({ timeout: 3_000 });
  },
};

// Whose alarm a press answers, and what the person hears of it.
"use strict";

const { assert, centre, command, focused, pause, until } = require("./help.cjs");

const OFF = { text: "Sensor off", kind: "technical" };
const VF = { priority: "high", condition: "momentary", text: "VF detected", trigger: { signal: "vf" } };

module.exports = {
  /** Aimed at Acknowledge of bed-02, a VF arrives, and the press lands where its buttons are. */
  async a_press_aimed_at_one_alarm_never_answers_the_next({ gateway, open }) {
    gateway.alarm("a-off", "bed-02", OFF);
    const page = await open();
    await command(page, "Acknowledge", "bed-02").first().click({ trial: true });
    const aim = await centre(command(page, "Acknowledge", "bed-02").first());
    await page.mouse.move(aim.x, aim.y);
    gateway.alarm("a-vf", "bed-01", VF);
    await page.locator(".banner", { hasText: "VF detected" }).waitFor();
    for (const dx of [0, 90]) await page.mouse.click(aim.x + dx, aim.y);
    await pause(300);
    assert.deepEqual(gateway.commands.filter((c) => c.id === "a-vf"), [], "the VF was answered unread");
    assert.equal(gateway.alarms.get("a-vf").state, "alarming");
    await command(page, "Acknowledge", "VF").first().click();
    await until("the VF is acknowledged once it was there to be read", 2_000, () => gateway.alarms.get("a-vf").state === "acknowledged");
  },

  /** Focus on bed-07; Enter 47 ms after the alarm of bed-02 was announced. */
  async enter_never_answers_an_alarm_that_came_to_the_focus({ gateway, open }) {
    gateway.alarm("a-07", "bed-07", { text: "SpO2 85 % below 88 %" });
    const page = await open();
    await command(page, "Acknowledge", "bed-07").first().click({ trial: true });
    await command(page, "Acknowledge", "bed-07").first().focus();
    gateway.alarm("a-02", "bed-02", { text: "HR 150 above 140", priority: "high" });
    await page.locator(".banner", { hasText: "HR 150" }).waitFor();
    const name = await focused(page);
    await page.keyboard.press("Enter");
    await page.keyboard.press("Space");
    await pause(900);
    await page.keyboard.press("Enter");
    await pause(300);
    assert.deepEqual(gateway.commands.filter((c) => c.id === "a-02"), [], "bed-02 was answered by a press meant for bed-07");
    assert.match(name, /SpO2 85/, "the focus left its alarm");
  },

  async in_the_list_the_focus_stays_on_its_row({ gateway, open }) {
    for (const mine of ["a-01", "a-07"]) {
      gateway.forget();
      for (const [i, id] of ["a-01", "a-20", "a-07"].entries()) {
        gateway.alarm(id, `bed-${id.slice(2)}`, { text: `SpO2 low ${id}`, announced_at: new Date(Date.now() + i * 1_000).toISOString() });
      }
      const page = await open("#alarms");
      const button = page.locator("main").getByRole("button", { name: new RegExp(`^Acknowledge.*${mine}`) });
      await button.click({ trial: true });
      await button.focus();
      // The last row becomes the first, the first the last, and one comes between.
      for (const [i, id] of ["a-01", "a-new", "a-20", "a-07"].entries()) {
        gateway.alarm(id, `bed-${id.slice(2).replace("new", "02")}`, { text: `SpO2 low ${id}`, announced_at: new Date(Date.now() + 9_000 - i * 1_000).toISOString() });
      }
      await until("the rows have moved", 2_000, async () => (await page.locator("main li").allInnerTexts())[3]?.includes("a-07"));
      await page.keyboard.press("Enter");
      assert.match(await focused(page), new RegExp(mine), "the focus left its alarm");
      await pause(200);
      assert.deepEqual(gateway.commands, [], "a press was taken although the row had just changed");
      await pause(800);
      await page.keyboard.press("Enter");
      await until("the alarm with the focus is acknowledged", 2_000, () => gateway.commands.length === 1);
      assert.equal(gateway.commands[0].id, mine);
      await page.close();
    }
  },

  async when_the_alarm_is_gone_the_focus_rests_on_no_other({ gateway, open }) {
    gateway.alarm("a-01", "bed-01", { text: "SpO2 low" });
    gateway.alarm("a-02", "bed-02", { text: "HR high" });
    const page = await open("#alarms");
    const button = page.locator("main").getByRole("button", { name: /^Acknowledge.*bed-01/ });
    await button.click({ trial: true });
    await button.focus();
    gateway.alarm("a-01", "bed-01", { state: "closed", closed_reason: "ended" });
    await until("the row is gone", 2_000, async () => await page.locator("main li", { hasText: "SpO2 low" }).count() === 0);
    await pause(900);
    await page.keyboard.press("Enter");
    await pause(300);
    assert.deepEqual(gateway.commands, []);
    assert.match(await focused(page), /not shown here any more/);
  },

  /** Seen and heard: the button is there, and says that it does not take a press yet. */
  async a_button_that_just_changed_says_so({ gateway, open }) {
    gateway.alarm("a-off", "bed-02", OFF);
    const page = await open();
    gateway.alarm("a-vf", "bed-01", VF);
    const button = page.locator(".banner").getByRole("button", { name: /^Acknowledge.*VF/ });
    await button.waitFor();
    assert.equal(await button.getAttribute("aria-disabled"), "true");
    const start = Date.now();
    await until("it becomes ready", 2_000, async () => await button.getAttribute("aria-disabled") === null);
    assert.ok(Date.now() - start > 300, "it was ready too soon");
  },

  /** Whatever the alarm is, Acknowledge is where it was, and Reset is not beside it. */
  async acknowledge_has_one_place_and_reset_another({ gateway, open }) {
    const page = await open();
    const places = [];
    for (const more of [
      { text: "SpO2 84 % below 88 %" }, VF,
      { text: `A long text ${"of many words ".repeat(20)}`, priority: "high" },
      { text: "HR over", priority: "high", state: "alarming", condition: "absent", announced_at: new Date(Date.now() + 5_000).toISOString() },
    ]) {
      gateway.forget();
      gateway.alarm(`a-${places.length}`, "bed-02", more);
      const button = page.locator(".banner").getByRole("button", { name: /^Acknowledge/ });
      await page.locator(".banner", { hasText: more.text.slice(0, 9) }).waitFor();
      places.push(JSON.stringify(await button.boundingBox()));
    }
    assert.equal(new Set(places).size, 1, `Acknowledge was at ${places.join(" and ")}`);
    await page.evaluate(() => { location.hash = "#alarms"; });
    await page.locator("main li").first().waitFor();
    assert.equal(await page.getByRole("button", { name: /^Reset/ }).count(), 0, "Reset outside of the opened alarm");
  },

  /** A row of many that move all the time can still be answered: in the opened alarm. */
  async in_a_storm_the_opened_alarm_can_be_answered({ gateway, open }) {
    gateway.alarm("a-02", "bed-02", { text: "SpO2 low" });
    const page = await open("#alarm/a-02");
    let n = 0;
    const storm = setInterval(() => {
      n += 1;
      gateway.alarm(`s-${n % 9}`, "bed-01", { text: `Shock ${n}`, priority: "high", announced_at: new Date().toISOString() });
      gateway.alarm("a-02", "bed-02", { text: `SpO2 low ${n}`, announced_at: new Date().toISOString(), recurrence: n });
    }, 250);
    try {
      await page.locator("main").getByRole("button", { name: /^Acknowledge.*bed-02/ }).click();
      await until("it is acknowledged", 3_000, () => gateway.commands.some((c) => c.id === "a-02"));
      assert.ok(gateway.commands.every((c) => c.id === "a-02"));
    } finally {
      clearInterval(storm);
    }
  },

  /** A long list, scrolled to its end: the last rows go, and the browser moves all others. */
  async a_list_that_becomes_shorter_moves_no_other_under_the_pointer({ gateway, open }) {
    const at = (i) => new Date(Date.now() - i * 60_000).toISOString();
    for (let i = 10; i < 50; i += 1) gateway.alarm(`a-${i}`, "bed-02", { text: `SpO2 low ${i}`, announced_at: at(i) });
    const page = await open("#alarms");
    await page.locator("main li").last().scrollIntoViewIfNeeded();
    await page.mouse.wheel(0, 4_000);
    await pause(1_000);
    const aim = await centre(page.locator("main").getByRole("button", { name: /^Acknowledge.*low 46/ }));
    await page.mouse.move(aim.x, aim.y);
    for (let i = 47; i < 50; i += 1) gateway.alarm(`a-${i}`, "bed-02", { state: "closed", closed_reason: "ended" });
    await until("the last rows are gone", 2_000, async () => await page.locator("main li").count() === 37);
    await page.mouse.click(aim.x, aim.y);
    await pause(300);
    assert.deepEqual(gateway.commands, [], "another alarm was answered");
    await page.mouse.wheel(0, -150);
    await pause(1_000);
    await page.mouse.wheel(0, 100);
    await pause(100);
    const next = page.locator("main").getByRole("button", { name: /^Acknowledge.*low 40/ });
    const there = await centre(next);
    await page.mouse.click(there.x, there.y);
    await until("who scrolls need not wait", 1_000, () => gateway.commands.length === 1);
    assert.equal(gateway.commands[0].id, "a-40");
  },

  async a_command_without_an_answer_is_pending_and_then_loud({ gateway, open }) {
    gateway.alarm("a-02", "bed-02", { text: "SpO2 low" });
    const page = await open();
    gateway.answers = "hang";
    await command(page, "Acknowledge", "bed-02").first().click();
    const start = Date.now();
    const place = await page.locator(".banner").boundingBox();
    await page.getByRole("button", { name: /^Sending.*Acknowledge.*bed-02/ }).first().waitFor({ timeout: 1_000 });
    const alert = page.getByRole("alert").filter({ hasText: "NOT CONFIRMED" });
    await alert.waitFor({ timeout: 7_000 });
    assert.ok(Date.now() - start > 4_500, "it gave up too soon");
    assert.match(await alert.innerText(), /bed-02[\s\S]*SpO2 low[\s\S]*did not answer[\s\S]*press again/);
    assert.deepEqual(await page.locator(".banner").boundingBox(), place, "what is pending moves the banner");
    gateway.answers = "do";
    await command(page, "Acknowledge", "bed-02").first().click();
    await until("the second press is answered", 2_000, () => gateway.alarms.get("a-02").state === "acknowledged");
    await page.evaluate(() => { location.hash = "#alarms"; });
    await pause(500);
    assert.equal(await alert.count(), 1, "it went before anybody saw it");
    await alert.getByRole("button", { name: /seen/i }).click();
    await until("it goes when it was seen", 2_000, async () => await alert.count() === 0);
  },

  async a_refused_command_says_why_and_what_to_do({ gateway, open }) {
    gateway.alarm("a-02", "bed-02", { text: "SpO2 low" });
    const page = await open();
    gateway.answers = 409;
    await command(page, "Acknowledge", "bed-02").first().click();
    const alert = page.getByRole("alert").filter({ hasText: "REFUSED" });
    await alert.waitFor({ timeout: 3_000 });
    assert.match(await alert.innerText(), /it has changed since it was seen[\s\S]*Read the alarm as it is now/);
  },
};

// Reset: in the opened alarm only, and nothing is sent for ten seconds.
"use strict";

const { assert, pause, until } = require("./help.cjs");

const OVER = { text: "HR 150 above 140", priority: "high", priority_peak: "high", state: "latched", condition: "absent" };

async function pressed({ gateway, open }) {
  const seen = gateway.alarm("a-02", "bed-02", OVER);
  const page = await open("#alarm/a-02");
  const reset = page.locator("main").getByRole("button", { name: /^Reset.*bed-02.*HR 150/ });
  await reset.click();
  return { page, reset, seen };
}

module.exports = {
  async a_reset_is_sent_after_ten_seconds_for_what_was_seen(bench) {
    const { reset, seen } = await pressed(bench);
    const start = Date.now();
    assert.match(await reset.innerText(), /sent in \d+ s/);
    await until("it is sent", 12_000, () => bench.gateway.commands.length === 1);
    assert.ok(Date.now() - start > 9_000, "it was sent too soon");
    const [{ id, act, seq }] = bench.gateway.commands;
    assert.deepEqual({ id, act, seq }, { id: "a-02", act: "reset", seq: seen.seq });
  },

  async a_reset_can_be_undone(bench) {
    const { page } = await pressed(bench);
    await page.getByRole("button", { name: /^Undo reset/ }).click();
    await pause(10_500);
    assert.deepEqual(bench.gateway.commands, []);
    assert.equal(bench.gateway.alarms.get("a-02").state, "latched");
  },

  async whoever_leaves_is_asked_and_may_send_at_once(bench) {
    const { page } = await pressed(bench);
    await page.evaluate(() => { location.hash = "#ward"; });
    const strip = page.locator(".top", { hasText: "Reset not sent yet" });
    await strip.waitFor();
    await pause(500);
    assert.deepEqual(bench.gateway.commands, [], "leaving alone sends nothing");
    await page.getByRole("button", { name: /^Send now.*bed-02/ }).click();
    await until("it is sent", 2_000, () => bench.gateway.commands.length === 1);
  },

  async a_closed_tab_sends_nothing(bench) {
    const { page } = await pressed(bench);
    await page.close();
    const other = await bench.open("#ward");
    await pause(10_500);
    await other.close();
    assert.deepEqual(bench.gateway.commands, []);
  },

  /** A VF of the same rule comes again within the ten seconds. */
  async news_within_the_ten_seconds_stop_it_loudly(bench) {
    const { page } = await pressed(bench);
    bench.gateway.alarm("a-02", "bed-02", { state: "alarming", condition: "present", recurrence: 1, announced_at: new Date().toISOString() });
    await page.getByRole("alert").filter({ hasText: "RESET NOT SENT" }).waitFor({ timeout: 2_000 });
    await pause(10_500);
    assert.deepEqual(bench.gateway.commands, []);
  },

  async what_is_not_known_is_reset_only_with_a_reason(bench) {
    bench.gateway.alarm("a-02", "bed-02", { ...OVER, condition: "unknown", condition_reason: "no data" });
    const page = await bench.open("#alarm/a-02");
    const reset = page.locator("main").getByRole("button", { name: /^Reset/ });
    await pause(900);
    assert.equal(await reset.getAttribute("aria-disabled"), "true");
    await page.locator(".apart").getByRole("textbox", { name: /why/i }).fill("sensor went with the patient");
    await reset.click();
    await until("it is sent", 12_000, () => bench.gateway.commands.length === 1);
    assert.equal(bench.gateway.commands[0].reason, "sensor went with the patient");
  },

  async what_nothing_else_may_end_is_reset_with_a_reason_while_it_holds(bench) {
    bench.gateway.alarm("a-03", "bed-02", { kind: "technical", rule: "link.lost_while_pending", text: "SpO2 lost" });
    bench.gateway.alarm("a-04", "bed-07", { kind: "technical", rule: "link.silence", text: "dev-07 silent" });
    const page = await bench.open("#alarm/a-03");
    const reset = page.locator("main").getByRole("button", { name: /^Reset/ });
    await pause(900);
    assert.equal(await reset.getAttribute("aria-disabled"), "true", "not without a reason");
    await page.getByRole("textbox", { name: /never end by itself/ }).fill("patient is in the theatre");
    await reset.click();
    await until("it is sent", 12_000, () => bench.gateway.commands.length === 1);
    const [{ id, act, reason }] = bench.gateway.commands;
    assert.deepEqual({ id, act, reason }, { id: "a-03", act: "reset", reason: "patient is in the theatre" });
    await page.evaluate(() => { location.hash = "#alarm/a-04"; });
    await page.getByRole("heading", { name: /dev-07 silent/ }).waitFor();
    await pause(900);
    assert.equal(await reset.getAttribute("aria-disabled"), "true", "what ends by itself is not reset while it holds");
    assert.equal(await page.locator(".apart").getByRole("textbox", { name: /why/i }).count(), 0);
  },
};

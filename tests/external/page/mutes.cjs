// What is kept quiet: asked for in the opened alarm, and seen by everybody in one list.
"use strict";

const { assert, command, until } = require("./help.cjs");

const LOW = { text: "SpO2 84 % below 88 %" };

function choice(page, name) {
  return page.getByRole("combobox", { name: new RegExp(`^${name}`) });
}

module.exports = {
  /** A pause says what of it, and the longest that its priority allows is the gateway's to know. */
  async an_opened_alarm_is_paused_and_resumed({ gateway, open }) {
    gateway.alarm("a-1", "bed-01", LOW);
    const page = await open("#alarm/a-1");
    await page.getByLabel("Why").fill("washing");
    await command(page, "Pause", "bed-01").click();
    await page.getByText(/sound paused by local:test until .*: washing/).first().waitFor();
    const [asked] = gateway.commands;
    assert.deepEqual([asked.act, asked.what, asked.reason, asked.until], ["pause", "audio", "washing", undefined]);
    await command(page, "End pause", "bed-01").click();
    await until("it sounds again", 2_000, () => gateway.alarms.get("a-1").state === "alarming");
  },

  async nothing_is_switched_off_without_a_reason({ gateway, open }) {
    gateway.alarm("a-1", "bed-01", LOW);
    const page = await open("#alarm/a-1");
    await command(page, "Switch off", "bed-01").click({ force: true });
    assert.deepEqual(gateway.commands, []);
    await choice(page, "Quiet").selectOption("alarm");
    await choice(page, "Off for").selectOption("120");
    await page.getByLabel("Why").fill("CT");
    const before = Date.now();
    await command(page, "Switch off", "bed-01").click();
    await page.getByText(/alarm switched off by local:test until .*: CT/).first().waitFor();
    const [asked] = gateway.commands;
    assert.deepEqual([asked.act, asked.what, asked.reason], ["off", "alarm", "CT"]);
    const minutes = (Date.parse(asked.until) - before) / 60_000;
    assert.ok(minutes > 119 && minutes < 121, `${minutes} min`);
  },

  /** That its sound is kept back answers nothing: it stays where what waits is shown. */
  async what_is_paused_in_sound_alone_still_waits_for_an_answer({ gateway, open }) {
    gateway.alarm("a-1", "bed-01", LOW);
    const page = await open();
    gateway.alarm("a-1", "bed-01", { state: "paused", inactivation: gateway.kept("paused", { what: "audio" }, 60_000) });
    await page.locator(".banner", { hasText: "SpO2 84" }).waitFor();
    gateway.alarm("a-1", "bed-01", { state: "paused", inactivation: gateway.kept("paused", { what: "alarm" }, 60_000) });
    await page.locator(".banner.none", { hasText: "1 kept quiet" }).waitFor();
    await page.getByRole("link", { name: "Muted 1" }).waitFor();
  },

  async all_that_is_muted_stands_in_one_list({ gateway, open }) {
    gateway.alarm("a-1", "bed-01", { ...LOW, state: "off", inactivation: gateway.kept("off", { what: "alarm", reason: "CT" }, 3_600_000) });
    const page = await open("#muted");
    await page.getByText(/alarm switched off by local:test until .*: CT/).waitFor();
    await page.getByText("No rule, patient or bed is paused").waitFor();
    await choice(page, "Bed").selectOption("bed-02");
    await page.getByLabel("Why").fill("shower");
    await page.getByRole("button", { name: /^Pause bed/ }).click();
    await page.locator("[data-pause]", { hasText: "bed bed-02" }).waitFor();
    assert.deepEqual(gateway.pauses.map((one) => [one.bed, one.reason]), [["bed-02", "shower"]]);
    await page.getByRole("button", { name: "End the pause of bed bed-02" }).click();
    await page.getByText("No rule, patient or bed is paused").waitFor();
    assert.deepEqual(gateway.pauses, []);
  },

  async a_comment_is_said_and_answers_nothing({ gateway, open }) {
    gateway.alarm("a-1", "bed-01", LOW);
    const page = await open("#alarm/a-1");
    await page.getByLabel("Comment", { exact: true }).fill("probe moved to the ear");
    await command(page, "Comment", "bed-01").click();
    await until("it was said", 2_000, () => gateway.commands.some((one) => one.act === "comment" && one.text === "probe moved to the ear"));
    assert.equal(gateway.alarms.get("a-1").state, "alarming");
  },
};

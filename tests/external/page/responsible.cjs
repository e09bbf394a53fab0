// Who answers for an alarm: seen in every list, and taken in the opened alarm.
"use strict";

const { assert, command, until } = require("./help.cjs");

function asked(seconds) {
  return {
    state: "notified", team: "icu", step: 1, role: "nurse", person: "n1", since: new Date().toISOString(),
    deadline: new Date(Date.now() + seconds * 1_000).toISOString(),
    told: [{ to: "n1", channel: "phone", at: new Date().toISOString(), result: "taken", seq: 1 }],
  };
}

module.exports = {
  async who_is_asked_is_shown_with_how_long_and_an_alarm_is_taken({ gateway, open }) {
    gateway.alarm("a-1", "bed-01", { text: "SpO2 74 % below 80 %", responsibility: asked(90) });
    const page = await open("#alarm/a-1");
    await page.getByText(/nurse n1 was told, goes on in 8\d s/).first().waitFor();
    await page.getByText(/Told: n1 by phone .*, arrived/).waitFor();
    await command(page, "Give back", "bed-01").click({ force: true });
    assert.deepEqual(gateway.commands, [], "nobody has it yet");
    await command(page, "Take it", "bed-01").click();
    await page.getByText("local:test has it").first().waitFor();
    await until("it was asked once", 2_000, () => gateway.commands.length === 1);
    assert.equal(gateway.commands[0].act, "accept");
  },
};

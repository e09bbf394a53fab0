// What the checks share.
"use strict";

const assert = require("node:assert/strict");

/** The button of a command; its name holds bed and alarm. */
function command(page, act, alarm) {
  return page.getByRole("button", { name: new RegExp(`^${act}.*${alarm}`, "i") });
}

/** Waits until something holds, at the latest after `ms`. */
async function until(what, ms, holds) {
  const end = Date.now() + ms;
  for (;;) {
    const found = await holds();
    if (found) return found;
    if (Date.now() > end) assert.fail(`not within ${ms} ms: ${what}`);
    await pause(20);
  }
}

function pause(ms) {
  return new Promise((resolve) => { setTimeout(resolve, ms); });
}

/** The name of what has the focus; nothing has it while it is on the whole page. */
function focused(page) {
  return page.evaluate(() => {
    const on = document.activeElement;
    return on === null || on === document.body ? "nothing" : `${on.getAttribute("aria-label") ?? ""} ${on.textContent}`;
  });
}

async function centre(locator) {
  const { x, y, width, height } = await locator.boundingBox();
  return { x: x + width / 2, y: y + height / 2 };
}

module.exports = { assert, centre, command, focused, pause, until };

// The screen stays on while alarms are to be heard at it, and it is said where it may not.
"use strict";

const { assert, until } = require("./help.cjs");

/** A browser that keeps the screen on, as the tests ask; Chromium lets go of it where a tab is hidden. */
function lamp() {
  let hidden = false;
  Object.defineProperty(document, "visibilityState", { get: () => (hidden ? "hidden" : "visible") });
  const locks = [];
  globalThis.lamp = {
    locks, refuses: false,
    lit: () => locks.filter((lock) => !lock.released).length,
    hide(now) {
      hidden = now;
      if (now) for (const lock of locks) lock.release();
      document.dispatchEvent(new Event("visibilitychange"));
    },
  };
  const request = async (kind) => {
    if (kind !== "screen" || hidden || globalThis.lamp.refuses) throw new DOMException("no", "NotAllowedError");
    const lock = new EventTarget();
    lock.released = false;
    lock.release = async () => {
      if (lock.released) return;
      lock.released = true;
      lock.dispatchEvent(new Event("release"));
    };
    locks.push(lock);
    return lock;
  };
  Object.defineProperty(navigator, "wakeLock", { value: { request } });
}

const lit = (page, count) => until(`${count} is on`, 5_000, () => page.evaluate((meant) => globalThis.lamp.lit() === meant, count));
const turn = (page, name) => page.getByRole("button", { name }).click();

module.exports = {
  async the_screen_stays_on_while_sound_is_armed_and_the_tab_is_seen({ context, open }) {
    await context.addInitScript(lamp);
    const page = await open();
    assert.equal(await page.evaluate(() => globalThis.lamp.locks.length), 0, "nobody asked for it");
    await turn(page, "Turn sound on");
    await lit(page, 1);
    await page.evaluate(() => globalThis.lamp.hide(true));
    await lit(page, 0);
    await page.evaluate(() => globalThis.lamp.hide(false));
    await lit(page, 1);
    assert.equal(await page.getByText("Screen may go dark").count(), 0);
    await turn(page, "Sound on");
    await lit(page, 0);
    await page.evaluate(() => { globalThis.lamp.hide(true); globalThis.lamp.hide(false); });
    await turn(page, "Turn sound on");
    await lit(page, 1);
    assert.equal(await page.evaluate(() => globalThis.lamp.locks.length), 3, "once each");
  },

  async a_screen_that_may_go_dark_says_so({ context, open }) {
    await context.addInitScript(lamp);
    const page = await open();
    const dark = page.getByText("Screen may go dark");
    await page.evaluate(() => { globalThis.lamp.refuses = true; });
    await turn(page, "Turn sound on");
    await dark.waitFor();
    await page.evaluate(() => { globalThis.lamp.refuses = false; globalThis.lamp.hide(true); globalThis.lamp.hide(false); });
    await dark.waitFor({ state: "detached" });
    // As a browser does that saves power.
    await page.evaluate(() => { globalThis.lamp.refuses = true; return globalThis.lamp.locks[0].release(); });
    await dark.waitFor();
  },

  async a_browser_that_keeps_no_screen_on_is_said_to({ context, open }) {
    await context.addInitScript(() => Object.defineProperty(navigator, "wakeLock", { value: undefined }));
    const page = await open();
    await turn(page, "Turn sound on");
    await page.getByText("Screen may go dark").waitFor();
    await page.getByRole("button", { name: "Deutsch" }).click();
    await page.getByText("Bildschirm kann dunkel werden").waitFor();
    await turn(page, "Ton an");
    await page.getByText("Bildschirm kann dunkel werden").waitFor({ state: "detached" });
  },
};

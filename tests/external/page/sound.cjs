// What is heard: not that a function was called, but which pulses are put on the clock of the audio context, which are taken
// off it, and what the rendered sound is made of.
"use strict";

const { assert, command, until } = require("./help.cjs");

const HIGH = { text: "HR 150 above 140", priority: "high" };
/** In Hz, as docs/clinical.md §3.6 has them. */
const PITCH = { high: 660, medium: 523, low: 440 };

/** Notes each pulse that is put on the clock, and when it is taken off. */
function listen() {
  const pulses = [];
  const contexts = [];
  globalThis.heard = { pulses, contexts };
  const { start, disconnect } = OscillatorNode.prototype;
  OscillatorNode.prototype.start = function (when) {
    this.note = { at: when, put: this.context.currentTime, hertz: Math.round(this.frequency.value), taken: null };
    pulses.push(this.note);
    return start.call(this, when);
  };
  AudioNode.prototype.disconnect = new Proxy(disconnect, {
    apply(target, node, args) {
      if (node.note) node.note.taken ??= node.context.currentTime;
      return Reflect.apply(target, node, args);
    },
  });
  globalThis.AudioContext = class extends AudioContext {
    constructor(...args) {
      super(...args);
      contexts.push(this);
    }
  };
}

/**
 * As Chromium does with a tab that was hidden for five minutes: no frames, and timers once a minute. Headless it hides
 * nothing, so that the page is made to believe it.
 */
function background() {
  let hidden = false;
  const { setInterval: every, setTimeout: later, requestAnimationFrame: frame } = globalThis;
  globalThis.setInterval = (run, ms, ...more) => every(() => { if (!hidden) run(...more); }, ms);
  globalThis.setTimeout = (run, ms, ...more) => later(run, hidden ? Math.max(ms ?? 0, 60_000) : ms, ...more);
  globalThis.requestAnimationFrame = (run) => frame((at) => { if (!hidden) run(at); });
  Object.defineProperty(document, "hidden", { get: () => hidden });
  globalThis.hide = () => {
    hidden = true;
    document.dispatchEvent(new Event("visibilitychange"));
  };
}

/** The pulses of a pitch that are or will be heard: begun, or not taken off before they began. */
function audible(page, priority) {
  return page.evaluate((hertz) => globalThis.heard.pulses
    .filter((pulse) => pulse.hertz === hertz && (pulse.taken === null || pulse.taken > pulse.at))
    .map((pulse) => pulse.at).sort((a, b) => a - b), PITCH[priority]);
}

async function armed({ context, open }, hash) {
  await context.addInitScript(listen);
  const page = await open(hash);
  await page.getByRole("button", { name: "Turn sound on" }).click();
  await page.getByRole("button", { name: "Sound on" }).waitFor();
  return page;
}

const sounds = (page, priority) => until(`a ${priority} one is heard`, 5_000, async () => {
  const found = await audible(page, priority);
  return found.length > 0 && found;
});

module.exports = {
  /** The rendered burst itself: its pulses, their pitch and what is above it. */
  async a_burst_has_the_pulses_pitch_and_harmonics_of_its_priority({ open }) {
    const page = await open();
    const rendered = await page.evaluate(async (pitches) => {
      const { burst } = await import("./sound/play.js");
      const rate = 44_100;
      const all = {};
      for (const [priority, hertz] of Object.entries(pitches)) {
        const audio = new OfflineAudioContext(1, rate * 4, rate);
        burst(audio, priority, 0.1);
        const samples = (await audio.startRendering()).getChannelData(0);
        // Loud wherever 5 ms hold anything.
        const pulses = [];
        for (let at = 0, on = false; at < samples.length; at += 220) {
          const loud = samples.slice(at, at + 220).some((sample) => Math.abs(sample) > 0.02);
          if (loud && !on) pulses.push({ at: at / rate, end: 0 });
          if (!loud && on) pulses.at(-1).end = at / rate;
          on = loud;
        }
        const peak = samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
        // The strength of a frequency in the middle of the first pulse.
        const from = Math.round((pulses[0].at + 0.03) * rate);
        const strength = (frequency) => {
          let [re, im] = [0, 0];
          for (let n = 0; n < 2_646; n += 1) {
            const angle = (2 * Math.PI * frequency * n) / rate;
            re += samples[from + n] * Math.cos(angle);
            im += samples[from + n] * Math.sin(angle);
          }
          return Math.hypot(re, im);
        };
        const harmonics = [1, 2, 3, 4, 5].map((n) => ({ hertz: n * hertz, decibel: 20 * Math.log10(strength(n * hertz) / strength(hertz)) }));
        all[priority] = { pulses, peak, harmonics, beside: 20 * Math.log10(strength(hertz * 1.5) / strength(hertz)) };
      }
      return all;
    }, PITCH);
    const gaps = ({ pulses }) => pulses.slice(1).map((pulse, at) => Math.round((pulse.at - pulses[at].end) * 100) / 100);
    const near = (found, meant) => {
      assert.equal(found.length, meant.length, `${found}`);
      found.forEach((gap, at) => assert.ok(Math.abs(gap - meant[at]) < 0.03, `${found}`));
    };
    near(gaps(rendered.high), [0.1, 0.1, 0.32, 0.1, 0.6, 0.1, 0.1, 0.32, 0.1]);
    near(gaps(rendered.medium), [0.18, 0.18]);
    near(gaps(rendered.low), [0.2]);
    for (const [priority, { peak, harmonics, beside }] of Object.entries(rendered)) {
      assert.ok(peak > 0.5 && peak <= 1, `${priority}: as loud as ${peak}`);
      assert.ok(harmonics[0].hertz >= 150 && harmonics[0].hertz <= 1_000);
      const above = harmonics.slice(1).filter(({ hertz, decibel }) => hertz >= 300 && hertz <= 4_000 && Math.abs(decibel) <= 15);
      assert.equal(above.length, 4, `${priority}: ${JSON.stringify(harmonics)}`);
      assert.ok(beside < -20, `${priority}: it is no noise (${beside} dB)`);
    }
  },

  async nothing_is_heard_until_somebody_arms_it_and_that_is_said({ gateway, context, open }) {
    await context.addInitScript(listen);
    gateway.alarm("a-1", "bed-01", HIGH);
    const page = await open();
    await page.getByText("No alarm is heard at this screen").waitFor();
    assert.deepEqual(await audible(page, "high"), []);
    await page.getByRole("button", { name: "Turn sound on" }).click();
    await page.getByText("SOUND OFF").waitFor({ state: "detached" });
    const heard = await sounds(page, "high");
    assert.ok(heard.length >= 20, "it is put on the clock ahead of time");
    const from = heard.slice(0, 11).map((at) => Math.round((at - heard[0]) * 100) / 100);
    assert.deepEqual(from.slice(0, 10), [0, 0.22, 0.44, 0.88, 1.1, 1.82, 2.04, 2.26, 2.7, 2.92], "ten pulses");
    assert.ok(from[10] - 3.04 >= 2.5 && from[10] - 3.04 <= 15, `again after ${from[10]} s`);
    await page.getByRole("button", { name: "Sound on" }).click();
    await page.getByText("SOUND OFF").waitFor();
    await page.reload();
    await page.getByText("No alarm is heard at this screen").waitFor();
  },

  async armed_once_it_is_armed_in_this_browser_with_the_first_press({ gateway, context, open }) {
    const page = await armed({ context, open });
    await page.reload();
    await page.getByText("press anywhere on the page").waitFor();
    gateway.alarm("a-1", "bed-01", HIGH);
    await page.locator(".banner", { hasText: "HR 150" }).waitFor();
    await page.keyboard.press("Shift");
    await page.getByRole("button", { name: "Sound on" }).waitFor();
    await sounds(page, "high");
  },

  async what_is_answered_or_kept_quiet_is_not_heard({ gateway, context, open }) {
    const page = await armed({ context, open });
    const silent = (what) => until(what, 5_000, async () => {
      const now = await page.evaluate(() => globalThis.heard.contexts[0].currentTime);
      const all = await Promise.all(["high", "medium"].map((priority) => audible(page, priority)));
      return all.flat().every((at) => at <= now);
    });
    gateway.alarm("a-1", "bed-01", HIGH);
    await sounds(page, "high");
    await command(page, "Acknowledge", "bed-01").first().click();
    await silent("an acknowledged alarm is silent");
    const kept = { how: "paused", by: "anna", reason: null, at: new Date().toISOString(), until: new Date(Date.now() + 60_000).toISOString() };
    for (const more of [{ inactivation: { ...kept, what: "audio" }, state: "paused" }, { inactivation: { ...kept, what: "alarm", how: "off" }, state: "off" },
      { group: "a-0" }, { quiet_until: kept.until }, { priority: "info" }]) {
      const count = async () => (await page.evaluate(() => globalThis.heard.pulses.filter((pulse) => pulse.hertz !== 440).length));
      const before = await count();
      gateway.alarm("a-2", "bed-02", { text: "kept back", ...more });
      await page.locator('[data-alarm="a-2"]').first().waitFor();
      assert.equal(await count(), before, JSON.stringify(more));
      gateway.alarm("a-2", "bed-02", { state: "closed" });
      await page.locator('[data-alarm="a-2"]').first().waitFor({ state: "detached" });
    }
    gateway.alarm("a-3", "bed-02", { text: "SpO2 low" });
    await sounds(page, "medium");
  },

  /** Two pulses when it comes, and none after them. */
  async what_is_low_is_told_once({ gateway, context, open }) {
    const page = await armed({ context, open });
    const tone = await until("the tone of arming is over", 5_000, async () => {
      const found = await audible(page, "low");
      const now = await page.evaluate(() => globalThis.heard.contexts[0].currentTime);
      return found.every((at) => at + 0.2 < now) && found.length;
    });
    gateway.alarm("a-1", "bed-01", { text: "Atrial episode", priority: "low", response: "next_working_day" });
    await until("it is put on the clock", 5_000, async () => (await audible(page, "low")).length > tone);
    for (let n = 0; n < 3; n += 1) gateway.beat();
    assert.equal((await audible(page, "low")).length, tone + 2);
  },

  async what_is_graver_is_heard_at_once_and_what_is_over_as_less({ gateway, context, open }) {
    const page = await armed({ context, open });
    gateway.alarm("a-1", "bed-01", { text: "SpO2 low" });
    await sounds(page, "medium");
    gateway.alarm("a-2", "bed-02", HIGH);
    const [first] = await sounds(page, "high");
    const { put, last } = await page.evaluate(() => {
      const of = (hertz) => globalThis.heard.pulses.filter((pulse) => pulse.hertz === hertz);
      return { put: of(660)[0].put, last: of(523).filter((pulse) => pulse.taken === null || pulse.taken > pulse.at).at(-1)?.at ?? 0 };
    });
    assert.ok(first - put < 0.1, "at once");
    assert.ok(last <= first, "the lesser one is taken off the clock");
    gateway.alarm("a-2", "bed-02", { state: "latched", condition: "absent" });
    await until("it asks for a look", 5_000, async () => {
      const [high, medium] = [await audible(page, "high"), await audible(page, "medium")];
      const now = await page.evaluate(() => globalThis.heard.contexts[0].currentTime);
      return high.every((at) => at <= now) && medium.some((at) => at > now);
    });
  },

  async of_several_tabs_one_sounds_for_all_and_another_when_it_is_gone({ gateway, context, open }) {
    const first = await armed({ context, open }, "#ward?ward=icu");
    const second = await open("#ward?ward=step-down");
    await second.getByRole("button", { name: "Sound in another tab" }).waitFor();
    await second.keyboard.press("Shift");
    const third = await open();
    await third.getByRole("button", { name: "Sound in another tab" }).waitFor();
    gateway.alarm("a-20", "bed-20", HIGH);
    await sounds(first, "high");
    assert.deepEqual(await audible(second, "high"), [], "the ward of the second tab is heard from the first");
    assert.deepEqual(await audible(third, "high"), []);
    await first.close();
    await second.getByRole("button", { name: "Sound on" }).waitFor();
    await sounds(second, "high");
    assert.deepEqual(await audible(third, "high"), []);
    await second.close();
    await third.getByText(/SOUND (OFF|STOPPED)/).waitFor();
  },

  async a_screen_that_cannot_be_trusted_is_heard(bench) {
    const page = await armed(bench);
    clearInterval(bench.gateway.beats);
    await page.getByText("✕ CONNECTION LOST").waitFor();
    await sounds(page, "medium");
    bench.gateway.beats = setInterval(() => bench.gateway.beat(), 1_000);
    await page.getByText("● Live").waitFor({ timeout: 20_000 });
    const now = await page.evaluate(() => globalThis.heard.contexts[0].currentTime);
    await until("it is silent again", 5_000, async () => (await audible(page, "medium")).every((at) => at <= now + 1));
  },

  /** A session that ends by itself leaves a screen that somebody relies on; whoever signs in at a fresh one is left in peace. */
  async a_session_that_ends_by_itself_is_heard_and_a_fresh_sign_in_is_not({ gateway, context, open }) {
    const page = await armed({ context, open });
    gateway.session = { actor: null, by_name: true, role: null, unset: false, wards: null };
    for (const stream of gateway.streams) stream.end();
    await page.getByLabel("Password").waitFor();
    await sounds(page, "medium");
    await page.reload();
    await page.getByLabel("Name").press("a");
    await page.getByRole("button", { name: "Sound on" }).waitFor();
    assert.deepEqual(await audible(page, "medium"), []);
  },

  /** As a browser does that saves power, or when the loudspeaker goes. */
  async a_browser_that_plays_nothing_any_more_is_said({ gateway, context, open }) {
    const page = await armed({ context, open });
    await page.evaluate(() => globalThis.heard.contexts[0].suspend());
    await page.getByText("SOUND STOPPED").waitFor();
    gateway.alarm("a-1", "bed-01", HIGH);
    await page.locator(".banner", { hasText: "HR 150" }).waitFor();
    await page.keyboard.press("Shift");
    await page.getByText("SOUND STOPPED").waitFor({ state: "detached" });
    await sounds(page, "high");
    // It says that it runs, and its clock stands still.
    await page.evaluate(() => Object.defineProperty(globalThis.heard.contexts[0], "currentTime", { get: () => 7 }));
    await page.getByText("SOUND STOPPED").waitFor();
  },

  /** What comes by the worker is heard, and that nothing comes as well. */
  async a_tab_in_the_background_sounds({ gateway, context, open }) {
    await context.addInitScript(background);
    const page = await armed({ context, open });
    await page.evaluate(() => globalThis.hide());
    gateway.alarm("a-1", "bed-01", HIGH);
    await sounds(page, "high");
    gateway.alarm("a-1", "bed-01", { state: "closed" });
    clearInterval(gateway.beats);
    await until("that it is lost is heard", 12_000, async () => (await audible(page, "medium")).length > 0);
    assert.match(await page.title(), /NOT LIVE/);
  },
};

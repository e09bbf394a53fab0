// What is to be heard, when, and from which tab: the pure parts of the sound.
import assert from "node:assert/strict";
import { test } from "node:test";

import { again, lasts, pulses, silence } from "../../../web/sound/burst.js";
import { gravest, needOf, nextBurst, soundOf } from "../../../web/sound/need.js";
import { SILENT_MS, verdict } from "../../../web/sound/tabs.js";

const alarm = (more) => ({ id: "a", kind: "physiological", priority: "high", condition: "present", state: "alarming", announced_at: "2026-11-30T10:00:00Z", ...more });
const at = Date.parse("2026-11-30T10:00:00Z");

test("bursts keep to the ranges of their priority", () => {
  const within = (value, least, most) => assert.ok(value >= least - 1e-9 && value <= most + 1e-9, `${value}`);
  const gaps = (priority) => pulses(priority).slice(1).map(({ at: begin }, n) => begin - pulses(priority)[n].at - pulses(priority)[n].length);
  assert.deepEqual(["high", "medium", "low"].map((priority) => pulses(priority).length), [10, 3, 2]);
  const [x, length] = [gaps("high")[0], pulses("high")[0].length];
  within(x, 0.05, 0.125);
  within(length, 0.075, 0.2);
  within(gaps("high")[4], 0.35, 1.3);
  for (const n of [2, 7]) within(gaps("high")[n], 2 * x + length, 2 * x + length);
  for (const n of [0, 1, 3, 5, 6, 8]) within(gaps("high")[n], x, x);
  for (const priority of ["medium", "low"]) for (const gap of gaps(priority)) within(gap, 0.125, 0.25);
  for (const [priority, least, most] of [["high", 2.5, 15], ["medium", 2.5, 30], ["low", 15, Infinity]]) within(silence(priority), least, most);
  assert.deepEqual(["high", "medium", "low"].map(again), [true, true, false]);
});

test("what waits and is announced sounds with its priority, what is over with one less, all else is silent", () => {
  assert.deepEqual(["high", "medium", "low", "info"].map((priority) => soundOf(alarm({ priority }))), ["high", "medium", "low", null]);
  assert.deepEqual(["high", "medium"].map((priority) => soundOf(alarm({ priority, state: "latched", condition: "absent" }))), ["medium", "low"]);
  assert.deepEqual(["high", "medium"].map((priority) => soundOf(alarm({ priority, response: "same_day" }))), ["high", "low"], "what may wait is told once");
  assert.equal(soundOf(alarm({ condition: "unknown" })), "high");
  assert.equal(soundOf(alarm({ condition: "momentary" })), "high");
  const silent = [
    { state: "acknowledged", acknowledged: { by: "anna" } }, { state: "closed" }, { group: "a0" }, { quiet_until: "2026-11-30T11:00:00Z" },
    { state: "paused", inactivation: { what: "audio", how: "paused" } }, { state: "off", inactivation: { what: "alarm", how: "off" } },
  ];
  for (const more of silent) assert.equal(soundOf(alarm(more)), null, JSON.stringify(more));
});

test("the gravest is needed, and of equals the newest; a screen that is dark needs as much as medium", () => {
  assert.equal(needOf([], 0), null);
  assert.deepEqual(needOf([alarm({ priority: "low" }), alarm()], 0), { priority: "high", news: at });
  assert.deepEqual(needOf([alarm({ priority: "low" })], 77), { priority: "medium", news: 77 });
  assert.deepEqual(needOf([alarm()], 77), { priority: "high", news: at });
  assert.deepEqual(gravest([null, { priority: "medium", news: 1 }, { priority: "medium", news: 3 }, { priority: "low", news: 9 }]), { priority: "medium", news: 3 });
});

test("what is graver begins at once, news of the same when the burst is over, the rest in its time", () => {
  const played = { priority: "medium", news: 5, start: 100 };
  assert.equal(nextBurst(null, { priority: "low", news: 1 }, 7), 7);
  assert.equal(nextBurst(played, { priority: "high", news: 5 }, 100.2), 100.2);
  assert.equal(nextBurst(played, { priority: "medium", news: 6 }, 100.2), 100 + lasts("medium") + 0.5);
  assert.equal(nextBurst(played, { priority: "medium", news: 5 }, 100.2), 100 + lasts("medium") + silence("medium"));
  assert.equal(nextBurst(played, { priority: "medium", news: 4 }, 100.2), 100 + lasts("medium") + silence("medium"));
  assert.equal(nextBurst({ ...played, priority: "high" }, { priority: "low", news: 9 }, 100.2), 100 + lasts("high") + silence("low"));
  const low = { ...played, priority: "low" };
  assert.equal(nextBurst(low, { priority: "low", news: 5 }, 500), Infinity, "what is low is told once");
  assert.equal(nextBurst(low, { priority: "low", news: 6 }, 500), 500, "and what is new of it as well");
  assert.equal(nextBurst(played, { priority: "medium", news: 5 }, 500), 500, "after a pause nothing is made up for");
});

test("all tabs find the same one, that plays and was armed first, and what all of them need", () => {
  const tab = (more) => ({ able: true, since: 10, need: null, heard: 1_000, ...more });
  const found = (tabs, now = 1_000) => verdict(new Map(Object.entries(tabs)), now);
  assert.deepEqual(found({ b: tab(), a: tab() }), { who: "a", need: null });
  assert.equal(found({ a: tab(), b: tab({ since: 5 }) }).who, "b");
  assert.equal(found({ a: tab({ able: false }), b: tab({ since: 50 }) }).who, "b");
  assert.equal(found({ a: tab({ able: false }) }).who, null);
  const need = { priority: "high", news: 3 };
  assert.deepEqual(found({ a: tab(), b: tab({ able: false, need }) }), { who: "a", need });
  const late = 1_000 + SILENT_MS;
  assert.deepEqual(found({ a: tab({ need }), b: tab({ heard: late }) }, late), { who: "b", need: null }, "who says nothing is out");
});

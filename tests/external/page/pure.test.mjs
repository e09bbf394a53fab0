// The order of alarms, which ward shows them, and what a press means: the pure parts of the page.
//
//   node --test tests/external/page/pure.test.mjs
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { HOLD_MS, look } from "../../../web/hold.js";
import { keptBack, longestPause, muted } from "../../../web/mute.js";
import { announced, byUrgency, counts, inOrder, waits } from "../../../web/order.js";
import { changed, resetOf, tooLate, UNDO_MS, why } from "../../../web/outcome.js";
import { placeName, split, whereNow } from "../../../web/places.js";
import { alarmOf, inCommon, stale } from "../../../web/readouts.js";
import { answering, mine, offers, told } from "../../../web/responsible.js";
import { format, parse, setupLink } from "../../../web/route.js";

let made = 0;
function alarm(more = {}) {
  made += 1;
  return {
    id: `a${made}`, kind: "physiological", priority: "medium", condition: "present", state: "alarming",
    announced_at: "2026-11-21T10:00:00Z", ward: "icu", bed: "bed-1", patient: "p-1", ...more,
  };
}

const high = { priority: "high" };
const technical = { kind: "technical" };
const momentary = { condition: "momentary" };
const latched = { state: "latched", condition: "absent" };

function before(first, second) {
  assert.ok(byUrgency(first, second) < 0 && byUrgency(second, first) > 0);
}

test("present stands before momentary, but not before a high one that nobody has answered", () => {
  before(alarm(), alarm(momentary));
  before(alarm(high), alarm({ ...momentary, ...high, announced_at: "2026-11-21T10:00:01Z" }));
  before(alarm({ ...momentary, ...high }), alarm());
  before(alarm(), alarm({ ...momentary, ...high, state: "acknowledged" }));
});

test("what is not known to be over counts as present", () => {
  before(alarm({ condition: "unknown" }), alarm(momentary));
  before(alarm({ condition: "unknown", ...high }), alarm());
});

test("of the patient stands before technical, whatever the priority", () => {
  before(alarm({ priority: "low" }), alarm({ ...technical, ...high }));
});

test("then the priority, then the newest announcement", () => {
  before(alarm(high), alarm());
  before(alarm(), alarm({ priority: "low" }));
  before(alarm({ announced_at: "2026-11-21T10:00:01Z" }), alarm());
});

test("a high alarm, latched or momentary, stands before every technical one that is not high", () => {
  before(alarm({ ...high, ...latched }), alarm(technical));
  before(alarm({ ...high, ...latched }), alarm({ ...technical, priority: "low" }));
  before(alarm({ ...high, ...momentary }), alarm(technical));
  before(alarm({ ...high, ...technical }), alarm(technical));
});

test("a message of the gateway never outranks what was high of a patient, latched or not", () => {
  const gateway = { ...technical, patient: null, ward: null, bed: null };
  for (const condition of ["present", "unknown", "momentary"])
    for (const priority of ["high", "medium", "low", "info"]) {
      const message = alarm({ ...gateway, priority, condition, announced_at: "2026-11-21T10:00:09Z" });
      before(alarm({ ...high, ...latched }), message);
      before(alarm({ ...high, ...momentary, state: "acknowledged" }), message);
      before(alarm({ ...high, ...technical }), message);
    }
  before(alarm({ ...gateway, ...high }), alarm(technical));
  before(alarm({ ...gateway, ...high }), alarm({ ...latched, priority: "medium" }));
});

test("what waits for an answer stands before what has one", () => {
  const answered = alarm({ ...high, state: "acknowledged" });
  const waiting = alarm();
  assert.deepEqual(inOrder([answered, waiting]), [waiting, answered]);
});

test("it is an order: of any three the first stands before the last", () => {
  const all = [];
  for (const [kind, patient] of [["physiological", "p-1"], ["technical", "p-1"], ["technical", null]])
    for (const priority of ["high", "medium", "low", "info"])
      for (const condition of ["present", "unknown", "momentary", "absent"])
        for (const second of [0, 1]) all.push(alarm({ kind, patient, priority, condition, announced_at: `2026-11-21T10:00:0${second}Z` }));
  const sign = (a, b) => Math.sign(byUrgency(a, b));
  for (const a of all) for (const b of all) {
    assert.equal(sign(a, b), -sign(b, a) || 0);
    for (const c of all) if (sign(a, b) < 0 && sign(b, c) < 0) assert.equal(sign(a, c), -1);
  }
});

test("the order is that of the gateway", () => {
  const fixture = readFileSync(new URL("../../fixtures/order.txt", import.meta.url), "utf8");
  const lines = fixture.trim().split("\n").filter((line) => !line.startsWith("#"));
  assert.ok(lines.length > 100, "an order worth its name");
  const some = (text) => (text === "-" ? null : text);
  const alarms = lines.map((line) => {
    const [id, kind, priority, condition, state, group, patient, second] = line.split(" ");
    return { id, kind, priority, condition, state, group: some(group), patient: some(patient), announced_at: `2026-11-21T10:00:${second}Z` };
  });
  alarms.sort((a, b) => (a.id < b.id ? -1 : 1));
  assert.deepEqual(inOrder(alarms).map((a) => a.id), lines.map((line) => line.split(" ")[0]));
});

test("counts leave out no priority that is there", () => {
  assert.deepEqual(counts([alarm(high), alarm(), alarm()]), [{ priority: "high", count: 1 }, { priority: "medium", count: 2 }]);
});

test("a ward shows who is there now, and what belongs to no ward", () => {
  const patients = new Map([["p-1", { id: "p-1", ward: "step-down", bed: "bed-9" }]]);
  const moved = alarm();
  const gateway = alarm({ patient: null, ward: null, bed: null });
  assert.deepEqual(whereNow(moved, patients), { ward: "step-down", bed: "bed-9" });
  assert.equal(placeName(moved, patients), "bed-9 · p-1");
  assert.deepEqual(split([moved, gateway], "step-down", patients), { inside: [moved, gateway], outside: [] });
  assert.deepEqual(split([moved, gateway], "icu", patients), { inside: [gateway], outside: [moved] });
  assert.deepEqual(split([moved], "", patients).inside, [moved]);
});

test("an address says view, alarm and ward, and comes back as it was", () => {
  for (const route of [
    { view: "ward", id: "", ward: "" }, { view: "alarms", id: "", ward: "icu" }, { view: "alarm", id: "ABC2", ward: "icu" },
    { view: "account", id: "", ward: "icu" }, { view: "patient", id: "p-1", ward: "" },
  ]) assert.deepEqual(parse(format(route)), route);
  assert.deepEqual(setupLink("#setup/ab_-9"), { first: true, secret: "ab_-9" });
  assert.deepEqual(setupLink("#invited/x"), { first: false, secret: "x" });
  for (const other of ["", "#ward", "#setup/", "#setup/a/b", "#setup/<b>"]) assert.equal(setupLink(other), null);
  assert.deepEqual(parse(""), { view: "ward", id: "", ward: "" });
  for (const none of ["#alarm", "#patient", "#patient/"]) assert.deepEqual(parse(none), { view: "ward", id: "", ward: "" });
});

test("a button waits when it moved, when it means something else and when it is new", () => {
  const there = { meaning: "acknowledge a1", x: 10, y: 20 };
  const first = look(undefined, there, 1_000);
  assert.equal(first.until, 1_000 + HOLD_MS);
  assert.equal(look(first, there, 5_000).until, first.until);
  assert.equal(look(first, { ...there, y: 64 }, 5_000).until, 5_000 + HOLD_MS);
  assert.equal(look(first, { ...there, meaning: "acknowledge a2" }, 5_000).until, 5_000 + HOLD_MS);
});

test("only alarms of the link that nothing else may end are reset while they hold, with a reason", () => {
  const by = (more) => resetOf(alarm(more));
  for (const rule of ["link.lost_while_pending", "clock.suspect"]) {
    assert.equal(by({ ...technical, rule }), "with_a_reason");
    assert.equal(by({ ...technical, rule, condition: "absent" }), "as_it_is");
  }
  assert.equal(by({ ...technical, rule: "link.silence" }), "not_while_it_holds");
  assert.equal(by({ rule: "spo2.low", condition: "unknown" }), "with_a_reason");
  assert.equal(by({ rule: "vf", condition: "momentary" }), "as_it_is");
});

test("a reset is about what was seen, and is not sent out of a long sleep", () => {
  const seen = alarm({ ...high, ...latched });
  assert.equal(changed(seen, { ...seen, seq: 9, text: "other words" }), false);
  for (const news of [{ state: "alarming" }, { condition: "present" }, { priority: "low" }, { announced_at: "2026-11-21T11:00:00Z" }])
    assert.equal(changed(seen, { ...seen, ...news }), true);
  assert.equal(changed(seen, undefined), true);
  assert.equal(tooLate(0, UNDO_MS + 100), false);
  assert.equal(tooLate(0, 3_600_000), true);
});

test("without an answer nobody knows, and it is said", () => {
  const timeout = why("acknowledge", Object.assign(new Error(""), { name: "TimeoutError" }));
  assert.equal(timeout.title, "ACKNOWLEDGE NOT CONFIRMED");
  assert.match(timeout.cause, /did not answer within 5 s; nobody knows/);
  assert.match(why("reset", { status: 503, problem: { outcome: "unknown" } }).title, /NOT CONFIRMED/);
  assert.match(why("reset", { status: 409, message: "it has changed" }).title, /REFUSED/);
});

test("a value has the colour of the alarm on its signal that holds, and none when it is stale", () => {
  const vital = { signal: "heart_rate", device: "d", value: 0, text: null, stale_after: "2026-11-21T10:00:00Z" };
  const readout = { key: "", label: "", first: vital, second: undefined };
  const on = { trigger: { signal: "heart_rate" } };
  const over = alarm({ ...on, ...high, ...latched });
  const holding = alarm(on);
  assert.equal(alarmOf(readout, [over, holding, alarm({ trigger: { signal: "spo2" } })]), holding);
  assert.equal(alarmOf(readout, [alarm({ ...on, ...technical })]), undefined);
  assert.equal(stale(readout, Date.parse("2026-11-21T09:59:00Z")), false);
  assert.equal(stale(readout, Date.parse("2026-11-21T10:01:00Z")), true);
  assert.equal(stale({ ...readout, first: { ...vital, value: null } }, 0), true);
});

test("what several signals lack in common is said once", () => {
  const why = ["SpO2: no data", "Heart rate: not heard yet", "Temperature: not heard yet", "no device is bound", "limits for adults are not applied: age class or pregnancy"];
  assert.deepEqual(inCommon(why), ["SpO2: no data", "not heard yet: Heart rate; Temperature", "no device is bound", why[4]]);
  assert.deepEqual(inCommon(["late", "late"]), ["late"]);
});

test("what follows from an emergency stands after it and is not announced, nor is what is for information", () => {
  before(alarm(high), alarm({ ...high, group: "a0", announced_at: "2026-11-21T10:00:01Z" }));
  assert.deepEqual([alarm(), alarm({ group: "a0" }), alarm({ priority: "info" })].map(announced), [true, false, false]);
});

test("an alarm whose patient is not known is where the gateway says the patient is now", () => {
  const moved = alarm({ ward_now: "ward", bed_now: "bed-2" });
  assert.deepEqual(whereNow(moved, new Map()), { ward: "ward", bed: "bed-2" });
});

test("what is paused in sound alone waits for an answer, what is muted does not", () => {
  const kept = { what: "audio", how: "paused", by: "anna", reason: "CT", at: "2026-11-21T10:00:00Z", until: "2026-11-21T10:02:00Z" };
  const sound = alarm({ state: "paused", inactivation: kept });
  const all = alarm({ state: "off", inactivation: { ...kept, what: "alarm", how: "off" } });
  assert.deepEqual([waits(sound), announced(sound), muted(sound)], [true, true, false]);
  assert.deepEqual([waits(all), announced(all), muted(all)], [false, false, true]);
  assert.ok(!waits(alarm({ state: "paused", acknowledged: { by: "anna" }, inactivation: kept })));
  assert.match(keptBack(kept), /^sound paused by anna until .*: CT$/);
});

test("no pause is longer than its priority allows", () => {
  assert.deepEqual(["high", "medium", "low"].map((priority) => longestPause(alarm({ priority }))), [2, 10, 60]);
});

const asked = { state: "notified", team: "icu", step: 1, role: "nurse", person: "n1", since: "2026-11-21T10:00:00Z",
  deadline: "2026-11-21T10:03:00Z", told: [{ to: "n1", channel: "phone", at: "2026-11-21T10:00:00Z", result: "taken", seq: 7 }] };
const at = (time) => Date.parse(`2026-11-21T${time}Z`);

test("who is asked stands with how long until somebody else is, and who has it without", () => {
  const said = (more) => answering(alarm({ responsibility: { ...asked, ...more } }), at("10:01:00"));
  assert.match(said({}), /^nurse n1 was told, goes on in 2 min/);
  assert.match(said({ state: "unassigned" }), /^nurse n1 is being told/);
  assert.match(said({ state: "unassigned", role: null, person: null, deadline: null }), /^nobody is there to be told$/);
  assert.match(said({ state: "exhausted", role: null, person: null }), /^all were told, nobody takes it, told again in/);
  assert.equal(said({ state: "accepted" }), "n1 has it");
  assert.equal(said({ state: "accepted", offered: "n2" }), "n1 has it, hands it over to n2");
  assert.equal(said({ state: "none" }), "");
  assert.equal(answering(alarm(), at("10:01:00")), "");
  assert.match(answering(alarm({ responsibility: asked }), at("10:04:00")), /goes on now$/);
});

test("all that somebody hands over is taken together", () => {
  const of = (person, offered) => alarm({ responsibility: { ...asked, state: "accepted", person, offered } });
  const [one, other] = [of("n1", "n2"), of("n1", "n2")];
  const open = [one, of("n1", undefined), of("n3", "n2"), other, of("n1", "n4"), alarm()];
  assert.deepEqual([...offers(open, "n2")], [["n1", [one, other]], ["n3", [open[2]]]]);
  assert.equal(offers(open, "").size, 0);
  assert.deepEqual(mine(open, "n3"), [open[2]]);
  assert.match(told(one)[0], /^n1 by phone .*, arrived$/);
});

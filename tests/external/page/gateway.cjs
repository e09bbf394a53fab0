// A gateway that does what a test says, to the millisecond: the files of `web/` with the headers of the
// real one, the lists and the stream of contract §6, and commands that it answers, refuses or leaves open.
"use strict";

const fs = require("node:fs");
const http = require("node:http");
const path = require("node:path");

const TYPES = {
  ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".json": "application/json",
  ".png": "image/png", ".webmanifest": "application/manifest+json",
};
// That of src/http/router.rs.
const CSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
  + "manifest-src 'self'; worker-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; "
  + "require-trusted-types-for 'script'";

const BEDS = { "bed-01": "icu", "bed-02": "icu", "bed-07": "icu", "bed-20": "step-down" };
const iso = (ms) => new Date(ms).toISOString();

class FakeGateway {
  constructor(web) {
    this.web = web;
    this.seq = 100;
    this.alarms = new Map();
    this.vitals = new Map();
    this.streams = new Set();
    this.commands = [];
    this.pauses = [];
    /** What happens to commands: `do`, `hang` or a status to refuse with. */
    this.answers = "do";
    /** How far judgement is behind, in ms, and how patients are watched, by bed. */
    this.behind = 0;
    this.watched = {};
    this.duty = [];
    /** A patient's own limits, by patient, as `GET patients/{id}/limits` has them. */
    this.limits = {};
    /** What watches a patient, by patient: rows of `GET patients/{id}/explain`. */
    this.explained = {};
    /** Whether whoever asks has to sign in first, and what a session says then. */
    this.session = null;
    /** Files that are not there. */
    this.missing = null;
    this.server = http.createServer((request, response) => this.serve(request, response));
    this.beats = setInterval(() => this.beat(), 1_000);
  }

  async start() {
    await new Promise((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    this.url = `http://127.0.0.1:${this.server.address().port}/`;
    return this;
  }

  stop() {
    clearInterval(this.beats);
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(resolve));
  }

  /** Raises or changes an alarm; what is not said is as of an ordinary one. */
  alarm(id, bed, more = {}) {
    const now = iso(Date.now());
    const before = this.alarms.get(id) ?? {
      id, site: "site", patient: bed && `p-${bed.slice(4)}`, ward: BEDS[bed] ?? null, bed, device: bed && `dev-${bed.slice(4)}`,
      source: "dev", group: null, simulated: true, rule: "r", rule_version: 0, kind: "physiological", text: id, advice: null,
      priority: "medium", priority_peak: "medium", response: "prompt", state: "alarming", condition: "present",
      condition_since: now, condition_reason: null, acknowledged: null,
      trigger: { signal: "spo2", value: 84, comparator: null, unit: "%", side: "low", limit: 88, limit_from: "pack" },
      latest: null, raised_at: now, announced_at: now, ended_at: null, closed_at: null, closed_reason: null, late: false,
      recurrence: 0, inactivation: null, confirmed: true, members: [],
    };
    this.seq += 1;
    const alarm = { ...before, ...more, seq: this.seq };
    if (alarm.state === "closed") this.alarms.delete(id);
    else this.alarms.set(id, alarm);
    this.say("alarm", alarm, `store-${this.seq}`);
    return alarm;
  }

  vital(bed, signal, value, more = {}) {
    const now = Date.now();
    const vital = {
      signal, label: signal, instance: "", device: `dev-${bed.slice(4)}`, value, comparator: null, unit: "/min", text: null,
      measured_at: iso(now), received_at: iso(now), stale_after: iso(now + 600_000), doubt: null, ...more,
    };
    this.vitals.set(bed, [...(this.vitals.get(bed) ?? []).filter((v) => v.signal !== signal), vital]);
    this.say("vitals", { patient: `p-${bed.slice(4)}`, vitals: [vital] });
  }

  forget() {
    for (const alarm of [...this.alarms.values()]) this.alarm(alarm.id, alarm.bed, { state: "closed", closed_at: iso(Date.now()), closed_reason: "ended" });
    this.commands = [];
    this.pauses = [];
    this.answers = "do";
  }

  say(event, data, id) {
    const text = `event: ${event}\n${id ? `id: ${id}\n` : ""}data: ${JSON.stringify(data)}\n\n`;
    for (const stream of this.streams) stream.write(text);
  }

  tokens() {
    return [...this.streams].map((stream) => stream.token).sort();
  }

  beat() {
    const now = iso(Date.now());
    this.say("heartbeat", { server_time: now, judged_to: iso(Date.now() - this.behind), seq: this.seq, unjudged: 0, oldest_unjudged_s: 0, store: "ok", silent_devices: 0, watchers: 1 });
  }

  serve(request, response) {
    const url = new URL(request.url, "http://gateway");
    response.setHeader("content-security-policy", CSP);
    response.setHeader("cross-origin-opener-policy", "same-origin");
    response.setHeader("cross-origin-resource-policy", "same-origin");
    if (!url.pathname.startsWith("/api/v1/")) return this.file(url.pathname, response);
    const route = url.pathname.slice("/api/v1/".length);
    if (this.session) return json(response, route === "session" ? 200 : 401, route === "session" ? this.session : { status: 401, detail: "sign in" });
    if (route.startsWith("hand-over")) return this.handOver(route, request, response);
    if (route === "stream") return this.stream(request, response);
    if (route.startsWith("pauses") && request.method !== "GET") return this.pause(request, response);
    if (request.method === "POST") return this.command(route, request, response);
    const items = this.items(route);
    const limits = /^patients\/([^/]+)\/limits$/.exec(route);
    const explain = /^patients\/([^/]+)\/explain$/.exec(route);
    if (explain) return json(response, 200, { at: iso(Date.now()), patient: explain[1], rules: this.explained[explain[1]] ?? [] });
    if (limits) return json(response, 200, { limits: [], offered: [], waiting: [], version: 0, ...this.limits[limits[1]] });
    if (items) return json(response, 200, { items, next: null, seq: this.seq });
    const alarm = this.alarms.get(route.replace("alarms/", ""));
    if (!alarm) return json(response, 404, { status: 404, detail: "there is no such thing" });
    const transition = { actor: null, at: alarm.raised_at, change: "raised", seq: alarm.seq, state: alarm.state, text: alarm.text };
    return json(response, 200, { alarm, limits: [], readings: [], transitions: [transition] });
  }

  items(route) {
    const monitored = (bed) => ({ state: "monitored", why: [], judged_to: iso(Date.now()), ...this.watched[bed] });
    const beds = Object.entries(BEDS);
    if (route === "duty") return this.duty.map((person) => ({ team: "icu", step: 1, role: "nurse", person, from: null, until: null, on_call: false }));
    if (route === "pauses") return this.pauses;
    if (route === "alarms") return [...this.alarms.values()];
    if (route === "beds") return beds.map(([id, ward]) => ({ id, ward, patient: `p-${id.slice(4)}` }));
    if (route === "devices") return beds.map(([id]) => ({ id: `dev-${id.slice(4)}`, class: "monitor", connectivity: "connected", last_device_contact: iso(Date.now()) }));
    if (route !== "patients") return null;
    return beds.map(([bed, ward]) => ({
      id: `p-${bed.slice(4)}`, ward, bed, discharged_at: null, monitored: monitored(bed), vitals: this.vitals.get(bed) ?? [], devices: [`dev-${bed.slice(4)}`],
    }));
  }

  stream(request, response) {
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache, no-transform" });
    response.token = request.headers.authorization ?? "";
    this.streams.add(response);
    response.on("close", () => this.streams.delete(response));
    response.write(`retry: 1000\nevent: hello\ndata: ${JSON.stringify({ store: "store", seq: this.seq, server_time: iso(Date.now()), actor: "local:test", role: "local", simulated: true })}\n\n`);
    this.beat();
  }

  /** Whoever is signed in hands over all that is theirs, or takes all that somebody hands over to them. */
  handOver(route, request, response) {
    let text = "";
    request.on("data", (chunk) => { text += chunk; });
    request.on("end", () => {
      const asked = JSON.parse(text);
      this.commands.push({ act: route, ...asked });
      const [of, more] = route === "hand-over" ? ["local:test", { offered: asked.to }] : [asked.from, { person: "local:test", offered: undefined }];
      const meant = ({ responsibility }) => responsibility?.person === of && (route === "hand-over" || responsibility.offered === "local:test");
      for (const alarm of [...this.alarms.values()].filter(meant)) {
        this.alarm(alarm.id, alarm.bed, { responsibility: { ...alarm.responsibility, ...more } });
      }
      json(response, 200, { outcome: "done", detail: route === "hand-over" ? `${asked.to} has to take 1` : "", version: null, alarm: null });
    });
  }

  command(route, request, response) {
    let text = "";
    request.on("data", (chunk) => { text += chunk; });
    request.on("end", () => {
      const [, id, act] = route.split("/");
      this.commands.push({ id, act, at: Date.now(), ...JSON.parse(text) });
      const alarm = this.alarms.get(id);
      if (this.answers === "hang") return;
      if (this.answers !== "do") return json(response, this.answers, { status: this.answers, detail: "it has changed since it was seen", alarm });
      const by = { by: "local:test", at: iso(Date.now()), until: null, seq: alarm?.seq };
      const after = {
        acknowledge: { state: "acknowledged", acknowledged: by }, unacknowledge: { state: "alarming", acknowledged: null },
        reset: { state: "closed", closed_at: iso(Date.now()), closed_reason: "reset" },
        pause: { state: "paused", inactivation: this.kept("paused", JSON.parse(text), 600_000) },
        off: { state: "off", inactivation: this.kept("off", JSON.parse(text)) },
        resume: { state: "alarming", inactivation: null },
        comment: {},
        accept: { responsibility: { ...alarm?.responsibility, state: "accepted", person: "local:test", deadline: null } },
      }[act];
      return json(response, 200, { outcome: "done", detail: "", version: null, alarm: this.alarm(id, alarm?.bed, after) });
    });
  }

  /** How an alarm is kept quiet that a command asks for. */
  kept(how, { what = "audio", reason = null, until }, ms = 0) {
    return { what, how, by: "local:test", reason, at: iso(Date.now()), until: until ?? iso(Date.now() + ms) };
  }

  /** Begins or ends a pause of a bed. */
  pause(request, response) {
    let text = "";
    request.on("data", (chunk) => { text += chunk; });
    request.on("end", () => {
      this.seq += 1;
      if (request.method === "DELETE") this.pauses = this.pauses.filter((one) => !request.url.endsWith(`/${one.id}`));
      else this.pauses.push({ id: this.seq, rule: null, patient: null, bed: null, ward: "icu", by: "local:test", at: iso(Date.now()), ...JSON.parse(text) });
      return json(response, 200, { outcome: "done", detail: "", version: null, alarm: null, pause: this.pauses.at(-1) ?? null });
    });
  }

  file(name, response) {
    const file = path.join(this.web, name === "/" ? "index.html" : path.normalize(name));
    if (this.missing?.test(name) || !file.startsWith(this.web) || !fs.existsSync(file)) return json(response, 404, { status: 404 });
    response.writeHead(200, { "content-type": `${TYPES[path.extname(file)] ?? "text/plain"}; charset=utf-8`, "cache-control": "no-cache" });
    return response.end(fs.readFileSync(file));
  }
}

function json(response, status, body) {
  response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
  response.end(JSON.stringify(body));
}

module.exports = { FakeGateway, iso };

// Publishes telemetry with MQTT.js and waits for every acknowledgement; the options are those of
// paho_client.py. NODE_PATH names the folder with the package.
"use strict";

const fs = require("node:fs");
const { parseArgs } = require("node:util");
const mqtt = require("mqtt");

const { values: args } = parseArgs({
  options: {
    host: { type: "string" },
    port: { type: "string" },
    device: { type: "string" },
    version: { type: "string" },
    qos: { type: "string" },
    first: { type: "string", default: "1" },
    count: { type: "string" },
    ca: { type: "string" },
    certificate: { type: "string" },
    key: { type: "string" },
    will: { type: "boolean", default: false },
    reconnect: { type: "boolean", default: false },
    hang: { type: "boolean", default: false },
  },
});

function options() {
  const version5 = args.version === "5";
  const all = {
    clientId: args.device,
    clean: false,
    protocolVersion: version5 ? 5 : 4,
    reconnectPeriod: 100,
  };
  if (version5) all.properties = { sessionExpiryInterval: 60 };
  if (args.will) {
    const topic = `vitalgate/v1/${args.device}/status`;
    all.will = { topic, payload: '{"status": "lost"}', qos: 1, retain: false };
  }
  if (args.ca) {
    all.ca = fs.readFileSync(args.ca);
    all.cert = fs.readFileSync(args.certificate);
    all.key = fs.readFileSync(args.key);
  }
  return all;
}

const STARTED = Date.now();

function message(seq) {
  const now = new Date().toISOString();
  // Readings of one millisecond would be readings of the same time.
  const at = new Date(STARTED - 60_000 + seq * 10).toISOString();
  const reading = { at, signal: "heart_rate", value: 60 + (seq % 10), unit: "/min" };
  return JSON.stringify({ boot: 1, seq, sent_at: now, clock: { source: "ntp" }, readings: [reading] });
}

function once(client, event) {
  return new Promise((resolve) => client.once(event, resolve));
}

async function main() {
  const scheme = args.ca ? "mqtts" : "mqtt";
  const client = await mqtt.connectAsync(`${scheme}://${args.host}:${args.port}`, options());
  const count = Number(args.count);
  for (let n = 0; n < count; n += 1) {
    if (args.reconnect && n === Math.floor(count / 2)) {
      const back = once(client, "connect");
      client.stream.destroy();
      await back;
    }
    const seq = Number(args.first) + n;
    await client.publishAsync(`vitalgate/v1/${args.device}/telemetry`, message(seq), { qos: Number(args.qos) });
  }
  console.log("done");
  if (args.hang) return;
  await client.endAsync();
}

const patience = setTimeout(() => {
  console.error("waited in vain for the gateway");
  process.exit(1);
}, 120_000);

main().then(
  () => clearTimeout(patience),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);

// A device that publishes and waits for every acknowledgement: node device.cjs PORT DEVICE COUNT
//
// MQTT.js keeps in memory what was not acknowledged, and sends the same bytes again after a lost
// connection. A device that can lose its power also needs an outbox on disk, as ../device-python has.

const mqtt = require('mqtt');

const [port, device, count] = [process.argv[2] ?? '1883', process.argv[3] ?? 'dev-js', Number(process.argv[4] ?? 5)];
const start = Date.now();
const boot = Math.floor(start / 1000);

// Readings of the last seconds, which waited in the device: each keeps the time it was measured.
function message(seq) {
  const at = new Date(start - (count - seq) * 1000).toISOString();
  const readings = [{ at, signal: 'heart_rate', value: 72, unit: '/min' }];
  return JSON.stringify({ boot, seq, sent_at: new Date().toISOString(), clock: { source: 'ntp' }, readings });
}

async function main() {
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, { clientId: device, clean: false });
  client.on('error', (error) => console.error(`the connection is lost: ${error.message}`));
  for (let seq = 1; seq <= count; seq += 1) {
    await client.publishAsync(`vitalgate/v1/${device}/telemetry`, message(seq), { qos: 1 });
  }
  await client.endAsync();
  console.log(`${count} readings acknowledged`);
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});

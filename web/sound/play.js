// Bursts on the clock of an audio context.

import { HARMONICS, pitch, pulses, RISE } from "./burst.js";

/** @import { Loud } from "./burst.js" */

/** Of the loudest that the machine gives. */
const LEVEL = 0.8;

/** @type {WeakMap<BaseAudioContext, PeriodicWave>} */
const waves = new WeakMap();

/** @param {BaseAudioContext} audio */
function wave(audio) {
  const known = waves.get(audio);
  if (known) return known;
  const sine = Float32Array.from([0, ...HARMONICS]);
  const made = audio.createPeriodicWave(new Float32Array(sine.length), sine);
  waves.set(audio, made);
  return made;
}

/**
 * Puts one burst on the clock. @param {BaseAudioContext} audio @param {Loud} priority @param {number} start in seconds of that clock
 * @returns {() => void} takes back what of it was not heard yet
 */
export function burst(audio, priority, start) {
  const out = audio.createGain();
  out.gain.value = LEVEL;
  out.connect(audio.destination);
  const sources = pulses(priority).map(({ at, length }) => {
    const source = audio.createOscillator();
    const loud = audio.createGain();
    const begin = start + at;
    source.setPeriodicWave(wave(audio));
    source.frequency.value = pitch(priority);
    loud.gain.setValueAtTime(0, begin);
    loud.gain.linearRampToValueAtTime(1, begin + length * RISE);
    loud.gain.setValueAtTime(1, begin + length * (1 - RISE));
    loud.gain.linearRampToValueAtTime(0, begin + length);
    source.connect(loud).connect(out);
    source.start(begin);
    source.stop(begin + length);
    return source;
  });
  return () => {
    for (const source of sources) source.disconnect();
    out.disconnect();
  };
}

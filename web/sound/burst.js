// What an alarm sounds like: bursts of pulses by priority, in the form of IEC 60601-1-8. Pure. The figures and how far
// each is known are in docs/clinical.md §3.6.

/** @typedef {"high"|"medium"|"low"} Loud */

/**
 * Times in seconds, frequencies in Hz. A group is a number of pulses, `gap` apart; `apart` is the silence after each group, `silence`
 * that before the next burst. What is low is told once: told again and again it would be switched off, and what is high with it.
 */
const FORMS = {
  high: { again: true, hertz: 660, length: 0.12, gap: 0.1, groups: [3, 2, 3, 2], apart: [0.32, 0.6, 0.32], silence: 4 },
  medium: { again: true, hertz: 523, length: 0.18, gap: 0.18, groups: [3], apart: [], silence: 7 },
  low: { again: false, hertz: 440, length: 0.18, gap: 0.2, groups: [2], apart: [], silence: 16 },
};

/** Strength of the first harmonic and those above it: four within 15 dB of it, none beyond 4 kHz. */
export const HARMONICS = [1, 0.7, 0.55, 0.45, 0.35];
/** Part of a pulse in which it rises, and in which it falls, so that it does not click. */
export const RISE = 0.2;

/** The pitch of a priority, in Hz. @param {Loud} priority */
export const pitch = (priority) => FORMS[priority].hertz;

/** When each pulse begins and how long it is, in seconds from the begin of the burst. @param {Loud} priority */
export function pulses(priority) {
  const { length, gap, groups, apart } = FORMS[priority];
  const all = [];
  let at = 0;
  for (const [index, count] of groups.entries()) {
    for (let n = 0; n < count; n += 1) {
      all.push({ at, length });
      at += length + (n + 1 < count ? gap : apart[index] ?? 0);
    }
  }
  return all;
}

/** How long a burst is, in seconds. @param {Loud} priority */
export function lasts(priority) {
  const last = /** @type {{at: number, length: number}} */ (pulses(priority).at(-1));
  return last.at + last.length;
}

/** The silence before a burst of this priority, in seconds. @param {Loud} priority */
export const silence = (priority) => FORMS[priority].silence;

/** Whether it is told again for as long as it waits. @param {Loud} priority */
export const again = (priority) => FORMS[priority].again;

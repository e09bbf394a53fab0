// Shapes of contract §5 and §6, for editors and `tsc --checkJs`; nothing here runs.

/**
 * @typedef {"high"|"medium"|"low"|"info"} Priority
 * @typedef {"alarming"|"acknowledged"|"paused"|"off"|"latched"|"closed"} AlarmState
 *
 * @typedef {object} Alarm
 * @property {string} id
 * @property {number} seq
 * @property {string|null} patient
 * @property {string|null} ward
 * @property {string|null} bed
 * @property {string|null} ward_now
 * @property {string|null} bed_now
 * @property {string|null} group of which other alarm it is a consequence
 * @property {string|null} device
 * @property {string} rule
 * @property {"physiological"|"technical"} kind
 * @property {string} text
 * @property {string|null} advice
 * @property {Priority} priority
 * @property {"immediate"|"prompt"|"same_day"|"next_working_day"} [response]
 * @property {AlarmState} state
 * @property {"present"|"absent"|"unknown"|"momentary"} condition
 * @property {string} condition_since
 * @property {string|null} condition_reason
 * @property {Priority} priority_peak
 * @property {{by: string, at: string, until: string|null, seq: number}|null} acknowledged
 * @property {{what: "audio"|"alarm", how: "paused"|"off", by: string, reason: string|null, at: string, until: string}|null} inactivation
 * @property {{by: string, at: string, text: string}} [comment]
 * @property {Responsibility|null} [responsibility] who answers for it
 * @property {{value: number, unit: string, measured_at: string, age_s: number, stale: boolean}|null} latest
 * @property {{signal: string, limit: number|null, unit: string|null}} trigger
 * @property {string} raised_at
 * @property {string} announced_at
 * @property {string|null} [quiet_until]
 * @property {string|null} closed_at
 * @property {string|null} closed_reason
 * @property {boolean} late
 * @property {number} recurrence
 * @property {boolean} confirmed
 *
 * @typedef {object} Responsibility
 * @property {"none"|"unassigned"|"notified"|"accepted"|"exhausted"|"ended"} state
 * @property {string|null} team
 * @property {number|null} step
 * @property {string|null} role
 * @property {string|null} person
 * @property {string} since
 * @property {string|null} deadline
 * @property {string} [offered] to whom it is handed over
 * @property {{to: string, channel: string|null, at: string, result: "shown"|"waiting"|"taken"|"failed"|"received", seq: number}[]} told
 *
 * @typedef {object} Vital
 * @property {string} signal
 * @property {string} label
 * @property {string} instance
 * @property {string} device
 * @property {number|null} value
 * @property {string|null} comparator
 * @property {string|null} unit
 * @property {string|null} text
 * @property {string|null} measured_at
 * @property {string|null} received_at
 * @property {string|null} stale_after
 * @property {string|null} doubt
 *
 * @typedef {{state: "monitored"|"partly"|"not", why: string[], judged_to: string}} Monitored
 *
 * @typedef {object} Patient
 * @property {string} id
 * @property {string|null} ward
 * @property {string|null} bed
 * @property {string|null} discharged_at
 * @property {Monitored} monitored
 * @property {Vital[]} vitals
 * @property {string[]} devices
 *
 * @typedef {object} Device
 * @property {string} id
 * @property {string} class
 * @property {string} connectivity
 * @property {string|null} last_device_contact
 *
 * @typedef {{id: string, ward: string, patient: string|null}} Bed
 *
 * @typedef {object} Pause
 * @property {number} id
 * @property {string|null} rule
 * @property {string|null} patient
 * @property {string|null} bed
 * @property {string|null} ward
 * @property {string} by
 * @property {string} reason
 * @property {string} at
 * @property {string} until
 *
 * @typedef {object} Heartbeat
 * @property {string} server_time
 * @property {string} judged_to
 * @property {number} seq
 * @property {"ok"|"failing"|"full"} store
 * @property {number} [silent_devices]
 * @property {number} [watchers]
 */
export {};

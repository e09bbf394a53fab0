//! The words of alarms, made from values: for people, without stamps or codes, units as they write them. Another
//! language is another file like this.

mod several;

use crate::model::alarm::Side;
use crate::model::crossing::Crossing;
use crate::model::duty::Hole;
use crate::model::ids::{ChannelId, DeviceId, DutyRole, TeamId, WardId};
use crate::model::input::{LateAlarms, SignInWay, Stretch};
use crate::model::message::Comparator;
use crate::model::observation::Number;
use crate::model::time::Span;
use crate::model::unit::Unit;

pub(crate) use several::{combination, score};

/// `SpO2 74 % (lowest 68 %) below 80 %`; with a name `Asystole: Heart rate 0 /min`.
pub(crate) fn crossing(crossing: &Crossing) -> String {
    let Crossing { name, label, side, limit, unit, now, worst } = crossing;
    let (below, lowest) = match side {
        Side::Low => ("below", "lowest"),
        Side::High => ("above", "highest"),
    };
    let now_is_worst = worst.number == *now || now.is_worse_than(&worst.number, *side);
    let worst = (!now_is_worst).then(|| format!("{lowest} {}", number(&worst.number)));
    let (value, limit) = (apart_from(*limit, now, *unit), amount(*limit, *unit));
    let said = match (name, worst) {
        (Some(_), Some(worst)) => format!("{label} {value} ({worst})"),
        (Some(_), None) => format!("{label} {value}"),
        (None, Some(worst)) if crossing.is_beyond() => {
            format!("{label} {value} ({worst}) {below} {limit}")
        }
        // It is back inside.
        (None, Some(worst)) => format!("{label} {value} ({worst}, limit {limit})"),
        (None, None) => format!("{label} {value} {below} {limit}"),
    };
    named(name.as_deref(), said)
}

/// Nobody is on duty as something that is asked for, or will be within hours.
pub(crate) fn nobody_on_duty(team: &TeamId, role: &DutyRole, begun: bool) -> String {
    let when = if begun { "is" } else { "will soon be" };
    format!("Nobody {when} on duty as {role} of {team}")
}

/// Nobody knows who will be on duty.
pub(crate) fn plan_ends() -> String {
    "The plan of duty is at its end: soon nobody is known to be on duty".to_owned()
}

/// Nobody takes an alarm.
pub(crate) fn unanswered(team: Option<&TeamId>, ward: Option<&WardId>) -> String {
    match (team, ward) {
        (Some(team), _) => format!("Nobody of {team} takes an alarm"),
        (None, Some(ward)) => format!("No team answers for alarms of ward {ward}"),
        (None, None) => "No team answers for alarms of patients in no ward".to_owned(),
    }
}

/// A hole in the plan of duty, for whoever makes the plan.
pub fn hole(Hole { from, until, team, role }: &Hole) -> String {
    format!("nobody is on duty as {role} of {team} from {from} until {until}")
}

/// `Arterial pressure, mean has stood still at 80 mm[Hg]`.
pub(crate) fn frozen(label: &str, at: &Number) -> String {
    format!("{label} has stood still at {}", number(at))
}

/// `Glucose, sensor 80 mg/dL, below 55 mg/dL within 20 min`.
pub(crate) fn prediction(
    label: &str,
    now: &Number,
    side: Side,
    limit: f64,
    within: Span,
) -> String {
    let beyond = if side == Side::Low { "below" } else { "above" };
    let (limit, now) = (amount(limit, now.unit), number(now));
    format!("{label} {now}, {beyond} {limit} within {}", long(within))
}

/// `VT/VF storm: 3 within 48 h`.
pub(crate) fn count(said: &str, times: usize, within: Span) -> String {
    format!("{said}: {times} within {}", long(within))
}

/// `Activity 1.9 h/d over 7 days, usually 3.1 h/d`; `Ventricular extrasystoles 130 /h over 7 days, above 110 /h`.
pub(crate) fn trend(
    label: &str,
    over: Span,
    (median, limit): (f64, f64),
    usual: Option<f64>,
    side: Side,
    unit: Unit,
) -> String {
    let held = match (usual, side) {
        (Some(usual), _) => format!("usually {}", amount(usual, unit)),
        (None, Side::Low) => format!("below {}", amount(limit, unit)),
        (None, Side::High) => format!("above {}", amount(limit, unit)),
    };
    format!("{label} {} over {}, {held}", amount(median, unit), long(over))
}

/// A span of hours or days.
fn long(span: Span) -> String {
    let minutes = span.as_micros() / Span::mins(1).as_micros();
    match minutes {
        0..180 => format!("{minutes} min"),
        180..4_320 => format!("{} h", minutes / 60),
        _ => format!("{} days", minutes / 1_440),
    }
}

/// Of what came late.
pub(crate) fn late(said: &str) -> String {
    format!("{said} (late)")
}

/// Of a measurement that waits for another.
pub(crate) fn repeat_due(said: &str) -> String {
    format!("{said}: repeat due")
}

/// `Apnoea: Respiratory rate: no value while the device goes on`.
pub(crate) fn lost(name: Option<&str>, label: &str) -> String {
    named(name, format!("{label}: no value while the device goes on"))
}

/// `SpO2 lost at 84 %, beyond its limit`.
pub(crate) fn lost_beyond(label: &str, last: &Number) -> String {
    format!("{label} lost at {}, beyond its limit", amount(last.value, last.unit))
}

/// `Heart rate 900 /min is implausible`.
pub(crate) fn implausible(label: &str, said: &Number) -> String {
    format!("{label} {} is implausible", amount(said.value, said.unit))
}

/// A zero that means that there is no sensor.
pub(crate) fn zero_or_off(label: &str) -> String {
    format!("{label} 0 or sensor off")
}

/// What a device does not say, each signal with why.
pub(crate) fn silent<'a>(
    device: &DeviceId,
    signals: impl Iterator<Item = (&'a str, &'a str)>,
) -> String {
    let signals: Vec<String> =
        signals.map(|(label, reason)| format!("{label} ({reason})")).collect();
    format!("No judged data from {device}: {}", signals.join(", "))
}

/// In place of a signal, where a device is expected to say anything at all.
pub(crate) const ANYTHING: &str = "anything";

/// Why nothing was judged, where nothing came.
pub(crate) const NO_DATA: &str = "no data";

/// A device in a mode that is not judged.
pub(crate) fn test_mode(device: &DeviceId) -> String {
    format!("{device} is in test or demo mode: its data are not judged")
}

/// Stamps that cannot be.
pub(crate) fn clock_suspect(device: &DeviceId) -> String {
    format!("the clock of {device} cannot be right: times are those of arrival")
}

/// A clock that was put right.
pub(crate) fn clock_stepped(device: &DeviceId) -> String {
    format!("the clock of {device} was put right")
}

/// A counter that went back.
pub(crate) fn boot_reset(device: &DeviceId) -> String {
    format!("{device} began to count anew: it may have lost its memory")
}

/// A device claims an interval that is not believed.
pub(crate) fn too_rare(device: &DeviceId) -> String {
    format!(
        "{device} says that it sends a signal more rarely than its class allows: it is expected sooner"
    )
}

/// A device whose news are more than are told one by one.
pub(crate) fn over_budget(device: &DeviceId) -> String {
    format!(
        "{device} reports more than is told one by one: what lasts, repeats or ends is told later"
    )
}

/// A sender that is read slowly.
pub(crate) fn read_slowly(sender: &DeviceId) -> String {
    format!("{sender} sends more than its budget: it is read slowly, and what it sends comes late")
}

/// A device that speaks through a sender that is read slowly.
pub(crate) fn waits_behind(device: &DeviceId, sender: &DeviceId) -> String {
    format!("{sender} sends more than its budget: what {device} measures comes late through it")
}

/// Findings of the past that were not noted one by one.
pub(crate) fn more_findings(count: u64, last: &str) -> String {
    if count == 1 { last.to_owned() } else { format!("{count} more of the past, the last: {last}") }
}

/// Somebody who is to be watched continuously has no device.
pub(crate) fn no_device() -> String {
    "no device watches a patient who is to be watched continuously".to_owned()
}

/// Readings between two bindings.
pub(crate) fn unattributed(device: &DeviceId) -> String {
    format!("readings of {device} fell between two patients and belong to nobody")
}

/// Somebody whom limits for adults refuse.
pub(crate) fn age_class() -> String {
    "limits for adults are not applied: age class or pregnancy".to_owned()
}

/// What a device reported, by its name where no rule knows it, with its own words where it has any.
pub(crate) fn event(said: &str, name: Option<&str>, words: Option<&str>) -> String {
    let mut text = said.to_owned();
    for more in [name, words].into_iter().flatten() {
        text.push_str(": ");
        text.push_str(&seen(more));
    }
    text
}

/// `SpO2: low limit 92 % ends within a day, then 88 %`; what is off, or will not be there, says so.
pub(crate) fn limit_expiring(
    label: &str,
    which: (Side, bool),
    ends: Option<Number>,
    then: Option<Number>,
) -> String {
    let (limit, ends, then) = (limit_of(which), or(ends, "off"), or(then, "none"));
    format!("{label}: {limit} {ends} ends within a day, then {then}")
}

/// `SpO2: low limit 92 % has ended, now 88 %`.
pub(crate) fn limit_expired(
    label: &str,
    which: (Side, bool),
    ended: Option<Number>,
    now: Option<Number>,
) -> String {
    let (limit, ended, now) = (limit_of(which), or(ended, "off"), or(now, "none"));
    format!("{label}: {limit} {ended} has ended, now {now}")
}

/// Commits fail.
pub(crate) fn store_failing() -> String {
    "the store fails: nothing new is acknowledged".to_owned()
}

/// The disk is full.
pub(crate) fn disk_full() -> String {
    "the disk is full: nothing of devices is taken in until there is room".to_owned()
}

/// A ward on no screen.
pub(crate) fn unwatched(ward: &WardId) -> String {
    format!("no screen shows ward {ward}")
}

/// A ward on no screen, where nobody can be reached.
pub(crate) fn unattended(ward: &WardId) -> String {
    format!("no screen shows ward {ward}, and nobody on duty for it can be reached")
}

/// The synthetic patient does not come out.
pub(crate) fn synthetic(fault: &str) -> String {
    format!("Alarms may not get through: the synthetic patient did not come out in time: {fault}")
}

/// Alarms that were late.
pub(crate) fn late_alarms(stretch: Stretch, found: &LateAlarms) -> String {
    let LateAlarms { late, all, within_ms, worst_ms } = found;
    let what = match stretch {
        Stretch::Announced => "announced",
        Stretch::Taken => "taken by a channel",
    };
    let seconds = |ms: u64| ms as f64 / 1_000.0;
    let (within, worst) = (seconds(*within_ms), seconds(*worst_ms));
    format!(
        "{late} of {all} alarms of an hour were {what} later than {within} s, the slowest after {worst} s"
    )
}

/// A broker that is not proven.
pub(crate) fn broker(id: &DeviceId, fault: &str) -> String {
    format!("broker {id}: {fault}")
}

/// A sender by which nothing comes any more, and the patients whose devices came by it.
pub(crate) fn outage(way: &DeviceId, patients: usize) -> String {
    format!("nothing comes through {way} any more: patients without data by it: {patients}")
}

/// No place for further connections.
pub(crate) fn crowded(way: SignInWay, ended: u64, address: Option<&str>) -> String {
    let way = match way {
        SignInWay::Mqtt => "MQTT",
        SignInWay::Http => "HTTP",
    };
    let from = address.map(|address| format!(", the last from {address}")).unwrap_or_default();
    format!("{way} has no place for more connections: {ended} were closed within a minute{from}")
}

/// InfluxDB refuses all.
pub(crate) fn sink_refused(status: u16, words: &str) -> String {
    format!(
        "InfluxDB refuses everything with status {status}: check address, secret, organisation and bucket; it is \
         kept here until then{}",
        server_says(words)
    )
}

/// InfluxDB is behind.
pub(crate) fn sink_behind(words: &str) -> String {
    let says = server_says(words);
    format!("InfluxDB is further behind than it may be; what it lacks is kept here{says}")
}

/// A channel takes no alarms.
pub(crate) fn undelivered(channel: &ChannelId, words: &str) -> String {
    format!(
        "alarms do not arrive by {channel}; they are sent again until they do{}",
        server_says(words)
    )
}

/// A channel will not take an alarm, ever.
pub(crate) fn not_taken(channel: &ChannelId, words: &str) -> String {
    format!("an alarm was not taken by {channel} and is not sent again{}", server_says(words))
}

/// What the other side says, after what is known of it.
pub(crate) fn server_says(words: &str) -> String {
    if words.is_empty() { String::new() } else { format!(". It says: {words}") }
}

/// The wall clock was set back.
pub(crate) fn clock_behind(by: Span) -> String {
    format!("the wall clock was set back by {:.0} s", by.as_secs_f64())
}

/// The machine's clock follows no other.
pub(crate) fn unsynchronised() -> String {
    "the machine's clock is not synchronised".to_owned()
}

/// Nobody knows whether it does.
pub(crate) fn perhaps_unsynchronised(why: &str) -> String {
    format!("whether the machine's clock is synchronised is unknown: {why}")
}

/// Nothing was taken in for some of a minute.
pub(crate) fn deaf(within_a_minute: Span) -> String {
    format!("nothing was taken in for {:.0} s of a minute", within_a_minute.as_secs_f64())
}

/// Who publishes what it may not.
pub(crate) fn refused(
    who: Option<&DeviceId>,
    name: Option<&DeviceId>,
    topic: Option<&str>,
) -> String {
    let who = who.map_or("several senders", DeviceId::as_str);
    match (name, topic) {
        (Some(name), _) => format!("{who} publishes under {name}, which it may not"),
        (None, Some(topic)) => format!("{who} publishes to {topic}, which is no device's"),
        (None, None) => format!("{who} publishes under names or topics, which it may not"),
    }
}

fn limit_of((side, critical): (Side, bool)) -> &'static str {
    match (side, critical) {
        (Side::Low, false) => "low limit",
        (Side::High, false) => "high limit",
        (Side::Low, true) => "critical low limit",
        (Side::High, true) => "critical high limit",
    }
}

/// A number, or the word for there being none.
fn or(said: Option<Number>, none: &str) -> String {
    said.map_or_else(|| none.to_owned(), |said| number(&said))
}

/// What was found, after its name where it has one.
fn named(name: Option<&str>, said: String) -> String {
    match name {
        Some(name) => format!("{name}: {said}"),
        None => said,
    }
}

/// A number with its unit, and the bound it may be.
fn number(number: &Number) -> String {
    to_digits(number, DIGITS)
}

fn to_digits(number: &Number, digits: i32) -> String {
    let comparator = number.comparator.map_or("", Comparator::as_str);
    format!("{comparator}{}", with_unit(number.value, number.unit, digits))
}

/// Digits behind the point.
const DIGITS: i32 = 2;

/// A value with its unit.
fn amount(value: f64, unit: Unit) -> String {
    with_unit(value, unit, DIGITS)
}

fn with_unit(value: f64, unit: Unit, digits: i32) -> String {
    let scale = 10_f64.powi(digits);
    // A zero has no sign.
    let rounded = (value * scale).round() / scale + 0.0;
    format!("{rounded} {}", unit.written()).trim_end().to_owned()
}

/// A value beyond a limit, with as many digits as it takes to see that it is.
fn apart_from(limit: f64, number: &Number, unit: Unit) -> String {
    let apart = |digits: &i32| to_digits(number, *digits) != with_unit(limit, unit, *digits);
    let digits = (DIGITS..=6).find(apart).unwrap_or(DIGITS);
    to_digits(number, digits)
}

/// Words of a device, without what is not seen as itself: control characters, and those that turn the
/// direction of writing.
pub fn seen(words: &str) -> String {
    let unseen = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    words.chars().map(|c| if unseen(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

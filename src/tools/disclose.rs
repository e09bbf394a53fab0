//! Every alarm condition a configuration makes, in the order in which IEC 60601-1-8 asks for it to be disclosed, as
//! Markdown.

use vitalgate_domain::core::configuration::Configuration;
use vitalgate_domain::model::alarm::{AlarmKind, Priority, Side};
use vitalgate_domain::model::command::AgeClass;
use vitalgate_domain::model::time::Span;
use vitalgate_domain::rules::{Amount, Class, EventRule, Level, LimitRule, LossRule, Rule, Whom};

/// What is technical: of a patient's equipment, or of the gateway itself, with when it is raised.
const TECHNICAL: [(&str, &str, &str); 34] = [
    (
        "link.silence",
        "low to high, by class",
        "a signal was not judged for as long as the ladder of its class says",
    ),
    ("link.lost_while_pending", "as the rule", "data ended while a delay was running"),
    (
        "link.implausible",
        "medium; high where the signal was inside all limits",
        "a value no patient has",
    ),
    ("link.zero_or_off", "as the critical limit", "0 where the binding says that 0 is no sensor"),
    ("link.test_mode", "medium", "a bound device sends in test mode"),
    ("link.unattributed", "low", "what was measured at a change of binding belongs to nobody"),
    ("link.boot_reset", "low", "the counter of starts went back"),
    ("link.interval", "low", "a device says that it sends more rarely than its class"),
    ("link.read_slowly", "medium; low behind a relay", "its sender is over budget and read slowly"),
    ("link.over_budget", "medium", "a device makes more alarms than its budget"),
    ("clock.suspect", "medium", "stamps that cannot be"),
    ("clock.stepped", "low", "a device's clock was put right"),
    ("rules.age_class", "medium", "limits for adults are not applied"),
    ("limit.expiring", "low", "a limit of a patient's own ends within a day"),
    ("limit.expired", "low", "a limit of a patient's own has ended, and what holds now is wider"),
    ("patient.no_device", "medium", "continuous, and without a device"),
    ("ward.unwatched", "medium", "no screen has shown the ward for a minute"),
    ("ward.unattended", "high", "nor can anybody on duty for it be reached"),
    ("gateway.synthetic", "high", "the synthetic patient did not come out in time"),
    ("alarms.late", "medium", "more alarms of an hour were late than may be"),
    ("store.failing", "high", "commits fail"),
    ("store.full", "high", "the disk is full"),
    ("gateway.deaf", "medium", "nothing taken in for more than 5 s of a minute"),
    ("gateway.crowded", "medium", "connections closed for want of places"),
    ("gateway.sender_over_budget", "medium", "a sender is read slowly"),
    ("clock.behind", "medium", "the wall clock was set back"),
    (
        "clock.unsynchronised",
        "medium; low where it is not known",
        "the machine's clock follows no other",
    ),
    (
        "link.broker",
        "high",
        "nothing proves that a broker of the site brings what is published there",
    ),
    (
        "link.outage",
        "low or medium, as what follows from it",
        "nothing comes by a sender of devices of three patients or more any more; one for each ward",
    ),
    ("link.refused", "low", "a sender publishes what it may not"),
    ("delivery.failing", "as what waits", "a channel does not take alarms"),
    ("delivery.refused", "medium", "a channel refused an alarm for good"),
    ("duty.hole", "medium; high once it begins", "nobody is on duty, or will be within 12 h"),
    ("duty.exhausted", "as the alarm", "nobody takes an alarm, or nobody is there to"),
];

/// And of the export to InfluxDB.
const EXPORT: [(&str, &str, &str); 3] = [
    ("influx.refused", "medium", "InfluxDB refuses everything"),
    ("influx.behind", "low", "InfluxDB is further behind than it may be"),
    ("influx.lines_refused", "medium or low", "InfluxDB will never take some of it"),
];

/// What stands above.
const HEAD: &str = "\
# Alarm conditions

Of the configuration in force. Research and demonstration software, not a medical device; limits are examples.
";

/// What does not depend on the rules.
const BEHAVIOUR: &str = "\
## Behaviour
- **Asked for again**: where a limit says `a second, or …`, the first measurement beyond raises `<alarm>_repeat_due`, low.
- **Silence** of `bedside` devices is high only of patients flagged `continuous`; of `cgm` it is high at its first rung where the
  last glucose was below 80 mg/dL or falling fast. A device of a class that is not configured has no ladder.
- **Latching**: alarms of the patient whose gravest priority was medium or high stay until a person has looked. Technical ones
  end by themselves.
- **Acknowledged** they are silent for 10 min (high; equipment 30 min) or 60 min, unless the table or the class says
  otherwise, then come back by the next reading beyond. There is no pause. Limits of a patient can be switched off,
  with a reason, but for the lethal floor.
- **Signal delay**, from receipt to the stream, of this gateway: `vitalgate_alarm_latency_seconds` at `/metrics`, by hop and
  priority. A commit waits 8 ms for company at most. What the page and channels add is theirs.
- **Loss of power**: a message that was acknowledged is on the disk with every alarm it caused. After a start delays go on
  where they stood, and what fell into the gap is decided 10 s after its end at the latest.
- **Loss of a link**: the ladder of the class above; nothing that is open ends by it.
";

/// The whole page.
pub fn page(configuration: &Configuration) -> String {
    let rules = &configuration.rules;
    let mut page = String::from(HEAD);
    let mut section = |title: &str, heads: &str, rows: Vec<String>| {
        let columns = "|---".repeat(heads.matches('|').count() - 1);
        let all = ["\n## ", title, "\n", heads, "\n", &columns, "|\n", &rows.concat()];
        page.push_str(&all.concat());
    };
    section(
        "Limits",
        "| Alarm | Beyond | Of whom | Priority | Response | After | Over after | Acknowledged for |",
        rules.iter().filter_map(Rule::as_limit).flat_map(limits).collect(),
    );
    section(
        "Limits of a patient's own alone",
        "| Alarm | Signal |",
        rules.iter().filter_map(Rule::as_limit).filter_map(without_limits).collect(),
    );
    section(
        "Losses",
        "| Alarm | No value of | Of whom | Priority | After |",
        rules.iter().filter_map(Rule::as_loss).map(loss).collect(),
    );
    section(
        "Events of devices",
        "| Alarm | Events | Priority | Response | Kind | Late up to |",
        rules.iter().filter_map(Rule::as_event).map(event).collect(),
    );
    let classes = rules.class_names().filter_map(|name| Some(class(name, rules.class(name)?)));
    section(
        "Silence and transport",
        "| Class | Comes every | Maker's delay | Live within | Silent: low, medium, high after |",
        classes.collect(),
    );
    let technical = TECHNICAL.iter().chain(&EXPORT);
    section(
        "Technical",
        "| Alarm | Priority | When |",
        technical
            .map(|(id, priority, when)| format!("| `{id}` | {priority} | {when} |\n"))
            .collect(),
    );
    page.push('\n');
    page.push_str(BEHAVIOUR);
    page
}

fn limits(rule: &LimitRule) -> Vec<String> {
    let level = |level: Level| {
        let limits = rule.levels[level].as_ref()?;
        let amounts: Vec<String> = limits.limits.iter().map(written).collect();
        let side = match rule.side {
            Side::Low if rule.inclusive_critical && level == Level::Critical => "at or below",
            Side::Low => "below",
            Side::High => "above",
        };
        let after = match (&rule.confirm, rule.spot, level) {
            (Some(confirm), _, Level::Warning) => format!("a second, or {}", confirm.within),
            (_, true, _) => "at once".to_owned(),
            (None, false, _) | (Some(_), false, Level::Critical) => of(limits.delay),
        };
        let over = match rule.clear_delay {
            Some(Span::ZERO) => "at once".to_owned(),
            Some(delay) => delay.to_string(),
            None if rule.spot => "two inside".to_owned(),
            None => "1m, 10m or 30m by how often it comes".to_owned(),
        };
        let acknowledged =
            rule.acknowledge_for[level].map_or_else(|| "usual".into(), |t| t.to_string());
        Some(format!(
            "| `{}` | {} {side} {} | {} | {} | {} | {after} | {over} | {acknowledged} |\n",
            rule.id,
            rule.label,
            amounts.join(" or "),
            whom(&rule.whom),
            limits.priority,
            rule.response(level),
        ))
    };
    Level::ALL.into_iter().filter_map(level).collect()
}

/// A side that no limit is given for: what a patient's own limits there raise.
fn without_limits(rule: &LimitRule) -> Option<String> {
    let none = rule.levels.iter().all(Option::is_none) && !rule.floor;
    none.then(|| format!("| `{}` | {} |\n", rule.id, rule.label))
}

fn loss(rule: &LossRule) -> String {
    let LossRule { id, label, within, whom: of_whom, .. } = rule;
    format!("| `{id}` | {label} | {} | {} | {within} |\n", whom(of_whom), Priority::High)
}

fn event(rule: &EventRule) -> String {
    let kind = match rule.kind {
        AlarmKind::Physiological => "patient",
        AlarmKind::Technical => "equipment",
    };
    let late = if rule.always_notify { "always".to_owned() } else { rule.actionable.to_string() };
    let events = rule.events.join(", ").replace('*', "any other");
    format!(
        "| `{}` | {events} | {} | {} | {kind} | {late} |\n",
        rule.id, rule.priority, rule.response
    )
}

fn class(name: &str, class: &Class) -> String {
    let rungs: Vec<String> =
        class.rungs(None, true).map(|rung| format!("{} {}", rung.priority, rung.after)).collect();
    let Class { expected_interval, max_delay, .. } = class;
    let live = class.live_window();
    format!(
        "| {name} | {expected_interval} | {} | {live} | {} |\n",
        of(*max_delay),
        rungs.join(", ")
    )
}

fn written(amount: &Amount) -> String {
    format!("{} {}", amount.value, amount.unit.written()).trim_end().to_owned()
}

fn of(delay: Span) -> String {
    if delay == Span::ZERO { "at once".to_owned() } else { delay.to_string() }
}

fn whom(whom: &Whom) -> String {
    let ages: Vec<&str> = whom.ages.iter().copied().map(age).collect();
    match (whom.adults_only, whom.not_adults, ages.is_empty()) {
        (true, ..) => "adults, not pregnant".to_owned(),
        (false, true, true) => "all but those".to_owned(),
        (false, _, false) => ages.join(", "),
        (false, false, true) => "everybody".to_owned(),
    }
}

fn age(age: AgeClass) -> &'static str {
    match age {
        AgeClass::Adult => "adult",
        AgeClass::Paediatric => "paediatric",
        AgeClass::Neonatal => "neonatal",
        AgeClass::Unknown => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    #[test]
    fn every_rule_and_class_in_force_is_disclosed() {
        let configuration = Config::built_in().unwrap().configuration().unwrap();
        let page = page(&configuration);
        let judges = |rule: &&Rule| {
            rule.as_limit()
                .is_none_or(|limit| !limit.floor || limit.levels.iter().any(Option::is_some))
        };
        for rule in configuration.rules.iter().filter(judges) {
            assert!(page.contains(&format!("| `{}` |", rule.id())), "{}", rule.id());
        }
        for class in configuration.rules.class_names() {
            assert!(page.contains(&format!("| {class} |")), "{class}");
        }
        let spo2 = page.lines().find(|line| line.contains("`vitals_live.spo2_low`")).unwrap();
        assert_eq!(
            spo2,
            "| `vitals_live.spo2_low` | SpO2 below 88 % | adults, not pregnant | medium | prompt | 15s | \
             1m, 10m or 30m by how often it comes | usual |"
        );
    }

    #[test]
    fn what_is_not_high_may_wake_nobody() {
        let configuration = Config::built_in().unwrap().configuration().unwrap();
        let page = page(&configuration);
        let glucose = page.lines().find(|line| line.contains("above 250 mg/dL")).unwrap();
        assert!(glucose.contains("| medium | prompt |"), "{glucose}");
        let immediate = page.lines().filter(|line| line.contains("| immediate |"));
        assert!(
            immediate.clone().count() > 20
                && immediate.clone().all(|line| line.contains("| high |"))
        );
    }

    /// Names of technical alarms are constants of the domain: none is left out here, and none is made up.
    #[test]
    fn every_technical_alarm_of_the_domain_is_disclosed() {
        fn names(folder: &Path, found: &mut BTreeSet<String>) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() && !path.ends_with("tests") {
                    names(&path, found);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let text = fs::read_to_string(&path).unwrap();
                    let constants = text
                        .lines()
                        .filter(|line| line.contains("const ") && line.contains("&str = \""));
                    let values = constants.filter_map(|line| line.split('"').nth(1));
                    found.extend(values.filter(|name| is_rule(name)).map(str::to_owned));
                }
            }
        }
        fn is_rule(name: &str) -> bool {
            let word = |part: &str| {
                !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
            };
            name.split_once('.').is_some_and(|(pack, rule)| word(pack) && word(rule))
        }
        let mut found = BTreeSet::new();
        names(&Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/domain/src"), &mut found);
        let disclosed = TECHNICAL.iter().chain(&EXPORT).map(|(id, ..)| (*id).to_owned());
        assert_eq!(found, disclosed.collect());
    }
}

//! Alarms (contract §5).

use serde::Serialize;

use vitalgate_domain::model::alarm::{
    self as domain, AlarmKind, Condition, LimitFrom, Priority, Response, Side, State, TimeQuality,
};
use vitalgate_domain::model::ids::{
    AlarmId, BedId, ChannelId, DeviceId, DutyRole, PatientId, RuleId, SiteId, TeamId, WardId,
};
use vitalgate_domain::model::message::Comparator;
use vitalgate_domain::model::pause::{self, How, What};
use vitalgate_domain::model::responsibility::{self, Assignment, Delivery};
use vitalgate_domain::model::time::Timestamp;
use vitalgate_domain::model::unit::Unit;

/// An alarm as of its transition `seq`.
#[derive(Debug, Serialize)]
pub struct Alarm {
    /// Who took note, and for how long; `null` while nobody has.
    pub acknowledged: Option<Acknowledgement>,
    /// What to do, where the rule says it.
    pub advice: Option<String>,
    /// When it was last announced.
    pub announced_at: Timestamp,
    /// Where the patient lay when it was raised.
    pub bed: Option<BedId>,
    /// The bed where the patient lies now.
    pub bed_now: Option<BedId>,
    /// When it was closed.
    pub closed_at: Option<Timestamp>,
    /// Why it was closed: `ended`, `reset`, `discharged`, `rule_changed`, …
    pub closed_reason: Option<String>,
    /// What somebody said of it last; left out where nobody did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<Comment>,
    /// Whether what raised it holds.
    pub condition: Condition,
    /// Why the condition is unknown, doubtful or silent.
    pub condition_reason: Option<String>,
    /// Since when the condition is as it is.
    pub condition_since: Timestamp,
    /// Whether the commit that holds it has succeeded: not so in a list while the store fails.
    pub confirmed: bool,
    /// The device whose data raised it.
    pub device: Option<DeviceId>,
    /// When the condition ended.
    pub ended_at: Option<Timestamp>,
    /// Common to alarms that were announced together.
    pub group: Option<String>,
    /// Its id, derived from the cause: the same cause has the same id.
    pub id: AlarmId,
    /// Its signals are kept back.
    pub inactivation: Option<Inactivation>,
    /// Of the patient or of the equipment.
    pub kind: AlarmKind,
    /// Late data raised it: it is not about now.
    pub late: bool,
    /// The latest judged value of its signal when the transition was made.
    pub latest: Option<Latest>,
    /// The open alarms that have it as `group`, in lists and by itself; elsewhere empty.
    pub members: Vec<AlarmId>,
    /// Whom it is about; `null` for the gateway itself.
    pub patient: Option<PatientId>,
    /// How serious it is now.
    pub priority: Priority,
    /// How serious it was at its worst.
    pub priority_peak: Priority,
    /// Until when it is not announced, because it was twice within an hour; `null` where nothing is kept back.
    pub quiet_until: Option<Timestamp>,
    /// When its condition had held for its delay.
    pub raised_at: Timestamp,
    /// How often the condition came back.
    pub recurrence: u32,
    /// How fast somebody must act.
    pub response: Response,
    /// Who answers for it; `null` where nobody in particular is asked.
    pub responsibility: Option<Responsibility>,
    /// The rule that raised it.
    pub rule: RuleId,
    /// The version of the patient's limits it was judged by; 0 for the limits of the rule pack.
    pub rule_version: u64,
    /// Its last transition: a client drops whatever is not newer than what it has.
    pub seq: u64,
    /// Whether the store is simulated.
    pub simulated: bool,
    /// The site of the gateway.
    pub site: SiteId,
    /// The device for rules over one signal, `patient` for rules over several.
    pub source: String,
    /// The word for lists.
    pub state: State,
    /// What to read out: `SpO2 84 % below 88 %`.
    pub text: String,
    /// What began it.
    pub trigger: Trigger,
    /// The ward where the patient lay when it was raised.
    pub ward: Option<WardId>,
    /// The ward where the patient lies now, whose lists and streams it belongs to.
    pub ward_now: Option<WardId>,
}

/// Who answers for an alarm, and how it came to that.
#[derive(Debug, Serialize)]
pub struct Responsibility {
    /// When it goes on to somebody else.
    pub deadline: Option<Timestamp>,
    /// To whom it is handed over, until that person takes it; left out otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offered: Option<String>,
    /// Who is asked, or has it.
    pub person: Option<String>,
    /// As what.
    pub role: Option<DutyRole>,
    /// Since when it is so.
    pub since: Timestamp,
    /// How far it has come.
    pub state: Assignment,
    /// The step of the ladder, from 1 on.
    pub step: Option<u32>,
    /// Whose ladder it is.
    pub team: Option<TeamId>,
    /// Who was told by which channel, each as of the last time.
    pub told: Vec<Told>,
}

/// Somebody was told by a channel.
#[derive(Debug, Serialize)]
pub struct Told {
    /// When.
    pub at: Timestamp,
    /// By which channel; `null` on the stream.
    pub channel: Option<ChannelId>,
    /// What came of it.
    pub result: Delivery,
    /// The transition that told it.
    pub seq: u64,
    /// Who.
    pub to: String,
}

/// Who took note, and for how long.
#[derive(Debug, Serialize)]
pub struct Acknowledgement {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// The transition that the person saw.
    pub seq: u64,
    /// When the alarm sounds again; `null` for a momentary condition.
    pub until: Option<Timestamp>,
}

/// The signals of an alarm are kept back.
#[derive(Debug, Serialize)]
pub struct Inactivation {
    /// Since when.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// For a while, or switched off.
    pub how: How,
    /// Why.
    pub reason: Option<String>,
    /// Until when.
    pub until: Timestamp,
    /// Its sound, or all that calls somebody.
    pub what: What,
}

/// What somebody said of an alarm.
#[derive(Debug, Serialize)]
pub struct Comment {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// What.
    pub text: String,
}

/// What began an alarm.
#[derive(Debug, Serialize)]
pub struct Trigger {
    /// Where the device only knew a bound: the true value lies on this side of `value`.
    pub comparator: Option<Comparator>,
    /// The limit, in `unit`.
    pub limit: Option<f64>,
    /// Whose limit it is.
    pub limit_from: Option<LimitFrom>,
    /// When it was measured, by the device's clock, corrected.
    pub measured_at: Option<Timestamp>,
    /// When it reached the gateway.
    pub received_at: Option<Timestamp>,
    /// When a relay took it, corrected.
    pub relay_at: Option<Timestamp>,
    /// Which side of the limit was crossed.
    pub side: Option<Side>,
    /// The name of the signal, or of the event.
    pub signal: String,
    /// How far `measured_at` can be trusted.
    pub time_quality: TimeQuality,
    /// The unit that the device sent.
    pub unit: Option<Unit>,
    /// The value, in `unit`.
    pub value: Option<f64>,
}

/// The latest judged value of an alarm's signal when the transition was made.
#[derive(Debug, Serialize)]
pub struct Latest {
    /// Its age then, in seconds.
    pub age_s: f64,
    /// When it was measured.
    pub measured_at: Timestamp,
    /// Whether it was older than the tolerated gap of its signal.
    pub stale: bool,
    /// Its unit.
    pub unit: Unit,
    /// The value, in `unit`.
    pub value: f64,
}

impl From<domain::Alarm> for Alarm {
    fn from(alarm: domain::Alarm) -> Self {
        Self {
            acknowledged: alarm.acknowledged.map(Acknowledgement::from),
            advice: alarm.advice,
            announced_at: alarm.announced_at,
            bed: alarm.bed,
            bed_now: alarm.bed_now,
            closed_at: alarm.closed_at,
            closed_reason: alarm.closed_reason,
            comment: alarm.comment.map(Comment::from),
            condition: alarm.condition,
            condition_reason: alarm.condition_reason,
            condition_since: alarm.condition_since,
            confirmed: true,
            device: alarm.device,
            ended_at: alarm.ended_at,
            group: alarm.group,
            id: alarm.id,
            inactivation: alarm.inactivation.map(Inactivation::from),
            kind: alarm.kind,
            late: alarm.late,
            latest: alarm.latest.map(Latest::from),
            members: Vec::new(),
            patient: alarm.patient,
            priority: alarm.priority,
            priority_peak: alarm.priority_peak,
            quiet_until: alarm.quiet_until,
            raised_at: alarm.raised_at,
            recurrence: alarm.recurrence,
            response: alarm.response,
            responsibility: alarm.responsibility.map(Responsibility::from),
            rule: alarm.rule,
            rule_version: alarm.rule_version,
            seq: alarm.seq,
            simulated: alarm.simulated,
            site: alarm.site,
            source: alarm.source,
            state: alarm.state,
            text: alarm.text,
            trigger: alarm.trigger.into(),
            ward: alarm.ward,
            ward_now: alarm.ward_now,
        }
    }
}

impl From<domain::Acknowledgement> for Acknowledgement {
    fn from(domain::Acknowledgement { by, at, until, seq }: domain::Acknowledgement) -> Self {
        Self { at, by, seq, until }
    }
}

impl From<responsibility::Responsibility> for Responsibility {
    fn from(of: responsibility::Responsibility) -> Self {
        let responsibility::Responsibility {
            state,
            team,
            step,
            role,
            person,
            since,
            deadline,
            told,
            offered,
        } = of;
        let told = told.into_iter().map(Told::from).collect();
        Self { deadline, offered, person, role, since, state, step, team, told }
    }
}

impl From<responsibility::Told> for Told {
    fn from(of: responsibility::Told) -> Self {
        let responsibility::Told { to, channel, at, result, seq } = of;
        Self { at, channel, result, seq, to }
    }
}

impl From<pause::Inactivation> for Inactivation {
    fn from(inactivation: pause::Inactivation) -> Self {
        let pause::Inactivation { what, how, by, reason, at, until } = inactivation;
        Self { at, by, how, reason, until, what }
    }
}

impl From<pause::Comment> for Comment {
    fn from(pause::Comment { by, at, text }: pause::Comment) -> Self {
        Self { at, by, text }
    }
}

impl From<domain::Trigger> for Trigger {
    fn from(trigger: domain::Trigger) -> Self {
        Self {
            comparator: trigger.comparator,
            limit: trigger.limit,
            limit_from: trigger.limit_from,
            measured_at: trigger.measured_at,
            received_at: trigger.received_at,
            relay_at: trigger.relay_at,
            side: trigger.side,
            signal: trigger.signal,
            time_quality: trigger.time_quality,
            unit: trigger.unit,
            value: trigger.value,
        }
    }
}

impl From<domain::Latest> for Latest {
    fn from(latest: domain::Latest) -> Self {
        let domain::Latest { value, unit, measured_at, age_s, stale } = latest;
        Self { age_s, measured_at, stale, unit, value }
    }
}

#[cfg(test)]
mod tests {
    use super::{Alarm, How, What, pause as domain_pause};
    use crate::pipeline::stored::{self, StoredAlarm, tests::BODY};

    #[test]
    fn an_answer_has_every_member_of_the_stored_form_in_alphabetical_order() {
        let mut alarm = stored::alarm(BODY).unwrap();
        alarm.quiet_until = Some(alarm.raised_at);
        let told = r#"[{"to":"n1","channel":"push","at":"2026-03-01T00:00:10Z","result":"taken","seq":6}]"#;
        let answers = format!(
            r#"{{"state":"accepted","team":"icu","step":1,"role":"nurse","person":"n1",
                "since":"2026-03-01T00:01:00Z","deadline":null,"told":{told},"offered":"n2"}}"#
        );
        alarm.responsibility = serde_json::from_str(&answers).unwrap();
        let (by, at, reason) = ("anna".to_owned(), alarm.raised_at, Some("CT".to_owned()));
        alarm.comment = Some(domain_pause::Comment { by: by.clone(), at, text: "moved".into() });
        let (what, how, until) = (What::Alarm, How::Off, at);
        alarm.inactivation = Some(domain_pause::Inactivation { what, how, by, reason, at, until });
        let expected = serde_json::to_value(StoredAlarm::new(&alarm, true)).unwrap();
        assert_eq!(serde_json::to_string(&Alarm::from(alarm)).unwrap(), expected.to_string());
    }
}

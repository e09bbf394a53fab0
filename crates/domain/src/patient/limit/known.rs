//! What is known last of a series, to be judged again where what it is judged by changed (contract §4).

use super::watch::{Evidence, Track};
use crate::model::alarm::{LimitFrom, TimeQuality};
use crate::model::cause::Cause;
use crate::model::observation::{DeviceInstant, Number, Source};
use crate::model::time::{Stamp, Timestamp};
use crate::patient::{Doubt, LatestValue, SeriesState};
use crate::rules::{InForce, Level, LimitRule, Relation};

/// A number that came live, certain or not.
#[derive(Clone, Debug)]
pub(super) struct Known {
    number: Number,
    cause: Cause,
    measured: Timestamp,
    received: Timestamp,
    quality: TimeQuality,
    rule_at: Timestamp,
    sent: Option<DeviceInstant>,
    /// When it arrived, in the gateway's own time.
    pub(super) arrived: Option<Timestamp>,
    /// Nothing about it is in doubt.
    pub(super) certain: bool,
}

impl Known {
    fn of(value: &LatestValue, source: &Source, arrived: Option<Timestamp>) -> Self {
        Self {
            number: value.number.clone(),
            cause: value.place.of(&source.device),
            measured: value.measured,
            received: value.received,
            quality: TimeQuality::Synced,
            rule_at: value.rule_at,
            sent: value.sent,
            arrived,
            certain: true,
        }
    }

    pub(super) fn relation(&self, rule: &LimitRule, level: Level, limits: InForce<'_>) -> Relation {
        let Number { value, unit, comparator, .. } = self.number;
        rule.relation(level, limits, value, unit, comparator)
    }

    /// It lies beyond a limit.
    pub(super) fn beyond(&self, limit: f64, from: LimitFrom, version: u64) -> Box<Evidence> {
        Box::new(Evidence {
            number: self.number.clone(),
            cause: self.cause.clone(),
            measured: self.measured,
            relay_at: None,
            received: self.received,
            quality: self.quality,
            rule_at: self.rule_at,
            limit,
            from,
            version,
            sent: self.sent,
        })
    }
}

impl SeriesState {
    /// The latest certain value, and a newer doubtful one that came live.
    pub(super) fn known(&self, source: &Source, now: Stamp) -> Vec<Known> {
        // That no limit judged a value says nothing against it.
        let refused = self.refused.as_deref();
        let heard = self.earlier.as_ref().and_then(|earlier| earlier.heard());
        let refused = refused.map(|value| {
            let heard = heard.map_or(value.received, |heard| heard.max(value.received));
            // What corrects an earlier value is no sign of life.
            (value, Some(now.own(heard)).min(self.arrival))
        });
        let judged = self.latest.as_ref().map(|value| (value, self.judged));
        let certain = refused.or(judged).map(|(value, arrived)| Known::of(value, source, arrived));
        let live = |doubt| !matches!(doubt, Doubt::Late | Doubt::Refused);
        let doubtful = self.doubtful.as_deref().filter(|value| live(value.doubt));
        let doubtful = doubtful.and_then(|value| {
            let (place, received) = value.came?;
            Some(Known {
                number: value.number.clone(),
                cause: place.of(&source.device),
                measured: value.measured,
                received,
                quality: match value.doubt {
                    Doubt::Time(quality) => quality,
                    Doubt::Late | Doubt::Unit | Doubt::Conflict | Doubt::Bound | Doubt::Refused => {
                        TimeQuality::Synced
                    }
                },
                rule_at: value.rule_at,
                sent: value.sent,
                // What corrects an earlier value is no sign of life.
                arrived: Some(now.own(received)).min(self.arrival),
                certain: false,
            })
        });
        certain.into_iter().chain(doubtful).collect()
    }

    /// The certain value before the latest, and before others of which only a bound is known, where that says nothing
    /// of a rule.
    fn before_bound(
        &self,
        rule: &LimitRule,
        source: &Source,
        limits: InForce<'_>,
        now: Stamp,
    ) -> Option<Known> {
        let says_nothing = |value: &LatestValue| {
            let Number { value, unit, comparator, .. } = value.number;
            let mut levels = Level::ALL.into_iter();
            levels.any(|level| {
                rule.relation(level, limits, value, unit, comparator) == Relation::Ambiguous
            })
        };
        self.certain().filter(|latest| says_nothing(latest))?;
        let mut earlier = self.earlier.iter().flat_map(|earlier| earlier.newest_first());
        let value = earlier.find(|value| !says_nothing(value))?;
        Some(Known::of(value, source, Some(now.own(value.received))))
    }

    /// What is known last says where it stands to limits that are new to it.
    pub(super) fn count_known(&mut self, rule: &LimitRule, known: &[Known], limits: InForce<'_>) {
        for one in known {
            let is_beyond =
                |level| matches!(one.relation(rule, level, limits), Relation::Beyond { .. });
            if one.certain || Level::ALL.into_iter().any(is_beyond) {
                self.counted = self.counted.max(one.arrived);
            }
        }
    }

    /// Marks the levels that what is known last is beyond as held; whether there is one.
    pub(super) fn hold_known(
        &mut self,
        rule: &LimitRule,
        source: &Source,
        limits: InForce<'_>,
        now: Stamp,
    ) -> bool {
        let mut holds = false;
        let known = self.known(source, now);
        self.count_known(rule, &known, limits);
        let before = self.before_bound(rule, source, limits, now);
        for known in before.into_iter().chain(known) {
            for level in Level::ALL {
                let Relation::Beyond { limit, from } = known.relation(rule, level, limits) else {
                    continue;
                };
                let began = known.beyond(limit, from, limits.version);
                let track = &mut self.watches.of_mut(rule).tracks[level];
                *track = Track { active: true, ..Track::beyond(began) };
                holds = true;
            }
        }
        holds
    }
}

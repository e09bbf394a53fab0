//! How a reading moves the track of one limit.

use super::watch::{Evidence, Track};
use crate::model::alarm::LimitFrom;
use crate::model::observation::Observation;
use crate::rules::{Level, LimitRule, Relation};

/// Moves one limit's track by one reading.
#[expect(clippy::too_many_arguments, reason = "one reading against one limit of one rule")]
pub(super) fn move_track(
    track: &mut Track,
    relation: Relation,
    certain: bool,
    rule: &LimitRule,
    level: Level,
    only_spot: bool,
    observation: &Observation,
    evidence: impl FnOnce(f64, LimitFrom) -> Box<Evidence>,
) {
    let rule_at = observation.timing.rule_at;
    let spot = only_spot || rule.spot;
    match relation {
        Relation::Beyond { limit, from } => {
            track.inside_since = None;
            // Another measurement beyond confirms the first; hand-entered ones are confirmed.
            let first = track.began.is_none();
            let asks = first && !only_spot && level == Level::Warning && rule.confirm.is_some();
            let began = track.began.get_or_insert_with(|| evidence(limit, from)).rule_at;
            track.active |= if spot { !asks } else { rule_at - began >= rule.delay(level) };
        }
        Relation::Inside if certain && track.active => {
            let since = *track.inside_since.get_or_insert(rule_at);
            if spot || rule_at - since >= rule.clear_delay {
                *track = Track::default();
            }
        }
        Relation::Between if certain && track.active => track.inside_since = None,
        Relation::Inside | Relation::Between if certain => *track = Track::default(),
        Relation::NoLimit => *track = Track::default(),
        Relation::Inside | Relation::Between | Relation::Ambiguous => {}
    }
}

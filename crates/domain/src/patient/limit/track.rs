//! How a reading moves the track of one limit.

use super::watch::{Evidence, Track};
use crate::model::alarm::LimitFrom;
use crate::model::observation::DeviceInstant;
use crate::model::time::{Span, Timestamp};
use crate::rules::Relation;

/// Single measurements confirm each other when they are measured so far apart.
const APART: Span = Span::secs(30);

/// How a series is judged by a limit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner {
    /// Every reading counts at once.
    pub(super) spot: bool,
    /// The first single measurement beyond waits for another.
    pub(super) asks: bool,
    /// Beyond for so long holds.
    pub(super) delay: Span,
    /// Back inside for so long is over.
    pub(super) clear_delay: Span,
    /// Up to when the series is known, in rule time.
    pub(super) newest: Timestamp,
    /// When the reading was measured.
    pub(super) measured: Timestamp,
    /// Up to when it was known before.
    pub(super) before: Option<Timestamp>,
    /// When it arrives, in the gateway's own time.
    pub(super) arrives: Timestamp,
    /// When it was measured, by its device's clock.
    pub(super) sent: Option<DeviceInstant>,
    /// It takes the place of another value of its instant.
    pub(super) corrects: bool,
}

/// What is active and certainly back inside is over after so long.
pub(in crate::patient) fn clears_after(spot: bool, clear_delay: Span) -> Span {
    if spot { APART } else { clear_delay }
}

/// Moves one limit's track by one reading.
pub(super) fn move_track(
    track: &mut Track,
    relation: Relation,
    certain: bool,
    manner: Manner,
    rule_at: Timestamp,
    evidence: impl Fn(f64, LimitFrom) -> Box<Evidence>,
) {
    match relation {
        Relation::Beyond { limit, from } => {
            track.go_on_from(manner.sent.filter(|_| manner.corrects));
            (track.inside_since, track.over) = (None, None);
            if track.began.is_none() {
                (track.after, track.arrived) = (manner.before, Some(manner.arrives));
            }
            let first = track.began.is_none();
            if !first && !track.active {
                track.may_begin_with(|| evidence(limit, from));
            }
            let began = track.began.get_or_insert_with(|| evidence(limit, from)).rule_at;
            if track.last.is_none_or(|last| last <= rule_at) {
                (track.last, track.last_sent) = (Some(rule_at), manner.sent);
            }
            track.active |= match manner {
                Manner { spot: true, asks, .. } => !asks || rule_at - began >= APART,
                Manner { delay, newest, .. } => newest - began >= delay,
            };
            if track.active {
                track.settle_beginning();
            }
        }
        // What was measured before it began does not end it.
        _ if track.began.as_deref().is_some_and(|began| began.is_after(manner.measured)) => {}
        Relation::Inside if certain && track.active => {
            track.over.get_or_insert(rule_at);
            let since = *track.inside_since.get_or_insert(rule_at);
            if rule_at - since >= clears_after(manner.spot, manner.clear_delay) {
                *track = Track::default();
            }
        }
        Relation::Between if certain && track.active => {
            track.over.get_or_insert(rule_at);
            track.inside_since = None;
        }
        Relation::Inside | Relation::Between if certain => track.end_pending(manner.sent),
        Relation::NoLimit if certain => *track = Track::default(),
        // What says nothing shows that time went on.
        Relation::Inside | Relation::Between | Relation::Ambiguous | Relation::NoLimit => {
            let due = |began: &Evidence| manner.newest - began.rule_at >= manner.delay;
            track.active |= !manner.spot && track.began.as_deref().is_some_and(due);
        }
    }
}

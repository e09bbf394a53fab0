//! What an open alarm waits for: the end of an acknowledgement or a pause, news that is told once a second.

use super::{Book, Key, Muted, Open};
use crate::alarms::lifecycle::acknowledged_for;
use crate::model::alarm::Condition;
use crate::model::time::{Span, Stamp, Timestamp};
use crate::output::Output;
use crate::output::transition::Change;

/// News on one alarm is told once in so long (contract §5).
const ONE_A_SECOND: Span = Span::secs(1);

/// A limit ended, and what holds since is wider: that stays until somebody has looked (contract §4).
pub(crate) const LIMIT_EXPIRED: &str = "limit.expired";

/// How long a momentary alarm that does not latch is held (contract §5).
const MOMENTARY_HELD: Span = Span::hours(24);

impl Book {
    /// When the next acknowledgement, pause or momentary alarm runs out, or news that waits is told, in the gateway's own
    /// time.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let of_alarms = self
            .open
            .values()
            .filter_map(|open| [open.deadline(), self.tells_at(open)].into_iter().flatten().min());
        of_alarms.chain(self.next_budget()).chain(self.next_ended()).min()
    }

    /// When the alarm of a key next wants to be looked at, in the gateway's own time.
    pub(crate) fn deadline_of(&self, key: &Key) -> Option<Timestamp> {
        let open = self.open.get(key)?;
        [open.deadline(), self.tells_at(open)].into_iter().flatten().min()
    }

    /// When news of an open alarm is told that waits because its device makes too much of it, in the gateway's own time.
    pub(crate) fn owed_until(&self, key: &Key) -> Option<Timestamp> {
        self.tells_at(self.open.get(key).filter(|open| open.owed.is_some())?)
    }

    /// Tells what waited until `due`, and lets run out what runs out then (row 10; expired momentary alarms).
    pub fn fire(&mut self, due: Timestamp, out: &mut Output) {
        self.forget_episodes(due, out);
        self.unfold(due, out);
        self.announce_kept_back(due, out);
        self.muted_due(due, out);
        self.tell_what_waits(due, out);
        self.budgets_due(out);
        self.climb(due, out);
        for key in self.keys_where(|_, open| open.wake_at == Some(due)) {
            let Some(open) = self.open.get_mut(&key) else { continue };
            if open.alarm.condition == Condition::Momentary && !open.alarm.latches() {
                self.close(&key, Change::Expired, "expired", None, out);
            } else if open.asks_for_news() || open.alarm.is_muted() {
                open.wake_at = None;
            } else {
                self.change(&key, None, out, |alarm, now| Some(alarm.acknowledgement_over(now)));
            }
        }
    }

    /// Something showed that an open alarm holds: if its acknowledgement ran out, this is the news it waited for
    /// (row 10).
    pub fn goes_on(&mut self, key: &Key, out: &mut Output) {
        let Some(open) = self.open.get_mut(key) else { return };
        open.held_at = Some(out.now.at);
        self.run_out(key, out);
        self.group_goes_on(key, out);
    }

    /// The newest reading is beyond a limit, of which an acknowledgement holds for so long.
    pub fn goes_on_for(&mut self, key: &Key, holds: Option<Span>, out: &mut Output) {
        let Some(open) = self.open.get_mut(key) else { return };
        if open.acknowledge_for != holds {
            open.acknowledge_for = holds;
            self.holds_until(key, out);
        }
        self.goes_on(key, out);
    }

    /// The newest reading is beyond no limit: it is no news to whoever acknowledged.
    pub fn rests(&mut self, key: &Key) {
        if let Some(open) = self.open.get_mut(key) {
            open.held_at = None;
        }
    }

    /// An acknowledgement holds for longer or less long, by where the value is now.
    fn holds_until(&mut self, key: &Key, out: &mut Output) {
        let Some(open) = self.open.get_mut(key) else { return };
        let holds = open.acknowledged_for();
        let (Some(since), Some(acknowledged)) =
            (open.acknowledged_at, open.alarm.acknowledged.as_mut())
        else {
            return;
        };
        if acknowledged.until.is_some() {
            acknowledged.until = Some(acknowledged.at + holds);
            open.wake_at = Some(since + holds).filter(|until| *until > out.now.at);
            if open.wake_at.is_some() {
                self.change(key, None, out, |_, _| Some(Change::Updated));
            }
        }
    }

    /// An acknowledgement that ran out is over where there is news.
    pub(super) fn run_out(&mut self, key: &Key, out: &mut Output) {
        let Some(open) = self.open.get(key) else { return };
        let over = open.wake_at.is_none()
            && open.alarm.acknowledged.as_ref().and_then(|a| a.until).is_some();
        if over && !open.asks_for_news() && !open.alarm.is_muted() {
            self.change(key, None, out, |alarm, now| Some(alarm.acknowledgement_over(now)));
        }
    }
}

impl Open {
    /// How long an acknowledgement holds: as its rule says, else as long as one of its priority.
    pub(super) fn acknowledged_for(&self) -> Span {
        self.acknowledge_for.unwrap_or_else(|| acknowledged_for(&self.alarm))
    }

    /// Whether it was told less than a second ago: what comes now waits.
    pub(super) fn was_just_told(&self, now: Timestamp) -> bool {
        self.told_at.is_some_and(|told| now - told < ONE_A_SECOND)
    }

    /// Whether the newest reading judged since it was acknowledged, if there is one, is not beyond its limit, and
    /// nothing says that there are none.
    fn asks_for_news(&self) -> bool {
        let since = self.acknowledged_at;
        self.by_reading
            && self.alarm.condition == Condition::Present
            && since.is_some_and(|since| self.held_at.is_none_or(|held| held <= since))
    }

    /// When news that waits is told, as far as there is one announcement a second.
    pub(super) fn news_at(&self) -> Option<Timestamp> {
        let told = self.told_at.map(|told| told + ONE_A_SECOND);
        self.untold.then_some(told.unwrap_or_default())
    }

    fn deadline(&self) -> Option<Timestamp> {
        if !self.alarm.is_open() {
            return None;
        }
        let muted = self.muted.as_ref().map(Muted::deadline);
        let climbs = self.ladder.deadline();
        [self.wake_at, self.unfolds_at, self.quiet_until, self.known_until(), muted, climbs]
            .into_iter()
            .flatten()
            .min()
    }

    /// Whether who saw the alarm before must look again before answering. Another event of a rule over events is of
    /// the kind that was seen.
    pub(super) fn is_news(&self, change: Change) -> bool {
        match change {
            Change::Raised | Change::PriorityRose | Change::Upgraded => true,
            Change::Recurred => {
                self.series.is_some() || self.alarm.rule.as_str().starts_with("link.")
            }
            Change::Ended
            | Change::Latched
            | Change::Unknown
            | Change::BackPresent
            | Change::BackAbsent
            | Change::Acknowledged
            | Change::AcknowledgementOver
            | Change::Unacknowledged
            | Change::Reset
            | Change::LimitChanged
            | Change::RuleChanged
            | Change::SourceUnbound
            | Change::SourceReplaced
            | Change::Discharged
            | Change::Retracted
            | Change::Expired
            | Change::Updated
            | Change::Moved
            | Change::Unfolded
            | Change::Notified
            | Change::Unassigned
            | Change::Exhausted
            | Change::Accepted
            | Change::Rejected
            | Change::Released
            | Change::HandedOver
            | Change::ShiftOver
            | Change::Received
            | Change::Offered
            | Change::Paused
            | Change::SwitchedOff
            | Change::PauseOver
            | Change::Resumed
            | Change::EndedWhilePaused
            | Change::Reminded
            | Change::Commented => false,
        }
    }
}

/// When an alarm that just made `change` next wants to be looked at.
pub(super) fn wake(open: &Open, change: Change, now: Stamp) -> Option<Timestamp> {
    let alarm = &open.alarm;
    if alarm.condition == Condition::Momentary && !alarm.latches() {
        let announced = matches!(
            change,
            Change::Raised | Change::PriorityRose | Change::Recurred | Change::Upgraded
        );
        let held = (alarm.rule.as_str() != LIMIT_EXPIRED).then(|| now.at + MOMENTARY_HELD);
        return if announced { held } else { open.wake_at };
    }
    let until = alarm.acknowledged.as_ref()?.until?;
    if change == Change::Acknowledged { Some(now.own(until)) } else { open.wake_at }
}

//! What is remembered of one series, for all kinds of rule.

mod earlier;

use minicbor::{Decode, Encode};

pub(crate) use earlier::Earlier;

use super::judgement::{Reading, Wanted};
use super::limit::Watches;
use crate::model::alarm::{Latest, TimeQuality};
use crate::model::cause::MessagePosition;
use crate::model::observation::{DeviceInstant, Number, Observation};
use crate::model::time::{Span, Stamp, Timestamp};
use crate::rules::LimitRule;

/// A zero so soon after a live value means that the sensor came off now (contract §2).
const JUST_NOW: Span = Span::secs(60);

/// One series of one patient.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct SeriesState {
    /// The latest value judged live, its time beyond doubt.
    #[n(0)]
    pub latest: Option<LatestValue>,
    /// Arrival of the latest reading that was judged, in the gateway's own time.
    #[n(2)]
    pub arrival: Option<Timestamp>,
    /// Its rule time.
    #[n(3)]
    pub rule_at: Option<Timestamp>,
    /// Silent for longer than its gap.
    #[n(4)]
    pub lost: bool,
    /// Why the last reading was not judged, if it was not.
    #[n(5)]
    pub doubt: Words,
    /// Rules with something to remember.
    #[n(6)]
    pub watches: Watches,
    /// The words of a code or text, where that is what the signal has.
    #[n(7)]
    pub word: Words,
    /// How often it comes, by the device's registration or class.
    #[n(8)]
    pub interval: Option<Span>,
    /// A doubtful number measured after the latest value; `None` where there is none.
    #[n(9)]
    pub doubtful: Option<Box<DoubtfulValue>>,
    /// Arrival of the latest reading that says where it stands to its limits: one that is certain, or beyond one.
    #[n(10)]
    pub counted: Option<Timestamp>,
    /// Its device only measures singly: no silence of it is a gap.
    #[n(11)]
    #[cbor(default)]
    pub spot: bool,
    /// What was measured before the latest, if anything was.
    #[n(13)]
    pub(super) earlier: Option<Box<Earlier>>,
    /// Arrival of the latest reading that was certain, in the gateway's own time.
    #[n(14)]
    pub(super) judged: Option<Timestamp>,
    /// The latest value that no limit judged, though nothing else is in doubt.
    #[n(15)]
    pub(super) refused: Option<Box<LatestValue>>,
}

/// Words that are hardly ever there, and then take one word of memory: `Box<str>` alone takes two.
pub type Words = Option<Box<Box<str>>>;

/// A value fit to be shown as the latest.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct LatestValue {
    /// The number.
    #[n(0)]
    pub number: Number,
    /// Which message of its device.
    #[n(1)]
    pub place: MessagePosition,
    /// When it was measured, corrected.
    #[n(2)]
    pub measured: Timestamp,
    /// When it arrived, by the shown clock.
    #[n(3)]
    pub received: Timestamp,
    /// When, in the gateway's own time.
    #[n(4)]
    pub rule_at: Timestamp,
    /// When, by its device's clock.
    #[n(5)]
    pub sent: Option<DeviceInstant>,
    /// Another value of its instant came since: it parts no excursions that come late.
    #[n(6)]
    #[cbor(default)]
    pub contradicted: bool,
}

/// A number that clears nothing, because something about it is in doubt.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct DoubtfulValue {
    /// The number.
    #[n(0)]
    pub number: Number,
    /// When it was measured, corrected.
    #[n(1)]
    pub measured: Timestamp,
    /// When, in the gateway's own time.
    #[n(2)]
    pub rule_at: Timestamp,
    /// What is in doubt.
    #[n(3)]
    pub doubt: Doubt,
    /// When, by its device's clock.
    #[n(4)]
    pub sent: Option<DeviceInstant>,
    /// Which message of its device, and when it arrived by the shown clock; `None` in a snapshot of an older core.
    #[n(5)]
    pub came: Option<(MessagePosition, Timestamp)>,
}

/// What about a number is in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Doubt {
    /// It came late: more may have been measured since.
    #[n(0)]
    Late,
    /// When it was measured.
    #[n(1)]
    Time(#[n(0)] TimeQuality),
    /// Its unit.
    #[n(2)]
    Unit,
    /// Which of two values of one time is right.
    #[n(3)]
    Conflict,
    /// Where it lies beyond the bound that was sent.
    #[n(4)]
    Bound,
    /// Which limits are right for the patient.
    #[n(5)]
    Refused,
}

/// The newest number of a series, judged as certain or not.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Newest<'a> {
    /// The number.
    pub number: &'a Number,
    /// When it was measured, corrected.
    pub measured: Timestamp,
    /// What about it is in doubt, if anything is.
    pub doubt: Option<Doubt>,
}

impl LatestValue {
    fn contradict(&mut self, sent: DeviceInstant, instants: &mut Vec<Timestamp>) {
        if self.sent == Some(sent) {
            self.contradicted = true;
            instants.push(self.rule_at);
        }
    }

    fn of(observation: &Observation, number: &Number) -> Self {
        let timing = &observation.timing;
        Self {
            number: number.clone(),
            place: observation.cause.position(),
            measured: timing.measured,
            received: timing.received,
            rule_at: timing.rule_at,
            sent: observation.sent,
            contradicted: false,
        }
    }
}

/// How a series stood before a reading.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Before {
    /// The rule time of the reading before.
    pub(super) rule_at: Option<Timestamp>,
    /// How often it came.
    pub(super) interval: Option<Span>,
}

impl SeriesState {
    /// Reads something of each line of memory it takes; what is read says nothing.
    pub(super) fn glance(&self) -> usize {
        let latest = self.latest.as_ref();
        let latest = latest.map_or(0, |latest| {
            latest.rule_at.as_micros() as usize + usize::from(latest.contradicted)
        });
        latest
            + usize::from(self.rule_at.is_some())
            + usize::from(self.judged.is_some())
            + usize::from(self.interval.is_some())
            + usize::from(self.earlier.is_some())
            + usize::from(self.spot)
    }

    /// The same of what it knows of earlier values.
    pub(super) fn glance_inside(&self) -> usize {
        let last = self.earlier.as_ref().and_then(|earlier| earlier.newest());
        last.map_or(0, |value| value.rule_at.as_micros() as usize)
    }

    /// The number measured last, as far as is known.
    pub fn newest(&self) -> Option<Newest<'_>> {
        if let Some(value) = &self.doubtful {
            let DoubtfulValue { number, measured, doubt, .. } = &**value;
            return Some(Newest { number, measured: *measured, doubt: Some(*doubt) });
        }
        self.latest.as_ref().map(|latest| Newest {
            number: &latest.number,
            measured: latest.measured,
            doubt: None,
        })
    }

    /// The latest value of which nothing is in doubt, whether a limit judged it or not.
    pub(super) fn certain(&self) -> Option<&LatestValue> {
        self.refused.as_deref().or(self.latest.as_ref())
    }

    /// The numbers that may count in a score, the newest first: that no limit judged one is no doubt of it. Bounds are
    /// remembered apart, for whether one counts is another question there.
    pub(super) fn counting(&self) -> impl Iterator<Item = &LatestValue> {
        let known = self.refused.as_deref().into_iter().chain(&self.latest);
        let earlier = self.earlier.iter().flat_map(|earlier| earlier.newest_first());
        known.chain(earlier).filter(|value| value.number.comparator.is_none())
    }

    /// The silence tolerated before it is unknown: the rule's gap, though never less than two of
    /// the intervals it comes in.
    pub fn gap(&self, rule: &LimitRule) -> Span {
        rule.tolerated_gap(self.interval)
    }

    /// Notes a live number; up to when the series was known before it, in rule time.
    pub(super) fn note_live(&mut self, reading: Reading<'_>, now: Stamp) -> Option<Timestamp> {
        let before = self.rule_at;
        // What corrects an earlier value is no sign of life.
        if !reading.observation.corrects || self.arrival.is_none() {
            self.arrival = Some(now.at);
        }
        self.rule_at = self.rule_at.max(Some(reading.observation.timing.rule_at));
        if reading.is_certain() {
            if !reading.observation.corrects || self.judged.is_none() {
                self.judged = self.arrival;
            }
            self.show(reading.observation, reading.number);
        } else {
            if reading.doubt() == Some(Doubt::Refused) {
                let value = LatestValue::of(reading.observation, reading.number);
                if let Some(before) = self.refused.replace(Box::new(value)) {
                    self.earlier.get_or_insert_default().push(*before);
                }
            }
            self.note_doubtful(reading);
        }
        before
    }

    /// Notes a number that clears nothing.
    pub(super) fn note_doubtful(&mut self, reading: Reading<'_>) {
        let timing = &reading.observation.timing;
        let Some(doubt) = reading.doubt() else { return };
        let shown = self.latest.as_ref().map(|latest| latest.rule_at);
        // What came late says nothing against what is live.
        let live = self.doubtful.as_ref().filter(|known| known.doubt != Doubt::Late);
        if doubt == Doubt::Late && live.is_some() {
            return;
        }
        let known = if doubt == Doubt::Late { self.doubtful.as_ref() } else { live };
        let known = known.map(|value| value.rule_at);
        if shown.max(known).is_some_and(|newest| newest > timing.rule_at) {
            return;
        }
        self.doubtful = Some(Box::new(DoubtfulValue {
            number: reading.number.clone(),
            measured: timing.measured,
            rule_at: timing.rule_at,
            doubt,
            sent: reading.observation.sent,
            came: Some((reading.observation.cause.position(), timing.received)),
        }));
    }

    /// Makes a value the latest.
    fn show(&mut self, observation: &Observation, number: &Number) {
        self.make_latest(LatestValue::of(observation, number));
    }

    fn make_latest(&mut self, value: LatestValue) {
        self.doubtful.take_if(|known| known.rule_at <= value.rule_at);
        // What no limit judged was a value of now as well, after the latest that one did.
        let refused = self.refused.take_if(|known| known.rule_at <= value.rule_at);
        let latest = self.latest.replace(value);
        let before: Vec<LatestValue> = latest.into_iter().chain(refused.map(|one| *one)).collect();
        if before.is_empty() {
            self.earlier.iter_mut().for_each(|earlier| earlier.beside_latest());
        }
        for one in before {
            self.earlier.get_or_insert_default().push(one);
        }
    }

    /// Another value of an instant came, at this time for the rules: nothing that is known of it parts excursions any
    /// more, however long ago that was.
    pub(super) fn contradict(&mut self, sent: DeviceInstant, rule_at: Timestamp) {
        let mut instants = Vec::new();
        if !self.is_of_another(sent, rule_at) {
            instants.push(rule_at);
        }
        for value in self.latest.iter_mut().chain(self.refused.as_deref_mut()) {
            value.contradict(sent, &mut instants);
        }
        if let Some(earlier) = &mut self.earlier {
            earlier.contradict(sent, &mut instants);
        }
        for at in instants {
            self.watches.iter_mut().for_each(|watch| watch.parts_no_more(at));
        }
    }

    /// Knows what came of a binding before as well.
    pub(super) fn know_as_well(&mut self, left: Option<Box<Earlier>>) {
        let Some(left) = left else { return };
        let earlier = self.earlier.get_or_insert_default();
        earlier.know_as_well(*left);
        if self.latest.is_some() {
            earlier.beside_latest();
        }
    }

    /// The latest value as an alarm shows it; older than `gap` it is stale.
    pub(super) fn latest_on(&self, now: Stamp, gap: Span) -> Option<Latest> {
        self.latest.as_ref().map(|latest| {
            let age = now.at - latest.rule_at;
            Latest {
                value: latest.number.value,
                unit: latest.number.unit,
                measured_at: latest.measured,
                age_s: age.as_secs_f64(),
                stale: age > gap,
            }
        })
    }

    /// When a value other than zero was measured, if one was a moment before this observation.
    pub(super) fn value_before(&self, observation: &Observation) -> Option<Timestamp> {
        let known = self.certain().filter(|known| known.number.value != 0.0)?;
        let since = observation.timing.rule_at - known.rule_at;
        (Span::ZERO..=JUST_NOW).contains(&since).then_some(known.rule_at)
    }

    /// What stays of it when its device is unbound: the limits it was beyond, and what parts excursions that come
    /// late.
    pub(super) fn left(mut self) -> Option<Self> {
        self.watches.leave();
        if let Some(latest) = self.latest.take() {
            self.earlier.get_or_insert_default().leave(latest);
        }
        let Self { watches, earlier, .. } = self;
        let lost = watches.iter().any(|watch| !watch.is_at_rest());
        let remembers = !watches.is_empty() || earlier.is_some();
        remembers.then(|| Self { lost, watches, earlier, ..Self::default() })
    }

    /// What was measured from an instant on is another's: it stays here, and what was before it is returned, without
    /// what `retracted` rules told.
    pub(super) fn part_at(&mut self, since: Timestamp, retracted: Wanted<'_>) -> Option<Self> {
        let mut before = Self { watches: std::mem::take(&mut self.watches), ..Self::default() };
        before.watches.end_before(since, retracted);
        let mut earlier = self.earlier.as_mut().map(|earlier| earlier.part_at(since));
        if let Some(latest) = self.latest.take_if(|latest| latest.rule_at < since) {
            earlier.get_or_insert_default().leave(latest);
        }
        self.refused.take_if(|refused| refused.rule_at < since);
        self.doubtful.take_if(|doubtful| doubtful.rule_at < since);
        before.earlier = earlier.filter(|earlier| earlier.values().next().is_some()).map(Box::new);
        (!before.watches.is_empty() || before.earlier.is_some()).then_some(before)
    }

    /// Whether anything of it can be shown.
    pub fn is_heard(&self) -> bool {
        self.arrival.is_some()
    }

    /// When every value was measured, by its device's clock, with its rule time.
    fn instants(&self) -> impl Iterator<Item = (Option<DeviceInstant>, Timestamp)> {
        let known = self.latest.iter().chain(self.refused.as_deref());
        let known = known.map(|value| (value.sent, value.rule_at));
        let doubtful = self.doubtful.iter().map(|value| (value.sent, value.rule_at));
        let earlier = self.earlier.iter().flat_map(|earlier| earlier.instants());
        known.chain(doubtful).chain(earlier)
    }

    /// Whether another value that is known has this time for the rules.
    pub(super) fn is_of_another(&self, sent: DeviceInstant, rule_at: Timestamp) -> bool {
        self.instants().any(|(at, rule)| rule == rule_at && at != Some(sent))
    }

    /// What no limit judged before the last of its kind, and after the latest that one did.
    fn refused_before(&mut self) -> Option<Box<LatestValue>> {
        let judged = self.latest.as_ref().map(|latest| latest.rule_at);
        let since = |before: &LatestValue| judged.is_none_or(|judged| before.rule_at > judged);
        let earlier = self.earlier.as_mut().filter(|earlier| earlier.last().is_some_and(since));
        earlier.and_then(|earlier| earlier.pop()).map(Box::new)
    }

    /// Bounds of which the limits that judge now cannot say where they lie are doubtful, and those before them count.
    pub(super) fn doubt_bounds(&mut self, ambiguous: &dyn Fn(&LatestValue) -> bool) {
        loop {
            let bound = if let Some(bound) = self.refused.take_if(|value| ambiguous(value)) {
                self.refused = self.refused_before();
                *bound
            } else if let Some(bound) = self.latest.take_if(|value| ambiguous(value)) {
                self.latest = self.earlier.as_mut().and_then(|earlier| earlier.pop());
                bound
            } else {
                return;
            };
            let newer = |known: &DoubtfulValue| {
                known.doubt != Doubt::Refused && known.rule_at > bound.rule_at
            };
            if !self.doubtful.as_deref().is_some_and(newer) {
                let LatestValue { number, place, measured, received, rule_at, sent, .. } = bound;
                let (doubt, came) = (Doubt::Bound, Some((place, received)));
                let bound = DoubtfulValue { number, measured, rule_at, doubt, sent, came };
                self.doubtful = Some(Box::new(bound));
            }
        }
    }

    /// A bound of which the limits that judge now can say where it lies is a value like any other.
    pub(super) fn believe_bound(
        &mut self,
        ambiguous: &dyn Fn(Timestamp, &Number) -> bool,
        now: Stamp,
    ) {
        let says = |known: &mut Box<DoubtfulValue>| {
            known.doubt == Doubt::Bound && !ambiguous(known.rule_at, &known.number)
        };
        let Some(bound) = self.doubtful.take_if(says) else { return };
        let DoubtfulValue { number, measured, rule_at, sent, came, .. } = *bound;
        let Some((place, received)) = came else { return };
        let contradicted = false;
        self.make_latest(LatestValue {
            number,
            place,
            measured,
            received,
            rule_at,
            sent,
            contradicted,
        });
        self.judged = self.judged.max(Some(now.own(received)));
    }

    /// The reading of this instant does not count any more: whether it was the latest value, for then the one
    /// before is, and its rule times.
    pub(super) fn take_back(&mut self, sent: DeviceInstant) -> (bool, Vec<Timestamp>) {
        let of_instant = |known: Option<DeviceInstant>| known == Some(sent);
        let gone = self.instants().filter(|(at, _)| of_instant(*at));
        let gone = gone.map(|(_, rule_at)| rule_at).collect();
        let refused = self.refused.take_if(|value| of_instant(value.sent));
        let was_refused = refused.is_some();
        if let Some((earlier, gone)) = self.earlier.as_mut().zip(refused) {
            earlier.heard_at(gone.received);
        }
        self.doubtful.take_if(|value| of_instant(value.sent));
        if let Some(earlier) = &mut self.earlier {
            earlier.take_back(sent);
        }
        let was_latest = self.latest.take_if(|latest| of_instant(latest.sent)).is_some();
        if was_latest {
            self.latest = self.earlier.as_mut().and_then(|earlier| earlier.pop());
        }
        if was_refused {
            self.refused = self.refused_before();
        }
        (was_latest || was_refused, gone)
    }
}

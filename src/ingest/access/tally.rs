//! Attempts by who and what, counted and reported in few entries, however many and hostile they are.

use std::collections::BTreeMap;

use vitalgate_domain::model::time::{Span, Timestamp};

/// How much a tally tells.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// After it the counts are reported, and all begins anew.
    pub(super) period: Span,
    /// Entries of a period, each reported twice; the others share one.
    pub(super) most: usize,
    /// Of one `Who`; what else it tries is reported as several.
    pub(super) most_each: usize,
}

/// What was tried in the present period.
#[derive(Debug)]
pub(super) struct Tally<Who, What> {
    bounds: Bounds,
    begun: Timestamp,
    entries: BTreeMap<Tried<Who, What>, Entry>,
    /// Entries that have not been reported at all.
    news: bool,
}

/// Who tried what; `None` is several.
pub(super) type Tried<Who, What> = (Option<Who>, Option<What>);

/// How often something was tried.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// When it was tried first.
    pub(super) since: Timestamp,
    /// How often since then.
    pub(super) count: u64,
    /// Why it was refused the last time.
    pub(super) why: &'static str,
    reported: u64,
}

impl<Who: Ord + Clone, What: Ord + Clone> Tally<Who, What> {
    pub(super) const fn new(bounds: Bounds) -> Self {
        let begun = Timestamp::from_micros(0);
        Self { bounds, begun, entries: BTreeMap::new(), news: false }
    }

    /// It was tried once more; how often in this period, with what shares its entry.
    pub(super) fn note(&mut self, who: Who, what: What, why: &'static str, now: Timestamp) -> u64 {
        let tried = self.place_of(who, what);
        let entry =
            self.entries.entry(tried).or_insert(Entry { since: now, count: 0, why, reported: 0 });
        entry.count += 1;
        entry.why = why;
        self.news |= entry.reported == 0;
        entry.count
    }

    /// How often `who` tried anything in this period, as far as it has entries of its own.
    pub(super) fn of(&self, who: Who) -> u64 {
        let own = (Some(who), None);
        let of_it = self.entries.range(own.clone()..).take_while(|((who, _), _)| *who == own.0);
        of_it.map(|(_, entry)| entry.count).sum()
    }

    /// What is to be reported now: whatever is new, and when the period is over all that came after.
    pub(super) fn due(&mut self, now: Timestamp) -> Vec<(Tried<Who, What>, Entry)> {
        let over = now - self.begun >= self.bounds.period || now < self.begun;
        if !over && !self.news {
            return Vec::new();
        }
        self.news = false;
        let due = self.report(|entry| over || entry.reported == 0);
        if over {
            self.begun = now;
            self.entries.clear();
        }
        due
    }

    /// All that was not reported.
    pub(super) fn rest(&mut self) -> Vec<(Tried<Who, What>, Entry)> {
        self.report(|_| true)
    }

    fn place_of(&self, who: Who, what: What) -> Tried<Who, What> {
        let Bounds { most, most_each, .. } = self.bounds;
        let tried = (Some(who.clone()), Some(what));
        if self.entries.contains_key(&tried) {
            return tried;
        }
        let own = (Some(who), None);
        let of_it = self.entries.range(own.clone()..).take_while(|((who, _), _)| *who == own.0);
        if self.entries.len() < most && of_it.count() < most_each {
            return tried;
        }
        if self.entries.len() < most || self.entries.contains_key(&own) {
            own
        } else {
            (None, None)
        }
    }

    fn report(&mut self, which: impl Fn(&Entry) -> bool) -> Vec<(Tried<Who, What>, Entry)> {
        let news = self.entries.iter_mut().filter(|(_, entry)| entry.count > entry.reported);
        let news = news.filter(|(_, entry)| which(entry));
        let report = |(tried, entry): (&Tried<Who, What>, &mut Entry)| {
            entry.reported = entry.count;
            (tried.clone(), *entry)
        };
        news.map(report).collect()
    }
}

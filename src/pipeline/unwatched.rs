//! Wards with patients that no open stream shows (contract §6).

use std::collections::{BTreeMap, BTreeSet};

use crate::clock::Stopwatch;
use crate::projection::ring::Ring;
use vitalgate_domain::core::Core;
use vitalgate_domain::model::ids::WardId;

/// A screen that reloads or changes hands is no unwatched ward.
const TOLERATED_S: f64 = 60.0;
const LOOK_EVERY_S: f64 = 1.0;

/// Since when each ward with patients is shown by nobody.
#[derive(Debug)]
pub(super) struct Unwatched {
    looked: Stopwatch,
    since: BTreeMap<WardId, Stopwatch>,
}

impl Unwatched {
    pub(super) fn new() -> Self {
        Self { looked: Stopwatch::start(), since: BTreeMap::new() }
    }

    /// The wards to report as unwatched, if they are others than those reported.
    pub(super) fn news(&mut self, core: &Core, ring: &Ring) -> Option<Vec<WardId>> {
        if self.looked.seconds() < LOOK_EVERY_S {
            return None;
        }
        self.looked = Stopwatch::start();
        let here = core.patients.values().filter(|patient| patient.discharged_at.is_none());
        let wards: BTreeSet<WardId> = here.filter_map(|patient| patient.ward.clone()).collect();
        self.since.retain(|ward, _| wards.contains(ward) && !ring.is_watched(ward));
        for ward in wards.into_iter().filter(|ward| !ring.is_watched(ward)) {
            self.since.entry(ward).or_insert_with(Stopwatch::start);
        }
        let long = self.since.iter().filter(|(_, since)| since.seconds() >= TOLERATED_S);
        let long: Vec<WardId> = long.map(|(ward, _)| ward.clone()).collect();
        (long != core.site.unwatched_wards()).then_some(long)
    }
}

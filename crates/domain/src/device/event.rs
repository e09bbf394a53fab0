//! What becomes of an event that a device reports.

use super::binding::Attribution;
use super::episodes::{EpisodeKey, Report};
use super::timing::{Pace, device_time, is_of_now, is_too_old, timing};
use super::{Device, Observed, Surroundings, Taken};
use crate::model::fate::Fate;
use crate::model::ids::PatientId;
use crate::model::message::{Event, Message, Mode, Phase};
use crate::model::observation::{Episode, Timeliness};
use crate::model::time::Stamp;
use crate::output::Output;

impl Device {
    /// Takes in one event of a message.
    pub(super) fn event(
        &mut self,
        message: &Message,
        event: &Event,
        taken: Taken,
        around: Surroundings<'_>,
        observed: &mut Vec<(PatientId, Observed)>,
        out: &mut Output,
    ) {
        let now = out.now;
        let class = around.rules.class(&self.details.class);
        let of_now = is_of_now(self, message, event.time, (class, None, taken), now);
        let pace = Pace {
            class,
            interval: None,
            newest: None,
            instant: None,
            is_correction: false,
            intake_gaps: around.intake_gaps,
            of_now,
            taken,
        };
        let (mut timing, suspect) = timing(self, message, event.time, pace, now);
        if is_too_old(message, event.index, &timing, suspect) {
            return self.too_old(message, (None, event.index), observed, out);
        }
        let cause = self.cause(message, event.index, now);
        if suspect && let Some(patient) = self.patient() {
            observed.push((patient.clone(), Observed::ClockSuspect(cause.clone())));
        }
        if message.mode != Mode::Real {
            return self.count(Fate::Test, out);
        }
        let patient = match self.whose(message, event.time, (&timing, suspect), taken, now) {
            Attribution::Patient { patient, present, .. } => {
                if !present {
                    timing.timeliness = Timeliness::Late;
                }
                patient.clone()
            }
            Attribution::Unbound => return self.count(Fate::Unbound, out),
            Attribution::Uncertain(patient) => {
                observed.push((patient.clone(), Observed::Unattributed(cause)));
                return self.count(Fate::Unattributed, out);
            }
        };
        let at = device_time(message, event.time);
        let report = Report { phase: event.phase, boot: message.boot, at };
        let key = self.episodes.settle(episode_key(message, event, now), report);
        if !self.episodes.is_news(&key, event.phase, &patient) {
            self.episodes.repeat(&key, now.wall());
            return self.count(Fate::EventRepeated, out);
        }
        let certain = timing.timeliness == Timeliness::Live && !timing.is_doubtful();
        // Without a number, an end of the same time is that of an episode before.
        let ended = event.id.is_some() && self.episodes.has_ended(&key);
        let over = ended && event.phase != Phase::End;
        let phase = if over { Phase::Single } else { event.phase };
        if event.phase == Phase::End {
            self.episodes.note_end(key, certain, at, &patient, now.wall());
        } else {
            let known = if over { Phase::End } else { event.phase };
            self.episodes.note(key, Report { phase: known, ..report }, &patient, now.wall());
        }
        self.count(Fate::Event, out);
        let episode = Episode {
            device: self.details.id.clone(),
            cause,
            timing,
            name: event.name.clone(),
            id: event.id.clone(),
            phase,
            text: event.text.clone(),
        };
        observed.push((patient, Observed::Episode(episode)));
    }
}

fn episode_key(message: &Message, event: &Event, now: Stamp) -> EpisodeKey {
    let name = event.name.clone();
    match (&event.id, device_time(message, event.time), message.seq) {
        (Some(id), ..) => EpisodeKey::Numbered(name, id.clone()),
        (None, Some(time), _) => EpisodeKey::Timed(name, time),
        (None, None, Some(seq)) => EpisodeKey::Placed(name, message.boot, seq, event.index),
        (None, None, None) => EpisodeKey::Arrived(name, now.at, event.index),
    }
}

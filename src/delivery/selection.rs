//! What of the alarm log a channel sends.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::watch;

use super::event::Event;
use super::words::ends;
use crate::config::Teams;
use vitalgate_domain::model::alarm::{Alarm, Priority};
use vitalgate_domain::model::ids::{ChannelId, PersonId, WardId};

/// What goes by one channel.
#[derive(Clone, Debug)]
pub(super) struct Selection {
    pub(super) channel: ChannelId,
    pub(super) wards: Option<BTreeSet<WardId>>,
    pub(super) least: Priority,
    /// Who is called for alarms: a channel that is somebody's tells what is for them alone.
    pub(super) teams: watch::Receiver<Option<Arc<Teams>>>,
}

impl Selection {
    /// Whether the channel tells of the alarm: of its wards or of none, grave enough now or before, and not that
    /// this very channel fails.
    pub(super) fn takes(&self, alarm: &Alarm) -> bool {
        let is_own =
            alarm.rule.as_str().starts_with("delivery.") && alarm.source == self.channel.as_str();
        alarm.priority_peak >= self.least && self.is_here(alarm) && !is_own
    }

    /// Whether the channel is somebody's.
    pub(super) fn is_somebodys(&self) -> bool {
        self.teams.borrow().as_ref().is_some_and(|teams| teams.names(&self.channel))
    }

    /// Whose own it is: of one person, and of no step of a ladder.
    pub(super) fn whose(&self) -> Option<PersonId> {
        self.teams.borrow().as_ref()?.whose(&self.channel).cloned()
    }

    /// Whether whoever it belongs to is called by an event, or was and hears what became of it.
    pub(super) fn is_for_them(&self, event: &Event) -> bool {
        let Some(responsibility) = &event.alarm.responsibility else { return false };
        let was_told = responsibility.was_told_by(&self.channel);
        responsibility.calls_by(&self.channel, event.seq) || (was_told && ends(event))
    }

    fn is_here(&self, alarm: &Alarm) -> bool {
        let Some(wards) = &self.wards else { return true };
        let mut places = [&alarm.ward, &alarm.ward_now].into_iter().flatten().peekable();
        places.peek().is_none() || places.any(|ward| wards.contains(ward))
    }
}

#[cfg(test)]
mod tests {
    use super::super::event::tests::event;
    use super::*;
    use crate::pipeline::stored::{alarm, tests::BODY};
    use vitalgate_domain::output::transition::Change;

    fn of(wards: Option<&[&str]>, least: Priority) -> Selection {
        let wards = wards.map(|wards| wards.iter().map(|ward| ward.parse().unwrap()).collect());
        let teams = watch::channel(None).1;
        Selection { channel: "pager".parse().unwrap(), wards, least, teams }
    }

    #[test]
    fn a_channel_of_somebody_tells_what_is_for_them_and_what_became_of_it() {
        let text = "[[person]]\nid = \"n1\"\nchannels = [\"pager\"]\n";
        let teams = Teams::parse(text, &["pager".parse().unwrap()]).unwrap();
        let own =
            Selection { teams: watch::channel(Some(Arc::new(teams))).1, ..of(None, Priority::Low) };
        assert!(own.is_somebodys() && !of(None, Priority::Low).is_somebodys());
        let told = |channel: &str, seq: u64| {
            let told = format!(
                r#"{{"state":"notified","team":"icu","step":1,"role":"nurse","person":"n1","since":"2026-03-01T00:01:00Z",
                "deadline":null,"told":[{{"to":"n1","channel":"{channel}","at":"2026-03-01T00:01:00Z","result":"waiting","seq":{seq}}}]}}"#
            );
            serde_json::from_str(&told).unwrap()
        };
        let is_for_them = |change, channel: &str, seq| {
            own.is_for_them(&event(change, |alarm| alarm.responsibility = told(channel, seq)))
        };
        assert!(is_for_them(Change::Raised, "pager", 7));
        assert!(!is_for_them(Change::Raised, "sms", 7), "it is somebody else's");
        assert!(!is_for_them(Change::Notified, "pager", 6), "somebody else is asked");
        assert!(is_for_them(Change::Accepted, "pager", 6), "somebody took it");
        assert!(
            is_for_them(Change::Latched, "pager", 3) && is_for_them(Change::Retracted, "pager", 3)
        );
        assert!(!is_for_them(Change::Received, "pager", 6));
        assert!(!own.is_for_them(&event(Change::Raised, |_| {})), "nobody was asked");
    }

    #[test]
    fn a_channel_tells_of_its_wards_and_of_what_was_grave() {
        let alarm = alarm(BODY).unwrap();
        assert!(of(None, Priority::High).takes(&alarm));
        assert!(of(Some(&["icu", "west"]), Priority::Low).takes(&alarm));
        assert!(!of(Some(&["west"]), Priority::Low).takes(&alarm));
        let fallen = Alarm { priority: Priority::Low, ..alarm.clone() };
        assert!(of(None, Priority::High).takes(&fallen), "it was told when it was high");
        let milder = Alarm { priority_peak: Priority::Medium, ..fallen };
        assert!(!of(None, Priority::High).takes(&milder));
        let moved = Alarm { ward_now: Some("west".parse().unwrap()), ..alarm.clone() };
        for ward in ["icu", "west"] {
            assert!(of(Some(&[ward]), Priority::Low).takes(&moved), "{ward}");
        }
        let nowhere = Alarm { ward: None, ward_now: None, ..alarm };
        assert!(of(Some(&["west"]), Priority::Low).takes(&nowhere), "of no ward is for all");
    }

    #[test]
    fn no_channel_tells_of_itself() {
        let body = BODY.replace("vitals_live.spo2_low", "delivery.failing");
        let other = alarm(&body).unwrap();
        assert!(of(None, Priority::Low).takes(&other));
        let own = Alarm { source: "pager".into(), ..other };
        assert!(!of(None, Priority::Low).takes(&own));
    }
}

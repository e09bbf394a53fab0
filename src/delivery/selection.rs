//! What of the alarm log a channel sends.

use std::collections::BTreeSet;

use vitalgate_domain::model::alarm::{Alarm, Priority};
use vitalgate_domain::model::ids::{ChannelId, WardId};

/// What goes by one channel.
#[derive(Clone, Debug)]
pub(super) struct Selection {
    pub(super) channel: ChannelId,
    pub(super) wards: Option<BTreeSet<WardId>>,
    pub(super) least: Priority,
}

impl Selection {
    /// Whether the channel tells of the alarm: of its wards or of none, grave enough now or before, and not that
    /// this very channel fails.
    pub(super) fn takes(&self, alarm: &Alarm) -> bool {
        let is_own =
            alarm.rule.as_str().starts_with("delivery.") && alarm.source == self.channel.as_str();
        alarm.priority_peak >= self.least && self.is_here(alarm) && !is_own
    }

    fn is_here(&self, alarm: &Alarm) -> bool {
        let Some(wards) = &self.wards else { return true };
        let mut places = [&alarm.ward, &alarm.ward_now].into_iter().flatten().peekable();
        places.peek().is_none() || places.any(|ward| wards.contains(ward))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::stored::{alarm, tests::BODY};

    fn of(wards: Option<&[&str]>, least: Priority) -> Selection {
        let wards = wards.map(|wards| wards.iter().map(|ward| ward.parse().unwrap()).collect());
        Selection { channel: "pager".parse().unwrap(), wards, least }
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

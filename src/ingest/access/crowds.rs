//! Connections that found no place, told while it lasts and when it is over.

use crate::net::places::Crowd;
use vitalgate_domain::model::input::{Input, SignInWay};
use vitalgate_domain::model::time::{Span, Timestamp};

/// Told anew after so long, and over after so long without another.
const PERIOD: Span = Span::mins(1);

/// What is going on at each door.
#[derive(Debug, Default)]
pub(super) struct Crowds {
    mqtt: Option<Crowding>,
    http: Option<Crowding>,
}

#[derive(Debug)]
struct Crowding {
    /// Since it was told last.
    ended: u64,
    address: Option<String>,
    told: Option<Timestamp>,
}

impl Crowds {
    /// So many were ended since the last call; none is no news.
    pub(super) fn note(&mut self, way: SignInWay, crowd: &Crowd) {
        if crowd.ended == 0 {
            return;
        }
        let door = self.door(way);
        let crowding = door.get_or_insert(Crowding { ended: 0, address: None, told: None });
        crowding.ended += crowd.ended;
        crowding.address = crowd.address.map(|address| address.to_string());
    }

    /// What is to be told now.
    pub(super) fn due(&mut self, now: Timestamp) -> Vec<Input> {
        let mut due = Vec::new();
        for way in SignInWay::ALL {
            let door = self.door(way);
            let Some(crowding) = door else { continue };
            let waits = |told| (Timestamp::default()..=now).contains(&told) && now - told < PERIOD;
            if crowding.told.is_some_and(waits) {
                continue;
            }
            let ended = std::mem::take(&mut crowding.ended);
            due.push(Input::Crowded { way, ended, address: crowding.address.take() });
            if ended == 0 {
                *door = None;
            } else {
                crowding.told = Some(now);
            }
        }
        due
    }

    fn door(&mut self, way: SignInWay) -> &mut Option<Crowding> {
        match way {
            SignInWay::Mqtt => &mut self.mqtt,
            SignInWay::Http => &mut self.http,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(second: i64) -> Timestamp {
        Timestamp::from_millis(1_795_000_000_000 + second * 1_000)
    }

    fn told(inputs: Vec<Input>) -> Vec<(SignInWay, u64)> {
        let one = |input| {
            let Input::Crowded { way, ended, .. } = input else { panic!("{input:?}") };
            (way, ended)
        };
        inputs.into_iter().map(one).collect()
    }

    #[test]
    fn a_crowd_is_told_at_once_then_by_the_minute_and_when_it_is_over() {
        let mut crowds = Crowds::default();
        let some = Crowd { ended: 3, address: Some([192, 0, 2, 7].into()) };
        for second_of in 0..90 {
            crowds.note(SignInWay::Mqtt, &some);
            let expected = match second_of {
                0 => vec![(SignInWay::Mqtt, 3)],
                60 => vec![(SignInWay::Mqtt, 180)],
                _ => Vec::new(),
            };
            assert_eq!(told(crowds.due(second(second_of))), expected, "{second_of}");
        }
        crowds.note(SignInWay::Http, &Crowd::default());
        assert_eq!(told(crowds.due(second(120))), [(SignInWay::Mqtt, 87)]);
        assert_eq!(told(crowds.due(second(179))), []);
        assert_eq!(told(crowds.due(second(180))), [(SignInWay::Mqtt, 0)]);
        assert_eq!(told(crowds.due(second(999))), []);
    }
}

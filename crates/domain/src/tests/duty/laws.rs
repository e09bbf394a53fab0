//! Whatever people, channels and plans do: a high alarm has an owner or a running timer, somebody is told every few minutes
//! until one accepts, and then nobody is.

use proptest::prelude::*;
use proptest::test_runner::Config;

use crate::model::alarm::Priority;
use crate::model::command::AlarmAct;
use crate::model::input::Input;
use crate::model::responsibility::Assignment;
use crate::model::time::Span;
use crate::tests::scene::{Scene, restored};

use super::{
    SPO2, channel, desaturated, nothing_told_twice, on_duty, plan, somebody_or_a_timer, usual,
    with_channels,
};

#[derive(Clone, Debug)]
enum Step {
    Wait(u16),
    Act(usize, usize),
    Takes(usize),
    Fails(usize),
    Plan(usize),
    Restart,
}

const ACTORS: [&str; 4] = ["nurse", "n2", "d1", "somebody"];
const CHANNELS: [&str; 3] = ["n1-push", "n1-sms", "d1-push"];

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1_u16..400).prop_map(Step::Wait),
        4 => (0..ACTORS.len(), 0_usize..5).prop_map(|(who, act)| Step::Act(who, act)),
        1 => (0..CHANNELS.len()).prop_map(Step::Takes),
        1 => (0..CHANNELS.len()).prop_map(Step::Fails),
        1 => (0_usize..4).prop_map(Step::Plan),
        1 => Just(Step::Restart),
    ]
}

/// Somebody is on duty in all of them but the last.
fn plan_of(which: usize) -> Input {
    on_duty(match which {
        0 => usual(),
        1 => with_channels(),
        2 => plan(&["nurse", "physician"], &[("physician", "d1", -1, 192)]),
        _ => plan(&["nurse"], &[]),
    })
}

fn take(scene: &mut Scene, step: &Step) {
    match step {
        Step::Wait(seconds) => scene.advance(f64::from(*seconds)),
        Step::Act(who, act) => {
            let act = match act {
                0 => AlarmAct::Accept,
                1 => AlarmAct::Reject,
                2 => AlarmAct::Release,
                3 => AlarmAct::Acknowledge,
                _ => AlarmAct::Received,
            };
            scene.by(ACTORS[*who], SPO2, act);
        }
        Step::Takes(which) => {
            let alarm = scene.alarm(SPO2);
            let channel = channel(CHANNELS[*which]);
            scene.fold(&[Input::Delivered { channel, alarm: alarm.id, seq: alarm.seq }]);
        }
        Step::Fails(which) => {
            let (channel, waits) = (channel(CHANNELS[*which]), Some(Priority::High));
            scene.fold(&[Input::Undelivered { channel, waits, words: "503".into() }]);
        }
        Step::Plan(which) => scene.fold(&[plan_of(*which)]),
        Step::Restart => scene.core = restored(&scene.core),
    }
}

proptest! {
    #![proptest_config(Config { cases: 128, failure_persistence: None, ..Config::default() })]

    #[test]
    fn somebody_is_told_until_one_accepts_and_nobody_after(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut scene = desaturated(usual());
        let mut nobody = false;
        for step in &steps {
            let before = scene.answers(SPO2);
            let from = scene.log.len();
            take(&mut scene, step);
            if let Step::Plan(which) = step {
                nobody = *which == 3;
            }
            somebody_or_a_timer(&scene);
            nothing_told_twice(&scene.log[from..]);
            let now = scene.answers(SPO2);
            let owned = now.state == Assignment::Accepted;
            // What is technical of the silent device is another alarm, which nobody may take either.
            let missed = scene.core.site.duty.misses(&scene.alarm(SPO2).id);
            if owned && before.state == Assignment::Accepted && matches!(step, Step::Wait(_)) {
                prop_assert_eq!(&now.told, &before.told, "somebody has it, and others are told");
            }
            if owned {
                prop_assert!(!missed, "somebody has it");
                continue;
            }
            if nobody {
                prop_assert!(missed && scene.find("duty.exhausted").is_some(), "{:?}", now);
                continue;
            }
            // Who alone is there, and has just given it back, hears of it with the next round.
            let last = now.told.iter().map(|told| told.at).chain([now.since]).max();
            let silent = last.map(|last| scene.now.wall() - last);
            prop_assert!(silent.is_some_and(|silent| silent <= Span::mins(3)), "{:?} {:?}", silent, now);
        }
    }
}

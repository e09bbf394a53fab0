//! What a judge written from the contract alone found otherwise.

use crate::model::alarm::{Priority, State};
use crate::model::command::{Action, AlarmAct, Outcome};
use crate::model::duty::Team;
use crate::model::pause::What;
use crate::model::responsibility::{Assignment, Delivery};
use crate::model::time::Span;

use super::{SPO2, bedside, channel, desaturated, on_duty, plan, second, usual, with_channels};

fn paused() -> AlarmAct {
    AlarmAct::Pause { what: What::Alarm, reason: None, until: None }
}

#[test]
fn that_nobody_takes_a_medium_alarm_is_high() {
    let mut scene = bedside(usual());
    scene.stream("dev", "spo2", 84.0, 1_300);
    assert_eq!(scene.alarm(SPO2).priority, Priority::Medium);
    assert_eq!(scene.asked(SPO2), "exhausted");
    assert_eq!(scene.alarm("duty.exhausted").priority, Priority::High);
}

#[test]
fn a_hole_is_asked_of_whoever_answers_for_the_gateway() {
    let mut plan =
        plan(&["nurse", "physician"], &[("nurse", "n1", -1, 4), ("physician", "d1", -1, 192)]);
    plan.teams.push(Team {
        id: "operations".parse().unwrap(),
        gateway: true,
        steps: vec![plan.teams[0].steps[1].clone()],
        ..plan.teams[0].clone()
    });
    let mut watch = plan.watches[1].clone();
    watch.team = "operations".parse().unwrap();
    plan.watches.push(watch);
    let scene = bedside(plan);
    assert_eq!(scene.asked("duty.hole"), "notified 1 physician d1");
}

#[test]
fn a_step_has_no_more_time_because_a_shift_ends() {
    let both = [("nurse", "n1", -1, 1), ("nurse", "n2", 1, 192), ("physician", "d1", -1, 192)];
    let mut scene = bedside(plan(&["nurse", "physician"], &both));
    scene.stream("dev", "spo2", 97.0, 3_540);
    scene.low_for(61);
    assert_eq!(scene.asked(SPO2), "notified 1 nurse n2");
    let deadline = second(3_545.0) + Span::mins(3);
    assert_eq!(scene.answers(SPO2).deadline, Some(deadline));
    let other = [("nurse", "n1", -1, 192), ("physician", "d1", -1, 192)];
    scene.fold(&[on_duty(plan(&["nurse", "physician"], &other))]);
    assert_eq!(scene.asked(SPO2), "notified 1 nurse n1");
    assert_eq!(scene.answers(SPO2).deadline, Some(deadline), "nor because a plan changes");
    scene.low_for(125);
    assert_eq!(scene.asked(SPO2), "notified 2 physician d1");
}

#[test]
fn one_person_on_two_watches_is_asked_as_long_as_on_one() {
    let both = [("nurse", "n1", -1, 1), ("nurse", "n1", 1, 192), ("physician", "d1", -1, 192)];
    let mut scene = bedside(plan(&["nurse", "physician"], &both));
    scene.stream("dev", "spo2", 97.0, 3_540);
    scene.low_for(61);
    assert_eq!(scene.asked(SPO2), "notified 1 nurse n1");
    assert_eq!(scene.answers(SPO2).deadline, Some(second(3_545.0) + Span::mins(3)));
    scene.skip();
    scene.low_for(66);
    assert_eq!(scene.ladder(), ["3665 notified vitals_live.spo2_low"], "told again after 2 min");
    scene.low_for(60);
    assert_eq!(scene.ladder(), ["3725 notified vitals_live.spo2_low"]);
    assert_eq!(scene.asked(SPO2), "notified 2 physician d1");
}

#[test]
fn what_was_acknowledged_and_paused_is_nobodys_once_the_pause_is_over() {
    let mut scene = desaturated(usual());
    scene.by("n2", SPO2, AlarmAct::Acknowledge);
    scene.by("n2", SPO2, paused());
    scene.low_for(121);
    assert_eq!(scene.alarm(SPO2).state, State::Alarming);
    assert_eq!(scene.asked(SPO2), "notified 1 nurse n1", "n2 is not on duty");
    super::somebody_or_a_timer(&scene);
}

#[test]
fn renewing_a_pause_holds_the_ladder_of_a_medium_alarm_ten_minutes_in_all() {
    let mut scene = bedside(usual());
    scene.stream("dev", "spo2", 84.0, 16);
    for _ in 0..3 {
        scene.by("n2", SPO2, paused());
        assert_eq!(scene.asked(SPO2), "unassigned");
        scene.stream("dev", "spo2", 84.0, 199);
    }
    scene.stream("dev", "spo2", 84.0, 4);
    assert_eq!(scene.alarm(SPO2).state, State::Paused);
    assert_eq!(scene.asked(SPO2), "notified 1 nurse n1");
}

#[test]
fn the_next_channel_is_tried_whoever_else_was_told_by_it() {
    let mut plan = with_channels();
    plan.people[2].channels = vec![channel("n1-sms")];
    let mut scene = desaturated(plan);
    scene.by("nurse", SPO2, AlarmAct::Reject);
    assert_eq!(scene.asked(SPO2), "unassigned 2 physician d1");
    scene.by("d1", SPO2, AlarmAct::Accept);
    scene.by("nurse", SPO2, AlarmAct::Accept);
    scene.by("nurse", SPO2, AlarmAct::Release);
    assert_eq!(scene.asked(SPO2), "unassigned 2 physician d1");
    scene.by("nurse", SPO2, AlarmAct::Accept);
    scene.by("nurse", SPO2, AlarmAct::Acknowledge);
    scene.by("nurse", SPO2, AlarmAct::Unacknowledge);
    assert_eq!(scene.asked(SPO2), "unassigned 1 nurse n1");
    super::fails(&mut scene, "n1-push");
    let of_nurse = scene.answers(SPO2).told.into_iter().filter(|told| told.to == "n1");
    let of_nurse: Vec<_> = of_nurse.map(|told| (told.channel, told.result)).collect();
    assert_eq!(
        of_nurse,
        [
            (Some(channel("n1-push")), Delivery::Failed),
            (Some(channel("n1-sms")), Delivery::Waiting)
        ]
    );
}

#[test]
fn who_gives_back_what_is_paused_takes_the_acknowledgement_back() {
    let mut scene = desaturated(usual());
    scene.by("nurse", SPO2, AlarmAct::Acknowledge);
    scene.by("nurse", SPO2, AlarmAct::Pause { what: What::Audio, reason: None, until: None });
    assert_eq!(scene.by("nurse", SPO2, AlarmAct::Release).0, Outcome::Done);
    assert_eq!(scene.alarm(SPO2).acknowledged, None);
    assert_eq!(scene.asked(SPO2), "notified 2 physician d1");
}

#[test]
fn row_25_a_high_alarm_that_is_kept_back_needs_a_reason_as_well() {
    let discharge =
        Action::DischargePatient { patient: "p".parse().unwrap(), reason: None, replaces: None };
    for what in [What::Alarm, What::Audio] {
        let mut scene = desaturated(usual());
        scene.by("n2", SPO2, AlarmAct::Pause { what, reason: None, until: None });
        assert_eq!(scene.command(discharge.clone()).0, Outcome::Conflict, "{what:?}");
        let until = Some(scene.now.wall() + Span::hours(2));
        scene.by("n2", SPO2, AlarmAct::Off { what, reason: Some("CT".to_owned()), until });
        assert_eq!(scene.command(discharge.clone()).0, Outcome::Conflict, "{what:?}");
        scene.by("n2", SPO2, AlarmAct::Acknowledge);
        assert_eq!(scene.command(discharge.clone()).0, Outcome::Done, "somebody has answered");
        assert_eq!(scene.closed(SPO2).responsibility.map(|r| r.state), Some(Assignment::Ended));
    }
}

#[test]
fn what_is_graver_is_told_at_once_by_whatever_word() {
    let mut scene = bedside(usual());
    scene.advance(1_000.0);
    for second in 0..40 {
        scene.measured_at("dev", "spo2", 70.0, 500.0 + f64::from(second));
    }
    assert_eq!(scene.alarm(SPO2).priority, Priority::Medium);
    assert_eq!(scene.asked(SPO2), "notified 1 nurse n1");
    scene.stream("dev", "spo2", 70.0, 6);
    let alarm = scene.alarm(SPO2);
    assert_eq!((alarm.priority, alarm.recurrence > 0), (Priority::High, true));
    let asked = scene.answers(SPO2);
    assert_eq!(asked.told[0].seq, alarm.seq, "told that it is graver");
    assert_eq!(asked.deadline, Some(alarm.announced_at + Span::mins(3)));
}

#[test]
fn whoever_had_it_is_told_of_a_rise_once_by_the_first_channel() {
    let mut scene = bedside(with_channels());
    scene.stream("dev", "spo2", 84.0, 16);
    scene.by("nurse", SPO2, AlarmAct::Accept);
    scene.low_for(6);
    assert_eq!(scene.alarm(SPO2).priority, Priority::High);
    let told: Vec<_> = scene.answers(SPO2).told.into_iter().map(|told| told.channel).collect();
    assert_eq!(told, [Some(channel("n1-push"))]);
}

#[test]
fn a_medium_alarm_that_is_over_is_nobodys_though_it_is_paused() {
    let mut scene = bedside(usual());
    scene.stream("dev", "spo2", 84.0, 16);
    scene.stream("dev", "spo2", 97.0, 70);
    assert_eq!((scene.alarm(SPO2).state, scene.asked(SPO2)), (State::Latched, "none".to_owned()));
    scene.by("n2", SPO2, paused());
    assert_eq!((scene.alarm(SPO2).state, scene.asked(SPO2)), (State::Paused, "none".to_owned()));
    scene.stream("dev", "spo2", 97.0, 1_000);
    assert_eq!(scene.asked(SPO2), "none");
}

#[test]
fn whoever_had_what_no_team_serves_is_told_again_by_their_channels() {
    let mut plan = with_channels();
    plan.teams[0].packs = vec!["cied".to_owned()];
    let mut scene = bedside(plan);
    scene.low_for(6);
    scene.by("nurse", SPO2, AlarmAct::Acknowledge);
    scene.by("nurse", SPO2, AlarmAct::Unacknowledge);
    scene.low_for(121);
    let told = scene.answers(SPO2).told;
    assert!(told.iter().all(|one| one.channel.is_some()), "{told:?}");
}

#[test]
fn what_was_taken_unasked_is_given_back_to_others_alone() {
    let mut elsewhere = plan(&["nurse"], &[("nurse", "n1", -1, 192)]);
    elsewhere.teams[0].packs = vec!["cied".to_owned()];
    let mut scene = bedside(elsewhere);
    scene.low_for(6);
    assert_eq!(scene.by("nurse", SPO2, AlarmAct::Accept).0, Outcome::Done);
    scene.fold(&[on_duty(plan(&["nurse"], &[("nurse", "n1", -1, 192)]))]);
    assert_eq!(scene.asked(SPO2), "accepted n1");
    assert_eq!(scene.by("nurse", SPO2, AlarmAct::Release).0, Outcome::Done);
    assert_eq!(scene.asked(SPO2), "exhausted", "nobody else is there");
}

#[test]
fn who_is_asked_after_a_pause_is_asked_as_any_other() {
    let all = [("nurse", "n2", -1, 192), ("physician", "d1", -1, 192), ("other", "n1", -1, 192)];
    let mut scene = desaturated(plan(&["nurse", "physician", "other"], &all));
    assert_eq!(scene.by("nurse", SPO2, AlarmAct::Acknowledge).0, Outcome::Done);
    // The acknowledgement is over, and whoever had it is asked first.
    scene.low_for(601);
    assert_eq!(scene.asked(SPO2), "notified 3 other n1");
    scene.by("d1", SPO2, paused());
    scene.low_for(121);
    assert_eq!(scene.asked(SPO2), "notified 3 other n1");
    scene.skip();
    scene.low_for(181);
    assert_eq!(scene.asked(SPO2), "exhausted");
    let at = scene.answers(SPO2).told.iter().map(|told| told.at).max();
    let n1 = scene.answers(SPO2).told.into_iter().find(|told| told.to == "n1").unwrap();
    assert_eq!(Some(n1.at), at, "all are told, n1 among them");
}

#[test]
fn a_channel_that_fails_fails_under_the_first_plan_as_well() {
    let mut scene = crate::tests::scene::Scene::bedside();
    scene.low_for(6);
    super::fails(&mut scene, "n1-push");
    scene.fold(&[on_duty(with_channels())]);
    let told = scene.answers(SPO2).told;
    let push = told.iter().find(|told| told.channel == Some(channel("n1-push"))).unwrap();
    assert_eq!(push.result, Delivery::Failed);
    assert_eq!(scene.asked(SPO2), "unassigned 2 physician d1", "the next step, at once");
}

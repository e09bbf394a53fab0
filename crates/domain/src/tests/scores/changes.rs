//! Rules, wards and ages that change what is judged (row 23).

use super::*;
use crate::model::alarm::Condition;
use crate::model::command::AgeClass;
use crate::model::ids::BedId;

fn in_ward(scene: &mut Scene, bed: &str, ward: &str) {
    scene.command(Action::AddWard(ward.parse().unwrap()));
    scene.done(Action::AddBed { bed: bed.parse().unwrap(), ward: ward.parse().unwrap() });
}

fn transfer(scene: &mut Scene, bed: &str) {
    let bed: BedId = bed.parse().unwrap();
    scene.done(Action::TransferPatient {
        patient: "p".parse().unwrap(),
        bed: Some(bed),
        replaces: None,
    });
}

#[test]
fn without_the_pack_there_is_no_score_and_with_it_what_is_known_counts() {
    let mut scene = bedside();
    scene.configured(shipped());
    all_calm(&mut scene);
    scene.advance(1.0);
    scene.reading("mon", "heart_rate", 135.0);
    scene.word("chart", "consciousness", "C");
    assert_eq!(scene.core.scores().count(), 0);
    scene.advance(120.0);
    scene.moves(&[]);
    scene.configured(texts("", ""));
    assert_eq!(scene.sum(), (6, true, Some(Band::Medium)));
    scene.moves_after(60.0, &["raised medium news2.score: alarming, present"]);
    scene.configured(shipped());
    scene.moves(&["rule_changed medium news2.score: closed rule_changed"]);
    scene.advance(3_600.0);
    scene.moves(&[]);
}

#[test]
fn a_rule_that_changed_raises_anew_at_once_what_still_holds() {
    let mut scene = calm();
    scene.word("chart", "consciousness", "C");
    scene.advance(60.0);
    scene.skip();
    scene.configured(texts("single = \"low\"", "single = \"medium\""));
    scene.moves(&[
        "rule_changed low news2.score: closed rule_changed",
        "raised medium news2.score: alarming, present",
    ]);
    // What is known to be over is not raised anew, and what nobody knows is unknown again.
    charted_calm(&mut scene);
    scene.advance(30.0);
    scene.configured(texts("", ""));
    scene.moves(&["rule_changed medium news2.score: closed rule_changed"]);
    scene.reading("mon", "heart_rate", 135.0);
    scene.advance(961.0);
    scene.skip();
    scene.configured(texts("single = \"low\"", "single = \"medium\""));
    scene.moves(&[
        "rule_changed low news2.score: closed rule_changed",
        "raised medium news2.score: alarming, unknown",
    ]);
    assert_eq!(scene.alarm(RULE).condition_reason.as_deref(), Some("incomplete"));
    // By a rule under which it still counts it is back.
    scene.configured(texts("age = \"15m\"", "age = \"1h\""));
    scene.moves(&[
        "rule_changed medium news2.score: closed rule_changed",
        "raised low news2.score: alarming, unknown",
        "back_present low news2.score: alarming, present",
    ]);
}

#[test]
fn another_rule_that_changed_leaves_it_alone() {
    let mut scene = calm();
    scene.word("chart", "consciousness", "C");
    scene.advance(30.0);
    let mut texts = texts("", "");
    texts.rules = texts.rules.replace("quality_min = 0.5", "quality_min = 0.4");
    scene.configured(texts);
    scene.moves_after(30.0, &["raised low news2.score: alarming, present"]);
}

#[test]
fn it_is_for_adults_who_are_not_pregnant() {
    let mut scene = calm();
    scene.word("chart", "consciousness", "C");
    scene.advance(60.0);
    scene.skip();
    for (age_class, pregnant) in [
        (Some(AgeClass::Paediatric), None),
        (Some(AgeClass::Unknown), None),
        (Some(AgeClass::Adult), Some(true)),
    ] {
        scene.change(age_class, pregnant);
        assert_eq!(scene.core.scores().count(), 0);
        scene.advance(300.0);
    }
    scene.moves(&["rule_changed low news2.score: closed rule_changed"]);
    monitored_calm(&mut scene);
    scene.change(None, Some(false));
    assert_eq!(scene.sum(), (3, true, Some(Band::Single)));
    scene.moves_after(60.0, &["raised low news2.score: alarming, present"]);
}

#[test]
fn a_rule_for_wards_judges_whoever_lies_there() {
    let mut scene = bedside_by("# wards = [\"west\"]", "wards = [\"west\"]");
    in_ward(&mut scene, "w-1", "west");
    in_ward(&mut scene, "i-1", "icu");
    all_calm(&mut scene);
    scene.advance(1.0);
    scene.word("chart", "consciousness", "C");
    assert_eq!(scene.core.scores().count(), 0, "in no ward");
    transfer(&mut scene, "i-1");
    scene.advance(120.0);
    scene.moves(&[]);
    transfer(&mut scene, "w-1");
    scene.moves_after(60.0, &["raised low news2.score: alarming, present"]);
    transfer(&mut scene, "i-1");
    scene.moves(&[
        "moved low news2.score: alarming, present",
        "rule_changed low news2.score: closed rule_changed",
    ]);
    // A bed that is moved takes whoever lies in it along.
    in_ward(&mut scene, "i-1", "west");
    scene.moves_after(60.0, &["raised low news2.score: alarming, present"]);
}

#[test]
fn what_is_unknown_stays_where_the_rule_judges_no_more() {
    let mut scene = bedside_by("# wards = [\"west\"]", "wards = [\"west\"]");
    in_ward(&mut scene, "w-1", "west");
    in_ward(&mut scene, "i-1", "icu");
    transfer(&mut scene, "w-1");
    scene.word("chart", "consciousness", "C");
    scene.advance(12.0 * 3_600.0 + 1.0);
    scene.skip();
    transfer(&mut scene, "i-1");
    scene.moves(&["moved low news2.score: alarming, unknown"]);
    transfer(&mut scene, "w-1");
    scene.skip();
    scene.word("chart", "consciousness", "C");
    scene.moves(&["back_present low news2.score: alarming, present"]);
}

#[test]
fn what_was_unknown_while_the_rule_did_not_judge_ends_once_it_does_and_all_is_calm() {
    let mut scene = calm();
    scene.reading("mon", "heart_rate", 135.0);
    scene.advance(961.0);
    assert_eq!(scene.alarm(RULE).condition, Condition::Unknown);
    scene.change(Some(AgeClass::Paediatric), None);
    monitored_calm(&mut scene);
    scene.advance(20.0);
    scene.skip();
    scene.change(Some(AgeClass::Adult), None);
    scene.moves_after(600.0, &["ended low news2.score: closed ended_after_gap"]);
}

#[test]
fn a_score_that_makes_no_sense_is_refused_with_its_place() {
    use crate::core::configuration::Configuration;
    for (old, new, said) in [
        ("method = \"news2\"", "method = \"mews\"", "unknown variant `mews`"),
        ("age = \"15m\"", "age = \"0s\"", "`age` is some time"),
        ("age_single = \"12h\"", "age_single = \"5m\"", "no shorter than `age`"),
        ("single = \"low\"", "single = \"high\"", "no lower priority"),
        ("# wards = [\"west\"]", "wards = []", "names none"),
        ("delay = \"60s\"", "dely = \"60s\"", "unknown field `dely`"),
        ("clear_delay = \"10m\"", "", "missing field `clear_delay`"),
        (", single = \"prompt\" }", " }", "missing field `single`"),
    ] {
        let refused = Configuration::parse(texts(old, new)).unwrap_err().to_string();
        assert!(refused.starts_with("pack `news2`: rules: "), "{refused}");
        assert!(refused.contains("line") && refused.contains(said), "{said}: {refused}");
    }
    let mut texts = texts("", "");
    texts.signals = texts.signals.replace("name = \"abp_sys\"", "name = \"abp_other\"");
    let refused = Configuration::parse(texts).unwrap_err().to_string();
    assert!(refused.contains("abp_sys"), "{refused}");
}

//! The packs that are shipped: each line of docs/packs.md as it stands there.

use crate::core::configuration::{Configuration, Texts};
use crate::model::message::Phase;
use crate::model::pack::Pack;

use super::scene::{Scene, shipped};

const PAGE: &str = include_str!("../../../../docs/packs.md");
/// Each with the class of a device that measures for it, and how often that does, in seconds.
const PACKS: [(&str, &str, &str, f64); 4] = [
    ("cied", include_str!("../../../../config/packs/cied.toml"), "cied", 86_400.0),
    ("hf", include_str!("../../../../config/packs/hf.toml"), "cied", 86_400.0),
    ("glucose", include_str!("../../../../config/packs/glucose.toml"), "cgm", 300.0),
    ("vitals_live", include_str!("../../../../config/packs/vitals_live.toml"), "bedside", 1.0),
];

/// The lines of the page about a pack: what comes, and what is raised.
fn lines(pack: &str) -> Vec<(&'static str, &'static str)> {
    let section = PAGE.split("\n## ").find(|section| section.starts_with(&format!("`{pack}`")));
    let rows =
        section.expect("a section of the page").lines().filter(|line| line.starts_with("| "));
    let cells = rows.map(|line| {
        let mut cells = line.trim_matches(['|', ' ']).split(" | ");
        (cells.next().unwrap(), cells.next().unwrap())
    });
    cells.skip(1).collect()
}

/// What comes, as the page writes it: `weight: 10 × 80, 1 × 82.5`, `heart_rate + spo2: 12 × 42 + 89`, or `event vt_detected,
/// event vf_detected`; `–` is nothing.
fn play(scene: &mut Scene, said: &str, apart: f64) {
    let Some((series, values)) = said.split_once(": ") else {
        for (number, event) in said.split(", ").enumerate() {
            let name = event.strip_prefix("event ").expect("an event");
            scene.event("dev", name, Some(&number.to_string()), Phase::Single);
            scene.advance(apart / 2.0);
        }
        return;
    };
    for run in values.split(", ") {
        let (times, values) = run.split_once(" × ").expect("so many times a value");
        for _ in 0..times.parse::<usize>().unwrap() {
            for (series, value) in series.split(" + ").zip(values.split(" + ")) {
                let series = series.trim_matches('`');
                let (signal, instance) = series.split_once('/').unwrap_or((series, ""));
                let Ok(value) = value.parse() else { continue };
                scene.send("dev", signal, value, |_, reading| reading.instance = instance.into());
            }
            scene.advance(apart);
        }
    }
}

#[test]
fn every_line_of_the_page_is_so() {
    let mut tried = 0;
    for (name, pack, class, apart) in PACKS {
        let rules: Vec<&str> = pack.lines().filter_map(|line| line.strip_prefix("id = ")).collect();
        for (comes, raised) in lines(name) {
            let mut scene = Scene::empty();
            scene.reconfigure("# --- Events", &format!("{pack}\n# --- Events"));
            scene.admit("p");
            scene.device("dev", class, &[]);
            scene.bind("dev", "p");
            play(&mut scene, comes, apart);
            let found = rules.iter().filter_map(|rule| scene.find(rule.trim_matches('"')));
            let found: Vec<String> =
                found.map(|alarm| format!("`{}`, {}", alarm.rule, alarm.priority)).collect();
            let expected = raised.split(':').next().unwrap();
            if expected.starts_with("nothing") {
                assert_eq!(found, [""; 0], "{comes}");
            } else {
                assert!(found.contains(&expected.to_owned()), "{comes}: {found:?}");
            }
            tried += 1;
        }
        for rule in rules {
            assert!(PAGE.contains(&rule.replace('"', "`")), "{rule} is not on the page");
        }
    }
    assert!(tried > 20, "{tried}");
}

#[test]
fn all_packs_are_read_together() {
    let pack = |(name, text): (&str, &str)| Pack { name: name.to_owned(), text: text.to_owned() };
    let packs = PACKS.map(|(name, text, ..)| (name, text)).map(pack).to_vec();
    Configuration::parse(Texts { packs, ..shipped() }).unwrap();
}

//! People who come, stay and go.

use super::acts::LOOKS;
use super::*;
use vitalgate_domain::model::command::PersonAct;

mod kept;
mod stations;
mod words;

const LASTING: Lasting =
    Lasting { idle: Span::hours(1), longest: Span::hours(12), unlocked: Span::mins(1) };
const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

fn at(minute: i64) -> Timestamp {
    Timestamp::from_millis(1_795_000_000_000) + Span::mins(minute)
}

fn wards(names: &[&str]) -> BTreeSet<WardId> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

fn person(role: Role, wards: Option<BTreeSet<WardId>>) -> Person {
    Person::new(role, wards, BTreeSet::new()).unwrap()
}

/// Of the file in a folder.
pub(crate) fn people(folder: &std::path::Path) -> Arc<People> {
    People::open(folder, LASTING)
}

struct Place {
    folder: tempfile::TempDir,
    people: Arc<People>,
}

impl Place {
    fn with_jane() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let people = People::open(folder.path(), LASTING);
        people
            .change(|book| {
                book.add(
                    "local:cli",
                    "jane",
                    person(Role::Clinician, Some(wards(&["icu", "west"]))),
                )
            })
            .unwrap();
        Self { folder, people }
    }

    fn begin(&self, now: Timestamp) -> String {
        self.people.begin("jane", None, HERE, now).unwrap().unwrap()
    }

    fn acts(&self) -> Vec<String> {
        let line = |told: &Told| format!("{} {} {}", told.actor, told.act.as_str(), told.subject);
        self.people.untold().iter().map(|told| line(told).trim_end().to_owned()).collect()
    }
}

#[test]
fn a_session_ends_when_it_is_idle_and_after_its_time_whatever_happens() {
    let place = Place::with_jane();
    let secret = place.begin(at(0));
    assert!(place.people.by_session("guessed", at(1)).is_none());
    let known = place.people.by_session(&secret, at(59)).unwrap();
    assert_eq!(
        (&*known.name, known.role, &known.wards),
        ("jane", Role::Clinician, &Some(wards(&["icu", "west"])))
    );
    assert!(place.people.by_session(&secret, at(118)).is_some(), "it was in use");
    let idle = at(118 + 60);
    assert!(!place.people.still(&known, idle));
    assert!(place.people.by_session(&secret, idle).is_none());

    let secret = place.begin(at(0));
    let known = place.people.by_session(&secret, at(0)).unwrap();
    let watching = place.people.watch(&known).unwrap();
    assert!(place.people.still(&known, at(600)), "whoever watches is there");
    assert!(!place.people.still(&known, at(720)), "twelve hours are over");
    drop(watching);
    place.people.tick(at(721)).unwrap();
    assert_eq!(place.people.look(|book| book.sessions.len()), 0);
    assert_eq!(place.acts().iter().filter(|act| *act == "jane session_over").count(), 2);
}

#[test]
fn only_the_digest_of_a_session_is_kept_and_it_outlives_the_process() {
    let place = Place::with_jane();
    let secret = place.begin(at(0));
    place.people.by_session(&secret, at(30));
    place.people.tick(at(31)).unwrap();
    let text = std::fs::read_to_string(place.folder.path().join("people.json")).unwrap();
    assert!(!text.contains(&secret));
    let again = People::open(place.folder.path(), LASTING);
    assert!(
        again.by_session(&secret, at(85)).is_some(),
        "in use at minute 30, as was written down"
    );
}

#[test]
fn whoever_is_disabled_or_gets_another_password_is_out_everywhere() {
    for change in [0, 1, 2] {
        let place = Place::with_jane();
        let known = place.people.by_session(&place.begin(at(0)), at(0)).unwrap();
        let token = PersonalToken {
            sha256: Digest::of("vg_t"),
            role: Role::Viewer,
            wards: Some(wards(&["icu"])),
            until: at(60),
        };
        place.people.change(|book| book.add_token("jane", "t", token)).unwrap();
        let program = place.people.by_token("vg_t", at(0)).unwrap();
        let mut changes = place.people.changes();
        changes.mark_unchanged();
        // By the command line: the gateway has to notice.
        let file = PeopleFile::of(place.folder.path());
        let link = Link { sha256: Digest::of("x"), until: at(9) };
        file.change(|book| match change {
            0 => book.disable("local:cli", "jane", true),
            1 => book.set_password("local:cli", "jane", "hash".to_owned()),
            _ => book.invite("local:cli", "jane", link),
        })
        .unwrap();
        assert!(place.people.still(&known, at(0)));
        place.people.tick(at(0)).unwrap();
        assert!(!place.people.still(&known, at(0)), "{change}");
        assert!(!place.people.still(&program, at(0)), "a token of before goes on: {change}");
        assert!(changes.has_changed().unwrap());
    }
}

#[test]
fn a_link_sets_one_password_once_and_in_time() {
    let place = Place::with_jane();
    let link = |secret: &str| Link { sha256: Digest::of(secret), until: at(60) };
    place.people.change(|book| book.invite("local:cli", "jane", link("one"))).unwrap();
    let use_it = |secret: &str, now| {
        place.people.change(|book| book.use_link(Digest::of(secret), "other", "hash".into(), now))
    };
    assert!(use_it("two", at(1)).is_err());
    assert!(use_it("one", at(60)).is_err());
    assert_eq!(use_it("one", at(59)).unwrap(), "jane", "whatever name was typed");
    assert!(use_it("one", at(59)).is_err());
    place.people.change(|book| book.invite("local:cli", "jane", link("one"))).unwrap();
    place.people.change(|book| book.disable("local:cli", "jane", true)).unwrap();
    assert!(use_it("one", at(1)).is_err(), "nobody gets in again by an old link");
}

#[test]
fn the_first_person_is_an_admin_and_there_is_no_second_first() {
    let folder = tempfile::tempdir().unwrap();
    let people = People::open(folder.path(), LASTING);
    assert!(people.lacks_admin());
    let setup = Link { sha256: Digest::of("s"), until: at(60) };
    people
        .change(|book| {
            book.setup = Some(setup.clone());
            Ok(())
        })
        .unwrap();
    let first = |name: &str| {
        people.change(|book| book.use_link(Digest::of("s"), name, "hash".into(), at(1)))
    };
    assert!(first("local:me").is_err());
    assert_eq!(first(" Jane ").unwrap(), "jane");
    assert_eq!(people.look(|book| book.people["jane"].role), Role::Admin);
    people
        .change(|book| {
            book.setup = Some(setup.clone());
            Ok(())
        })
        .unwrap();
    assert!(first("john").is_err());
    let last = people.change(|book| book.disable("jane", "jane", true));
    assert!(matches!(last, Err(BadPeople::Refused(Refusal::LastAdmin(_)))), "{last:?}");
}

#[test]
fn an_admin_who_never_set_a_password_is_no_other_admin() {
    let folder = tempfile::tempdir().unwrap();
    let people = People::open(folder.path(), LASTING);
    let link = Link { sha256: Digest::of("k"), until: at(60) };
    people
        .change(|book| {
            for name in ["jane", "john"] {
                book.add("local:cli", name, person(Role::Admin, None))?;
            }
            book.set_password("local:cli", "jane", "hash".into())?;
            book.invite("local:cli", "john", link)
        })
        .unwrap();
    let is_last = |refused: Result<(), BadPeople>| {
        matches!(refused, Err(BadPeople::Refused(Refusal::LastAdmin(_))))
    };
    let viewer = || person(Role::Viewer, None);
    assert!(is_last(people.change(|book| book.disable("jane", "jane", true))));
    assert!(is_last(people.change(|book| book.change("jane", "jane", viewer()))));
    people.change(|book| book.disable("jane", "john", true)).unwrap();
    people.change(|book| book.disable("jane", "john", false)).unwrap();
    people.change(|book| book.use_link(Digest::of("k"), "", "hash".into(), at(1))).unwrap();
    people.change(|book| book.disable("jane", "jane", true)).unwrap();
    assert!(is_last(people.change(|book| book.disable("john", "john", true))));
}

#[test]
fn a_link_for_the_last_admin_locks_nobody_out_before_it_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let people = People::open(folder.path(), LASTING);
    let link = |secret: &str| Link { sha256: Digest::of(secret), until: at(60) };
    people
        .change(|book| {
            for name in ["jane", "john"] {
                book.add("local:cli", name, person(Role::Admin, None))?;
            }
            book.set_password("local:cli", "jane", "old".into())
        })
        .unwrap();
    let secret = people.begin("jane", None, HERE, at(0)).unwrap().unwrap();
    people.change(|book| book.invite("jane", "jane", link("k"))).unwrap();
    assert_eq!(people.password_of("jane").as_deref(), Some("old"), "john never set one");
    assert!(people.by_session(&secret, at(1)).is_some());
    people.change(|book| book.use_link(Digest::of("k"), "", "new".into(), at(1))).unwrap();
    assert_eq!(people.password_of("jane").as_deref(), Some("new"));
    assert!(people.by_session(&secret, at(1)).is_none(), "from then on it is the way in");

    // Where another could let them in again, a link takes away what may be known to somebody else.
    people.change(|book| book.set_password("john", "john", "hash".into())).unwrap();
    people.change(|book| book.invite("john", "jane", link("l"))).unwrap();
    assert_eq!(people.password_of("jane"), None);
    people.change(|book| book.invite("john", "john", link("m"))).unwrap();
    assert!(people.password_of("john").is_some(), "now he is the last");
}

#[test]
fn a_token_may_no_more_than_its_person_and_ends_with_them() {
    let place = Place::with_jane();
    let token = |role, wards: Option<BTreeSet<WardId>>| PersonalToken {
        sha256: Digest::of("vg_t"),
        role,
        wards,
        until: at(60),
    };
    let add = |name: &str, token| place.people.change(|book| book.add_token("jane", name, token));
    for (role, of) in [
        (Role::Clinician, None),
        (Role::Viewer, Some(wards(&["icu", "north"]))),
        (Role::Viewer, Some(wards(&[]))),
        (Role::Ops, Some(wards(&["icu"]))),
        (Role::Admin, None),
    ] {
        assert!(add("t", token(role, of.clone())).is_err(), "{role:?} {of:?}");
    }
    add("t", token(Role::Viewer, Some(wards(&["icu"])))).unwrap();
    assert!(add("t", token(Role::Viewer, Some(wards(&["icu"])))).is_err());
    let known = place.people.by_token("vg_t", at(1)).unwrap();
    assert_eq!((&*known.name, known.role), ("jane/t", Role::Viewer));
    assert!(place.people.by_token("vg_t", at(60)).is_none());
    place
        .people
        .change(|book| {
            book.people.get_mut("jane").unwrap().wards = Some(wards(&["west"]));
            Ok(())
        })
        .unwrap();
    assert!(!place.people.still(&known, at(1)), "the ward is its person's no more");
    place
        .people
        .change(|book| {
            book.people.get_mut("jane").unwrap().wards = None;
            Ok(())
        })
        .unwrap();
    assert!(place.people.still(&known, at(1)));
    place.people.change(|book| book.revoke_token("jane", "t")).unwrap();
    assert!(!place.people.still(&known, at(1)));
}

#[test]
fn roles_and_wards_must_fit() {
    let devices: BTreeSet<DeviceId> = ["cm-1".parse().unwrap()].into();
    let none = BTreeSet::new;
    for (role, of, devices, fits) in [
        (Role::Viewer, Some(wards(&["icu"])), none(), true),
        (Role::Viewer, Some(wards(&[])), none(), false),
        (Role::WardAdmin, None, none(), false),
        (Role::Ops, Some(wards(&["icu"])), none(), false),
        (Role::Admin, Some(wards(&["icu"])), none(), false),
        (Role::Maker, None, none(), false),
        (Role::Maker, None, devices.clone(), true),
        (Role::Clinician, None, devices, false),
    ] {
        assert_eq!(Person::new(role, of.clone(), devices).is_ok(), fits, "{role:?} {of:?}");
    }
    for (text, good) in [
        ("Jane.Doe@ward-3", true),
        ("", false),
        ("local:cli", false),
        ("gatewayx", false),
        ("a b", false),
        ("a/b", false),
        ("-a", false),
        (&*"x".repeat(65), false),
    ] {
        assert_eq!(name(text).is_ok(), good, "{text}");
    }
}

#[test]
fn where_the_disk_takes_nothing_somebody_is_let_in_all_the_same() {
    let place = Place::with_jane();
    // Root may write anywhere: what stands in the way of the draft is a folder.
    std::fs::create_dir(place.folder.path().join("people.json.part")).unwrap();
    let secret = place.begin(at(0));
    assert!(place.people.by_session(&secret, at(1)).is_some());
    assert!(place.people.change(|book| book.disable("x", "jane", true)).is_err());
}

#[test]
fn acts_wait_for_the_audit_until_they_were_told() {
    let place = Place::with_jane();
    place.begin(at(0));
    assert_eq!(place.acts(), ["local:cli add_person jane clinician", "jane sign_in"]);
    place.people.told(1).unwrap();
    let again = People::open(place.folder.path(), LASTING);
    assert_eq!(again.untold().len(), 1);
}

#[test]
fn a_look_is_told_once_an_hour_of_each_person_and_subject() {
    let place = Place::with_jane();
    let look = |actor: &str, subject: &str, now| {
        place.people.looked(actor, PersonAct::SeePatient, subject.to_owned(), now);
    };
    for minute in 0..60 {
        look("jane", "p-1", at(minute));
        look("jane", "p-2", at(minute));
        look("john", "p-1", at(minute));
    }
    // The hour of the clock changes once within sixty minutes.
    assert_eq!(place.people.take_looks().len(), 6);
    assert!(place.people.take_looks().is_empty());
    for n in 0..2 * LOOKS {
        look("jane", &n.to_string(), at(600));
    }
    assert!(place.people.take_looks().len() <= LOOKS);
}

#[test]
fn a_file_that_is_damaged_or_others_may_write_lets_nobody_in_until_it_is_right_again() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::with_jane();
    let secret = place.begin(at(0));
    let path = place.folder.path().join("people.json");
    let good = std::fs::read(&path).unwrap();
    let mode = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode));
    for damage in ["damaged", "others may write"] {
        match damage {
            "damaged" => std::fs::write(&path, "{").unwrap(),
            _ => mode(0o602).unwrap(),
        }
        let people = People::open(place.folder.path(), LASTING);
        let why = people.damaged().unwrap();
        assert!(why.contains(damage), "{why}");
        assert!(!people.lacks_admin(), "nobody knows, so no link is given");
        assert!(people.by_session(&secret, at(1)).is_none());
        assert!(people.tick(at(1)).is_err());
        assert!(!people.are_known());
        std::fs::write(&path, &good).unwrap();
        mode(0o600).unwrap();
        people.tick(at(1)).unwrap();
        assert_eq!(people.damaged(), None);
        assert!(people.by_session(&secret, at(1)).is_some());
    }
    mode(0o640).unwrap();
    let people = People::open(place.folder.path(), LASTING);
    assert_eq!(people.damaged(), None, "read by others, and written by none");
    assert!(people.exposed().is_some_and(|why| why.contains("640")));
}

#[test]
fn whoever_has_the_name_of_a_token_is_not_let_in() {
    let place = Place::with_jane();
    let secret = place.begin(at(0));
    place.people.tokens_are(["Jane"].into_iter());
    assert!(place.people.by_session(&secret, at(0)).is_none());
    assert!(place.people.clash().is_some_and(|why| why.contains("`jane`")));
    place.people.tokens_are(["ward"].into_iter());
    assert!(place.people.by_session(&secret, at(0)).is_some());
    assert_eq!(place.people.clash(), None);
}

#[test]
fn a_file_that_is_deleted_or_damaged_while_the_gateway_runs_is_no_empty_book() {
    let place = Place::with_jane();
    let secret = place.begin(at(0));
    let path = place.folder.path().join("people.json");
    let is_in = |secret: &str| place.people.by_session(secret, at(1)).is_some();

    // Somebody deletes it, and somebody signs in before that was noticed.
    std::fs::remove_file(&path).unwrap();
    assert!(is_in(&place.begin(at(0))) && is_in(&secret));
    assert!(place.people.gone().is_some(), "it is told, whoever finds it first");
    std::fs::remove_file(&path).unwrap();
    place.people.tick(at(1)).unwrap();
    assert!(is_in(&secret));
    assert!(place.people.gone().unwrap().contains("was deleted while the gateway ran"));
    let again = People::open(place.folder.path(), LASTING);
    assert!(again.by_session(&secret, at(1)).is_some(), "it was written again");

    let good = std::fs::read(&path).unwrap();
    for damage in ["", "{", "[]"] {
        std::fs::write(&path, damage).unwrap();
        let why = place.people.tick(at(1)).unwrap_err().to_string();
        assert!(why.contains("is damaged"), "{why}");
        assert!(place.people.damaged().unwrap().contains("as they were last known"));
        assert!(is_in(&secret), "{damage:?}");
        let new = place.begin(at(1));
        assert!(is_in(&new), "whoever comes is let in by what was known");
        assert!(place.people.change(|book| book.disable("x", "jane", true)).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), damage, "it stays to be looked at");
        std::fs::write(&path, &good).unwrap();
        place.people.tick(at(1)).unwrap();
        assert!(is_in(&secret) && is_in(&new), "and stays when it is right again");
        assert_eq!(place.people.damaged(), None);
    }
}

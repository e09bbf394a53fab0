//! What holds where the disk takes nothing, and what of it is on the disk as soon as it takes something.

use super::*;

/// Root may write anywhere: what stands in the way of the draft is a folder.
fn block(place: &Place, blocked: bool) {
    let draft = place.folder.path().join("people.json.part");
    if blocked { std::fs::create_dir(draft).unwrap() } else { std::fs::remove_dir(draft).unwrap() }
}

fn disable(people: &People) -> Written {
    people.shut_out(|book| book.disable("x", "jane", true)).unwrap().1
}

#[test]
fn whoever_is_shut_out_is_so_at_once_and_on_the_disk_as_soon_as_it_takes_it() {
    let place = Place::with_jane();
    let known = place.people.by_session(&place.begin(at(0)), at(0)).unwrap();
    assert_eq!(place.people.unwritten(), None);
    block(&place, true);
    assert_eq!(disable(&place.people), Written::NotYet);
    assert!(!place.people.still(&known, at(0)));
    assert!(place.people.unwritten().unwrap().contains("1 changes hold"));
    let again = People::open(place.folder.path(), LASTING);
    assert!(again.still(&known, at(0)), "it is not on the disk");
    place.people.tick(at(1)).unwrap();
    assert!(place.people.unwritten().is_some());

    block(&place, false);
    place.people.tick(at(1)).unwrap();
    assert_eq!(place.people.unwritten(), None);
    let again = People::open(place.folder.path(), LASTING);
    assert!(!again.still(&known, at(1)));
    assert!(again.look(|book| book.people["jane"].disabled));
    assert_eq!(place.acts().iter().filter(|act| act.contains("disable_person")).count(), 1);
}

#[test]
fn what_holds_here_alone_outlives_what_somebody_else_writes() {
    let place = Place::with_jane();
    let (stays, goes) = (place.begin(at(0)), place.begin(at(0)));
    let known = |secret: &str| place.people.by_session(secret, at(1)).is_some();
    block(&place, true);
    place
        .people
        .change_if_possible(move |book| {
            book.end(Digest::of(&goes));
            Ok(())
        })
        .unwrap();
    let came = place.begin(at(0));
    block(&place, false);
    // The command line is quicker than the next second.
    let other = PeopleFile::of(place.folder.path());
    other.change(|book| book.add("local:cli", "john", person(Role::Viewer, None))).unwrap();
    place.people.tick(at(1)).unwrap();
    let sessions = place.people.look(|book| book.sessions.len());
    assert!(known(&stays) && known(&came));
    assert_eq!((sessions, place.people.look(|book| book.people.len())), (2, 2));
    assert_eq!(other.read().unwrap(), place.people.look(Clone::clone));

    // So does a change of its own.
    block(&place, true);
    assert_eq!(disable(&place.people), Written::NotYet);
    block(&place, false);
    place.people.change(|book| book.add("x", "joan", person(Role::Viewer, None))).unwrap();
    assert!(place.people.look(|book| book.people["jane"].disabled));
    assert!(other.read().unwrap().people["jane"].disabled);
    assert_eq!(place.people.unwritten(), None);
}

#[test]
fn somebody_is_shut_out_while_the_file_is_damaged_and_stays_so_when_it_is_right_again() {
    let place = Place::with_jane();
    let secret = place.begin(at(0));
    let path = place.folder.path().join("people.json");
    let good = std::fs::read(&path).unwrap();
    std::fs::write(&path, "{").unwrap();
    assert!(place.people.tick(at(1)).is_err());
    assert_eq!(disable(&place.people), Written::NotYet);
    assert!(place.people.by_session(&secret, at(1)).is_none());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "{", "it stays to be looked at");
    std::fs::write(&path, good).unwrap();
    place.people.tick(at(1)).unwrap();
    assert!(PeopleFile::of(place.folder.path()).read().unwrap().people["jane"].disabled);
}

#[test]
fn a_file_that_is_gone_does_nothing_twice() {
    let place = Place::with_jane();
    block(&place, true);
    place.begin(at(0));
    std::fs::remove_file(place.folder.path().join("people.json")).unwrap();
    block(&place, false);
    place.people.tick(at(1)).unwrap();
    assert_eq!(place.acts(), ["local:cli add_person jane clinician", "jane sign_in"]);
}

#[test]
fn of_too_much_that_waits_to_be_written_what_shuts_somebody_out_stays() {
    let place = Place::with_jane();
    block(&place, true);
    assert_eq!(disable(&place.people), Written::NotYet);
    let idle = || place.people.change_if_possible(|_| Ok(()));
    let held = (0..5_000).take_while(|_| idle().is_ok()).count();
    assert!((1..5_000).contains(&held), "{held}: there is an end");
    assert_eq!(disable(&place.people), Written::NotYet, "there is a place for this");
    block(&place, false);
    place.people.tick(at(1)).unwrap();
    assert!(PeopleFile::of(place.folder.path()).read().unwrap().people["jane"].disabled);
}

#[test]
fn what_is_known_is_what_was_written_last_however_many_change_it_at_once() {
    let place = Place::with_jane();
    std::thread::scope(|scope| {
        for half in ["a", "b", "c", "d"] {
            let people = &place.people;
            scope.spawn(move || {
                for n in 0..20 {
                    let named = format!("{half}{n}");
                    people
                        .change(|book| book.add("x", &named, person(Role::Viewer, None)))
                        .unwrap();
                    let file = people.look(|book| book.people.contains_key(&named));
                    assert!(file, "{named} was written, and is not known");
                }
            });
        }
    });
    assert_eq!(place.people.look(|book| book.people.len()), 81);
}

#[test]
fn a_link_or_a_folder_in_the_place_of_the_file_is_named_and_not_what_was_before() {
    let place = Place::with_jane();
    let secret = place.begin(at(0));
    let path = place.folder.path().join("people.json");
    std::fs::remove_file(&path).unwrap();
    place.people.tick(at(1)).unwrap();
    assert!(place.people.gone().is_some() && place.people.damaged().is_none());
    let elsewhere = place.folder.path().join("elsewhere");
    std::fs::rename(&path, &elsewhere).unwrap();
    for what in ["a link", "a folder", "no file"] {
        match what {
            "a link" => std::os::unix::fs::symlink(&elsewhere, &path).unwrap(),
            "a folder" => std::fs::create_dir(&path).unwrap(),
            // A pipe: whoever opened it would wait for somebody who writes.
            _ => {
                let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
                assert!(made.success());
            }
        }
        let why = place.people.tick(at(1)).unwrap_err().to_string();
        assert!(why.contains(&format!("people.json is {what}")), "{why}");
        assert!(place.people.damaged().unwrap().contains("as they were last known"));
        assert!(place.people.by_session(&secret, at(1)).is_some());
        assert!(People::open(place.folder.path(), LASTING).damaged().unwrap().contains(what));
        std::fs::remove_file(&path).or_else(|_| std::fs::remove_dir(&path)).unwrap();
        place.people.tick(at(1)).unwrap();
        assert_eq!(place.people.damaged(), None, "it is written again");
        std::fs::remove_file(&path).unwrap();
    }
}

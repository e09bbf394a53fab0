//! What the command line leaves beside a book that cannot be written: the name of a file that takes no room.

use super::*;

/// Root may write anywhere: what stands in the way of the draft is a folder.
fn block(place: &Place, blocked: bool) {
    let draft = place.folder.path().join("people.json.part");
    if blocked { std::fs::create_dir(draft).unwrap() } else { std::fs::remove_dir(draft).unwrap() }
}

fn jane() -> Out {
    Out::Person("jane".to_owned())
}

fn left(place: &Place) -> usize {
    let files = std::fs::read_dir(place.folder.path()).unwrap();
    files
        .filter(|file| file.as_ref().unwrap().file_name().to_string_lossy().contains(".out."))
        .count()
}

#[test]
fn whom_the_command_line_shuts_out_is_out_where_the_file_cannot_be_written_also_after_a_kill() {
    let place = Place::with_jane();
    let command_line = PeopleFile::of(place.folder.path());
    let known = place.people.by_session(&place.begin(at(0)), at(0)).unwrap();
    block(&place, true);
    assert_eq!(command_line.shut_out(&jane()).unwrap(), Written::NotYet);
    assert_eq!(command_line.shut_out(&jane()).unwrap(), Written::NotYet, "again");
    place.people.tick(at(1)).unwrap();
    assert!(!place.people.still(&known, at(1)));
    assert!(place.people.unwritten().unwrap().contains("1 changes of the command line hold"));
    let again = People::open(place.folder.path(), LASTING);
    assert!(!again.still(&known, at(1)), "a gateway that starts hears of it");
    assert!(command_line.read().unwrap().people["jane"].disabled, "and so does whoever reads");

    block(&place, false);
    place.people.change(|book| book.add_station(BY_COMMAND, "desk", wards(&["icu"]))).unwrap();
    assert_eq!(left(&place), 0, "the next change takes it in, whoever's");
    block(&place, true);
    let desk = Out::Station("desk".to_owned());
    assert_eq!(command_line.shut_out(&desk).unwrap(), Written::NotYet);
    place.people.tick(at(2)).unwrap();
    assert!(place.people.look(|book| book.stations.is_empty()));
    block(&place, false);
    place.people.tick(at(2)).unwrap();
    assert_eq!((place.people.unwritten(), left(&place)), (None, 0));
    let text = std::fs::read_to_string(command_line.path()).unwrap();
    assert!(text.contains("\"disabled\": true"), "{text}");
    assert_eq!(place.acts().iter().filter(|act| act.contains("disable_person")).count(), 1);
}

#[test]
fn whoever_is_let_in_again_is_and_nobody_is_shut_out_who_is_not_there() {
    let place = Place::with_jane();
    let command_line = PeopleFile::of(place.folder.path());
    block(&place, true);
    for nobody in [Out::Person("nobody".to_owned()), Out::Station("desk".to_owned())] {
        let refused = command_line.shut_out(&nobody);
        assert!(matches!(refused, Err(BadPeople::Refused(_))), "{refused:?}");
    }
    assert_eq!(left(&place), 0);
    command_line.shut_out(&jane()).unwrap();
    let enable = |book: &mut Book| book.disable(BY_COMMAND, "jane", false);
    assert!(command_line.change(enable).is_err(), "that waits for the disk");
    assert_eq!(left(&place), 1);
    block(&place, false);
    command_line.change(enable).unwrap();
    place.people.tick(at(1)).unwrap();
    assert_eq!(left(&place), 0);
    assert!(!place.people.look(|book| book.people["jane"].disabled));
}

#[test]
fn what_is_somebody_elses_file_says_nothing() {
    let place = Place::with_jane();
    let folder = place.folder.path();
    std::fs::create_dir(folder.join("people.out.person.jane")).unwrap();
    for name in ["people.out.person.", "people.out.person.JANE", "people.out.jane"] {
        std::fs::write(folder.join(name), "").unwrap();
    }
    place.people.tick(at(1)).unwrap();
    assert!(!place.people.look(|book| book.people["jane"].disabled));
    assert_eq!(place.people.unwritten(), None);
}

#[test]
fn what_the_command_line_wrote_a_moment_ago_is_known_to_whoever_asks_for_it() {
    let place = Place::with_jane();
    let command_line = PeopleFile::of(place.folder.path());
    command_line.change(|book| book.add(BY_COMMAND, "john", person(Role::Viewer, None))).unwrap();
    let is_known = || place.people.look(|book| book.people.contains_key("john"));
    assert!(!is_known());
    place.people.catch_up();
    assert!(is_known());
}

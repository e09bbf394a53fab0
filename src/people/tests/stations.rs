//! Browsers that are a ward's, and who signs at them.

use super::*;

/// With a station of `icu` and `north`, and jane's PIN.
fn with_station() -> (Place, Digest) {
    let place = Place::with_jane();
    let link = Link { sha256: Digest::of("link"), until: at(60) };
    let pin = hash_pin("481516").unwrap();
    place
        .people
        .change(|book| {
            book.add_station("local:cli", "Desk", wards(&["icu", "north"]))?;
            book.link_station("local:cli", "desk", link)?;
            book.set_pin("jane", "jane", Some(pin))
        })
        .unwrap();
    let secret = place.people.become_station(Digest::of("link"), at(0)).unwrap().unwrap();
    (place, Digest::of(&secret))
}

#[test]
fn a_browser_becomes_a_station_once_by_a_link_and_shows_its_wards_until_it_is_taken_back() {
    let place = Place::with_jane();
    let link = |secret: &str| Link { sha256: Digest::of(secret), until: at(60) };
    let add = |name: &str, of: &[&str]| {
        place.people.change(|book| book.add_station("local:cli", name, wards(of)))
    };
    assert!(add("desk", &[]).is_err());
    assert!(add("a/b", &["icu"]).is_err());
    add("desk", &["icu"]).unwrap();
    assert!(add("Desk", &["icu"]).is_err());
    place.people.change(|book| book.link_station("local:cli", "desk", link("one"))).unwrap();
    assert!(place.people.become_station(Digest::of("two"), at(0)).is_err());
    assert!(place.people.become_station(Digest::of("one"), at(60)).is_err());
    let first = place.people.become_station(Digest::of("one"), at(0)).unwrap().unwrap();
    assert!(place.people.become_station(Digest::of("one"), at(0)).is_err(), "once");
    let known = place.people.by_session(&first, at(100_000)).unwrap();
    assert_eq!((&*known.name, known.role), ("station/desk", Role::Viewer));
    assert_eq!(known.wards, Some(wards(&["icu"])));
    let again = People::open(place.folder.path(), LASTING);
    assert!(again.by_session(&first, at(100_000)).is_some(), "it outlives the process");

    place.people.change(|book| book.link_station("local:cli", "desk", link("three"))).unwrap();
    assert!(place.people.still(&known, at(1)), "until the new link is used");
    let second = place.people.become_station(Digest::of("three"), at(0)).unwrap().unwrap();
    assert!(!place.people.still(&known, at(1)));
    place.people.change(|book| book.remove_station("local:cli", "desk")).unwrap();
    assert!(place.people.by_session(&second, at(1)).is_none());
    assert_eq!(name("station"), Err(Refusal::Name("station".into())), "nobody is called so");
    assert!(place.acts().contains(&"station/desk become_station".to_owned()));
}

#[test]
fn whoever_gives_a_pin_acts_at_that_station_alone_in_the_wards_of_both_and_for_a_while() {
    let (place, browser) = with_station();
    let unlocked = place.people.unlock("jane", browser, at(0)).unwrap().unwrap();
    let signer = |browser, now| place.people.signer(browser, &unlocked.signature, now);
    let (jane, until) = signer(browser, at(0)).unwrap();
    assert_eq!(
        (&*jane.name, jane.role, jane.wards),
        ("jane", Role::Clinician, Some(wards(&["icu"])))
    );
    assert_eq!((jane.station.as_deref(), until), (Some("desk"), at(1)));
    assert!(signer(Digest::of("another browser"), at(0)).is_none());
    assert!(place.people.signer(browser, "guessed", at(0)).is_none());

    // Each act makes it longer, up to an end.
    let half = |n: i64| at(0) + Span::secs(30 * n);
    for n in 1..10 {
        assert!(signer(browser, half(n)).is_some(), "{n}");
    }
    assert!(signer(browser, half(10)).is_none(), "five minutes are over");
    let unlocked = place.people.unlock("jane", browser, at(10)).unwrap().unwrap();
    assert!(
        place.people.signer(browser, &unlocked.signature, at(11)).is_none(),
        "a minute is over"
    );

    let unlocked = place.people.unlock("jane", browser, at(20)).unwrap().unwrap();
    place.people.lock(browser);
    assert!(place.people.signer(browser, &unlocked.signature, at(20)).is_none());
    assert!(place.acts().contains(&"jane unlock desk".to_owned()));
}

#[test]
fn another_pin_password_right_or_station_ends_what_a_pin_opened() {
    for change in 0..7 {
        let (place, browser) = with_station();
        let unlocked = place.people.unlock("jane", browser, at(0)).unwrap().unwrap();
        let viewer = person(Role::Viewer, Some(wards(&["icu"])));
        let link = Link { sha256: Digest::of("x"), until: at(9) };
        place
            .people
            .change(|book| match change {
                0 => book.set_pin("jane", "jane", Some(hash_pin("481517").unwrap())),
                1 => book.set_password("jane", "jane", "hash".to_owned()),
                2 => book.invite("root", "jane", link),
                3 => book.disable("root", "jane", true),
                4 => book.change("root", "jane", viewer),
                5 => book.remove_station("root", "desk"),
                _ => {
                    book.stations.get_mut("desk").unwrap().wards = wards(&["north"]);
                    Ok(())
                }
            })
            .unwrap();
        let signer = place.people.signer(browser, &unlocked.signature, at(0));
        assert!(signer.is_none(), "{change}: {signer:?}");
        assert_eq!(
            place.people.pin_of("jane").is_some(),
            [0, 4, 5, 6].contains(&change),
            "{change}"
        );
    }
}

#[test]
fn nobody_signs_where_they_may_do_nothing() {
    let (place, browser) = with_station();
    for (named, of) in [
        ("john", person(Role::Clinician, Some(wards(&["west"])))),
        ("root", person(Role::Admin, None)),
    ] {
        place.people.change(|book| book.add("local:cli", named, of)).unwrap();
        assert!(place.people.unlock(named, browser, at(0)).is_err(), "{named}");
    }
    assert!(place.people.unlock("nobody", browser, at(0)).is_err());
    place
        .people
        .change(|book| book.add("local:cli", "mary", person(Role::Clinician, None)))
        .unwrap();
    let unlocked = place.people.unlock("mary", browser, at(0)).unwrap().unwrap();
    let (mary, _) = place.people.signer(browser, &unlocked.signature, at(0)).unwrap();
    assert_eq!(mary.wards, Some(wards(&["icu", "north"])), "no more than the station's");
}

#[test]
fn whoever_tries_pins_waits_longer_each_time_and_nobody_else_does() {
    let (place, browser) = with_station();
    let of = |named: &str| (named.to_owned(), "desk".to_owned());
    let wait = |named: &str, now| {
        place.people.state().signings.wait(&of(named), now).as_micros() / 1_000_000
    };
    let wrong = |named: &str, now| {
        let mut state = place.people.state();
        state.signings.count(&of(named), now);
        state.signings.end(of(named), true, now);
        drop(state);
        place.people.wrong_pin(named, browser).unwrap();
    };
    let mut waits = Vec::new();
    for _ in 0..14 {
        wrong("jane", at(0));
        waits.push(wait("jane", at(0)));
    }
    assert_eq!(waits, [0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    assert_eq!(wait("john", at(0)), 0);
    assert_eq!(wait("jane", at(6)), 0);
    wrong("jane", at(60));
    assert_eq!(wait("jane", at(60)), 300, "an hour of rest gains nothing");
    // Many names at one station: all of it waits, and not for long.
    for n in 0..40 {
        wrong(&format!("name-{n}"), at(60));
    }
    assert_eq!(wait("john", at(60)), 60);
    place.people.unlock("jane", browser, at(70)).unwrap().unwrap();
    assert_eq!(wait("jane", at(70)), 0, "whoever knew it begins anew");
    let wrong = place.acts().iter().filter(|act| *act == "station/desk wrong_pin jane").count();
    assert_eq!(wrong, 15);
}

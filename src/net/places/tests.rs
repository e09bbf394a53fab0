use super::*;

fn places(
    known: usize,
    of_one_name: usize,
    strangers: usize,
    of_one_address: usize,
) -> Arc<Places> {
    Places::new(Bounds { known, of_one_name, strangers, of_one_address })
}

fn from(last: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, last])
}

fn ended(place: &ConnectionPlace) -> bool {
    place.ended().is_cancelled()
}

#[test]
fn of_one_address_the_oldest_stranger_goes_first() {
    let places = places(10, 10, 8, 2);
    let (first, second) = (places.take(from(1)), places.take(from(1)));
    let other = places.take(from(2));
    let third = places.take(from(1));
    assert!(ended(&first) && !ended(&second) && !ended(&third) && !ended(&other));
    assert_eq!(places.crowd(), Crowd { ended: 1, address: Some(from(1)) });
    assert_eq!(places.crowd(), Crowd::default());
}

#[test]
fn when_all_places_of_strangers_are_taken_the_address_with_most_gives_one() {
    let places = places(10, 10, 4, 3);
    let one = places.take(from(9));
    let crowd = [places.take(from(1)), places.take(from(1)), places.take(from(1))];
    let late = places.take(from(2));
    assert!(ended(&crowd[0]) && !ended(&crowd[1]) && !ended(&one) && !ended(&late));
}

#[test]
fn strangers_take_no_place_of_the_known_and_the_known_none_of_theirs() {
    let places = places(2, 2, 2, 2);
    let known = places.take(from(1));
    known.settle("dev-1", Standing::Known).unwrap();
    let crowd: Vec<ConnectionPlace> = (0..50).map(|_| places.take(from(1))).collect();
    assert!(!ended(&known));
    assert_eq!(crowd.iter().filter(|place| !ended(place)).count(), 2);
    let newest = crowd.last().unwrap();
    newest.settle("dev-2", Standing::Known).unwrap();
    assert!(!ended(newest) && !ended(&known));
}

#[test]
fn of_one_name_the_oldest_goes_however_many_client_ids_it_has() {
    let places = places(100, 2, 16, 16);
    let held: Vec<ConnectionPlace> = (0..10)
        .map(|_| {
            let place = places.take(from(1));
            place.settle("dev-1", Standing::Expected).unwrap();
            place
        })
        .collect();
    let standing: Vec<bool> = held.iter().map(ended).collect();
    assert_eq!(standing.iter().filter(|ended| !**ended).count(), 2);
    assert!(!standing[8] && !standing[9]);
}

#[test]
fn full_of_unexpected_ones_an_expected_one_still_finds_a_place_and_no_further_unexpected_one() {
    let places = places(3, 3, 16, 16);
    let made_up: Vec<ConnectionPlace> = (0..3)
        .map(|n| {
            let place = places.take(from(1));
            place.settle(&format!("made-up-{n}"), Standing::Known).unwrap();
            place
        })
        .collect();
    let another = places.take(from(1));
    assert_eq!(another.settle("made-up-9", Standing::Known), Err(Full));
    let expected = places.take(from(2));
    assert_eq!(expected.settle("dev-1", Standing::Expected), Ok(()));
    assert!(ended(&made_up[0]) && !ended(&made_up[1]));
}

#[test]
fn where_all_count_alike_whoever_holds_most_gives_one() {
    let places = places(3, 3, 16, 16);
    let known = |name: &str| {
        let place = places.take(from(1));
        place.settle(name, Standing::Known).map(|()| place)
    };
    let (one, first, second) = (known("a").unwrap(), known("b").unwrap(), known("b").unwrap());
    let third = known("c").unwrap();
    assert!(ended(&first) && !ended(&one) && !ended(&second) && !ended(&third));
    assert_eq!(known("d").unwrap_err(), Full);
    let again = known("a").unwrap();
    assert!(ended(&one) && !ended(&again), "whoever comes again takes the place it had");
}

#[test]
fn a_place_is_given_back_once_and_a_standing_only_rises() {
    let places = places(1, 1, 16, 16);
    for _ in 0..100 {
        let place = places.take(from(1));
        place.settle("dev-1", Standing::Expected).unwrap();
        place.settle("dev-1", Standing::Known).unwrap();
        let stranger = places.take(from(1));
        assert_eq!(stranger.settle("dev-2", Standing::Expected), Err(Full));
    }
    let room = places.room();
    assert!(room.open.is_empty());
    assert_eq!((room.strangers.count, room.known.count), (0, 0));
}

#[test]
fn who_was_ended_before_it_was_known_does_not_become_so() {
    let places = places(5, 5, 16, 1);
    let first = places.take(from(1));
    let _second = places.take(from(1));
    assert_eq!(first.settle("dev-1", Standing::Expected), Err(Full));
}

#[test]
fn a_network_of_ipv6_is_one_address_and_so_is_an_ipv4_address_by_either_socket() {
    let parse = |text: &str| network(text.parse().unwrap());
    assert_eq!(parse("2001:db8::1"), parse("2001:db8::ffff:1"));
    assert_ne!(parse("2001:db8::1"), parse("2001:db8:0:1::1"));
    assert_eq!(parse("::ffff:192.0.2.7"), parse("192.0.2.7"));
}

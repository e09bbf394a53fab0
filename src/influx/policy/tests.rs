use proptest::prelude::*;

use super::*;

fn reply(code: u16, words: &str) -> ServerReply {
    ServerReply::Status { code, retry_after: None, words: words.to_owned() }
}

fn status(code: u16) -> ServerReply {
    reply(code, "")
}

/// A server of which everything is known: what it answers to a body, and what it took.
struct Server<'a> {
    answer: &'a mut dyn FnMut(&str) -> ServerReply,
    taken: Vec<String>,
    requests: usize,
}

impl<'a> Server<'a> {
    fn new(answer: &'a mut dyn FnMut(&str) -> ServerReply) -> Self {
        Self { answer, taken: Vec::new(), requests: 0 }
    }

    /// Sends a batch until it is done with, or so many requests were made; what is dead of it, by
    /// reason.
    fn meet(&mut self, plan: &mut Plan, lines: &Bytes, most: usize) -> Dead {
        let mut dead = Dead::default();
        while let Some(part) = plan.next(lines) {
            if self.requests == most {
                break;
            }
            self.requests += 1;
            let body = match &part {
                Part::Lines(range) => lines.slice(range.clone()),
                Part::Witness(line) => line.clone(),
            };
            let body = std::str::from_utf8(&body).unwrap().to_owned();
            assert!(body.ends_with('\n'));
            let answer = (self.answer)(&body);
            if answer.verdict() == Verdict::Written {
                self.taken.extend(body.lines().map(str::to_owned));
            }
            match plan.answered(lines, &answer) {
                Step::Dead { why, lines: count, line } => {
                    dead.counts.push((why, count));
                    dead.lines.extend(line.map(|line| {
                        std::str::from_utf8(&lines[line]).unwrap().trim_end().to_owned()
                    }));
                }
                Step::OnceMore => dead = Dead { again: dead.again + 1, ..Dead::default() },
                Step::Go => {}
                Step::Wait { .. } => dead.waits += 1,
            }
        }
        dead
    }
}

#[derive(Debug, Default)]
struct Dead {
    counts: Vec<(LineRefusal, u64)>,
    lines: Vec<String>,
    again: usize,
    waits: usize,
}

impl Dead {
    fn of(&self, why: LineRefusal) -> u64 {
        self.counts.iter().filter(|(of, _)| *of == why).map(|(_, count)| count).sum()
    }
}

fn batch(lines: usize) -> Bytes {
    (0..lines).map(|n| format!("l{n}\n")).collect::<Vec<_>>().concat().into()
}

const PARTIAL: &str = "failure writing points to database: partial write: points beyond retention \
                       policy dropped=2";
const SERIES: &str = "partial write: max-series-per-database limit exceeded: (10) dropped=2";

#[test]
fn what_is_refused_as_a_kind_in_a_partial_write_is_counted_and_the_rest_is_written() {
    for (code, words, why) in [
        (422, PARTIAL, LineRefusal::Retention),
        (500, PARTIAL, LineRefusal::Retention),
        (400, SERIES, LineRefusal::Series),
        (503, SERIES, LineRefusal::Series),
    ] {
        let lines = batch(3);
        let mut plan = Plan::new(&lines, 100, None);
        let step = plan.answered(&lines, &reply(code, words));
        assert_eq!(step, Step::Dead { why, lines: 2, line: None });
        assert_eq!(plan.next(&lines), None, "the rest is written");
    }
}

#[test]
fn a_kind_that_is_refused_without_a_number_is_narrowed_down_to_its_lines() {
    for (code, words, why) in [
        (400, "beyond the retention policy", LineRefusal::Retention),
        (500, "points beyond retention policy", LineRefusal::Retention),
        (503, "max-series-per-database limit exceeded", LineRefusal::Series),
        (422, "partial write: field type conflict", LineRefusal::FieldType),
    ] {
        let lines = batch(300);
        let mut plan = Plan::new(&lines, 10_000, None);
        let mut answer = |body: &str| {
            if body.contains('7') { reply(code, words) } else { status(204) }
        };
        let mut server = Server::new(&mut answer);
        let dead = server.meet(&mut plan, &lines, 2_000);
        let bad = (0..300).filter(|n: &usize| n.to_string().contains('7')).count();
        assert_eq!((dead.of(why), dead.lines.len()), (bad as u64, bad), "{words}");
        assert_eq!((dead.waits, dead.again, server.taken.len()), (0, 0, 300 - bad));
    }
}

#[test]
fn a_batch_that_is_refused_whole_for_its_kind_is_done_with_and_no_refusal_of_everything() {
    let lines = batch(300);
    let mut plan = Plan::new(&lines, 10_000, None);
    let mut answer = |_: &str| reply(500, "points beyond retention policy");
    let mut server = Server::new(&mut answer);
    let dead = server.meet(&mut plan, &lines, 2_000);
    assert_eq!((dead.of(LineRefusal::Retention), dead.again, dead.waits), (300, 0, 0));
}

#[test]
fn a_server_that_takes_no_line_gets_the_batch_once_more_and_then_the_lines_are_dead() {
    let lines = batch(300);
    let mut plan = Plan::new(&lines, 10_000, None);
    let mut answer = |_: &str| status(400);
    let mut server = Server::new(&mut answer);
    let dead = server.meet(&mut plan, &lines, 2_000);
    assert!(plan.is_once_more() && !plan.taken());
    assert_eq!((dead.of(LineRefusal::Line), dead.lines.len(), dead.again), (300, 300, 1));
}

#[test]
fn once_a_line_was_taken_any_number_may_be_dead() {
    let lines = batch(300);
    let mut plan = Plan::new(&lines, 2, None);
    let mut answer = |body: &str| status(if body == "l0\n" { 204 } else { 422 });
    let mut server = Server::new(&mut answer);
    let dead = server.meet(&mut plan, &lines, 2_000);
    assert_eq!((dead.of(LineRefusal::Line), dead.again), (299, 0));
}

#[test]
fn a_line_at_which_the_server_fails_costs_that_line() {
    let lines = batch(300);
    for bad in [0, 137, 299] {
        let bad = format!("l{bad}");
        let mut answer = |body: &str| {
            if body.lines().any(|line| line == bad) { reply(500, "panic") } else { status(204) }
        };
        let mut server = Server::new(&mut answer);
        let mut plan = Plan::new(&lines, 10_000, None);
        let dead = server.meet(&mut plan, &lines, 2_000);
        assert_eq!(dead.lines, [bad.as_str()]);
        assert!(dead.waits > PROOFS as usize, "not in a hurry: {}", dead.waits);
        let mut taken = server.taken.clone();
        taken.dedup();
        taken.retain(|line| *line != bad);
        taken.sort_unstable();
        taken.dedup();
        assert_eq!(taken.len(), 299);
        // Written in the order of the batch, whatever was asked in between.
        let order: Vec<usize> = server.taken.iter().map(|l| l[1..].parse().unwrap()).collect();
        let last = |n: usize| order.iter().rposition(|of| *of == n);
        assert!(
            (1..300)
                .filter(|n| last(*n).is_some() && last(n - 1).is_some())
                .all(|n| { last(n - 1) < last(n) })
        );
    }
}

#[test]
fn a_lone_line_at_which_the_server_fails_is_proven_by_what_it_took_before() {
    let before = batch(2);
    let mut plan = Plan::new(&before, 100, None);
    assert_eq!(plan.answered(&before, &status(204)), Step::Go);
    let witness = plan.into_witness();
    assert_eq!(witness.as_deref(), Some(&b"l1\n"[..]));
    let lines = Bytes::from("bad\n");
    let mut answer = |body: &str| if body == "bad\n" { status(500) } else { status(204) };
    let mut server = Server::new(&mut answer);
    let mut plan = Plan::new(&lines, 100, witness);
    assert_eq!(server.meet(&mut plan, &lines, 100).lines, ["bad"]);
    let mut server = Server::new(&mut answer);
    let mut plan = Plan::new(&lines, 100, None);
    let dead = server.meet(&mut plan, &lines, 1_000);
    assert_eq!((dead.lines.len(), dead.waits), (0, 1_000), "without a proof it is not the line");
}

#[test]
fn an_outage_costs_no_line_however_long_it_is_and_whatever_it_answers() {
    for code in [429, 500, 502, 503, 504] {
        let lines = batch(300);
        let mut requests = 0;
        let mut answer = |_: &str| {
            requests += 1;
            if requests <= 10_000 { reply(code, "engine is closed") } else { status(204) }
        };
        let mut server = Server::new(&mut answer);
        let mut plan = Plan::new(&lines, 10_000, Some("before\n".into()));
        let dead = server.meet(&mut plan, &lines, 11_000);
        assert_eq!((dead.counts.len(), dead.waits), (0, 10_000), "{code}");
        server.taken.retain(|line| line != "before");
        assert_eq!(server.taken.len(), 300);
    }
}

#[test]
fn a_wait_sends_the_same_again() {
    let lines = Bytes::from("a\nb\n");
    let part = |range| Some(Part::Lines(range));
    let mut plan = Plan::new(&lines, 100, None);
    let asked = Some(Duration::from_secs(7));
    let later = ServerReply::Status { code: 429, retry_after: asked, words: String::new() };
    assert_eq!(plan.answered(&lines, &later), Step::Wait { asked, refused: false });
    assert_eq!(plan.answered(&lines, &status(401)), Step::Wait { asked: None, refused: true });
    let day = Some(Duration::from_secs(86_400));
    let later = ServerReply::Status { code: 429, retry_after: day, words: String::new() };
    let asked = Some(LONGEST_ASKED);
    assert_eq!(plan.answered(&lines, &later), Step::Wait { asked, refused: false });
    assert_eq!(plan.next(&lines), part(0..4));
    assert_eq!(plan.answered(&lines, &status(413)), Step::Go);
    assert_eq!(plan.next(&lines), part(0..2));
    let refused = Step::Wait { asked: None, refused: true };
    assert_eq!(plan.answered(&lines, &status(413)), refused, "one line is never too large");
    assert_eq!(plan.answered(&lines, &status(204)), Step::Go);
    assert_eq!(plan.next(&lines), part(2..4));
    assert_eq!(plan.answered(&lines, &status(204)), Step::Go);
    assert_eq!(plan.next(&lines), None);
}

proptest! {
    /// A server that takes only so many bytes and refuses what holds a bad line: every good line
    /// gets there, exactly the bad ones are dead.
    #[test]
    fn every_good_line_is_written_and_every_bad_one_dead(
        lines in prop::collection::vec(("[a-z]{1,9}", prop::bool::weighted(0.1)), 1..60),
        largest in 1_usize..200,
        takes in 12_usize..100,
    ) {
        let mark = |(text, bad): &(String, bool)| format!("{}{text}", if *bad { "!" } else { "" });
        let all: Bytes = lines.iter().map(|line| mark(line) + "\n").collect::<String>().into();
        let mut plan = Plan::new(&all, largest, None);
        let mut answer = |body: &str| {
            status(if body.len() > takes { 413 } else if body.contains('!') { 400 } else { 204 })
        };
        let mut server = Server::new(&mut answer);
        let dead = server.meet(&mut plan, &all, 2_000);
        prop_assert_eq!(plan.next(&all), None);
        let of = |wanted: bool| -> Vec<String> {
            lines.iter().filter(|(_, bad)| *bad == wanted).map(mark).collect()
        };
        prop_assert_eq!(&server.taken, &of(false));
        prop_assert_eq!(dead.lines, of(true));
        prop_assert_eq!((dead.waits, dead.again), (0, 0));
    }

    /// A server that fails at random, at anything: no line is lost.
    #[test]
    fn a_server_that_fails_at_random_costs_no_line(
        seed in prop::collection::vec(prop::bool::weighted(0.7), 64),
        lines in 1_usize..100,
    ) {
        let lines = batch(lines);
        let mut n = 0;
        let mut answer = |body: &str| {
            n += 1;
            // As often as it likes, but not for ever.
            let fails = n < 400 && seed[(n * 31 + body.len()) % seed.len()];
            if fails { reply(500, "too many requests at once") } else { status(204) }
        };
        let mut server = Server::new(&mut answer);
        let mut plan = Plan::new(&lines, 200, None);
        let dead = server.meet(&mut plan, &lines, 2_000);
        prop_assert_eq!(plan.next(&lines), None);
        prop_assert_eq!(dead.counts, vec![]);
    }
}

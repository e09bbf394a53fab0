//! From the first entry to the last.

use std::collections::{BTreeMap, VecDeque};

use rusqlite::{Connection, Row};

use super::{Checked, Evidence};
use crate::audit::cut::Cut;
use crate::audit::head::SignedHead;
use crate::audit::key::PublicKey;
use crate::audit::statement::{Removed, Said, Statement};
use crate::audit::{Chained, End, Link, NOTHING, link, stand, stored};
use crate::file::meta;
use crate::file::row::unsigned;

/// A transition, and beside it the act of the same number.
const ENTRIES: &str =
    "SELECT t.seq, t.n, t.at, t.kind, t.change, t.alarm, t.patient, t.actor, t.body, t.grounds, t.link,
       a.seq, a.at, a.actor, a.what, a.hash, a.chain
     FROM transitions t LEFT JOIN audit a ON a.seq = t.seq ORDER BY t.seq";

/// A walk through a chain.
pub(super) struct Walk<'c> {
    conn: &'c Connection,
    checked: Checked,
    /// Where it is.
    end: End,
    ahead: VecDeque<(Said, Vec<u8>)>,
    /// Heads not met yet, by their place.
    heads: BTreeMap<(u64, u64), Vec<Voucher>>,
    /// Keys in the order in which they signed.
    keys: Vec<PublicKey>,
    /// Ids of the store, in the order in which it had them.
    stores: Vec<String>,
    /// The last transition that an older version left.
    adopted: u64,
    /// By the statement they name.
    cuts: BTreeMap<u64, Cut>,
    /// By the statements themselves.
    removed: BTreeMap<u64, Removed>,
}

/// A head, and where it was.
struct Voucher {
    head: SignedHead,
    elsewhere: bool,
}

impl Voucher {
    fn words(&self) -> &'static str {
        if self.elsewhere {
            "the head that was kept elsewhere"
        } else {
            "the head beside the chain"
        }
    }
}

impl<'c> Walk<'c> {
    pub(super) fn new(conn: &'c Connection, evidence: &Evidence) -> rusqlite::Result<Self> {
        let mut walk = Self {
            conn,
            checked: Checked::default(),
            end: End { seq: 0, said: 0, link: NOTHING },
            ahead: Said::all(conn)?.into(),
            heads: BTreeMap::new(),
            keys: Vec::new(),
            stores: Vec::new(),
            adopted: 0,
            cuts: BTreeMap::new(),
            removed: BTreeMap::new(),
        };
        let first = walk.ahead.front().map(|(said, _)| (said.after, said.statement()));
        if let Some((after, Some(Statement::Begun { adopted: Some(_), .. }))) = first {
            walk.adopted = after;
        }
        match stand::kept(conn)?.map(|text| text.parse()) {
            Some(Ok(head)) => walk.vouched(head, false),
            Some(Err(_)) => walk.checked.find("the head beside the chain is none".to_owned()),
            None => walk.checked.find("there is no signed head beside the chain".to_owned()),
        }
        for head in &evidence.heads {
            walk.vouched(head.clone(), true);
        }
        Ok(walk)
    }

    fn vouched(&mut self, head: SignedHead, elsewhere: bool) {
        let place = (head.head.seq, head.head.said);
        self.heads.entry(place).or_default().push(Voucher { head, elsewhere });
    }

    pub(super) fn go(&mut self) -> rusqlite::Result<()> {
        let conn = self.conn;
        let mut entries = conn.prepare(ENTRIES)?;
        let mut entries = entries.query([])?;
        while let Some(row) = entries.next()? {
            let one = Chained::read(row)?;
            if one.seq > self.end.seq + 1 {
                self.cut_before(one.seq)?;
            }
            self.statements_before(one.seq);
            self.transition(&one, row)?;
        }
        self.cut_before(u64::MAX)?;
        self.statements_before(u64::MAX);
        Ok(())
    }

    /// What was cut after the last entry and before a transition.
    fn cut_before(&mut self, seq: u64) -> rusqlite::Result<()> {
        let conn = self.conn;
        let mut cut = conn.prepare_cached(
            "SELECT seq, by, hash FROM cut WHERE seq > ? AND seq < ? ORDER BY seq",
        )?;
        let before = i64::try_from(seq).unwrap_or(i64::MAX);
        let mut cut = cut.query([self.end.seq as i64, before])?;
        while let Some(row) = cut.next()? {
            let (seq, by, hash) = (unsigned(row, 0)?, unsigned(row, 1)?, stored(row.get(2)?));
            self.statements_before(seq);
            self.cuts.entry(by).or_insert_with(Cut::new).add(seq, &hash);
            self.checked.cut += 1;
            self.missing(seq);
            self.stand_at(End { seq, link: link(&self.end.link, &hash), ..self.end });
        }
        Ok(())
    }

    fn statements_before(&mut self, seq: u64) {
        while self.ahead.front().is_some_and(|(said, _)| said.after < seq) {
            if let Some((said, link)) = self.ahead.pop_front() {
                self.statement(&said, stored(link));
            }
        }
    }

    fn transition(&mut self, one: &Chained<'_>, row: &Row<'_>) -> rusqlite::Result<()> {
        let expected = link(&self.end.link, &one.hash());
        let found: Option<Vec<u8>> = row.get(10)?;
        let follows = found.as_deref() == Some(&expected);
        if !follows || one.seq > self.adopted {
            self.missing(one.seq);
        }
        let seq = one.seq;
        if found.is_none() {
            self.checked.find(format!("transition {seq} was never chained"));
        } else if !follows && seq == self.end.seq + 1 {
            self.checked
                .find(format!("transition {seq} is not what was chained, or its link is not"));
        }
        if one.is_act() != row.get::<_, Option<i64>>(11)?.is_some() {
            self.checked.find(format!("transition {seq} and the list of acts do not agree"));
        } else if one.is_act() {
            self.checked.acts += 1;
            let text = |at| Ok::<_, rusqlite::Error>(row.get_ref(at)?.as_bytes_or_null()?);
            let same = row.get::<_, Option<i64>>(12)? == Some(one.at.as_micros())
                && text(13)? == one.actor
                && text(14)? == Some(one.change)
                && text(15)? == Some(&one.body)
                && text(16)? == found.as_deref();
            if !same {
                self.checked.find(format!("act {seq} is not as its transition says"));
            }
        }
        self.checked.transitions += 1;
        // From here on by what is stored: one change is one finding.
        self.stand_at(End { seq, link: found.map_or(expected, stored), ..self.end });
        Ok(())
    }

    fn statement(&mut self, said: &Said, found: Link) {
        let id = said.id;
        if id != self.end.said + 1 {
            let (first, last) = (self.end.said + 1, id.saturating_sub(1));
            self.checked.find(format!("statements {first} to {last} of the store are missing"));
        }
        // What an older version left may have gaps.
        let statement = said.statement();
        let adopts = matches!(&statement, Some(Statement::Begun { adopted: Some(_), .. }));
        if !adopts {
            self.missing(said.after + 1);
        }
        let first = matches!(&statement, Some(Statement::Begun { .. }));
        if first != (id == 1) {
            self.checked
                .find(format!("statement {id} of the store: only the first begins the chain"));
        }
        match &statement {
            None => self.checked.find(format!("statement {id} of the store is none")),
            Some(statement) => self.said(said, statement),
        }
        let signed = self.keys.last().is_some_and(|key| said.is_by(key, &self.end.link));
        if !signed {
            self.checked.find(format!("statement {id} of the store is not signed by its key"));
        }
        if link(&self.end.link, &said.hash()) != found {
            self.checked.find(format!("statement {id} of the store is not what was chained"));
        }
        self.checked.statements += 1;
        self.stand_at(End { seq: self.end.seq.max(said.after), said: id, link: found });
    }

    fn said(&mut self, said: &Said, statement: &Statement) {
        let (id, after) = (said.id, said.after);
        if let Some(key) = statement.key() {
            if id > 1 && !self.keys.contains(&key) {
                let what = format!("after transition {after} another key signs: {}", key.name());
                self.checked.note(what);
            }
            self.keys.push(key);
        }
        self.stores.extend(statement.store().map(str::to_owned));
        match statement {
            Statement::Begun { adopted: None, .. } | Statement::Key { .. } => {}
            Statement::Begun { adopted: Some(adopted), .. } => {
                self.checked.note(format!(
                    "transitions up to {after} came with an upgrade: nothing vouches for them before it"
                ));
                if let Some(seq) = adopted.broken_at {
                    let what = "the chain of acts of the older version was broken at transition";
                    self.checked.find(format!("{what} {seq}"));
                }
            }
            Statement::Restored { from, .. } => {
                let from = from.escape_debug();
                let what = format!("up to transition {after} it is a copy of the store {from}");
                self.checked.note(what);
            }
            Statement::Broken { why, .. } => {
                let what = "the store was opened after transition";
                let why = why.escape_debug();
                self.checked.find(format!("{what} {after} and did not go on from its head: {why}"));
            }
            Statement::Cut(removed) => {
                self.removed.insert(id, removed.clone());
            }
        }
    }

    /// Names the transitions between the last entry and this one.
    fn missing(&mut self, seq: u64) {
        let (first, last) = (self.end.seq + 1, seq.saturating_sub(1));
        if first <= last {
            self.checked.find(format!("transitions {first} to {last} are missing"));
        }
    }

    /// Goes to an entry, and meets the heads that stand there.
    fn stand_at(&mut self, end: End) {
        self.end = end;
        for voucher in self.heads.remove(&(end.seq, end.said)).into_iter().flatten() {
            if voucher.head.head.link == end.link {
                self.checked.met += u64::from(voucher.elsewhere);
            } else {
                self.checked.find(format!(
                    "the chain up to transition {} was made anew: {} vouches for another",
                    end.seq,
                    voucher.words()
                ));
            }
        }
    }

    /// What is known at the end only.
    pub(super) fn ended(mut self, evidence: &Evidence) -> rusqlite::Result<Checked> {
        for (seq, said) in self.heads.keys().copied().collect::<Vec<_>>() {
            for voucher in self.heads.remove(&(seq, said)).into_iter().flatten() {
                self.checked.find(format!(
                    "{} stands at transition {seq} and statement {said}, which is not there: the chain \
                     ends at transition {} and statement {}",
                    voucher.words(),
                    self.end.seq,
                    self.end.said
                ));
            }
        }
        self.signatures(evidence)?;
        for (by, removed) in std::mem::take(&mut self.removed) {
            if self.cuts.remove(&by).map(Cut::removed) != Some(removed) {
                let what = "does not name the transitions that are cut";
                self.checked.find(format!("statement {by} of the store {what}"));
            }
        }
        for (by, cut) in std::mem::take(&mut self.cuts) {
            let Removed { first, last, .. } = cut.removed();
            self.checked.find(format!(
                "transitions of {first} to {last} are cut, and statement {by} does not say so"
            ));
        }
        Ok(self.checked)
    }

    fn signatures(&mut self, evidence: &Evidence) -> rusqlite::Result<()> {
        let store: Option<String> = meta::get(self.conn, "store")?;
        if store.as_ref() != self.stores.last() {
            self.checked.find("the store has another id than its statements say".to_owned());
        }
        let last = self.keys.last().copied();
        if let Some(key) = evidence.key
            && last != Some(key)
        {
            let name = last.map_or_else(|| "none".to_owned(), |key| key.name());
            self.checked.find(format!("the key that signs is {name}, not {}", key.name()));
        }
        if let Some(Ok(head)) = stand::kept(self.conn)?.map(|text| text.parse::<SignedHead>()) {
            let SignedHead { head: at, .. } = &head;
            self.checked.unsigned =
                self.end.seq.saturating_sub(at.seq) + self.end.said.saturating_sub(at.said);
            if !last.is_some_and(|key| head.is_by(&key)) || Some(&at.store) != self.stores.last() {
                self.checked.find("the head beside the chain is not signed by its key".to_owned());
            }
        }
        for head in &evidence.heads {
            let at = &head.head;
            let known = self.keys.iter().chain(&evidence.key);
            if !self.stores.contains(&at.store) {
                self.checked
                    .find(format!("a head that was kept is of another store, {}", at.store));
            } else if !known.copied().any(|key| head.is_by(&key)) {
                let what = "is signed by no key of this store";
                self.checked
                    .find(format!("the head that was kept of transition {} {what}", at.seq));
            }
        }
        Ok(())
    }
}

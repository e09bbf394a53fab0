//! Stations: browsers that are signed in as a ward, and show it to whoever stands before them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::book::{Book, Link, Person, Refusal, name};
use super::digest::Digest;
use crate::config::Role;
use vitalgate_domain::model::command::PersonAct;
use vitalgate_domain::model::ids::WardId;
use vitalgate_domain::model::time::Timestamp;

/// What the actor of a station begins with; nobody else is called so.
pub(super) const STATION: &str = "station";

/// A browser of a ward: it shows, and whoever acts at it signs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Station {
    /// Whose patients it shows.
    pub wards: BTreeSet<WardId>,
    /// By which a browser becomes it.
    pub link: Option<Link>,
    /// Of what the browser that is it holds.
    pub browser: Option<Digest>,
}

/// The actor that a station is.
pub fn actor(station: &str) -> String {
    format!("{STATION}/{station}")
}

impl Book {
    /// Makes a station.
    pub fn add_station(
        &mut self,
        actor: &str,
        named: &str,
        wards: BTreeSet<WardId>,
    ) -> Result<(), Refusal> {
        let named = name(named)?;
        if wards.is_empty() {
            return Err(Refusal::StationNeedsWards);
        }
        if self.stations.contains_key(&named) {
            return Err(Refusal::Known(named));
        }
        self.tell(actor, PersonAct::AddStation, &*named);
        self.stations.insert(named, Station { wards, link: None, browser: None });
        Ok(())
    }

    /// Gives a link by which a browser becomes the station; the one that is it stays so until the link is used.
    pub fn link_station(&mut self, actor: &str, named: &str, link: Link) -> Result<(), Refusal> {
        self.station_mut(named)?.link = Some(link);
        self.tell(actor, PersonAct::LinkStation, named);
        Ok(())
    }

    /// A browser becomes a station by its link, in the place of the one that was it; which.
    pub fn become_station(
        &mut self,
        link: Digest,
        browser: Digest,
        now: Timestamp,
    ) -> Result<String, Refusal> {
        let good = |station: &Station| {
            station.link.as_ref().is_some_and(|given| given.sha256 == link && now < given.until)
        };
        let mut all = self.stations.iter_mut();
        let (named, station) = all.find(|(_, s)| good(s)).ok_or(Refusal::Link)?;
        station.link = None;
        station.browser = Some(browser);
        let named = named.clone();
        self.tell(&actor(&named), PersonAct::BecomeStation, "");
        Ok(named)
    }

    /// Takes a station back: its browser shows nothing more.
    pub fn remove_station(&mut self, actor: &str, named: &str) -> Result<(), Refusal> {
        self.station_mut(named)?;
        self.stations.remove(named);
        self.tell(actor, PersonAct::RemoveStation, named);
        Ok(())
    }

    /// The station that a browser is.
    pub fn station(&self, browser: Digest) -> Option<(&str, &Station)> {
        let mut all = self.stations.iter();
        all.find(|(_, s)| s.browser == Some(browser)).map(|(named, station)| (&**named, station))
    }

    /// Where somebody may sign at a station: in the wards that both have.
    pub fn shared_wards(
        &self,
        named: &str,
        station: &Station,
    ) -> Result<(&Person, BTreeSet<WardId>), Refusal> {
        let unknown = || Refusal::Unknown(named.to_owned());
        let person = self.people.get(named).filter(|p| !p.disabled).ok_or_else(unknown)?;
        if !matches!(person.role, Role::Viewer | Role::Clinician | Role::WardAdmin) {
            return Err(Refusal::NotAtStations(person.role.as_str()));
        }
        let shared = match &person.wards {
            None => station.wards.clone(),
            Some(own) => own.intersection(&station.wards).cloned().collect(),
        };
        if shared.is_empty() {
            return Err(Refusal::OtherWards(named.to_owned()));
        }
        Ok((person, shared))
    }

    /// Sets somebody's PIN, or with `None` takes it back.
    pub fn set_pin(
        &mut self,
        actor: &str,
        named: &str,
        hash: Option<String>,
    ) -> Result<(), Refusal> {
        self.person_mut(named)?.pin = hash;
        self.tell(actor, PersonAct::SetPin, named);
        Ok(())
    }

    fn station_mut(&mut self, named: &str) -> Result<&mut Station, Refusal> {
        self.stations.get_mut(named).ok_or_else(|| Refusal::NoStation(named.to_owned()))
    }
}

//! Doors at which nobody has to prove who they are.

use super::{BadConfig, Config, Proof};

/// A door that is open, and what would close it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenDoor {
    /// Which: `http`, `mqtt`.
    pub door: &'static str,
    /// What to do.
    pub cure: &'static str,
}

impl Config {
    /// The doors at which nobody has to sign in; only this machine reaches them.
    pub fn open_doors(&self) -> Vec<OpenDoor> {
        let http = OpenDoor { door: "http", cure: "add [people] or a [[http.token]]" };
        let mqtt = OpenDoor { door: "mqtt", cure: "set mqtt.authentication = \"required\"" };
        let mqtt_is_open =
            self.mqtt.listen.is_some() && self.mqtt.authentication != Proof::Required;
        let http_is_open = self.http.token.is_empty() && self.people.is_none();
        let open = [(http_is_open, http), (mqtt_is_open, mqtt)];
        open.into_iter().filter_map(|(open, door)| open.then_some(door)).collect()
    }

    /// Whether what `run` was told of open doors is so: they are open only where somebody said it.
    pub fn check_open(&self, said: bool) -> Result<(), BadConfig> {
        let doors = self.open_doors();
        match (said, doors.is_empty()) {
            (false, false) => Err(BadConfig::NobodySignsIn(doors)),
            (true, true) => Err(BadConfig::NothingOpen),
            (true, false) | (false, true) => Ok(()),
        }
    }
}

/// The doors and what would close them, on one line.
pub(super) fn cures(doors: &[OpenDoor]) -> String {
    let one = |OpenDoor { door, cure }: &OpenDoor| format!("{door} ({cure})");
    doors.iter().map(one).collect::<Vec<_>>().join(" and ")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn config(text: &str) -> Config {
        Config::parse(text, Path::new("gateway.toml")).unwrap()
    }

    #[test]
    fn an_open_door_must_be_said_and_a_closed_one_must_not() {
        let token = "[[http.token]]\nname = \"n\"\nrole = \"viewer\"\nsha256 = \"\
                     e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"\n";
        let mqtt = "[mqtt]\nauthentication = \"required\"\n";
        for (text, open) in [
            ("[people]\n".to_owned(), vec!["mqtt"]),
            (String::new(), vec!["http", "mqtt"]),
            (token.to_owned(), vec!["mqtt"]),
            (mqtt.to_owned(), vec!["http"]),
            ([mqtt, token].concat(), vec![]),
        ] {
            let config = config(&text);
            let doors: Vec<_> = config.open_doors().iter().map(|open| open.door).collect();
            assert_eq!(doors, open, "{text}");
            assert_eq!(config.check_open(true).is_ok(), !open.is_empty(), "{text}");
            let unsaid = config.check_open(false).map_err(|error| error.to_string());
            assert_eq!(unsaid.is_ok(), open.is_empty(), "{text}");
            for door in open {
                assert!(unsaid.as_ref().is_err_and(|why| why.contains(door)), "{unsaid:?}");
            }
        }
    }
}

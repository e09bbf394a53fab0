//! `[rules]`: what is judged, and which packs are switched on beside it.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{BadConfig, read};
use vitalgate_domain::model::pack::Pack;

const BUILT_IN: &str = include_str!("../../config/rules.toml");

/// The packs that the gateway brings along.
const PACKS: [(&str, &str); 5] = [
    ("news2", include_str!("../../config/packs/news2.toml")),
    ("cied", include_str!("../../config/packs/cied.toml")),
    ("hf", include_str!("../../config/packs/hf.toml")),
    ("glucose", include_str!("../../config/packs/glucose.toml")),
    ("vitals_live", include_str!("../../config/packs/vitals_live.toml")),
];

/// Which rules are read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rules {
    /// Another file than the built-in; relative to the configuration's own folder.
    pub file: Option<PathBuf>,
    /// Packs that are switched on, read after the file in their order: the name of a built-in one, or the path of a
    /// file, which has a `/` in it.
    pub packs: Vec<String>,
    /// Where files of packs are looked for.
    #[serde(skip)]
    folder: PathBuf,
}

/// Why a pack was refused before anything in it was read.
#[derive(Debug, thiserror::Error)]
pub enum BadPack {
    /// No such pack.
    #[error(
        "rules.packs: there is no pack `{name}`; there are: {known}; one of the site's own is a path, `./{name}.toml`"
    )]
    Unknown {
        /// What was asked for.
        name: String,
        /// Those there are.
        known: String,
    },
    /// Twice the same.
    #[error("rules.packs: pack `{0}` stands twice")]
    Twice(String),
}

impl Rules {
    /// Paths are from this folder on.
    pub(super) fn within(&mut self, folder: &Path) {
        folder.clone_into(&mut self.folder);
        self.file.iter_mut().for_each(|file| *file = folder.join(&*file));
    }

    /// The text of the rules, and the packs.
    pub(super) fn texts(&self) -> Result<(String, Vec<Pack>), BadConfig> {
        let rules = self.file.as_deref().map_or_else(|| Ok(BUILT_IN.to_owned()), read)?;
        let mut packs: Vec<Pack> = Vec::new();
        for name in &self.packs {
            if packs.iter().any(|pack| pack.name == *name) {
                return Err(BadPack::Twice(name.clone()).into());
            }
            packs.push(Pack { name: name.clone(), text: self.text_of(name)? });
        }
        Ok((rules, packs))
    }

    fn text_of(&self, name: &str) -> Result<String, BadConfig> {
        if name.contains('/') {
            return read(&self.folder.join(name));
        }
        let built_in = PACKS.iter().find(|(known, _)| *known == name);
        built_in.map(|(_, text)| (*text).to_owned()).ok_or_else(|| {
            let known = PACKS.map(|(known, _)| known).join(", ");
            BadPack::Unknown { name: name.to_owned(), known }.into()
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    fn read_with(packs: &str, own: &str) -> Result<Config, String> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("gateway.toml");
        std::fs::write(&file, format!("[rules]\npacks = {packs}\n")).unwrap();
        std::fs::write(dir.path().join("own.toml"), own).unwrap();
        let config = Config::read(&file).map_err(|e| e.to_string())?;
        config.configuration().map_err(|e| e.to_string())?;
        Ok(config)
    }

    #[test]
    fn no_pack_is_on_unless_it_is_named() {
        let plain = Config::built_in().unwrap().configuration().unwrap();
        assert_eq!((plain.texts.packs.len(), plain.rules.has_scores()), (0, false));
        let with = read_with("[\"news2\"]", "").unwrap().rules.texts().unwrap().1;
        assert_eq!(with[0].name, "news2");
        let same = read_with("[]", "").unwrap().configuration().unwrap();
        assert_eq!(same.hash(), plain.hash(), "a journal without packs stays as it is");
    }

    #[test]
    fn a_pack_of_the_site_is_a_file_beside_the_configuration() {
        let event = "[[event]]\nid = \"own.fall\"\nevents = [\"fall\"]\npriority = \"high\"\n\
                     response = \"immediate\"\ntext = \"Fall\"\n";
        read_with("[\"news2\", \"./own.toml\"]", event).unwrap();
        for (packs, own, said) in [
            ("[\"news3\"]", "", "no pack `news3`; there are: news2"),
            ("[\"./none.toml\"]", "", "cannot read"),
            ("[\"news2\", \"news2\"]", "", "pack `news2` stands twice"),
            (
                "[\"./own.toml\"]",
                "[class.own]\nexpected_interval = \"1s\"\n",
                "pack `./own.toml`: ",
            ),
            ("[\"./own.toml\"]", "quality_min = 0.1\n", "pack `./own.toml`: "),
            (
                "[\"./own.toml\"]",
                &event.replace("own.fall", "event.other"),
                "rule `event.other` stands twice",
            ),
        ] {
            let refused = read_with(packs, own).unwrap_err();
            assert!(refused.contains(said), "{said}: {refused}");
        }
    }

    #[test]
    fn a_rule_of_a_pack_that_stands_twice_is_refused_with_the_pack_and_its_place() {
        let news2 = include_str!("../../config/packs/news2.toml");
        let refused = read_with("[\"news2\", \"./own.toml\"]", news2).unwrap_err();
        let line = news2.lines().position(|line| line.starts_with("id =")).unwrap() + 1;
        let said = format!("pack `./own.toml`: rules: line {line}, column 6: ");
        assert!(refused.contains(&said) && refused.contains("stands twice"), "{refused}");
    }
}

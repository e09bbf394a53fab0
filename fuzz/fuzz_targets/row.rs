#![no_main]
//! Any bytes as the body of a journal row: what can be read is written the same again, folded,
//! snapshotted and restored.

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use vitalgate_domain::core::configuration::{Configuration, Texts};
use vitalgate_domain::core::Core;
use vitalgate_domain::core::journal::RowBody;
use vitalgate_domain::model::time::{Span, Stamp, Timestamp};

const AT: Timestamp = Timestamp::from_millis(1_795_255_201_000);

static CORE: LazyLock<Core> = LazyLock::new(|| {
    let texts = Texts {
        signals: include_str!("../../config/signals.toml").to_owned(),
        rules: include_str!("../../config/rules.toml").to_owned(),
        site: "time_zone = \"UTC\"\n".to_owned(),
        packs: Vec::new(),
    };
    let configuration = Configuration::parse(texts).expect("the shipped texts are sound");
    Core::new("site-1".parse().expect("an id"), false, configuration)
});

fuzz_target!(|bytes: &[u8]| {
    let Ok(row) = RowBody::decode(1, bytes) else { return };
    let again = row.encode();
    assert_eq!(RowBody::decode(1, &again).expect("what was written").encode(), again);
    let now = Stamp { at: AT, offset: Span::ZERO };
    row.samples(now);
    let mut core = CORE.clone();
    core.fold(1, now, &row.inputs);
    core.advance(Stamp { at: AT + Span::days(3), offset: Span::ZERO }).into_row();
    let parts: Vec<_> =
        core.parts_since(0).into_iter().filter_map(|(kind, key)| core.part(kind, &key)).collect();
    Core::restore(parts.iter().map(|p| (p.kind, p.key.as_str(), p.body.as_slice())))
        .expect("what was written");
});

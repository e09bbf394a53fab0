//! A broker of the site.

use super::Findings;
use crate::config::Broker;

pub(super) async fn examine(broker: &Broker, _site: &str) -> Findings {
    Findings::of(format!("broker {}", broker.id))
}

//! Says when more alarms are late than may be, and when that is over.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::handles::Handles;
use vitalgate_domain::model::input::{Input, Stretch};

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Looks until `stop`; `told` are the stretches about which an alarm is open.
pub async fn watch(handles: Handles, told: Vec<Stretch>, stop: CancellationToken) {
    let mut told: BTreeSet<Stretch> = told.into_iter().collect();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        for stretch in Stretch::ALL {
            let found = handles.metrics.breach(stretch);
            let is_told = told.contains(&stretch);
            // What was told before the start is not over because nothing was seen since.
            let is_over = found.is_none() && is_told && handles.metrics.knows_an_hour();
            let is_news = found.is_some() && !is_told;
            if (is_over || is_news) && handles.tell(vec![Input::Late { stretch, found }]).await {
                if is_news {
                    told.insert(stretch)
                } else {
                    told.remove(&stretch)
                };
            }
        }
    }
}

//! The log, and every metric as one function (docs/metrics.md).

mod degraded;
mod logging;
mod metrics;
mod sampled;
mod slo;
mod space;

pub use degraded::Degraded;
pub use logging::{Logging, start_logging};
pub use metrics::{Hop, Metrics};
pub use sampled::{Sampled, Ward};
pub use slo::Targets;
pub use space::watch_space;

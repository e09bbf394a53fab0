//! File descriptors: one for each connection, and some for all else.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What the store, the listening sockets, brokers, exports and the runtime need beside connections.
const BESIDE: usize = 256;

/// Raises the process's limit as far as it may be raised, and gives it where that is less than `sockets`
/// connections need.
pub(crate) fn raise_for(sockets: usize) -> Result<(), TooFew> {
    let needed = (sockets + BESIDE) as u64;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::debug!(%error, "the limit of file descriptors stays as it is");
        return enough(current, needed);
    }
    enough(maximum, needed)
}

/// `None` is no limit.
fn enough(limit: Option<u64>, needed: u64) -> Result<(), TooFew> {
    match limit {
        Some(limit) if limit < needed => Err(TooFew { limit, needed }),
        Some(_) | None => Ok(()),
    }
}

/// The process may not open as many files as all connections could need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the process may open {limit} files, and all connections together could need {needed}: raise it \
     (`LimitNOFILE=`, `ulimit -n`), or lower `mqtt.max_connections`"
)]
pub(crate) struct TooFew {
    limit: u64,
    needed: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_raised_and_what_it_lacks_is_said() {
        assert_eq!(raise_for(0), Ok(()));
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        assert_eq!(current, maximum, "as far as it goes");
        let words = enough(Some(1_024), 12_544).unwrap_err().to_string();
        assert!(words.contains("1024") && words.contains("12544"), "{words}");
        assert_eq!(enough(None, 12_544), Ok(()));
    }
}

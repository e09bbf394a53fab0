//! How a connection ends, and what follows from it.

use super::codec::{Fault, reason};

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum End {
    /// The client sent DISCONNECT.
    #[error("disconnected by the client")]
    Disconnected {
        /// It asked for its will all the same.
        with_will: bool,
    },
    /// The socket closed or failed.
    #[error("connection lost")]
    Lost,
    /// Nothing came for one and a half keep-alive times.
    #[error("keep-alive timeout")]
    KeepAlive,
    /// The client does not read what it is sent.
    #[error("the client does not read")]
    Stuck,
    /// The client broke the protocol.
    #[error("{0}")]
    Fault(#[from] Fault),
    /// The same client connected again.
    #[error("taken over by a new connection")]
    TakenOver,
    /// The principal lost its right to connect.
    #[error("revoked")]
    Revoked,
    /// There was no place for it any more.
    #[error("closed to make room for others")]
    Crowded,
    /// A receipt was dropped: only closing makes the client send again.
    #[error("not accepted")]
    NotAccepted,
    /// The gateway stops.
    #[error("shutting down")]
    Shutdown,
}

impl End {
    /// The reason given to MQTT 5 before closing; `None` where there is nobody or nothing to give.
    pub(super) fn code(self) -> Option<u8> {
        match self {
            Self::Disconnected { .. } | Self::Lost | Self::Stuck => None,
            Self::KeepAlive => Some(reason::KEEP_ALIVE_TIMEOUT),
            Self::Fault(fault) => Some(fault.code),
            Self::TakenOver => Some(reason::TAKEN_OVER),
            Self::Revoked => Some(reason::ADMINISTRATIVE),
            Self::Crowded => Some(reason::QUOTA_EXCEEDED),
            Self::NotAccepted => Some(reason::UNSPECIFIED),
            Self::Shutdown => Some(reason::SHUTTING_DOWN),
        }
    }

    /// Whether the last will speaks: it speaks of the device's link, so not where the gateway's own
    /// stop or failure ended the connection.
    pub(super) fn fires_will(self) -> bool {
        match self {
            Self::Disconnected { with_will } => with_will,
            Self::NotAccepted | Self::Shutdown => false,
            Self::Lost
            | Self::KeepAlive
            | Self::Stuck
            | Self::Fault(_)
            | Self::TakenOver
            | Self::Crowded
            | Self::Revoked => true,
        }
    }

    /// Whether the gateway ended it, for a reason that the client may not be able to read.
    pub(super) fn is_ours(self) -> bool {
        match self {
            Self::Disconnected { .. } | Self::Lost | Self::Shutdown => false,
            Self::KeepAlive
            | Self::Stuck
            | Self::Fault(_)
            | Self::TakenOver
            | Self::Revoked
            | Self::Crowded
            | Self::NotAccepted => true,
        }
    }

    /// Whether the client said good-bye.
    pub(super) fn is_clean(self) -> bool {
        self == Self::Disconnected { with_will: false }
    }

    /// Whether the client may still read acknowledgements of what is in flight.
    pub(super) fn hears_acks(self) -> bool {
        match self {
            Self::Disconnected { .. } | Self::Lost | Self::Stuck | Self::NotAccepted => false,
            Self::KeepAlive
            | Self::Fault(_)
            | Self::TakenOver
            | Self::Revoked
            | Self::Crowded
            | Self::Shutdown => true,
        }
    }
}

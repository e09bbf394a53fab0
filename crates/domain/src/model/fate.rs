//! What became of a reading or a message, in one word.

use minicbor::decode::{Decoder, Error as DecodeError};
use minicbor::encode::{Encoder, Error as EncodeError, Write};
use minicbor::{Decode, Encode};

macro_rules! fates {
    ($($(#[$doc:meta])* $variant:ident = $word:literal;)*) => {
        /// What became of a reading or a message.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Fate {
            $($(#[$doc])* $variant,)*
        }

        impl Fate {
            /// The word in snapshots, lists and metrics.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            fn of(word: &str) -> Self {
                match word {
                    $($word => Self::$variant,)*
                    _ => Self::Other,
                }
            }
        }
    };
}

fates! {
    /// Judged by the rules.
    Judged = "judged";
    /// Late: may raise, clears nothing.
    Late = "late";
    /// Of doubtful time: may raise, clears nothing.
    Doubtful = "doubtful";
    /// The same reading once more.
    Duplicate = "duplicate";
    /// Another value in the place of one that came before, by its device's own word.
    Correction = "correction";
    /// Another value of the same time came: both are judged, and neither clears anything.
    Conflict = "conflict";
    /// Outside the plausible range.
    Implausible = "implausible";
    /// Of low quality.
    LowQuality = "low_quality";
    /// Over a period too long to be of now.
    Statistic = "statistic";
    /// The device states that it has no value.
    Absent = "absent";
    /// A zero that means "no sensor".
    NoSensor = "no_sensor";
    /// Entered in error.
    Withdrawn = "withdrawn";
    /// Of a device that was nobody's then.
    Unbound = "unbound";
    /// So near a change of binding that it is nobody's.
    Unattributed = "unattributed";
    /// Refused when decoded.
    Refused = "refused";
    /// Nothing of the message could be read.
    Undecodable = "undecodable";
    /// The same message once more.
    Redelivered = "redelivered";
    /// The number of another message.
    SeqReused = "seq_reused";
    /// The message began its device's numbers anew.
    SeqReset = "seq_reset";
    /// Below the numbers remembered.
    OldMessage = "old_message";
    /// Of the gateway's own synthetic patient.
    Probe = "probe";
    /// An event that is news.
    Event = "event";
    /// An event reported before.
    EventRepeated = "event_repeated";
    /// In test or demo mode.
    Test = "test";
    /// Of a series beyond those a device may have.
    TooManySeries = "too_many_series";
    /// What a snapshot of another version says.
    Other = "other";
}

impl<C> Encode<C> for Fate {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.str(self.as_str())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Fate {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        d.str().map(Self::of)
    }
}

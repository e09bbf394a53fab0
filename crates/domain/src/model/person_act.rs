//! What a person does that the audit names, though no alarm and no patient changes by it.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// What a person does that is about people, or only looks.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize,
)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum PersonAct {
    /// Signed in by name.
    #[n(0)]
    SignIn,
    /// Signed out.
    #[n(1)]
    SignOut,
    /// Was signed out, for the session was over.
    #[n(2)]
    SessionOver,
    /// Gave somebody an account.
    #[n(3)]
    AddPerson,
    /// Changed what somebody may, or where.
    #[n(4)]
    ChangePerson,
    /// Let somebody in no more.
    #[n(5)]
    DisablePerson,
    /// Let somebody in again.
    #[n(6)]
    EnablePerson,
    /// Gave somebody a link to set a password.
    #[n(7)]
    InvitePerson,
    /// Set a password.
    #[n(8)]
    SetPassword,
    /// Made a token for a program.
    #[n(9)]
    AddToken,
    /// Took it back.
    #[n(10)]
    RevokeToken,
    /// Looked at a patient; once an hour.
    #[n(11)]
    SeePatient,
    /// Looked at the patients of wards; once an hour.
    #[n(12)]
    SeeWards,
    /// Set a PIN for stations, or took it back.
    #[n(13)]
    SetPin,
    /// Of a station: somebody gave a PIN there that is not that of the name.
    #[n(14)]
    WrongPin,
    /// Gave their PIN at a station.
    #[n(15)]
    Unlock,
    /// Signed the act that follows, at a station.
    #[n(16)]
    Sign,
    /// Made a station.
    #[n(17)]
    AddStation,
    /// Gave a link by which a browser becomes a station.
    #[n(18)]
    LinkStation,
    /// Of a station: a browser became it.
    #[n(19)]
    BecomeStation,
    /// Took a station back.
    #[n(20)]
    RemoveStation,
    /// Put another plan of duty in force.
    #[n(21)]
    ChangePlan,
}

impl PersonAct {
    /// Its word in the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in",
            Self::SignOut => "sign_out",
            Self::SessionOver => "session_over",
            Self::AddPerson => "add_person",
            Self::ChangePerson => "change_person",
            Self::DisablePerson => "disable_person",
            Self::EnablePerson => "enable_person",
            Self::InvitePerson => "invite_person",
            Self::SetPassword => "set_password",
            Self::AddToken => "add_token",
            Self::RevokeToken => "revoke_token",
            Self::SeePatient => "see_patient",
            Self::SeeWards => "see_wards",
            Self::SetPin => "set_pin",
            Self::WrongPin => "wrong_pin",
            Self::Unlock => "unlock",
            Self::Sign => "sign",
            Self::AddStation => "add_station",
            Self::LinkStation => "link_station",
            Self::BecomeStation => "become_station",
            Self::RemoveStation => "remove_station",
            Self::ChangePlan => "change_plan",
        }
    }
}

//! What the subscriber needs of an MQTT client. Another one takes the place of `rumqtt.rs` by
//! implementing this.

use bytes::Bytes;

/// A connection that is over, and why in words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Broken(pub(super) String);

impl Broken {
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

/// A PUBLISH of the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Publish {
    pub(super) topic: String,
    /// 0, 1, or 2 from a broker that gives more than was asked for.
    pub(super) qos: u8,
    pub(super) dup: bool,
    pub(super) retained: bool,
    /// What it is acknowledged by; 0 with QoS 0.
    pub(super) id: u16,
    pub(super) content: Content,
}

impl Publish {
    /// What it is owed after its commit.
    pub(super) fn ack(&self) -> Option<Ack> {
        let Self { qos, id, .. } = *self;
        (qos > 0).then_some(Ack { id, exactly_once: qos == 2 })
    }
}

/// An acknowledgement of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ack {
    pub(super) id: u16,
    /// PUBREC for QoS 2, else PUBACK.
    pub(super) exactly_once: bool,
}

/// What a PUBLISH carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// All of it.
    Whole(Bytes),
    /// It was too large to be read: how long it was, and the first of it.
    TooLarge { length: usize, head: Vec<u8> },
}

/// What the broker made of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grant {
    /// QoS 1 or 2: what nobody fetched yet is kept.
    AtLeastOnce,
    /// QoS 0: what the gateway does not receive at once is lost.
    AtMostOnce,
    Refused,
}

impl Grant {
    /// Filters that were not granted as asked for, in words.
    pub(crate) fn shortfall<'a>(
        answers: &(impl Iterator<Item = (&'a str, Self)> + Clone),
    ) -> Option<String> {
        let those = |wanted| {
            let those = answers.clone().filter(move |(_, grant)| *grant == wanted);
            those.map(|(filter, _)| filter).collect::<Vec<_>>().join(", ")
        };
        let refused = those(Self::Refused);
        let unprotected = those(Self::AtMostOnce);
        let refused =
            (!refused.is_empty()).then(|| format!("it refuses the subscription to {refused}"));
        let unprotected =
            (!unprotected.is_empty()).then(|| format!("{unprotected} is granted without QoS 1"));
        let all: Vec<String> = refused.into_iter().chain(unprotected).collect();
        (!all.is_empty()).then(|| all.join("; "))
    }
}

/// What the broker sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Received {
    Publish(Publish),
    /// The answer to SUBSCRIBE, for each filter.
    Subscribed(Vec<Grant>),
}

/// One client of one broker, MQTT 3.1.1, with a session that outlives its connections.
pub(super) trait Client: Send {
    /// Connects; whether the broker has kept the session.
    fn connect(&mut self) -> impl Future<Output = Result<bool, Broken>> + Send;

    /// Waits until the broker sends something, and appends all that was read with it. Dropping the
    /// future loses nothing. What it takes in at a time is bounded. What came before a fault is returned
    /// before the fault is. PUBREL of QoS 2 is answered here: the message was committed before, and one
    /// that comes twice is known by its `seq`.
    fn receive(
        &mut self,
        received: &mut Vec<Received>,
    ) -> impl Future<Output = Result<(), Broken>> + Send;

    /// Acknowledges messages of this connection, in this order, with one write.
    fn acknowledge(&mut self, acks: &[Ack]) -> impl Future<Output = Result<(), Broken>> + Send;

    /// Asks for filters with QoS 1; [`Received::Subscribed`] answers.
    fn subscribe(&mut self, filters: &[String]) -> impl Future<Output = Result<(), Broken>> + Send;

    /// Publishes with QoS 1. While too many of its own are not acknowledged nothing is sent.
    fn publish(
        &mut self,
        topic: &str,
        payload: String,
    ) -> impl Future<Output = Result<(), Broken>> + Send;

    /// A second has passed, during which the broker was listened to or not. Keeps the connection
    /// alive, and notices a broker that is not.
    fn tick(&mut self, listening: bool) -> impl Future<Output = Result<(), Broken>> + Send;

    /// Closes without a word.
    fn hang_up(&mut self);

    /// Says DISCONNECT, so that the broker knows, and closes. The session stays.
    fn disconnect(&mut self) -> impl Future<Output = ()> + Send;
}

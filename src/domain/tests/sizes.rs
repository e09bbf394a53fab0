#[test]
fn sizes() {
    use crate::domain::*;
    macro_rules! p { ($($t:ty),* $(,)?) => { $( eprintln!("{:>6} {}", std::mem::size_of::<$t>(), stringify!($t)); )* } }
    p!(
        ids::DeviceId,
        Option<ids::DeviceId>,
        observation::Source,
        patient::SourceState,
        patient::LatestValue,
        observation::Number,
        cause::Cause,
        patient::Expectation,
        patient::Patient,
        device::Device,
        device::Said,
        observation::Observation,
        sample::Sample,
        message::Message,
        message::Reading,
        message::Value,
        message::ReadingTime,
        sequence::Sequence,
        offset::ClockOffset,
        message::DeviceInfo,
        command::DeviceDetails,
        command::PatientDetails,
        book::Book,
        input::Input,
        device::Binding
    );
}

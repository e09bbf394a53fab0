//! Every signal, unit, code and event name the simulators say, in one place: these must agree
//! with the gateway's table of signals.

/// A signal with the unit it is sent in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal {
    /// Its name in the gateway's table.
    pub name: &'static str,
    /// Its unit in UCUM; empty for a coded signal.
    pub unit: &'static str,
}

const fn signal(name: &'static str, unit: &'static str) -> Signal {
    Signal { name, unit }
}

/// Heart rate from the ECG.
pub const HEART_RATE: Signal = signal("heart_rate", "/min");
/// Oxygen saturation by pulse oximetry.
pub const SPO2: Signal = signal("spo2", "%");
/// Breaths by impedance.
pub const RESPIRATORY_RATE: Signal = signal("respiratory_rate", "/min");
/// Cuff pressure, systolic.
pub const NIBP_SYS: Signal = signal("nibp_sys", "mm[Hg]");
/// Cuff pressure, diastolic.
pub const NIBP_DIA: Signal = signal("nibp_dia", "mm[Hg]");
/// Cuff pressure, mean.
pub const NIBP_MEAN: Signal = signal("nibp_mean", "mm[Hg]");
/// Body temperature.
pub const TEMPERATURE: Signal = signal("temperature", "Cel");
/// Arterial pressure, systolic.
pub const ABP_SYS: Signal = signal("abp_sys", "mm[Hg]");
/// Glucose by a sensor under the skin.
pub const GLUCOSE_CGM: Signal = signal("glucose_cgm", "mg/dL");

/// Lead impedance; the instance names the lead.
pub const IMPEDANCE: Signal = signal("impedance", "Ohm");
/// Sensed amplitude of a lead.
pub const SENSING_AMPLITUDE: Signal = signal("sensing_amplitude", "mV");
/// Capture threshold of a lead.
pub const THRESHOLD: Signal = signal("threshold", "V");
/// Battery voltage of the implant.
pub const BATTERY_VOLTAGE: Signal = signal("battery_voltage", "V");
/// Impedance of the shock circuit.
pub const SHOCK_IMPEDANCE: Signal = signal("shock_impedance", "Ohm");
/// Battery status of the implant, a code.
pub const BATTERY_STATUS: Signal = signal("battery_status", "");
/// Remaining service life of the implant.
pub const BATTERY_REMAINING: Signal = signal("battery_remaining", "mo");
/// Share of paced beats of a chamber.
pub const PACING_PERCENT: Signal = signal("pacing_percent", "%");
/// Share of the day in atrial fibrillation.
pub const AF_BURDEN: Signal = signal("af_burden", "%");
/// Mean ventricular rate of 24 hours.
pub const MEAN_HEART_RATE_24H: Signal = signal("mean_heart_rate_24h", "/min");
/// Mean ventricular rate at rest.
pub const MEAN_HEART_RATE_REST: Signal = signal("mean_heart_rate_rest", "/min");
/// Hours of activity a day.
pub const ACTIVITY: Signal = signal("activity", "h/d");
/// Premature ventricular beats an hour.
pub const PVC_RATE: Signal = signal("pvc_rate", "/h");
/// Thoracic impedance.
pub const THORACIC_IMPEDANCE: Signal = signal("thoracic_impedance", "Ohm");
/// Time to charge the capacitor.
pub const CHARGE_TIME: Signal = signal("charge_time", "s");

/// Battery in service.
pub const BATTERY_IN_SERVICE: &str = "mdc:754113";
/// Battery at its recommended time of replacement.
pub const BATTERY_REPLACE: &str = "mdc:754115";

/// Right atrial lead.
pub const RA: &str = "RA";
/// Right ventricular lead.
pub const RV: &str = "RV";
/// Left ventricular lead.
pub const LV: &str = "LV";
/// Both ventricles.
pub const BIV: &str = "BiV";

/// Ventricular fibrillation detected.
pub const VF_DETECTED: &str = "vf_detected";
/// Ventricular tachycardia detected.
pub const VT_DETECTED: &str = "vt_detected";
/// A shock was delivered and ended the episode.
pub const SHOCK_DELIVERED: &str = "shock_delivered";
/// A shock of full energy did not end the episode.
pub const SHOCK_INEFFECTIVE: &str = "shock_ineffective";
/// The battery reached its replacement indicator.
pub const BATTERY_ERI: &str = "battery_eri";
/// A lead's impedance left its range.
pub const IMPEDANCE_OUT_OF_RANGE: &str = "lead_impedance_out_of_range";
/// Three or more episodes of VT or VF within 48 hours.
pub const VT_STORM: &str = "vt_storm";

/// Classes of devices, which set intervals and the ladder of silence.
pub mod class {
    /// A bedside monitor.
    pub const BEDSIDE: &str = "bedside";
    /// A pacemaker or defibrillator.
    pub const CIED: &str = "cied";
    /// Something worn, that measures about once a minute.
    pub const WEARABLE: &str = "wearable";
    /// A sensor of glucose, every five minutes.
    pub const CGM: &str = "cgm";
    /// Something that is used a few times a day, such as a cuff.
    pub const SPOT: &str = "spot";
    /// What people enter.
    pub const CHARTED: &str = "charted";
    /// A relay.
    pub const RELAY: &str = "relay";
}

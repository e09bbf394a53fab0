//! Recorded series, and one that is made.

use std::path::PathBuf;

use anyhow::{Context as _, ensure};

/// Columns of the recordings, and what they are; of others nothing is played.
pub(crate) const COLUMNS: [(&str, &str); 12] = [
    ("hr_bpm", "heart_rate"),
    ("pulse_bpm", "pulse_rate"),
    ("resp_per_min", "respiratory_rate"),
    ("spo2_pct", "spo2"),
    ("abp_sys_mmhg", "abp_sys"),
    ("nbp_sys_mmhg", "nibp_sys"),
    ("sbp_mmhg", "nibp_sys"),
    ("temp_c", "temperature"),
    ("etco2_mmhg", "etco2"),
    ("glucose_mg_dl", "glucose_cgm"),
    ("spo2", "spo2"),
    ("heart_rate", "heart_rate"),
];

/// Recordings by family: its name, the class of the device, its interval in seconds, and the files.
pub(crate) const FAMILIES: [(&str, &str, i64, &[&str]); 3] = [
    ("once a minute", "bedside", 60, &["mimic2_s00001_numerics_1min"]),
    (
        "CGM",
        "cgm",
        300,
        &["hupa_0001P_cgm_7d", "hupa_0002P_cgm_7d", "azt1d_s05_cgm_7d", "hall2018_2133-039_cgm"],
    ),
    (
        "charted, spot",
        "charted",
        3_600,
        &[
            "mimic3demo_icu204132_long",
            "mimic3demo_icu217724_long",
            "mimic3demo_icu286020_long",
            "challenge2019_p000002_hourly",
            "challenge2019_p000003_hourly",
            "challenge2019_p000011_hourly",
        ],
    ),
];

/// One number of a series: measured and arrived, in seconds; column and value.
pub(crate) struct Row {
    pub(crate) measured: f64,
    pub(crate) arrived: f64,
    pub(crate) column: String,
    pub(crate) value: f64,
}

/// A patient whose saturation and heart rate wander, with breaths held now and then; the same every time.
pub(crate) fn made(seconds: u32) -> Vec<Row> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut noise = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
    };
    let (mut saturation, mut rate, mut dip) = (92.0, 105.0, 0_u32);
    let mut rows = Vec::new();
    for second in 0..seconds {
        dip = if dip == 0 && noise() > 0.4995 { 40 } else { dip.saturating_sub(1) };
        let rest = if dip > 0 { 82.0 } else { 91.0 };
        saturation += (rest - saturation) * 0.05 + noise() * 1.5;
        rate += (110.0 - rate) * 0.02 + noise() * 6.0;
        let at = f64::from(second);
        for (column, value) in [("spo2", saturation.clamp(40.0, 100.0)), ("heart_rate", rate)] {
            let value = value.round();
            rows.push(Row { measured: at, arrived: at, column: column.to_owned(), value });
        }
    }
    rows
}

/// The rows of a recording, in the order of arrival: from the long form and from the wide one.
pub(crate) fn recorded(name: &str) -> anyhow::Result<Vec<Row>> {
    let folder = std::env::var_os("VITALGATE_RECORDINGS").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data/recordings"),
        PathBuf::from,
    );
    let path = folder.join(format!("{name}.csv"));
    let text = std::fs::read_to_string(&path).with_context(|| format!("{}", path.display()))?;
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = lines.next().context("an empty recording")?;
    let mut rows = Vec::new();
    for line in lines {
        if header[1] == "stored_s" {
            let (measured, arrived, value) = (line[0].parse()?, line[1].parse()?, line[3].parse()?);
            rows.push(Row { measured, arrived, column: line[2].to_owned(), value });
            continue;
        }
        let at = line[0].parse()?;
        for (column, cell) in header.iter().zip(&line).skip(1).filter(|(_, cell)| !cell.is_empty())
        {
            let (column, value) = ((*column).to_owned(), cell.parse()?);
            rows.push(Row { measured: at, arrived: at, column, value });
        }
    }
    rows.retain(|row| COLUMNS.iter().any(|(column, _)| *column == row.column));
    rows.sort_by(|a, b| a.arrived.total_cmp(&b.arrived));
    ensure!(!rows.is_empty(), "{} holds nothing that is played", path.display());
    Ok(rows)
}

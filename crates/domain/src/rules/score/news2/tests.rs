//! The table once more, written as ranges of what is measured, and compared over all that can be.

use super::*;

/// Points from a value on, in hundredths of the unit, until the next line: where a value is rounded half up, a row
/// that the chart begins with 9 begins with 8.50.
type Chart = &'static [(i32, u8)];

const FROM_BELOW: i32 = i32::MIN;
const RESPIRATION: Chart = &[(FROM_BELOW, 3), (850, 1), (1150, 0), (2050, 2), (2450, 3)];
const SATURATION_1: Chart = &[(FROM_BELOW, 3), (9150, 2), (9350, 1), (9550, 0)];
const SATURATION_2_AIR: Chart = &[(FROM_BELOW, 3), (8350, 2), (8550, 1), (8750, 0)];
const SATURATION_2_OXYGEN: Chart =
    &[(FROM_BELOW, 3), (8350, 2), (8550, 1), (8750, 0), (9250, 1), (9450, 2), (9650, 3)];
const SYSTOLIC: Chart = &[(FROM_BELOW, 3), (9050, 2), (10050, 1), (11050, 0), (21950, 3)];
const PULSE: Chart = &[(FROM_BELOW, 3), (4050, 1), (5050, 0), (9050, 1), (11050, 2), (13050, 3)];
const TEMPERATURE: Chart = &[(FROM_BELOW, 3), (3505, 1), (3605, 0), (3805, 1), (3905, 2)];

/// Each number with its chart: scale, whether oxygen is given, and what is plausible of it.
type Column = (Input, Unit, Spo2Scale, Option<bool>, Chart, (i32, i32));

const COLUMNS: [Column; 10] = {
    use Input::{Pulse, Respiration, Saturation, Systolic, Temperature};
    use Spo2Scale::{One, Two};
    [
        (Respiration, Unit::PerMinute, One, None, RESPIRATION, (0, 150)),
        (Saturation, Unit::Percent, One, None, SATURATION_1, (0, 100)),
        (Saturation, Unit::Percent, One, Some(false), SATURATION_1, (0, 100)),
        (Saturation, Unit::Percent, One, Some(true), SATURATION_1, (0, 100)),
        (Saturation, Unit::Percent, Two, None, SATURATION_2_AIR, (0, 100)),
        (Saturation, Unit::Percent, Two, Some(false), SATURATION_2_AIR, (0, 100)),
        (Saturation, Unit::Percent, Two, Some(true), SATURATION_2_OXYGEN, (0, 100)),
        (Systolic, Unit::MmHg, One, None, SYSTOLIC, (-20, 300)),
        (Pulse, Unit::PerMinute, One, None, PULSE, (0, 350)),
        (Temperature, Unit::Celsius, One, None, TEMPERATURE, (20, 45)),
    ]
};

fn number(hundredths: i32, unit: Unit, comparator: Option<Comparator>) -> Number {
    // As a device writes it, and a parser reads it.
    let value = format!("{hundredths}e-2").parse().unwrap();
    Number { value, unit, comparator, unit_doubtful: false }
}

fn charted(chart: Chart, hundredths: i32) -> u8 {
    chart.iter().rev().find(|(from, _)| hundredths >= *from).unwrap().1
}

#[test]
fn every_value_of_every_input_has_the_points_of_the_chart() {
    let mut compared = 0;
    for (input, unit, scale, oxygen, chart, (least, most)) in COLUMNS {
        // Temperature is told apart to a hundredth from 30 to 45; all others, and colder, in halves.
        let halves = (least * 100..=most * 100).step_by(50);
        let fine = (3_000..=4_500).filter(|_| input == Input::Temperature);
        for hundredths in halves.chain(fine) {
            let number = number(hundredths, unit, None);
            let points = input.points(&number, scale, oxygen);
            assert_eq!(
                points,
                Some(charted(chart, hundredths)),
                "{input:?} {hundredths} {scale:?}"
            );
            compared += 1;
        }
    }
    assert!(compared > 3_000, "{compared}");
}

#[test]
fn every_row_of_every_input_together_makes_the_sum_and_its_band() {
    /// One value of each row, with its points.
    fn rows(chart: Chart, unit: Unit) -> Vec<(Number, u8)> {
        let ends =
            chart.iter().skip(1).map(|(from, _)| from - 100).chain([chart.last().unwrap().0]);
        chart.iter().zip(ends).map(|((_, points), at)| (number(at, unit, None), *points)).collect()
    }
    let mut compared = 0;
    for (scale, air, oxygen) in [
        (Spo2Scale::One, SATURATION_1, SATURATION_1),
        (Spo2Scale::Two, SATURATION_2_AIR, SATURATION_2_OXYGEN),
    ] {
        for (given, saturation) in [("air", air), ("oxygen", oxygen)] {
            for (breaths, a) in rows(RESPIRATION, Unit::PerMinute) {
                for (saturated, b) in rows(saturation, Unit::Percent) {
                    for (pressure, d) in rows(SYSTOLIC, Unit::MmHg) {
                        for (pulse, e) in rows(PULSE, Unit::PerMinute) {
                            for (word, f) in [("A", 0), ("C", 3), ("V", 3), ("P", 3), ("U", 3)] {
                                for (warm, g) in rows(TEMPERATURE, Unit::Celsius) {
                                    let on_oxygen = given == "oxygen";
                                    let of = |input: Input, number: &Number| {
                                        input.points(number, scale, Some(on_oxygen))
                                    };
                                    let sum = Sum::of(&[
                                        of(Input::Respiration, &breaths),
                                        of(Input::Saturation, &saturated),
                                        Input::Oxygen.points_of_word(given),
                                        of(Input::Systolic, &pressure),
                                        of(Input::Pulse, &pulse),
                                        Input::Consciousness.points_of_word(word),
                                        of(Input::Temperature, &warm),
                                    ]);
                                    let c = if on_oxygen { 2 } else { 0 };
                                    let all = [a, b, c, d, e, f, g];
                                    let total: u8 = all.iter().sum();
                                    let band = if total >= 7 {
                                        Some(Band::High)
                                    } else if total >= 5 {
                                        Some(Band::Medium)
                                    } else if all.contains(&3) {
                                        Some(Band::Single)
                                    } else {
                                        None
                                    };
                                    assert_eq!(sum, Sum { total, complete: true, band }, "{all:?}");
                                    compared += 1;
                                }
                            }
                        }
                    }
                }
            }
        }
    }
    assert_eq!(compared, 5 * 5 * 6 * 5 * 5 * (4 + 4 + 4 + 7));
}

#[test]
fn what_is_missing_has_no_points_and_the_total_is_a_lower_bound() {
    let six = [Some(3), Some(3), None, Some(0), Some(0), Some(0), Some(0)];
    assert_eq!(Sum::of(&six), Sum { total: 6, complete: false, band: Some(Band::Medium) });
    assert_eq!(Sum::of(&[None; 7]), Sum::default());
    assert_eq!(Sum::of(&[Some(3); 7]).total, 21);
}

#[test]
fn a_bound_counts_where_all_that_it_allows_has_the_same_points() {
    use Comparator::{Greater, GreaterOrEqual, Less, LessOrEqual};
    let points = |input: Input, scale, oxygen, hundredths, comparator| {
        let unit = input.measure().unwrap().0;
        input.points(&number(hundredths, unit, Some(comparator)), scale, oxygen)
    };
    let saturation = |scale, oxygen, value, comparator| {
        points(Input::Saturation, scale, oxygen, value, comparator)
    };
    assert_eq!(saturation(Spo2Scale::One, None, 9600, GreaterOrEqual), Some(0));
    assert_eq!(saturation(Spo2Scale::One, None, 9500, Greater), None);
    assert_eq!(saturation(Spo2Scale::One, None, 9150, Less), Some(3));
    assert_eq!(saturation(Spo2Scale::One, None, 9150, LessOrEqual), None);
    assert_eq!(saturation(Spo2Scale::Two, Some(false), 9000, GreaterOrEqual), Some(0));
    assert_eq!(saturation(Spo2Scale::Two, Some(true), 9000, GreaterOrEqual), None);
    assert_eq!(saturation(Spo2Scale::Two, Some(true), 9700, GreaterOrEqual), Some(3));
    assert_eq!(points(Input::Temperature, Spo2Scale::One, None, 3504, LessOrEqual), Some(3));
    assert_eq!(points(Input::Temperature, Spo2Scale::One, None, 3505, LessOrEqual), None);
    assert_eq!(points(Input::Pulse, Spo2Scale::One, None, 13100, Greater), Some(3));
}

#[test]
fn other_units_are_taken_over_and_what_is_no_number_of_an_input_has_none() {
    let of = |input: Input, value: f64, unit| {
        let number = Number { value, unit, comparator: None, unit_doubtful: false };
        input.points(&number, Spo2Scale::One, None)
    };
    // 35.05 °C is 95.09 °F; a half is rounded up in either.
    assert_eq!(of(Input::Temperature, 95.09, Unit::Fahrenheit), Some(1));
    assert_eq!(of(Input::Temperature, 95.08, Unit::Fahrenheit), Some(3));
    assert_eq!(of(Input::Systolic, 12.0, Unit::KiloPascal), Some(3));
    assert_eq!(of(Input::Systolic, 16.0, Unit::KiloPascal), Some(0));
    assert_eq!(of(Input::Systolic, 37.0, Unit::Celsius), None);
    assert_eq!(of(Input::Oxygen, 2.0, Unit::Percent), None);
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(of(Input::Pulse, value, Unit::PerMinute), None);
    }
    assert_eq!(of(Input::Pulse, f64::MAX, Unit::PerMinute), None);
    assert_eq!(of(Input::Pulse, 1e12, Unit::PerMinute), Some(3));
    for word in ["a", "X", "", "air"] {
        assert_eq!(Input::Consciousness.points_of_word(word), None);
    }
    assert_eq!(Input::Pulse.points_of_word("A"), None);
}

//! A CSV file as cells, in the order in which they arrived.

use std::str::FromStr;

use serde::Serialize;

use vitalgate_domain::model::time::Span;
use vitalgate_domain::model::unit::Unit;

/// Seconds beyond this (a century) are a mistake, not a time.
const LONGEST_S: f64 = 3_155_760_000.0;

/// A column of the file, or a name of a long file, and what it is on the wire.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// In the file.
    pub name: String,
    /// A name, `mdc:` or `loinc:` code of the signal table.
    pub signal: String,
    /// The unit sent.
    pub unit: Unit,
    /// What the number in the file is multiplied by.
    pub factor: f64,
}

/// A column of the file that says how good others are: a number from 0 to 1, `low`, `medium` or `high`.
#[derive(Clone, Debug, PartialEq)]
pub struct QualityColumn {
    /// In the file, a long one too.
    pub name: String,
    /// The column it is about; `None` for all of its row.
    pub of: Option<String>,
    /// What the number in the file is multiplied by.
    pub factor: f64,
}

/// How good a number is, as it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Quality {
    /// From 0 to 1.
    Number(f64),
    /// In a word.
    Word(&'static str),
}

/// One number of the file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell<'a> {
    /// What it is a number of.
    pub column: &'a Column,
    /// From the start of the recording to the measurement.
    pub measured: Span,
    /// From the start of the recording to its arrival.
    pub arrived: Span,
    /// In the column's unit.
    pub value: f64,
    /// How good it is, where the file says so.
    pub quality: Option<Quality>,
}

/// Why a `--column` or a `--quality` was refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BadColumn {
    /// Not of the form.
    #[error("`{0}` is not a column: write csv=signal:unit, such as hr_bpm=heart_rate:/min")]
    Form(String),
    /// Not of the form.
    #[error(
        "`{0}` is not a quality: write csv, csv=column or csv=column*factor, such as sqi=spo2*0.01"
    )]
    QualityForm(String),
    /// A quality of nothing that is sent.
    #[error("quality `{0}`: no --column is called `{1}`")]
    QualityOf(String, String),
    /// A unit that is not known.
    #[error("column `{0}`: {1}; write it in UCUM, such as mm[Hg]")]
    Unit(String, #[source] vitalgate_domain::model::unit::UnknownUnit),
    /// A factor that is no number.
    #[error("column `{0}`: `{1}` is not a factor: write a number other than 0, such as %*100")]
    Factor(String, String),
    /// A signal that is not in the table.
    #[error("column `{0}`: no signal `{1}` is known; see config/signals.toml, or give --signals")]
    Signal(String, String),
    /// A unit of something else.
    #[error("column `{column}`: `{unit}` is not a unit of {signal}, which is in {expected}")]
    Quantity {
        /// In the file.
        column: String,
        /// As given.
        unit: Unit,
        /// The signal's name.
        signal: String,
        /// Its unit in the table.
        expected: &'static str,
    },
}

/// Why a recording was refused. Lines are counted from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRecording {
    /// A column that is not there.
    #[error("line 1 has no column `{name}`; it has {found}")]
    NoColumn {
        /// Which.
        name: String,
        /// Those that are there.
        found: String,
    },
    /// A row of another length than the header.
    #[error("line {line} has {found} cells and line 1 has {expected}; quoted cells are not read")]
    Length {
        /// Which.
        line: usize,
        /// Cells in it.
        found: usize,
        /// Cells in the header.
        expected: usize,
    },
    /// A cell that is no number.
    #[error(
        "line {line}, column `{column}`: `{text}` is not a number; leave it empty if not measured"
    )]
    Number {
        /// Which line.
        line: usize,
        /// Which column.
        column: String,
        /// What it says.
        text: String,
    },
    /// A cell that is no time.
    #[error("line {line}, column `{column}`: `{text}` is not a time in seconds from the start")]
    Time {
        /// Which line.
        line: usize,
        /// Which column.
        column: String,
        /// What it says.
        text: String,
    },
    /// A cell that is no quality.
    #[error(
        "line {line}, column `{column}`: `{text}` is not a quality: 0 to 1, low, medium or high; \
         leave it empty if none is stated"
    )]
    Quality {
        /// Which line.
        line: usize,
        /// Which column.
        column: String,
        /// What it says.
        text: String,
    },
    /// A name that no row has.
    #[error("no row's `signal` is `{0}`; check the spelling of --column")]
    Unused(String),
    /// Nothing to send.
    #[error("no cell of the columns given holds a number")]
    Empty,
}

/// Reads a wide file (a column a signal) or a long one (`signal`, `value`). A row arrives at its
/// `stored_s`, or when it was measured; cells that arrive together keep the order of the file.
pub(super) fn read<'a>(
    text: &str,
    columns: &'a [Column],
    qualities: &'a [QualityColumn],
) -> Result<Vec<Cell<'a>>, BadRecording> {
    let mut lines = text.trim_start_matches('\u{feff}').lines();
    let mut layout = Layout::of(lines.next().unwrap_or_default(), columns, qualities)?;
    let mut cells = Vec::new();
    for (line, text) in (2..).zip(lines) {
        layout.cells(line, text, &mut cells)?;
    }
    layout.end()?;
    cells.sort_by_key(|cell| cell.arrived);
    Ok(cells)
}

/// Where in a file what is; reads it line by line.
pub(in crate::tools) struct Layout<'a> {
    header: Header,
    /// Measured, and arrived.
    times: (usize, Option<usize>),
    shape: Shape<'a>,
    qualities: Vec<(usize, &'a QualityColumn)>,
    columns: &'a [Column],
    /// Of a long file: which columns it had.
    used: Vec<bool>,
    found: bool,
}

impl<'a> Layout<'a> {
    /// By the first line.
    pub(in crate::tools) fn of(
        header: &str,
        columns: &'a [Column],
        qualities: &'a [QualityColumn],
    ) -> Result<Self, BadRecording> {
        let header = Header { names: cells_of(header).into_iter().map(str::to_owned).collect() };
        let times = (header.position("time_s")?, header.position("stored_s").ok());
        let shape = match (header.position("signal"), header.position("value")) {
            (Ok(signal), Ok(value)) => Shape::Long { signal, value },
            _ => Shape::Wide(
                columns
                    .iter()
                    .map(|column| Ok((header.position(&column.name)?, column)))
                    .collect::<Result<_, _>>()?,
            ),
        };
        let qualities = qualities
            .iter()
            .map(|quality| Ok((header.position(&quality.name)?, quality)))
            .collect::<Result<_, _>>()?;
        let used = vec![false; columns.len()];
        Ok(Self { header, times, shape, qualities, columns, used, found: false })
    }

    /// Appends what a line holds; lines are counted from 1, of which the first is the header.
    pub(in crate::tools) fn cells(
        &mut self,
        line: usize,
        text: &str,
        cells: &mut Vec<Cell<'a>>,
    ) -> Result<(), BadRecording> {
        if text.is_empty() {
            return Ok(());
        }
        let before = cells.len();
        let row = self.header.row(line, text)?;
        let Some(measured) = row.time(self.times.0)? else {
            return Err(row.not_a_time(self.times.0));
        };
        let arrived = self.times.1.map_or(Ok(None), |stored| row.time(stored))?.unwrap_or(measured);
        let mut add = |position, column: &'a Column| {
            if let Some(value) = row.number(position)? {
                let value = value * column.factor;
                let quality = row.quality_of(column, &self.qualities)?;
                cells.push(Cell { column, measured, arrived, value, quality });
            }
            Ok(())
        };
        match &self.shape {
            Shape::Wide(all) => {
                for (position, column) in all {
                    add(*position, column)?;
                }
            }
            Shape::Long { signal, value } => {
                for (column, used) in self.columns.iter().zip(&mut self.used) {
                    if column.name == row.cells[*signal] {
                        *used = true;
                        add(*value, column)?;
                    }
                }
            }
        }
        self.found |= cells.len() > before;
        Ok(())
    }

    /// Whether all that was asked for was there.
    pub(in crate::tools) fn end(&self) -> Result<(), BadRecording> {
        if let (Shape::Long { .. }, Some(unused)) =
            (&self.shape, self.used.iter().position(|used| !used))
        {
            return Err(BadRecording::Unused(self.columns[unused].name.clone()));
        }
        if self.found { Ok(()) } else { Err(BadRecording::Empty) }
    }
}

impl FromStr for Column {
    type Err = BadColumn;

    fn from_str(text: &str) -> Result<Self, BadColumn> {
        let form = || BadColumn::Form(text.to_owned());
        let (name, meaning) = text.split_once('=').ok_or_else(form)?;
        // A signal may be a code with a colon of its own; a unit has none.
        let (signal, unit) = meaning.rsplit_once(':').ok_or_else(form)?;
        if name.is_empty() || signal.is_empty() {
            return Err(form());
        }
        let (unit, factor) = match unit.split_once('*') {
            Some((unit, factor)) => (unit, parse_factor(name, factor)?),
            None => (unit, 1.0),
        };
        let unit = unit.parse().map_err(|source| BadColumn::Unit(name.to_owned(), source))?;
        Ok(Self { name: name.to_owned(), signal: signal.to_owned(), unit, factor })
    }
}

impl FromStr for QualityColumn {
    type Err = BadColumn;

    fn from_str(text: &str) -> Result<Self, BadColumn> {
        let (text_of_it, factor) = text.rsplit_once('*').unwrap_or((text, "1"));
        let (name, of) = match text_of_it.split_once('=') {
            Some((name, of)) => (name, Some(of.to_owned())),
            None => (text_of_it, None),
        };
        if name.is_empty() || of.as_ref().is_some_and(String::is_empty) {
            return Err(BadColumn::QualityForm(text.to_owned()));
        }
        let factor = parse_factor(name, factor)?;
        Ok(Self { name: name.to_owned(), of, factor })
    }
}

fn parse_factor(name: &str, text: &str) -> Result<f64, BadColumn> {
    let factor = text.parse().ok().filter(|factor: &f64| factor.is_normal());
    factor.ok_or_else(|| BadColumn::Factor(name.to_owned(), text.to_owned()))
}

fn cells_of(line: &str) -> Vec<&str> {
    line.split(',').map(str::trim).collect()
}

/// Where the numbers are.
enum Shape<'a> {
    Wide(Vec<(usize, &'a Column)>),
    Long { signal: usize, value: usize },
}

struct Header {
    names: Vec<String>,
}

struct Row<'t> {
    header: &'t Header,
    line: usize,
    cells: Vec<&'t str>,
}

impl Header {
    fn position(&self, name: &str) -> Result<usize, BadRecording> {
        self.names.iter().position(|known| known == name).ok_or_else(|| BadRecording::NoColumn {
            name: name.to_owned(),
            found: self.names.join(", "),
        })
    }

    fn row<'t>(&'t self, line: usize, text: &'t str) -> Result<Row<'t>, BadRecording> {
        let cells = cells_of(text);
        let (found, expected) = (cells.len(), self.names.len());
        if found != expected {
            return Err(BadRecording::Length { line, found, expected });
        }
        Ok(Row { header: self, line, cells })
    }
}

impl Row<'_> {
    /// `None` for an empty cell.
    fn time(&self, position: usize) -> Result<Option<Span>, BadRecording> {
        let text = self.cells[position];
        if text.is_empty() {
            return Ok(None);
        }
        match text.parse::<f64>() {
            Ok(seconds) if seconds.abs() <= LONGEST_S => {
                Ok(Some(Span::millis((seconds * 1_000.0).round() as i64)))
            }
            _ => Err(self.not_a_time(position)),
        }
    }

    /// `None` for an empty cell.
    fn number(&self, position: usize) -> Result<Option<f64>, BadRecording> {
        let text = self.cells[position];
        if text.is_empty() {
            return Ok(None);
        }
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Some(value)),
            _ => Err(BadRecording::Number {
                line: self.line,
                column: self.header.names[position].clone(),
                text: text.to_owned(),
            }),
        }
    }

    /// What is said of this column, else of the row.
    fn quality_of(
        &self,
        column: &Column,
        qualities: &[(usize, &QualityColumn)],
    ) -> Result<Option<Quality>, BadRecording> {
        let mut of_row = None;
        for (position, quality) in qualities {
            match &quality.of {
                Some(of) if *of != column.name => {}
                Some(_) => {
                    if let Some(found) = self.quality(*position, quality.factor)? {
                        return Ok(Some(found));
                    }
                }
                None => of_row = of_row.or(self.quality(*position, quality.factor)?),
            }
        }
        Ok(of_row)
    }

    /// `None` for an empty cell.
    fn quality(&self, position: usize, factor: f64) -> Result<Option<Quality>, BadRecording> {
        let text = self.cells[position];
        if text.is_empty() {
            return Ok(None);
        }
        if let Some(word) = ["low", "medium", "high"].into_iter().find(|word| *word == text) {
            return Ok(Some(Quality::Word(word)));
        }
        let number = text.parse::<f64>().ok().map(|number| number * factor);
        match number.filter(|number| (0.0..=1.0).contains(number)) {
            Some(number) => Ok(Some(Quality::Number(number))),
            None => Err(BadRecording::Quality {
                line: self.line,
                column: self.header.names[position].clone(),
                text: text.to_owned(),
            }),
        }
    }

    fn not_a_time(&self, position: usize) -> BadRecording {
        BadRecording::Time {
            line: self.line,
            column: self.header.names[position].clone(),
            text: self.cells[position].to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(all: &[&str]) -> Vec<Column> {
        all.iter().map(|text| text.parse().unwrap()).collect()
    }

    /// Cells as (column, measured, arrived, value), times in milliseconds.
    #[track_caller]
    fn check(text: &str, names: &[&str], expected: &[(&str, i64, i64, f64)]) {
        let columns = columns(names);
        let cells = read(text, &columns, &[]).unwrap();
        let millis = |span: Span| span.as_micros() / 1_000;
        let found: Vec<_> = cells
            .iter()
            .map(|c| (c.column.name.as_str(), millis(c.measured), millis(c.arrived), c.value))
            .collect();
        assert_eq!(found, expected, "{text:?}");
    }

    #[track_caller]
    fn refuse(text: &str, name: &str, expected: &str) {
        let columns = columns(&[name]);
        let error = read(text, &columns, &[]).unwrap_err();
        assert_eq!(error.to_string(), expected, "{text:?}");
    }

    const HR: &str = "hr=heart_rate:/min";
    const FIO2: &str = "fio2=fio2:%*100";

    #[test]
    fn a_wide_file_is_read_row_by_row() {
        check(
            "time_s,hr,other\n0,62.8,x\n60,,y\n61.5,0.0,z\n",
            &[HR],
            &[("hr", 0, 0, 62.8), ("hr", 61_500, 61_500, 0.0)],
        );
        check(
            "\u{feff}fio2,time_s,hr\r\n0.5,3,70\r\n\r\n",
            &[HR, FIO2],
            &[("hr", 3_000, 3_000, 70.0), ("fio2", 3_000, 3_000, 50.0)],
        );
        check(
            "time_s,stored_s,hr\n0,90,60\n30,,61\n",
            &[HR],
            &[("hr", 30_000, 30_000, 61.0), ("hr", 0, 90_000, 60.0)],
        );
    }

    #[test]
    fn a_long_file_comes_in_the_order_of_its_arrivals() {
        let text = "time_s,stored_s,signal,value\n0,240,hr,94\n0,,fio2,0.21\n180,200,hr,96\n\
                    10,240,fio2,0.5\n0,240,weight,80\n";
        check(
            text,
            &[HR, FIO2],
            &[
                ("fio2", 0, 0, 21.0),
                ("hr", 180_000, 200_000, 96.0),
                ("hr", 0, 240_000, 94.0),
                ("fio2", 10_000, 240_000, 50.0),
            ],
        );
    }

    /// Qualities of what is read, in the order of the cells.
    fn qualities_in(text: &str, of: &[&str]) -> Result<Vec<Option<Quality>>, String> {
        let columns = columns(&[HR, FIO2]);
        let of: Vec<QualityColumn> = of.iter().map(|text| text.parse().unwrap()).collect();
        let cells = read(text, &columns, &of).map_err(|e| e.to_string())?;
        Ok(cells.iter().map(|cell| cell.quality).collect())
    }

    #[test]
    fn a_column_says_how_good_another_is_or_the_row() {
        let number = |number| Some(Quality::Number(number));
        let word = |word| Some(Quality::Word(word));
        let wide = "time_s,hr,sqi,fio2,all\n0,60,20,0.2,high\n1,61,,0.3,0.9\n2,62,50,0.4,\n";
        let of_both = [word("high"), word("high"), number(0.9), number(0.9), None, None];
        assert_eq!(qualities_in(wide, &["all"]).unwrap(), of_both);
        let of_one = [number(0.2), word("high"), number(0.9), number(0.9), number(0.5), None];
        assert_eq!(qualities_in(wide, &["all", "sqi=hr*0.01"]).unwrap(), of_one);
        let long = "time_s,signal,value,q\n0,hr,60,low\n1,fio2,0.2,0.7\n";
        assert_eq!(qualities_in(long, &["q"]).unwrap(), [word("low"), number(0.7)]);
        assert_eq!(qualities_in(long, &["q=hr"]).unwrap(), [word("low"), None]);
    }

    #[test]
    fn what_is_no_quality_is_named_with_its_place() {
        for text in ["1.1", "-0.1", "good", "NaN"] {
            let file = format!("time_s,hr,fio2,q\n0,60,0.2,{text}\n");
            let expected = format!(
                "line 2, column `q`: `{text}` is not a quality: 0 to 1, low, medium or high; \
                 leave it empty if none is stated"
            );
            assert_eq!(qualities_in(&file, &["q"]).unwrap_err(), expected);
        }
        let none = qualities_in("time_s,hr,fio2\n0,60,0.2\n", &["q"]).unwrap_err();
        assert_eq!(none, "line 1 has no column `q`; it has time_s, hr, fio2");
        for text in ["", "=hr", "q="] {
            let error = text.parse::<QualityColumn>().unwrap_err().to_string();
            assert!(error.contains("is not a quality: write csv"), "{error}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_file_is_named_with_its_place() {
        refuse("", HR, "line 1 has no column `time_s`; it has ");
        refuse("time_s,pulse\n", HR, "line 1 has no column `hr`; it has time_s, pulse");
        refuse("time_s,hr\n", HR, "no cell of the columns given holds a number");
        refuse(
            "time_s,hr\n0,1\n1,2,3\n",
            HR,
            "line 3 has 3 cells and line 1 has 2; quoted cells are not read",
        );
        for text in ["n/a", "NaN", "inf", "1e999"] {
            let expected = format!(
                "line 2, column `hr`: `{text}` is not a number; leave it empty if not measured"
            );
            refuse(&format!("time_s,hr\n0,{text}\n"), HR, &expected);
        }
        for text in ["", "noon", "1e12", "NaN"] {
            let expected = format!(
                "line 2, column `time_s`: `{text}` is not a time in seconds from the start"
            );
            refuse(&format!("time_s,hr\n{text},1\n"), HR, &expected);
        }
        let long = "time_s,stored_s,signal,value\n0,0,spo2,94\n";
        refuse(long, HR, "no row's `signal` is `hr`; check the spelling of --column");
    }

    #[test]
    fn a_column_says_signal_unit_and_factor() {
        let column = |text: &str| text.parse::<Column>().unwrap();
        let code = column("HR=mdc:147842:/min");
        assert_eq!((code.name.as_str(), code.signal.as_str()), ("HR", "mdc:147842"));
        assert_eq!((code.unit, code.factor), (Unit::PerMinute, 1.0));
        assert_eq!((column(FIO2).unit, column(FIO2).factor), (Unit::Percent, 100.0));

        let refuse = |text: &str, says: &str| {
            let error = text.parse::<Column>().unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        };
        for text in ["", "hr", "hr=heart_rate", "=heart_rate:/min", "hr=:/min"] {
            refuse(text, "write csv=signal:unit");
        }
        refuse("hr=heart_rate:bpm", "column `hr`: `bpm` is not a UCUM unit");
        for text in ["0", "x", "", "inf"] {
            refuse(&format!("f=fio2:%*{text}"), "is not a factor");
        }
    }
}

//! Rows of a table as CSV (RFC 4180) or JSON Lines, to whatever takes bytes.

use std::io::{self, Write};
use std::str::FromStr;

use vitalgate_domain::model::time::Timestamp;

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated, with a header line.
    Csv,
    /// One JSON object a line.
    JsonLines,
}

/// A format nobody knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a format: use `csv` or `jsonl`")]
pub struct UnknownFormat(String);

impl FromStr for Format {
    type Err = UnknownFormat;
    fn from_str(word: &str) -> Result<Self, UnknownFormat> {
        match word {
            "csv" => Ok(Self::Csv),
            "jsonl" => Ok(Self::JsonLines),
            _ => Err(UnknownFormat(word.to_owned())),
        }
    }
}

/// One value of a row.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cell<'a> {
    /// Nothing is known, or nothing is said.
    Empty,
    Text(&'a str),
    /// Written so that it reads back as the same number.
    Number(f64),
    Integer(u64),
    Time(Timestamp),
    Flag(bool),
    Words(&'a [&'static str]),
}

impl<'a> Cell<'a> {
    pub(super) fn text(text: Option<&'a str>) -> Self {
        text.map_or(Self::Empty, Self::Text)
    }

    pub(super) fn time(time: Option<Timestamp>) -> Self {
        time.map_or(Self::Empty, Self::Time)
    }
}

/// A table being written.
#[derive(Debug)]
pub(super) struct Table<W, const N: usize> {
    out: W,
    format: Format,
    columns: [&'static str; N],
}

impl<W: Write, const N: usize> Table<W, N> {
    /// Begins with the header, where the format has one.
    pub(super) fn begin(
        mut out: W,
        format: Format,
        columns: [&'static str; N],
    ) -> io::Result<Self> {
        match format {
            Format::Csv => writeln!(out, "{}", columns.join(","))?,
            Format::JsonLines => {}
        }
        Ok(Self { out, format, columns })
    }

    pub(super) fn row(&mut self, cells: [Cell<'_>; N]) -> io::Result<()> {
        match self.format {
            Format::Csv => self.csv(cells),
            Format::JsonLines => self.json(cells),
        }
    }

    pub(super) fn end(mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn csv(&mut self, cells: [Cell<'_>; N]) -> io::Result<()> {
        for (place, cell) in cells.into_iter().enumerate() {
            if place > 0 {
                self.out.write_all(b",")?;
            }
            match cell {
                Cell::Empty => {}
                Cell::Text(text) => csv_text(&mut self.out, text)?,
                Cell::Number(number) if !number.is_finite() => {}
                Cell::Number(number) => write!(self.out, "{number}")?,
                Cell::Integer(number) => write!(self.out, "{number}")?,
                Cell::Time(at) => write!(self.out, "{at}")?,
                Cell::Flag(flag) => write!(self.out, "{flag}")?,
                Cell::Words(words) => csv_text(&mut self.out, &words.join(" "))?,
            }
        }
        self.out.write_all(b"\n")
    }

    fn json(&mut self, cells: [Cell<'_>; N]) -> io::Result<()> {
        let mut before = "{";
        for (column, cell) in self.columns.into_iter().zip(cells) {
            write!(self.out, "{before}\"{column}\":")?;
            before = ",";
            match cell {
                Cell::Empty => self.out.write_all(b"null")?,
                Cell::Text(text) => serde_json::to_writer(&mut self.out, text)?,
                Cell::Number(number) => serde_json::to_writer(&mut self.out, &number)?,
                Cell::Integer(number) => write!(self.out, "{number}")?,
                Cell::Time(at) => write!(self.out, "\"{at}\"")?,
                Cell::Flag(flag) => write!(self.out, "{flag}")?,
                Cell::Words(words) => serde_json::to_writer(&mut self.out, words)?,
            }
        }
        self.out.write_all(b"}\n")
    }
}

/// Text in a cell that no reader splits and no spreadsheet takes for a formula: what begins like one
/// is led by an apostrophe. JSON Lines gives texts as they are.
fn csv_text(out: &mut impl Write, text: &str) -> io::Result<()> {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    let lead = if formula { "'" } else { "" };
    if formula || text.contains(['"', ',', '\r', '\n', ';']) || text.trim() != text {
        return write!(out, "\"{lead}{}\"", text.replace('"', "\"\""));
    }
    out.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(format: Format, cells: [Cell<'_>; 2]) -> String {
        let mut out = Vec::new();
        let mut table = Table::begin(&mut out, format, ["a", "b"]).unwrap();
        table.row(cells).unwrap();
        table.end().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_row_is_a_line_of_either_format() {
        let at = Timestamp::from_millis(1_795_000_000_250);
        let check = |cells: [Cell<'_>; 2], csv: &str, json: &str| {
            assert_eq!(line(Format::Csv, cells), format!("a,b\n{csv}\n"));
            assert_eq!(line(Format::JsonLines, cells), format!("{json}\n"));
        };
        check([Cell::Empty, Cell::Number(72.0)], ",72", r#"{"a":null,"b":72.0}"#);
        check(
            [Cell::Text("II"), Cell::Time(at)],
            "II,2026-11-18T11:06:40.25Z",
            r#"{"a":"II","b":"2026-11-18T11:06:40.25Z"}"#,
        );
        check(
            [Cell::Words(&["late", "corrected"]), Cell::Flag(true)],
            "late corrected,true",
            r#"{"a":["late","corrected"],"b":true}"#,
        );
        check([Cell::Integer(7), Cell::Number(-0.5)], "7,-0.5", r#"{"a":7,"b":-0.5}"#);
        check([Cell::Empty, Cell::Number(f64::NAN)], ",", r#"{"a":null,"b":null}"#);
    }

    #[test]
    fn no_text_is_a_formula_or_breaks_a_line() {
        let cell = |text: &str| line(Format::Csv, [Cell::Text(text), Cell::Integer(1)]);
        for (text, expected) in [
            ("=1+1", "\"'=1+1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("-2+3", "\"'-2+3\""),
            ("+49", "\"'+49\""),
            ("\t=1", "\"'\t=1\""),
            ("＝1", "\"'＝1\""),
            ("a,b", "\"a,b\""),
            ("say \"no\"", "\"say \"\"no\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            (" a", "\" a\""),
            ("mm[Hg]", "mm[Hg]"),
            ("/min", "/min"),
        ] {
            assert_eq!(cell(text), format!("a,b\n{expected},1\n"), "{text}");
        }
    }

    /// The fields of a line of CSV, as RFC 4180 reads them.
    fn fields(mut rest: &str) -> Vec<String> {
        let mut fields = Vec::new();
        loop {
            let mut field = String::new();
            if let Some(quoted) = rest.strip_prefix('"') {
                rest = quoted;
                loop {
                    let end = rest.find('"').unwrap();
                    field.push_str(&rest[..end]);
                    rest = &rest[end + 1..];
                    match rest.strip_prefix('"') {
                        Some(more) => rest = more,
                        None => break,
                    }
                    field.push('"');
                }
            } else {
                let end = rest.find([',', '\n']).unwrap();
                field.push_str(&rest[..end]);
                rest = &rest[end..];
            }
            fields.push(field);
            match rest.strip_prefix(',') {
                Some(more) => rest = more,
                None => break,
            }
        }
        assert_eq!(rest, "\n");
        fields
    }

    proptest! {
        #[test]
        fn texts_and_numbers_read_back(text in any::<String>(), number in any::<f64>()) {
            let cells = [Cell::Text(&text), Cell::Number(number)];
            let csv = line(Format::Csv, cells);
            let read = fields(csv.strip_prefix("a,b\n").unwrap());
            prop_assert!(!read[0].starts_with(['=', '+', '-', '@', '\t', '\r']));
            let lead = if read[0] == text { "" } else { "'" };
            prop_assert_eq!(&read[0], &format!("{lead}{text}"));
            let json: serde_json::Value =
                serde_json::from_str(&line(Format::JsonLines, cells)).unwrap();
            prop_assert_eq!(json["a"].as_str(), Some(text.as_str()));
            if number.is_finite() {
                prop_assert_eq!(read[1].parse::<f64>().unwrap().to_bits(), number.to_bits());
                let read = json["b"].as_f64().unwrap();
                prop_assert_eq!(read.to_bits(), number.to_bits());
            } else {
                prop_assert!(read[1].is_empty() && json["b"].is_null());
            }
        }
    }
}

//! Annotated CSV, as a Flux query is answered: tables one after another, or an error in the place of
//! one. Pure, and strict: what is not whole, or not as it is published, is an error.

use std::borrow::Cow;

/// Cells of a line: several times those of any answer to what is asked. A body that is one line of
/// commas would take two dozen times its bytes.
const CELLS: usize = 64;

/// A body that is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadCsv {
    /// The server says that the query failed. Its words may name a device: they are not for a log.
    #[error("the query failed")]
    Failed(String),
    /// It ends in the middle of a line.
    #[error("the answer was cut short")]
    Cut,
    /// It is no annotated CSV, or not what was asked for.
    #[error("the answer is not what was asked for: {0}")]
    Nonsense(&'static str),
}

/// A row of any of the tables of an answer.
#[derive(Debug)]
pub struct Row<'a> {
    table: &'a Table<'a>,
    cells: &'a [Cow<'a, str>],
}

impl Row<'_> {
    /// What stands in a column, or its default; `None` where there is neither, or no such column.
    pub fn get(&self, column: &str) -> Option<&str> {
        let place = self.table.columns.iter().position(|name| name == column)?;
        let cell = self.cells.get(place).filter(|cell| !cell.is_empty());
        let cell = cell.or_else(|| self.table.defaults.get(place));
        cell.map(AsRef::as_ref).filter(|text| !text.is_empty())
    }

    /// The same where there must be something.
    pub fn text(&self, column: &str) -> Result<&str, BadCsv> {
        self.get(column).ok_or(BadCsv::Nonsense("something is missing in a row"))
    }

    /// The same as a number.
    pub fn number<T: std::str::FromStr>(&self, column: &str) -> Result<T, BadCsv> {
        self.text(column)?.parse().map_err(|_| BadCsv::Nonsense("a number is none"))
    }
}

/// Calls `each` with every row, in order; ends with the first error, of the body or of `each`.
pub fn rows(
    body: &[u8],
    mut each: impl FnMut(&Row<'_>) -> Result<(), BadCsv>,
) -> Result<(), BadCsv> {
    let body = std::str::from_utf8(body).map_err(|_| BadCsv::Nonsense("it is no UTF-8"))?;
    let mut table = Table::default();
    let mut rest = body;
    while !rest.is_empty() {
        let cells;
        (cells, rest) = line(rest)?;
        table.take(cells, &mut each)?;
    }
    Ok(())
}

/// The table being read.
#[derive(Debug, Default)]
struct Table<'a> {
    /// Of the header, the first line of a table that is no annotation; empty before it.
    columns: Vec<Cow<'a, str>>,
    /// Of the annotation `#default`.
    defaults: Vec<Cow<'a, str>>,
}

impl<'a> Table<'a> {
    fn take(
        &mut self,
        cells: Vec<Cow<'a, str>>,
        each: &mut impl FnMut(&Row<'_>) -> Result<(), BadCsv>,
    ) -> Result<(), BadCsv> {
        let is_empty = matches!(&*cells, [only] if only.is_empty());
        let annotation = cells.first().filter(|cell| cell.starts_with('#'));
        if is_empty || (annotation.is_some() && !self.columns.is_empty()) {
            *self = Self::default();
        }
        if is_empty {
            return Ok(());
        }
        if let Some(annotation) = annotation {
            if annotation == "#default" {
                self.defaults = cells;
            }
            return Ok(());
        }
        if self.columns.is_empty() {
            // What else answers in its place, such as a page of a proxy, is not an empty table.
            let has = |name: &str| cells.iter().any(|cell| cell == name);
            let is_usual = has("error") || has("result") && has("table");
            if !is_usual {
                return Err(BadCsv::Nonsense("a table without its usual columns"));
            }
            self.columns = cells;
            return Ok(());
        }
        if cells.len() != self.columns.len() {
            return Err(BadCsv::Nonsense("a row is not as long as its header"));
        }
        let row = Row { table: self, cells: &cells };
        if self.columns.iter().any(|name| name == "error") {
            return Err(BadCsv::Failed(row.get("error").unwrap_or_default().to_owned()));
        }
        each(&row)
    }
}

/// The cells of the first line, and what follows it.
fn line(text: &str) -> Result<(Vec<Cow<'_, str>>, &str), BadCsv> {
    let mut cells = Vec::new();
    let mut rest = text;
    loop {
        let cell;
        (cell, rest) = if let Some(quoted) = rest.strip_prefix('"') {
            quoted_cell(quoted)?
        } else {
            let end = rest.find([',', '\r', '\n', '"']).ok_or(BadCsv::Cut)?;
            (Cow::Borrowed(&rest[..end]), &rest[end..])
        };
        if cells.len() == CELLS {
            return Err(BadCsv::Nonsense("a line has too many cells"));
        }
        cells.push(cell);
        let ends = [",", "\r\n", "\n"];
        let end = ends.into_iter().find(|end| rest.starts_with(end));
        // A line that ends between CR and LF is cut as well.
        let end = end.ok_or(match rest {
            "" | "\r" => BadCsv::Cut,
            _ => BadCsv::Nonsense("a cell is badly quoted"),
        })?;
        rest = &rest[end.len()..];
        if end != "," {
            return Ok((cells, rest));
        }
    }
}

/// A quoted cell, after its first quote; quotes in it are doubled.
fn quoted_cell(text: &str) -> Result<(Cow<'_, str>, &str), BadCsv> {
    let mut from = 0;
    loop {
        let quote = from + text[from..].find('"').ok_or(BadCsv::Cut)?;
        let after = &text[quote + 1..];
        if !after.starts_with('"') {
            let inside = &text[..quote];
            let cell = if from == 0 { inside.into() } else { inside.replace("\"\"", "\"").into() };
            return Ok((cell, after));
        }
        from = quote + 2;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(body: &str, columns: &[&str]) -> Result<Vec<Vec<Option<String>>>, BadCsv> {
        let mut all = Vec::new();
        rows(body.as_bytes(), |row| {
            all.push(columns.iter().map(|name| row.get(name).map(str::to_owned)).collect());
            Ok(())
        })?;
        Ok(all)
    }

    fn text(cells: &[Option<&str>]) -> Vec<Option<String>> {
        cells.iter().map(|cell| cell.map(str::to_owned)).collect()
    }

    #[test]
    fn tables_follow_each_other_with_other_columns() {
        let body = "#datatype,string,long,double,string\r\n#group,false,false,false,true\r\n\
                    #default,_result,,,of all\r\n,result,table,value,unit\r\n,,0,1.5,\r\n,,0,2,mg\r\n\
                    \r\n#datatype,string,long,long\r\n,result,table,value\r\n,,1,3\r\n\n,result,table,value,unit\n,,2,4,\"a,\"\"b\"\"\nc\"\n\r\n";
        let expected = [
            text(&[Some("1.5"), Some("of all"), Some("_result")]),
            text(&[Some("2"), Some("mg"), Some("_result")]),
            text(&[Some("3"), None, None]),
            text(&[Some("4"), Some("a,\"b\"\nc"), None]),
        ];
        assert_eq!(read(body, &["value", "unit", "result"]).unwrap(), expected);
        assert_eq!(read("", &[]).unwrap(), Vec::<Vec<_>>::new());
        assert_eq!(read("\r\n\r\n", &[]).unwrap(), Vec::<Vec<_>>::new());
    }

    #[test]
    fn a_line_of_nothing_but_commas_is_nonsense() {
        let commas = |count: usize| format!(",result,table{}\n", ",".repeat(count - 3));
        assert_eq!(read(&commas(CELLS), &[]).unwrap(), Vec::<Vec<_>>::new());
        for many in [CELLS + 1, 1_000_000] {
            assert!(matches!(read(&commas(many), &[]), Err(BadCsv::Nonsense(_))), "{many}");
        }
    }

    #[test]
    fn an_error_in_place_of_a_table_is_one() {
        for body in [
            "error,reference\r\nno such bucket,897\r\n",
            "#datatype,string,long\n,error,reference\n,no such bucket,897\n",
            ",result,table\r\n,,1\r\n\r\n#datatype,string,string\r\n#group,true,true\r\n#default,,\r\n\
             ,error,reference\r\n,no such bucket,\r\n",
        ] {
            assert_eq!(read(body, &[]), Err(BadCsv::Failed("no such bucket".to_owned())));
        }
    }

    #[test]
    fn what_is_cut_is_not_taken_for_what_is_no_csv() {
        let whole = ",result,table,value,unit\r\n,,0,1,\"m\"\"g\"\r\n,,0,2,g\r\n";
        for end in 1..whole.len() {
            let at_a_line = whole[..end].ends_with('\n');
            let read = read(&whole[..end], &["value"]);
            assert_eq!(read.is_ok(), at_a_line, "{end}: {read:?}");
            assert!(at_a_line || read == Err(BadCsv::Cut), "{end}");
        }
        for body in [
            "<!doctype html>\n<p class=\"x\">503</p>\n",
            "{\"code\":\"invalid\"}\n",
            "down\n",
            ",value\n",
            ",result,table\n,1,2,3\n",
            ",result,table\n1\n",
            ",result,table\n,\"1\"2,\n",
            ",result,table\r,1,2\r\n",
        ] {
            assert!(matches!(read(body, &[]), Err(BadCsv::Nonsense(_))), "{body}");
        }
        assert!(matches!(rows(b",result,table\n,\xff,\n", |_| Ok(())), Err(BadCsv::Nonsense(_))));
    }

    #[test]
    fn a_row_must_have_what_is_asked_of_it() {
        let asked = |column: &str| {
            let mut got = Ok(0_i64);
            rows(b",result,table,value,text\n,,0,7,x\n", |row| {
                got = row.number(column);
                Ok(())
            })
            .unwrap();
            got
        };
        assert_eq!(asked("value"), Ok(7));
        assert!(asked("text").is_err() && asked("other").is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_whatever_make_it_panic(
            body in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..300),
                "[,\"#\r\nabcdeforut_lgp 0-9]{0,300}".prop_map(String::into_bytes),
            ],
        ) {
            drop(rows(&body, |row| row.number::<f64>("a").map(drop)));
            drop(rows(&body, |_| Ok(())));
        }

        #[test]
        fn every_cell_comes_back_as_it_was(
            cells in prop::collection::vec(prop::collection::vec("[,\"#\r\na]{1,6}", 3), 0..6),
        ) {
            let mut body = "result,table,a,b,c\r\n".to_owned();
            for row in &cells {
                body.push_str("_result,0");
                for cell in row {
                    body.extend([",\"", &cell.replace('"', "\"\""), "\""]);
                }
                body.push_str("\r\n");
            }
            let expected: Vec<Vec<_>> =
                cells.iter().map(|row| row.iter().cloned().map(Some).collect()).collect();
            prop_assert_eq!(read(&body, &["a", "b", "c"]).unwrap(), expected);
        }
    }
}

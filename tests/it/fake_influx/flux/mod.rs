//! As much of Flux as the gateway and `doctor` send, evaluated as its description has it: pipes of
//! `from`, `range`, `filter`, `unique`, `limit`, `pivot`, `map`, `group`, `reduce`, `drop` and `sort`.

mod csv;
mod expression;
mod line;
mod steps;

use std::collections::BTreeMap;

use super::flux_text::{Expr, parse};

pub(crate) use line::read_head;

use csv::csv;
use expression::eval;
use line::read_fields;
use steps::step;

/// Points by measurement and tags, then by time: the fields, as written.
pub(crate) type Points = BTreeMap<String, BTreeMap<i64, String>>;

/// What stands in a column.
#[derive(Clone, Debug, PartialEq, PartialOrd)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    /// In nanoseconds.
    Time(i64),
    Record(Record),
    List(Vec<Value>),
    Function(Vec<String>, Box<Expr>),
}

type Record = BTreeMap<String, Value>;

type Args = BTreeMap<String, Value>;

/// Rows that have the columns of the group key in common.
#[derive(Clone, Debug, Default)]
struct Table {
    key: Vec<String>,
    rows: Vec<Record>,
}

/// Runs a query over what a bucket holds; CSV, or what is wrong with it.
pub(crate) fn run(query: &str, bucket: &str, points: &Points) -> Result<String, String> {
    let mut steps = parse(query)?.into_iter();
    let (name, args) = steps.next().ok_or("nothing is asked")?;
    let args = evaluated(&args)?;
    if name != "from" || args.get("bucket") != Some(&Value::Text(bucket.to_owned())) {
        return Err(format!("there is no {args:?}"));
    }
    let (name, args) = steps.next().ok_or("without a range")?;
    let args = evaluated(&args)?;
    let (Some(&Value::Time(start)), Some(&Value::Time(stop)), "range") =
        (args.get("start"), args.get("stop"), &*name)
    else {
        return Err("a query needs a range".to_owned());
    };
    if start >= stop {
        return Err("cannot query an empty range".to_owned());
    }
    let mut tables = range(points, start, stop);
    for (name, args) in steps {
        tables = step(&name, &evaluated(&args)?, tables)?;
        tables.retain(|table| !table.rows.is_empty());
    }
    Ok(csv(&tables))
}

fn evaluated(args: &[(String, Expr)]) -> Result<Args, String> {
    let one = |(name, expr): &(String, Expr)| Ok((name.clone(), eval(expr, &Record::new())?));
    args.iter().map(one).collect()
}

/// A table for each series and field.
fn range(points: &Points, start: i64, stop: i64) -> Vec<Table> {
    let mut tables: BTreeMap<(&str, String), Table> = BTreeMap::new();
    for (head, of_series) in points {
        let (measurement, tags) = read_head(head);
        for (time, fields) in of_series.range(start..stop) {
            for (field, value) in read_fields(fields) {
                let mut row: Record = tags.clone();
                row.insert("_measurement".to_owned(), Value::Text(measurement.clone()));
                row.insert("_start".to_owned(), Value::Time(start));
                row.insert("_stop".to_owned(), Value::Time(stop));
                row.insert("_field".to_owned(), Value::Text(field.clone()));
                let table = tables.entry((head, field)).or_insert_with(|| Table {
                    key: row.keys().cloned().collect(),
                    rows: Vec::new(),
                });
                row.insert("_time".to_owned(), Value::Time(*time));
                row.insert("_value".to_owned(), value);
                table.rows.push(row);
            }
        }
    }
    tables.into_values().collect()
}

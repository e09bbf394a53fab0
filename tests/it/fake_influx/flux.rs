//! As much of Flux as the gateway and `doctor` send, evaluated as its description has it: pipes of
//! `from`, `range`, `filter`, `unique`, `limit`, `pivot`, `map`, `group`, `reduce`, `drop` and `sort`.

use std::collections::{BTreeMap, BTreeSet};

use vitalgate_domain::model::time::Timestamp;

use super::flux_text::{Expr, parse};

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

fn step(name: &str, args: &Args, tables: Vec<Table>) -> Result<Vec<Table>, String> {
    let names = |of: &str| -> Vec<String> {
        let Some(Value::List(names)) = args.get(of) else { return Vec::new() };
        names.iter().map(text).collect()
    };
    let each = |change: &dyn Fn(Table) -> Result<Table, String>| {
        tables.iter().cloned().map(change).collect()
    };
    match name {
        "filter" => each(&|mut table| {
            let mut kept = Vec::new();
            for row in table.rows {
                if call(&args["fn"], &[Value::Record(row.clone())])? == Value::Bool(true) {
                    kept.push(row);
                }
            }
            table.rows = kept;
            Ok(table)
        }),
        "map" => each(&|mut table| {
            for row in &mut table.rows {
                let Value::Record(new) = call(&args["fn"], &[Value::Record(row.clone())])? else {
                    return Err("map makes records".to_owned());
                };
                *row = new;
            }
            Ok(table)
        }),
        "unique" => each(&|mut table| {
            let column = text(&args["column"]);
            let mut seen = BTreeSet::new();
            table.rows.retain(|row| match row.get(&column) {
                Some(Value::Int(n)) => seen.insert(*n),
                other => panic!("{other:?} in {column}"),
            });
            Ok(table)
        }),
        "limit" => each(&|mut table| {
            let Value::Int(n) = args["n"] else { return Err("limit without n".to_owned()) };
            table.rows.truncate(n as usize);
            Ok(table)
        }),
        "sort" => each(&|mut table| {
            let columns = names("columns");
            let of = |row: &Record| columns.iter().map(|c| row.get(c).cloned()).collect::<Vec<_>>();
            table.rows.sort_by(|a, b| of(a).partial_cmp(&of(b)).expect("comparable"));
            Ok(table)
        }),
        "drop" => each(&|mut table| {
            for column in names("columns") {
                for row in &mut table.rows {
                    row.remove(&column).ok_or(format!("there is no column {column} to drop"))?;
                }
                if table.key.contains(&column) {
                    return Err(format!("{column} is in the group key"));
                }
            }
            Ok(table)
        }),
        "group" => {
            let columns = names("columns");
            let except = args.get("mode") == Some(&Value::Text("except".to_owned()));
            Ok(group(tables, |column| columns.contains(column) != except))
        }
        "pivot" => {
            assert_eq!(names("rowKey"), ["_time"]);
            assert_eq!(names("columnKey"), ["_field"]);
            assert_eq!(text(&args["valueColumn"]), "_value");
            Ok(pivot(tables))
        }
        "reduce" => each(&|table| {
            let mut sum = args["identity"].clone();
            for row in &table.rows {
                sum = call(&args["fn"], &[Value::Record(row.clone()), sum])?;
            }
            let Value::Record(sum) = sum else { return Err("reduce makes a record".to_owned()) };
            let mut row: Record = table.rows[0].clone();
            row.retain(|column, _| table.key.contains(column));
            row.extend(sum);
            Ok(Table { key: table.key, rows: vec![row] })
        }),
        _ => Err(format!("undefined identifier {name}")),
    }
}

fn group(tables: Vec<Table>, by: impl Fn(&String) -> bool) -> Vec<Table> {
    let mut groups: Vec<(Record, Table)> = Vec::new();
    let mut places = BTreeMap::new();
    for row in tables.into_iter().flat_map(|table| table.rows) {
        let key: Record =
            row.iter().filter(|(c, _)| by(c)).map(|(c, v)| (c.clone(), v.clone())).collect();
        // Most rows are of the table of the row before.
        let last = groups.len().wrapping_sub(1);
        let place = match groups.last() {
            Some((of, _)) if *of == key => last,
            _ => *places.entry(format!("{key:?}")).or_insert(groups.len()),
        };
        if let Some((_, table)) = groups.get_mut(place) {
            table.rows.push(row);
        } else {
            let names = key.keys().cloned().collect();
            groups.push((key, Table { key: names, rows: vec![row] }));
        }
    }
    groups.into_iter().map(|(_, table)| table).collect()
}

fn pivot(tables: Vec<Table>) -> Vec<Table> {
    let by = |column: &String| !["_field", "_value", "_time"].contains(&column.as_str());
    let mut pivoted = group(tables, by);
    for table in &mut pivoted {
        let mut rows: BTreeMap<i64, Record> = BTreeMap::new();
        for mut row in std::mem::take(&mut table.rows) {
            let Value::Time(time) = row["_time"] else { panic!("a time") };
            let field = text(&row.remove("_field").expect("a field"));
            let value = row.remove("_value").expect("a value");
            rows.entry(time).or_insert(row).insert(field, value);
        }
        table.rows = rows.into_values().collect();
    }
    pivoted
}

fn call(function: &Value, given: &[Value]) -> Result<Value, String> {
    let Value::Function(names, body) = function else { return Err("not a function".to_owned()) };
    let scope = names.iter().cloned().zip(given.iter().cloned()).collect();
    eval(body, &scope)
}

fn eval(expr: &Expr, scope: &Record) -> Result<Value, String> {
    let eval = |expr: &Expr| eval(expr, scope);
    Ok(match expr {
        Expr::Literal(value) => value.clone(),
        Expr::Time(text) => {
            let at: Timestamp = text.parse().map_err(|_| format!("{text} is no time"))?;
            Value::Time(at.as_micros() * 1_000)
        }
        Expr::Name(name) => {
            scope.get(name).cloned().ok_or(format!("undefined identifier {name}"))?
        }
        Expr::Member(of, name) => match eval(of)? {
            Value::Record(record) => record.get(name).cloned().unwrap_or(Value::Null),
            other => return Err(format!("{other:?} has no {name}")),
        },
        Expr::List(items) => Value::List(items.iter().map(eval).collect::<Result<_, _>>()?),
        Expr::Record(with, fields) => {
            let mut record = match with {
                None => Record::new(),
                Some(name) => match eval(&Expr::Name(name.clone()))? {
                    Value::Record(record) => record,
                    other => return Err(format!("{other:?} is no record")),
                },
            };
            for (name, expr) in fields {
                record.insert(name.clone(), eval(expr)?);
            }
            Value::Record(record)
        }
        Expr::Function(names, body) => Value::Function(names.clone(), body.clone()),
        Expr::Int(of) => match eval(of)? {
            Value::Time(nanos) | Value::Int(nanos) => Value::Int(nanos),
            other => return Err(format!("{other:?} is no integer")),
        },
        Expr::Exists(of) => Value::Bool(eval(of)? != Value::Null),
        Expr::Not(of) => Value::Bool(eval(of)? != Value::Bool(true)),
        Expr::Minus(of) => match eval(of)? {
            Value::Int(n) => Value::Int(-n),
            other => return Err(format!("- {other:?}")),
        },
        Expr::If(condition, then, other) => {
            if eval(condition)? == Value::Bool(true) {
                eval(then)?
            } else {
                eval(other)?
            }
        }
        Expr::Binary(op, a, b) => {
            let a = eval(a)?;
            // Neither side is looked at where the first decides.
            match (&**op, &a) {
                ("and", Value::Bool(true)) | ("or", Value::Bool(false) | Value::Null) => {
                    return eval(b);
                }
                ("and" | "or", _) => return Ok(a),
                _ => {}
            }
            binary(op, a, eval(b)?)?
        }
    })
}

fn binary(op: &str, a: Value, b: Value) -> Result<Value, String> {
    if a == Value::Null || b == Value::Null {
        return Ok(Value::Null);
    }
    if std::mem::discriminant(&a) != std::mem::discriminant(&b) {
        return Err(format!("{a:?} {op} {b:?}: other types"));
    }
    Ok(match (op, a, b) {
        ("==", a, b) => Value::Bool(a == b),
        ("<", a, b) => Value::Bool(a < b),
        (">", a, b) => Value::Bool(a > b),
        (">=", a, b) => Value::Bool(a >= b),
        ("+", Value::Float(a), Value::Float(b)) => Value::Float(a + b),
        ("+", Value::Int(a), Value::Int(b)) => Value::Int(a + b),
        ("-", Value::Int(a), Value::Int(b)) => Value::Int(a - b),
        ("/", Value::Int(a), Value::Int(b)) => Value::Int(a / b),
        ("%", Value::Int(a), Value::Int(b)) => Value::Int(a % b),
        (op, a, b) => return Err(format!("{a:?} {op} {b:?}")),
    })
}

fn text(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        other => panic!("{other:?} is no text"),
    }
}

fn csv(tables: &[Table]) -> String {
    let mut out = String::new();
    for (number, table) in tables.iter().enumerate() {
        let mut columns: Vec<&String> = table.rows.iter().flat_map(Record::keys).collect();
        columns.sort();
        columns.dedup();
        let line = |cells: Vec<String>| format!("{}\r\n", cells.join(","));
        let of_each = |first: [&str; 3], cell: &dyn Fn(&String) -> String| {
            let first = first.into_iter().map(str::to_owned);
            line(first.chain(columns.iter().map(|column| cell(column))).collect())
        };
        let kind = |column: &String| {
            let value = table.rows.iter().find_map(|row| row.get(column));
            match value {
                Some(Value::Int(_)) => "long",
                Some(Value::Float(_)) => "double",
                Some(Value::Bool(_)) => "boolean",
                _ => "string",
            }
            .to_owned()
        };
        out.push_str(&of_each(["#datatype", "string", "long"], &kind));
        let in_key = |column: &String| table.key.contains(column).to_string();
        out.push_str(&of_each(["#group", "false", "false"], &in_key));
        out.push_str(&of_each(["#default", "_result", ""], &|_| String::new()));
        out.push_str(&of_each(["", "result", "table"], &|column| cell(column)));
        for row in &table.rows {
            let value = |column: &String| match row.get(column) {
                None | Some(Value::Null) => String::new(),
                Some(Value::Text(text)) => cell(text),
                Some(Value::Int(n)) => n.to_string(),
                Some(Value::Float(x)) => x.to_string(),
                Some(Value::Bool(is)) => is.to_string(),
                Some(other) => panic!("{other:?} in an answer"),
            };
            out.push_str(&of_each(["", "", &number.to_string()], &value));
        }
        out.push_str("\r\n");
    }
    if tables.is_empty() {
        out.push_str("\r\n");
    }
    out
}

fn cell(text: &str) -> String {
    if text.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// Measurement and tags of a line.
pub(crate) fn read_head(head: &str) -> (String, Record) {
    let mut parts = split(head, ',').into_iter();
    let measurement = parts.next().expect("a measurement");
    let tag = |part: String| {
        let (name, value) = part.split_once('=').expect("a tag");
        let value = value.replace("\\,", ",").replace("\\ ", " ").replace("\\=", "=");
        (name.to_owned(), Value::Text(value))
    };
    (measurement, parts.map(tag).collect())
}

/// The fields of a line.
fn read_fields(fields: &str) -> Vec<(String, Value)> {
    let field = |part: String| {
        let (name, value) = part.split_once('=').expect("a field");
        let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
        let value = match (quoted, value) {
            (Some(text), _) => Value::Text(text.replace("\\\"", "\"").replace("\\\\", "\\")),
            (None, "true") => Value::Bool(true),
            (None, "false") => Value::Bool(false),
            (None, number) => match number.strip_suffix('i') {
                Some(number) => Value::Int(number.parse().expect("an integer")),
                None => Value::Float(number.parse().expect("a number")),
            },
        };
        (name.to_owned(), value)
    };
    split(fields, ',').into_iter().map(field).collect()
}

/// Cuts at a character that neither follows a backslash nor stands in quotes.
fn split(text: &str, at: char) -> Vec<String> {
    let mut parts = vec![String::new()];
    let (mut escaped, mut quoted) = (false, false);
    for c in text.chars() {
        if c == at && !escaped && !quoted {
            parts.push(String::new());
            continue;
        }
        quoted ^= c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        parts.last_mut().expect("one").push(c);
    }
    parts
}

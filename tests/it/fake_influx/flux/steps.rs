//! The steps of a pipe, each from tables to tables.

use std::collections::{BTreeMap, BTreeSet};

use super::expression::{call, text};
use super::{Args, Record, Table, Value};

pub(super) fn step(name: &str, args: &Args, tables: Vec<Table>) -> Result<Vec<Table>, String> {
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

//! Annotated CSV of the tables of an answer.

use super::{Record, Table, Value};

pub(super) fn csv(tables: &[Table]) -> String {
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

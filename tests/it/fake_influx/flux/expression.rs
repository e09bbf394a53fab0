//! Expressions, evaluated in a scope.

use vitalgate_domain::model::time::Timestamp;

use crate::fake_influx::flux_text::Expr;

use super::{Record, Value};

pub(super) fn call(function: &Value, given: &[Value]) -> Result<Value, String> {
    let Value::Function(names, body) = function else { return Err("not a function".to_owned()) };
    let scope = names.iter().cloned().zip(given.iter().cloned()).collect();
    eval(body, &scope)
}

pub(super) fn eval(expr: &Expr, scope: &Record) -> Result<Value, String> {
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

pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        other => panic!("{other:?} is no text"),
    }
}

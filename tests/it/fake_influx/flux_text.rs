//! The grammar of that much Flux.

use super::flux::Value;

/// An expression.
#[derive(Clone, Debug, PartialEq, PartialOrd)]
pub(crate) enum Expr {
    Literal(Value),
    Time(String),
    Name(String),
    Member(Box<Expr>, String),
    List(Vec<Expr>),
    Record(Option<String>, Vec<(String, Expr)>),
    Function(Vec<String>, Box<Expr>),
    Int(Box<Expr>),
    Exists(Box<Expr>),
    Not(Box<Expr>),
    Minus(Box<Expr>),
    If(Box<Expr>, Box<Expr>, Box<Expr>),
    Binary(String, Box<Expr>, Box<Expr>),
}

/// A function and what it is called with.
type Call = (String, Vec<(String, Expr)>);

/// The calls of one pipe.
pub(crate) fn parse(query: &str) -> Result<Vec<Call>, String> {
    let mut tokens = Tokens { all: tokens(query)?, at: 0 };
    let mut steps = vec![tokens.call()?];
    while tokens.takes("|>") {
        steps.push(tokens.call()?);
    }
    match tokens.peek() {
        None => Ok(steps),
        Some(token) => Err(format!("{token:?} after the end")),
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Text(String),
    Word(String),
    Int(i64),
    Float(f64),
    Time(String),
    Sign(&'static str),
}

/// Longer ones first.
const SIGNS: [&str; 21] = [
    "|>", "=>", "==", ">=", "(", ")", "{", "}", "[", "]", ",", ":", ".", "+", "-", "/", "%", "<",
    ">", "=", "*",
];

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let token;
        (token, rest) = match first {
            '"' => string(&rest[1..])?,
            '0'..='9' => number(rest)?,
            'a'..='z' | 'A'..='Z' | '_' => {
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                let end = end.unwrap_or(rest.len());
                (Token::Word(rest[..end].to_owned()), &rest[end..])
            }
            _ => {
                let sign = SIGNS.into_iter().find(|sign| rest.starts_with(sign));
                let sign = sign.ok_or(format!("unexpected {first:?}"))?;
                (Token::Sign(sign), &rest[sign.len()..])
            }
        };
        tokens.push(token);
        rest = rest.trim_start();
    }
    Ok(tokens)
}

fn string(text: &str) -> Result<(Token, &str), String> {
    let mut bytes = Vec::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => {
                let read = String::from_utf8(bytes).map_err(|e| e.to_string())?;
                return Ok((Token::Text(read), &text[at + 1..]));
            }
            '$' if text[at + 1..].starts_with('{') => return Err("an expression in a text".into()),
            '\\' => match chars.next().map(|(_, c)| c) {
                Some(c @ ('"' | '\\')) => bytes.push(c as u8),
                Some('x') => {
                    let hex = text.get(at + 2..at + 4).ok_or("\\x at the end")?;
                    bytes.push(u8::from_str_radix(hex, 16).map_err(|e| e.to_string())?);
                    chars.next();
                    chars.next();
                }
                other => return Err(format!("\\{other:?} is no escape")),
            },
            c => bytes.extend(c.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
    Err("a text without an end".to_owned())
}

fn number(text: &str) -> Result<(Token, &str), String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let after = &text[digits..];
    if digits == 4 && after.starts_with('-') {
        let end = text.find('Z').ok_or("a time without Z")? + 1;
        return Ok((Token::Time(text[..end].to_owned()), &text[end..]));
    }
    if let Some(fraction) = after.strip_prefix('.') {
        let end =
            digits + 1 + fraction.find(|c: char| !c.is_ascii_digit()).unwrap_or(fraction.len());
        let float = text[..end].parse().map_err(|_| "no number")?;
        return Ok((Token::Float(float), &text[end..]));
    }
    Ok((Token::Int(text[..digits].parse().map_err(|_| "no number")?), after))
}

struct Tokens {
    all: Vec<Token>,
    at: usize,
}

impl Tokens {
    fn peek(&self) -> Option<&Token> {
        self.all.get(self.at)
    }

    fn next(&mut self) -> Result<Token, String> {
        self.at += 1;
        self.all.get(self.at - 1).cloned().ok_or("the query ends too soon".to_owned())
    }

    fn takes(&mut self, sign: &str) -> bool {
        let is_it = match self.peek() {
            Some(Token::Sign(found)) => *found == sign,
            Some(Token::Word(found)) => found == sign,
            _ => false,
        };
        self.at += usize::from(is_it);
        is_it
    }

    fn must(&mut self, sign: &str) -> Result<(), String> {
        if self.takes(sign) {
            return Ok(());
        }
        Err(format!("{sign:?} expected, found {:?}", self.peek()))
    }

    fn word(&mut self) -> Result<String, String> {
        match self.next()? {
            Token::Word(word) => Ok(word),
            other => Err(format!("a name expected, found {other:?}")),
        }
    }

    fn call(&mut self) -> Result<Call, String> {
        let name = self.word()?;
        self.must("(")?;
        Ok((name, self.pairs(")")?))
    }

    /// `name: value, …` up to and with `end`.
    fn pairs(&mut self, end: &str) -> Result<Vec<(String, Expr)>, String> {
        let mut pairs = Vec::new();
        while !self.takes(end) {
            if !pairs.is_empty() {
                self.must(",")?;
            }
            let name = self.word()?;
            self.must(":")?;
            pairs.push((name, self.expr()?));
        }
        Ok(pairs)
    }

    fn expr(&mut self) -> Result<Expr, String> {
        if self.takes("if") {
            let condition = self.expr()?;
            self.must("then")?;
            let then = self.expr()?;
            self.must("else")?;
            let other = self.expr()?;
            return Ok(Expr::If(condition.into(), then.into(), other.into()));
        }
        self.level(0)
    }

    /// Operators by how loosely they bind.
    fn level(&mut self, level: usize) -> Result<Expr, String> {
        const LEVELS: [&[&str]; 5] =
            [&["or"], &["and"], &["==", "<", ">", ">="], &["+", "-"], &["*", "/", "%"]];
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.level(level + 1)?;
        while let Some(op) = operators.iter().find(|op| self.takes(op)) {
            let right = self.level(level + 1)?;
            left = Expr::Binary((*op).to_owned(), left.into(), right.into());
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Expr, String> {
        if self.takes("not") {
            return Ok(Expr::Not(self.unary()?.into()));
        }
        if self.takes("exists") {
            return Ok(Expr::Exists(self.unary()?.into()));
        }
        if self.takes("-") {
            return Ok(Expr::Minus(self.unary()?.into()));
        }
        let mut expr = self.primary()?;
        while self.takes(".") {
            expr = Expr::Member(expr.into(), self.word()?);
        }
        Ok(expr)
    }

    fn primary(&mut self) -> Result<Expr, String> {
        Ok(match self.next()? {
            Token::Text(text) => Expr::Literal(Value::Text(text)),
            Token::Int(n) => Expr::Literal(Value::Int(n)),
            Token::Float(x) => Expr::Literal(Value::Float(x)),
            Token::Time(text) => Expr::Time(text),
            Token::Word(word) if word == "int" => {
                self.must("(")?;
                let mut args = self.pairs(")")?;
                Expr::Int(args.pop().ok_or("int without v")?.1.into())
            }
            Token::Word(word) => Expr::Name(word),
            Token::Sign("[") => {
                let mut items = Vec::new();
                while !self.takes("]") {
                    if !items.is_empty() {
                        self.must(",")?;
                    }
                    items.push(self.expr()?);
                }
                Expr::List(items)
            }
            Token::Sign("{") => {
                let with = matches!(self.all.get(self.at + 1), Some(Token::Word(w)) if w == "with");
                let mut of = None;
                if with {
                    of = Some(self.word()?);
                    self.must("with")?;
                }
                Expr::Record(of, self.pairs("}")?)
            }
            Token::Sign("(") => {
                if let Some(function) = self.function()? {
                    return Ok(function);
                }
                let inner = self.expr()?;
                self.must(")")?;
                inner
            }
            other @ Token::Sign(_) => return Err(format!("unexpected {other:?}")),
        })
    }

    /// `(r, s) => …`, after the bracket; else nothing is taken.
    fn function(&mut self) -> Result<Option<Expr>, String> {
        let begin = self.at;
        let mut names = Vec::new();
        while let Some(Token::Word(name)) = self.peek().cloned() {
            self.at += 1;
            names.push(name);
            self.takes(",");
        }
        if !(self.takes(")") && self.takes("=>")) {
            self.at = begin;
            return Ok(None);
        }
        Ok(Some(Expr::Function(names, self.expr()?.into())))
    }
}

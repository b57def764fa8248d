//! Tokens to conditions and statements.
//!
//! ```text
//! statement ─ editor(target, …) [where condition]
//! condition ─ and ─ not ─ comparison ─ sum ─ product ─ value
//! ```

use super::{
    Context, Fault,
    compare::Sign,
    editors::{self, Edit},
    eval::{Expr, Math, Test},
    lex::{self, Kind, Token},
    path::{Path, Segment},
    symbols::symbol,
    types,
};
use crate::record::{Key, Value};

pub(super) struct Parser {
    pub(super) tokens: Vec<Token>,
    pub(super) next: usize,
    context: Context,
    /// Brackets around brackets: a hostile text must not exhaust the stack.
    depth: usize,
    /// Signs to reckon with, for the same reason.
    signs: usize,
    pub(super) warnings: Vec<Fault>,
}

/// Which contexts the paths of a text name, in the order of their depth. For texts that leave the context to be found.
pub fn contexts(text: &str) -> Vec<Context> {
    let tokens = lex::tokens(text).unwrap_or_default();
    let pairs = tokens.windows(2).enumerate().filter_map(|(at, pair)| match (&pair[0].kind, &pair[1].kind) {
        // Not the end of a longer path.
        (Kind::Word(word), Kind::Sign(".")) if at == 0 || tokens[at - 1].kind != Kind::Sign(".") => {
            Context::named(word)
        }
        _ => None,
    });
    let found: Vec<Context> = pairs.collect();
    // Each once, in the order of all.
    Context::ALL.into_iter().filter(|one| found.contains(one)).collect()
}

/// Whether a text reads as a statement rather than a condition.
pub fn is_statement(text: &str) -> bool {
    let first = text.trim_start().chars().next();
    let name = text.trim_start().split('(').next().unwrap_or_default();
    first.is_some_and(char::is_lowercase) && editors::ALL.iter().any(|editor| editor.name == name.trim_end())
}

/// What is reckoned with, and where it stands.
type Operand = (Expr, (usize, usize));

/// The most brackets within brackets.
const DEEPEST: usize = 32;

/// The most signs to reckon with.
const MOST: usize = 256;

impl Parser {
    pub(super) fn new(text: &str, context: Context) -> Result<Self, Fault> {
        Ok(Self { tokens: lex::tokens(text)?, next: 0, context, depth: 0, signs: 0, warnings: Vec::new() })
    }

    pub(super) fn condition(mut self) -> Result<(Test, Vec<Fault>), Fault> {
        let test = self.any()?;
        self.end("write `and` or `or` between conditions")?;
        Ok((test, self.warnings))
    }

    pub(super) fn statement(mut self) -> Result<(Edit, Option<Test>, Vec<Fault>), Fault> {
        let edit = self.edit()?;
        let only = if self.word("where") { Some(self.any()?) } else { None };
        self.end("write `where` before a condition")?;
        Ok((edit, only, self.warnings))
    }

    pub(super) fn peek(&self) -> &Token {
        // The last token is the end, which is never passed.
        &self.tokens[self.next.min(self.tokens.len() - 1)]
    }

    pub(super) fn advance(&mut self) -> Token {
        let token = self.peek().clone();
        self.next += usize::from(token.kind != Kind::End);
        token
    }

    pub(super) fn sign(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek().kind, Kind::Sign(found) if found == sign);
        self.next += usize::from(found);
        found
    }

    fn word(&mut self, word: &str) -> bool {
        let found = matches!(&self.peek().kind, Kind::Word(found) if found == word);
        self.next += usize::from(found);
        found
    }

    pub(super) fn expect(&mut self, sign: &'static str) -> Result<(), Fault> {
        if self.sign(sign) { Ok(()) } else { Err(self.unexpected(&format!("expected `{sign}`"))) }
    }

    fn end(&self, remedy: &str) -> Result<(), Fault> {
        if self.peek().kind == Kind::End { Ok(()) } else { Err(self.unexpected(remedy)) }
    }

    pub(super) fn unexpected(&self, remedy: &str) -> Fault {
        let token = self.peek();
        let what = match &token.kind {
            Kind::Word(word) => format!("`{word}` does not belong here"),
            Kind::Literal(value) => format!("{} does not belong here", value.name()),
            Kind::Sign(sign) => format!("`{sign}` does not belong here"),
            Kind::End => "something is missing at the end".to_owned(),
        };
        Fault::new(token.at, what, remedy)
    }

    fn deeper(&mut self) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Fault::new(
                self.peek().at,
                "there are too many brackets within brackets",
                "write it in parts",
            ));
        }
        Ok(())
    }

    fn any(&mut self) -> Result<Test, Fault> {
        let mut tests = vec![self.all()?];
        while self.word("or") {
            tests.push(self.all()?);
        }
        Ok(if tests.len() == 1 { tests.remove(0) } else { Test::Any(tests) })
    }

    fn all(&mut self) -> Result<Test, Fault> {
        let mut tests = vec![self.one()?];
        while self.word("and") {
            tests.push(self.one()?);
        }
        Ok(if tests.len() == 1 { tests.remove(0) } else { Test::All(tests) })
    }

    fn one(&mut self) -> Result<Test, Fault> {
        self.deeper()?;
        let test = if self.word("not") {
            self.one().map(|test| Test::Not(Box::new(test)))
        } else {
            self.comparison()
        };
        self.depth -= 1;
        test
    }

    fn comparison(&mut self) -> Result<Test, Fault> {
        // A bracket holds a condition, or else it belongs to a value.
        if matches!(self.peek().kind, Kind::Sign("(")) {
            let (start, depth, warnings) = (self.next, self.depth, self.warnings.len());
            self.next += 1;
            let within = self.any().and_then(|test| self.expect(")").map(|()| test));
            match within {
                Ok(test) if !self.goes_on() => return Ok(test),
                Err(fault) => {
                    let reached = self.next;
                    (self.next, self.depth) = (start, depth);
                    self.warnings.truncate(warnings);
                    // Whichever reading came further is the one that was meant.
                    return self.compared().map_err(|other| if self.next > reached { other } else { fault });
                }
                Ok(_) => {
                    (self.next, self.depth) = (start, depth);
                    self.warnings.truncate(warnings);
                }
            }
        }
        self.compared()
    }

    fn goes_on(&self) -> bool {
        matches!(self.peek().kind, Kind::Sign(sign) if Sign::of(sign).is_some() || "+-*/".contains(sign))
    }

    fn compared(&mut self) -> Result<Test, Fault> {
        let start = self.peek().at;
        let one = self.sum()?;
        let Kind::Sign(sign) = self.peek().kind else { return self.alone(one, start) };
        let Some(sign) = Sign::of(sign) else {
            if sign == "=" {
                return Err(self.unexpected("write `==`"));
            }
            return self.alone(one, start);
        };
        self.next += 1;
        let at = self.peek().at;
        let other = self.sum()?;
        if types::alike(one.types()) & types::alike(other.types()) == 0 {
            let (subject, given, at) =
                if matches!(one, Expr::Literal(_)) { (&other, &one, start) } else { (&one, &other, at) };
            let (is, never) = (types::names(subject.types()), types::names(given.types()));
            let path = if let Expr::Path(path) = subject { Some(path) } else { None };
            let remedy = types::instead(path, subject.types(), given);
            self.warnings.push(Fault::new(at, format!("{is} and {never} are never the same"), remedy));
        }
        Ok(Test::Compare(one, sign, other))
    }

    fn alone(&self, expr: Expr, at: (usize, usize)) -> Result<Test, Fault> {
        match expr {
            Expr::Literal(Value::Bool(answer)) => Ok(Test::Always(answer)),
            Expr::Call(_) => {
                if expr.types() & types::BOOL == 0 {
                    let what = format!("this is {}, and no condition", types::names(expr.types()));
                    return Err(Fault::new(at, what, "compare it"));
                }
                Ok(Test::Is(expr))
            }
            Expr::Path(_) => {
                Err(Fault::new(at, "this is a value, and no condition", "compare it, as in `… == true`"))
            }
            _ => Err(self.unexpected("write a comparison, such as `name == \"x\"`")),
        }
    }

    pub(super) fn sum(&mut self) -> Result<Expr, Fault> {
        let start = self.peek().at;
        let mut expr = self.product()?;
        loop {
            let math = match self.peek().kind {
                Kind::Sign("+") => Math::Add,
                Kind::Sign("-") => Math::Subtract,
                _ => return Ok(expr),
            };
            self.next += 1;
            let (at, other) = (self.peek().at, self.product()?);
            expr = self.math((expr, start), math, (other, at))?;
        }
    }

    fn product(&mut self) -> Result<Expr, Fault> {
        let start = self.peek().at;
        let mut expr = self.value()?;
        loop {
            let math = match self.peek().kind {
                Kind::Sign("*") => Math::Multiply,
                Kind::Sign("/") => Math::Divide,
                _ => return Ok(expr),
            };
            self.next += 1;
            let (at, other) = (self.peek().at, self.value()?);
            expr = self.math((expr, start), math, (other, at))?;
        }
    }

    fn math(&mut self, one: Operand, math: Math, other: Operand) -> Result<Expr, Fault> {
        // Each is within the next, like brackets.
        self.signs += 1;
        if self.signs > MOST {
            return Err(Fault::new(other.1, "there are too many signs", "write it in parts"));
        }
        for (expr, at) in [&one, &other] {
            if expr.types() & types::AMOUNT == 0 {
                let what = format!("{} is nothing to reckon with", types::names(expr.types()));
                self.refuse_or_warn(expr, Fault::new(*at, what, "texts are joined by `Concat([…], \"\")`"))?;
            }
        }
        Ok(Expr::Math(Box::new(one.0), math, Box::new(other.0)))
    }

    /// A literal that cannot be right is refused; of what is only known at work there is a warning.
    pub(super) fn refuse_or_warn(&mut self, expr: &Expr, fault: Fault) -> Result<(), Fault> {
        if matches!(expr, Expr::Literal(_) | Expr::List(_) | Expr::Map(_)) {
            return Err(fault);
        }
        self.warnings.push(fault);
        Ok(())
    }

    fn value(&mut self) -> Result<Expr, Fault> {
        self.deeper()?;
        let token = self.advance();
        let expr = match token.kind {
            Kind::Literal(value) => Expr::Literal(value),
            Kind::Sign("-") => match self.advance().kind {
                Kind::Literal(Value::Int(number)) => Expr::Literal(Value::Int(number.wrapping_neg())),
                Kind::Literal(Value::Double(number)) => Expr::Literal(Value::Double(-number)),
                _ => {
                    self.next -= 1;
                    return Err(self.unexpected("a minus stands before a number"));
                }
            },
            Kind::Sign("(") => {
                let expr = self.sum()?;
                self.expect(")")?;
                expr
            }
            Kind::Sign("[") => Expr::List(self.until("]", Self::sum)?),
            Kind::Sign("{") => Expr::Map(self.until("}", |parser| {
                let Kind::Literal(Value::Text(key)) = parser.peek().kind.clone() else {
                    return Err(parser.unexpected("write `{\"key\": value}`"));
                };
                parser.next += 1;
                parser.expect(":")?;
                Ok((key, parser.sum()?))
            })?),
            Kind::Word(word) => self.named(word, token.at)?,
            Kind::Sign(_) | Kind::End => {
                self.next -= usize::from(token.kind != Kind::End);
                return Err(self.unexpected(
                    "expected a value: a path, a text in double quotes, a number, true, false or nil",
                ));
            }
        };
        self.depth -= 1;
        Ok(expr)
    }

    /// Things with commas between, until the bracket closes.
    pub(super) fn until<T>(
        &mut self,
        close: &'static str,
        mut one: impl FnMut(&mut Self) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        let mut all = Vec::new();
        while !self.sign(close) {
            if !all.is_empty() && !self.sign(",") {
                return Err(self.unexpected(&format!("expected `,` or `{close}`")));
            }
            all.push(one(self)?);
        }
        Ok(all)
    }

    /// What begins with a word: a constant, a function, a path.
    fn named(&mut self, word: String, at: (usize, usize)) -> Result<Expr, Fault> {
        match word.as_str() {
            "true" => return Ok(Expr::Literal(Value::Bool(true))),
            "false" => return Ok(Expr::Literal(Value::Bool(false))),
            "nil" => return Ok(Expr::Literal(Value::Nil)),
            _ => {}
        }
        if self.sign("(") {
            return self.call(&word, at);
        }
        if word.starts_with(|first: char| first.is_ascii_uppercase()) {
            return symbol(&word, at).map(|number| Expr::Literal(Value::Int(number)));
        }
        self.path(word, at).map(Expr::Path)
    }

    pub(super) fn path(&mut self, word: String, at: (usize, usize)) -> Result<Path, Fault> {
        let mut segments = vec![Segment { name: word, at }];
        let mut keys = Vec::new();
        loop {
            if self.sign("[") {
                keys.push(self.key()?);
            } else if keys.is_empty() && self.sign(".") {
                let Kind::Word(name) = self.peek().kind.clone() else {
                    return Err(self.unexpected("a name follows a point"));
                };
                segments.push(Segment { name, at: self.advance().at });
            } else {
                return Path::resolve(self.context, &segments, keys);
            }
        }
    }

    pub(super) fn key(&mut self) -> Result<Key, Fault> {
        let key = match &self.peek().kind {
            Kind::Literal(Value::Text(name)) => Key::Name(name.clone()),
            Kind::Literal(Value::Int(place)) => Key::Place(usize::try_from(*place).unwrap_or(usize::MAX)),
            _ => return Err(self.unexpected("write a key as `[\"key\"]` or `[0]`")),
        };
        self.next += 1;
        self.expect("]")?;
        Ok(key)
    }
}

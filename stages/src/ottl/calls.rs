//! Functions and editors with what they are given, read.

use super::{
    Fault,
    editors::{self, Edit},
    eval::{self, Call, Expr},
    functions::{self, Needs, Param},
    lex::{Kind, Token},
    parse::Parser,
    types::{instead, names, unfit},
};
use crate::{
    record::{Record, Value},
    scene::Scene,
    suggest,
};
use regex_lite::Regex;

impl Parser {
    pub(super) fn call(&mut self, name: &str, at: (usize, usize)) -> Result<Expr, Fault> {
        let Some(converter) = functions::ALL.iter().find(|one| one.name == name) else {
            if editors::ALL.iter().any(|one| one.name == name) {
                let what = format!("`{name}` changes something, and gives no value");
                return Err(Fault::new(at, what, "use it as a statement of `transform`"));
            }
            return Err(unknown("function", name, at, functions::ALL.iter().map(|one| one.name)));
        };
        let (args, pattern) = self.arguments(name, at, converter.params)?;
        // What is written always comes to the same, so that it is known now whether that is something.
        if let Some(given) = eval::constants(&args) {
            let mut resource = Record::default();
            (converter.run)(&given, pattern.as_ref(), &mut Scene::of(&mut resource)).map_err(|why| {
                Fault::new(at, format!("`{name}` fails: {why}"), "correct what it is given")
            })?;
        }
        let mut keys = Vec::new();
        while self.sign("[") {
            keys.push(self.key()?);
        }
        Ok(Expr::Call(Box::new(Call { converter, args, pattern, keys })))
    }

    pub(super) fn edit(&mut self) -> Result<Edit, Fault> {
        let token = self.advance();
        let Kind::Word(name) = token.kind else {
            self.next -= usize::from(self.next > 0);
            return Err(self.unexpected("begin with what is to be done, such as `set(…)`"));
        };
        let Some(editor) = editors::ALL.iter().find(|one| one.name == name) else {
            return Err(unknown("editor", &name, token.at, editors::ALL.iter().map(|one| one.name)));
        };
        self.expect("(")?;
        // The target may be named as well.
        if matches!(self.tokens.get(self.next + 1), Some(Token { kind: Kind::Sign("="), .. })) {
            self.next += 2;
        }
        let start = self.advance();
        let Kind::Word(word) = start.kind else {
            self.next -= usize::from(start.kind != Kind::End);
            return Err(self.unexpected("expected a path to what is to be changed"));
        };
        let target = self.path(word, start.at)?;
        let is_set = editor.name == "set";
        if is_set && target.takes() == 0 {
            return Err(Fault::new(start.at, "this cannot be set", "take the statement out"));
        }
        if target.types() & editor.target == 0 {
            let what =
                format!("`{name}` changes {}, and this is {}", names(editor.target), names(target.types()));
            self.warnings.push(Fault::new(start.at, what, "name another path"));
        }
        if !editor.params.is_empty() && !self.sign(",") {
            return Err(self.unexpected(&format!("expected `,` and {}", listed(editor.params))));
        }
        let at = self.peek().at;
        let (args, pattern) = self.arguments(&name, token.at, editor.params)?;
        let edit = Edit { editor, target, args, pattern };
        let takes = edit.target.takes();
        if let (true, Some(Some(value))) = (is_set, edit.args.first())
            && value.types() & takes == 0
        {
            let what = format!("this is {}, and what is set takes {}", names(value.types()), names(takes));
            self.warnings.push(Fault::new(at, what, instead(Some(&edit.target), takes, value)));
        }
        match edit.fails() {
            Some(why) => {
                Err(Fault::new(token.at, format!("`{name}` fails: {why}"), "correct what it is given"))
            }
            None => Ok(edit),
        }
    }

    /// What stands in the brackets, in the order of what is taken, whether it is named or not.
    fn arguments(
        &mut self,
        name: &str,
        at: (usize, usize),
        params: &'static [Param],
    ) -> Result<(Vec<Option<Expr>>, Option<Regex>), Fault> {
        let mut args: Vec<Option<Expr>> =
            params.iter().filter(|param| param.needs != Needs::Pattern).map(|_| None).collect();
        let (mut pattern, mut given, mut count) = (None, vec![false; params.len()], 0);
        self.until(")", |parser| {
            let mut place = count;
            count += 1;
            if let Kind::Word(word) = &parser.peek().kind
                && matches!(parser.tokens.get(parser.next + 1), Some(Token { kind: Kind::Sign("="), .. }))
            {
                let Some(found) = params.iter().position(|param| param.name == word) else {
                    return Err(unknown(
                        "argument",
                        word,
                        parser.peek().at,
                        params.iter().map(|param| param.name),
                    ));
                };
                parser.next += 2;
                place = found;
            }
            let Some(param) = params.get(place) else {
                let remedy = format!("`{name}` takes {}", listed(params));
                return Err(Fault::new(parser.peek().at, "this is one too many", remedy));
            };
            given[place] = true;
            if param.needs == Needs::Pattern {
                pattern = Some(parser.pattern()?);
            } else {
                let before = params[..place].iter().filter(|param| param.needs != Needs::Pattern).count();
                let (at, given) = (parser.peek().at, parser.sum()?);
                if let Some(fault) = unfit(param, &given, at) {
                    match param.words.is_empty() {
                        true => parser.refuse_or_warn(&given, fault)?,
                        false => return Err(fault),
                    }
                }
                args[before] = Some(given);
            }
            Ok(())
        })?;
        let missing =
            params.iter().zip(&given).find(|(param, given)| param.needs != Needs::Option && !**given);
        match missing {
            Some((param, _)) => {
                let what = format!("`{name}` is not given its `{}`", param.name);
                Err(Fault::new(at, what, format!("it takes {}", listed(params))))
            }
            None => Ok((args, pattern)),
        }
    }

    fn pattern(&mut self) -> Result<Regex, Fault> {
        let token = self.peek().clone();
        let Kind::Literal(Value::Text(text)) = token.kind else {
            return Err(self.unexpected("write the pattern itself, in double quotes"));
        };
        self.next += 1;
        Regex::new(&text).map_err(|why| {
            Fault::new(token.at, format!("this is no regular expression: {why}"), "correct the pattern")
        })
    }
}

fn listed(params: &[Param]) -> String {
    let one = |param: &Param| match param.needs {
        Needs::Option => format!("[{}]", param.name),
        _ => param.name.to_owned(),
    };
    if params.is_empty() {
        "nothing".to_owned()
    } else {
        params.iter().map(one).collect::<Vec<_>>().join(", ")
    }
}

fn unknown<'k>(
    what: &str,
    name: &str,
    at: (usize, usize),
    known: impl Iterator<Item = &'k str> + Clone,
) -> Fault {
    let all = || format!("there are {}", known.clone().collect::<Vec<_>>().join(", "));
    let remedy = suggest::did_you_mean(name, known.clone(), all);
    Fault::new(at, format!("the {what} `{name}` is not known"), remedy)
}

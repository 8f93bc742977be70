use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::{self, Display};
use std::iter::Peekable;
use std::rc::Rc;

#[derive(Clone)]
pub enum Expr {
    Nil,
    Number(f64),
    Symbol(Rc<str>),
    List(Rc<[Expr]>),
    Builtin(&'static str, fn(&[Expr]) -> Eval),
    Lambda(Rc<Closure>),
}

pub struct Closure {
    params: Vec<Rc<str>>,
    body: Expr,
    scope: Scope,
}

pub type Eval = Result<Expr, LispError>;

#[derive(Debug, PartialEq)]
pub enum LispError {
    UnbalancedParens,
    Unbound(String),
    NotCallable(String),
    Arity { wanted: usize, got: usize },
    Type(&'static str),
}

impl Display for LispError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        use LispError::*;
        match self {
            UnbalancedParens => write!(f, "unbalanced parentheses"),
            Unbound(name) => write!(f, "unbound symbol: {}", name),
            NotCallable(what) => write!(f, "cannot call {}", what),
            Arity { wanted, got } => write!(f, "expected {} argument(s), got {}", wanted, got),
            Type(wanted) => write!(f, "expected a {}", wanted),
        }
    }
}

impl Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Expr::Nil => write!(f, "nil"),
            Expr::Number(n) => write!(f, "{}", n),
            Expr::Symbol(s) => write!(f, "{}", s),
            Expr::Builtin(name, _) => write!(f, "#<builtin {}>", name),
            Expr::Lambda(_) => write!(f, "#<lambda>"),
            Expr::List(items) => {
                write!(f, "(")?;
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        write!(f, " ")?;
                    }
                    write!(f, "{}", item)?;
                }
                write!(f, ")")
            }
        }
    }
}

/// Variables of one call, chained to those of the place where the function was written.
#[derive(Clone, Default)]
pub struct Scope(Rc<Frame>);

#[derive(Default)]
struct Frame {
    names: RefCell<HashMap<Rc<str>, Expr>>,
    outer: Option<Scope>,
}

impl Scope {
    pub fn global() -> Self {
        let scope = Scope::default();
        let builtins: [(&'static str, fn(&[Expr]) -> Eval); 5] = [
            ("+", |args| fold(args, 0.0, |a, b| a + b)),
            ("*", |args| fold(args, 1.0, |a, b| a * b)),
            ("-", |args| match numbers(args)?[..] {
                [a] => Ok(Expr::Number(-a)),
                [a, b] => Ok(Expr::Number(a - b)),
                ref other => Err(LispError::Arity { wanted: 2, got: other.len() }),
            }),
            ("<", |args| {
                let ns = numbers(args)?;
                Ok(truth(ns.windows(2).all(|pair| pair[0] < pair[1])))
            }),
            ("list", |args| Ok(Expr::List(args.into()))),
        ];
        for (name, function) in builtins {
            scope.define(name.into(), Expr::Builtin(name, function));
        }
        scope
    }

    fn child(&self) -> Scope {
        Scope(Rc::new(Frame { names: RefCell::default(), outer: Some(self.clone()) }))
    }

    fn define(&self, name: Rc<str>, value: Expr) {
        self.0.names.borrow_mut().insert(name, value);
    }

    fn lookup(&self, name: &str) -> Option<Expr> {
        if let Some(found) = self.0.names.borrow().get(name) {
            return Some(found.clone());
        }
        self.0.outer.as_ref()?.lookup(name)
    }
}

fn numbers(args: &[Expr]) -> Result<Vec<f64>, LispError> {
    args.iter()
        .map(|arg| match arg {
            Expr::Number(n) => Ok(*n),
            _ => Err(LispError::Type("number")),
        })
        .collect()
}

fn fold(args: &[Expr], start: f64, op: impl Fn(f64, f64) -> f64) -> Eval {
    numbers(args).map(|ns| Expr::Number(ns.into_iter().fold(start, op)))
}

fn truth(yes: bool) -> Expr {
    if yes { Expr::Number(1.0) } else { Expr::Nil }
}

fn tokens(source: &str) -> impl Iterator<Item = &str> {
    source
        .lines()
        .map(|line| line.split(';').next().unwrap_or_default())
        .flat_map(|line| line.split_inclusive(['(', ')', ' ', '\t']))
        .flat_map(|chunk| {
            let word = chunk.trim_end_matches(['(', ')']);
            [word.trim(), &chunk[word.len()..]]
        })
        .filter(|token| !token.trim().is_empty())
}

fn read<'a>(tokens: &mut Peekable<impl Iterator<Item = &'a str>>) -> Eval {
    match tokens.next() {
        None | Some(")") => Err(LispError::UnbalancedParens),
        Some("(") => {
            let mut items = vec![];
            while tokens.peek() != Some(&")") {
                items.push(read(tokens)?);
            }
            tokens.next();
            Ok(Expr::List(items.into()))
        }
        Some("nil") => Ok(Expr::Nil),
        Some(word) => Ok(word.parse().map_or_else(|_| Expr::Symbol(word.into()), Expr::Number)),
    }
}

pub fn eval(expr: &Expr, scope: &Scope) -> Eval {
    let items = match expr {
        Expr::Symbol(name) => return scope.lookup(name).ok_or_else(|| LispError::Unbound(name.to_string())),
        Expr::List(items) if !items.is_empty() => items,
        _ => return Ok(expr.clone()),
    };
    if let Expr::Symbol(head) = &items[0] {
        match (&**head, &items[1..]) {
            ("quote", [quoted]) => return Ok(quoted.clone()),
            ("if", [test, yes, no]) => {
                let branch = if matches!(eval(test, scope)?, Expr::Nil) { no } else { yes };
                return eval(branch, scope);
            }
            ("define", [Expr::Symbol(name), value]) => {
                let value = eval(value, scope)?;
                scope.define(name.clone(), value);
                return Ok(Expr::Nil);
            }
            ("lambda", [Expr::List(params), body]) => {
                let params = params.iter().map(|p| match p {
                    Expr::Symbol(name) => Ok(name.clone()),
                    _ => Err(LispError::Type("symbol")),
                });
                let params = params.collect::<Result<_, _>>()?;
                return Ok(Expr::Lambda(Rc::new(Closure { params, body: body.clone(), scope: scope.clone() })));
            }
            _ => {}
        }
    }
    let function = eval(&items[0], scope)?;
    let args = items[1..].iter().map(|arg| eval(arg, scope)).collect::<Result<Vec<_>, _>>()?;
    apply(&function, args)
}

fn apply(function: &Expr, args: Vec<Expr>) -> Eval {
    match function {
        Expr::Builtin(_, native) => native(&args),
        Expr::Lambda(closure) => {
            if closure.params.len() != args.len() {
                return Err(LispError::Arity { wanted: closure.params.len(), got: args.len() });
            }
            let inner = closure.scope.child();
            for (name, value) in closure.params.iter().zip(args) {
                inner.define(name.clone(), value);
            }
            eval(&closure.body, &inner)
        }
        other => Err(LispError::NotCallable(other.to_string())),
    }
}

/// Evaluates every form of a source text and returns the last value.
pub fn run(source: &str, scope: &Scope) -> Eval {
    let mut stream = tokens(source).peekable();
    let mut last = Expr::Nil;
    while stream.peek().is_some() {
        last = eval(&read(&mut stream)?, scope)?;
    }
    Ok(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(source: &str) -> String {
        match run(source, &Scope::global()) {
            Ok(value) => value.to_string(),
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn recursion_and_closures() {
        let source = "(define fact (lambda (n) (if (< n 2) 1 (* n (fact (- n 1)))))) (fact 6)";
        assert_eq!(shown(source), "720");
        let adder = "(define add (lambda (n) (lambda (m) (+ n m)))) ; curried\n((add 3) 4)";
        assert_eq!(shown(adder), "7");
    }

    #[test]
    fn errors_are_told() {
        assert_eq!(shown("(+ 1 x)"), "error: unbound symbol: x");
        assert_eq!(shown("(1 2)"), "error: cannot call 1");
        assert_eq!(shown("(list 1 (list)"), "error: unbalanced parentheses");
    }
}

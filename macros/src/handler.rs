//! What stands under the attribute: checked to be a handler, with messages that say what would be right.

use proc_macro2::{Span, TokenStream};
use syn::{Error, FnArg, GenericArgument, ItemFn, PathArguments, Result, ReturnType, Type, spanned::Spanned};

use crate::arguments::Arguments;

/// Which attribute is at work; messages name it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attribute {
    Main,
    Handler,
}

impl Attribute {
    fn name(self) -> &'static str {
        match self {
            Self::Main => "#[spanlayer::main]",
            Self::Handler => "#[spanlayer::handler]",
        }
    }
}

/// An `async fn` of one argument that returns something.
pub(crate) struct Handler {
    /// What the attribute was given.
    pub(crate) arguments: Arguments,
    /// The function as written.
    pub(crate) item: ItemFn,
    /// What it returns.
    pub(crate) output: Type,
}

impl Handler {
    /// Checks the function, and reports everything that is wrong with it at once.
    pub(crate) fn parse(attribute: Attribute, arguments: TokenStream, item: TokenStream) -> Result<Self> {
        let name = attribute.name();
        let item: ItemFn = syn::parse2(item)
            .map_err(|error| Error::new(error.span(), format!("`{name}` goes on a function: `{SHAPE}`")))?;
        let mut problems = Problems::default();
        let arguments = Arguments::parse(name, arguments).unwrap_or_else(|error| {
            problems.combine(error);
            Arguments::default()
        });
        let signature = &item.sig;
        if signature.asyncness.is_none() {
            problems.add(signature.fn_token.span, format!("`{name}` needs an `async fn`"));
        }
        if let Some(parameter) = signature.generics.params.first() {
            problems.add(
                parameter.span(),
                "a handler cannot be generic: Lambda calls it with events of one type",
            );
        }
        if attribute == Attribute::Main && signature.ident == "main" {
            problems.add(
                signature.ident.span(),
                format!("`{name}` writes `main` itself: call this function `handler`"),
            );
        }
        match signature.inputs.first() {
            Some(FnArg::Receiver(receiver)) => problems.add(
                receiver.span(),
                "a handler is a free function: it cannot take `self`; keep state in a `static` or an `Arc`",
            ),
            None => problems.add(
                signature.paren_token.span.join(),
                "a handler takes one argument, the event: `event: LambdaEvent<T>`",
            ),
            Some(FnArg::Typed(_)) => {}
        }
        if let Some(second) = signature.inputs.iter().nth(1) {
            problems.add(
                second.span(),
                "a handler takes one argument: Lambda's context is in it, as `event.context`",
            );
        }
        let output = match &signature.output {
            ReturnType::Type(_, output) => Some((**output).clone()),
            ReturnType::Default => {
                problems.add(
                    signature.paren_token.span.close(),
                    "a handler returns its answer or an error: `-> Result<R, Error>`",
                );
                None
            }
        };
        problems.into_result()?;
        output
            .map(|output| Self { arguments, item, output })
            .ok_or_else(|| Error::new(Span::call_site(), SHAPE))
    }

    /// The first argument of the `Result` that is returned; `None` where an alias hides it.
    pub(crate) fn answer(&self) -> Option<&Type> {
        let Type::Path(path) = &self.output else { return None };
        let last = path.path.segments.last().filter(|segment| segment.ident == "Result")?;
        let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
        match arguments.args.first()? {
            GenericArgument::Type(answer) => Some(answer),
            _ => None,
        }
    }
}

/// Whether this is a function named `main`, which could not stand beside the one that is written.
pub(crate) fn is_called_main(item: TokenStream) -> bool {
    syn::parse2::<ItemFn>(item).is_ok_and(|item| item.sig.ident == "main")
}

/// Problems found so far; the compiler shows them all.
#[derive(Default)]
struct Problems(Option<Error>);

impl Problems {
    fn add(&mut self, at: Span, message: impl std::fmt::Display) {
        self.combine(Error::new(at, message));
    }

    fn combine(&mut self, error: Error) {
        match &mut self.0 {
            Some(errors) => errors.combine(error),
            none => *none = Some(error),
        }
    }

    fn into_result(self) -> Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}

const SHAPE: &str = "async fn handler(event: LambdaEvent<T>) -> Result<R, Error>";

//! The attribute's arguments: what is said of the invocation's span, whatever the event says.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{
    Error, Expr, Ident, LitStr, Result, Token,
    ext::IdentExt as _,
    parenthesized,
    parse::{Parse, ParseStream},
    punctuated::Punctuated,
};

/// The arguments, each given at most once.
#[derive(Default)]
pub(crate) struct Arguments {
    name: Option<LitStr>,
    trigger: Option<Ident>,
    attributes: Vec<(LitStr, Expr)>,
}

/// `key = value` among the attributes; the key is written as it is (`order.kind`) or as a text (`"order-kind"`).
struct Pair(LitStr, Expr);

impl Arguments {
    /// Reads them; messages begin with the attribute's `name`.
    pub(crate) fn parse(name: &str, tokens: TokenStream) -> Result<Self> {
        let parser = |input: ParseStream<'_>| {
            let mut arguments = Self::default();
            while !input.is_empty() {
                arguments.one(name, input)?;
                if !input.is_empty() {
                    input.parse::<Token![,]>()?;
                }
            }
            Ok(arguments)
        };
        syn::parse::Parser::parse2(parser, tokens)
    }

    fn one(&mut self, attribute: &str, input: ParseStream<'_>) -> Result<()> {
        let unknown = |at: Span| {
            Error::new(
                at,
                format!(
                    "`{attribute}` takes {TAKES}; the environment's variables configure the rest \
                     (OTEL_SERVICE_NAME, RUST_LOG, …)"
                ),
            )
        };
        let key = input.call(Ident::parse_any).map_err(|error| unknown(error.span()))?;
        let twice = |given: bool| {
            if given { Err(Error::new(key.span(), format!("`{key}` is given twice"))) } else { Ok(()) }
        };
        match key.to_string().as_str() {
            "name" => {
                twice(self.name.is_some())?;
                input.parse::<Token![=]>()?;
                let name = text(input, "a name is a text: `name = \"place order\"`")?;
                if name.value().trim().is_empty() {
                    return Err(Error::new(name.span(), "a name says something"));
                }
                self.name = Some(name);
            }
            "trigger" => {
                twice(self.trigger.is_some())?;
                input.parse::<Token![=]>()?;
                let trigger = text(input, &format!("a trigger is one of {TRIGGERS}"))?;
                let variant = match trigger.value().as_str() {
                    "datasource" => "Datasource",
                    "http" => "Http",
                    "pubsub" => "Pubsub",
                    "timer" => "Timer",
                    "other" => "Other",
                    _ => {
                        return Err(Error::new(trigger.span(), format!("a trigger is one of {TRIGGERS}")));
                    }
                };
                self.trigger = Some(Ident::new(variant, trigger.span()));
            }
            "attributes" => {
                twice(!self.attributes.is_empty())?;
                let pairs;
                parenthesized!(pairs in input);
                for Pair(key, value) in Punctuated::<Pair, Token![,]>::parse_terminated(&pairs)? {
                    if self.attributes.iter().any(|(known, _)| known.value() == key.value()) {
                        let message = format!("`{}` is given twice", key.value());
                        return Err(Error::new(key.span(), message));
                    }
                    self.attributes.push((key, value));
                }
            }
            _ => return Err(unknown(key.span())),
        }
        Ok(())
    }

    /// The value that stands for them.
    pub(crate) fn expand(&self) -> TokenStream {
        let name = self.name.as_ref().map(|name| quote!(.name(#name)));
        let trigger = self.trigger.as_ref().map(|trigger| quote!(.trigger(::spanlayer::Trigger::#trigger)));
        let attributes = self.attributes.iter().map(|(key, value)| quote!(.attribute(#key, #value)));
        quote!(::spanlayer::__private::Overrides::new() #name #trigger #(#attributes)*)
    }
}

impl Parse for Pair {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let key = if input.peek(LitStr) {
            input.parse()?
        } else {
            let parts =
                Punctuated::<Ident, Token![.]>::parse_separated_nonempty_with(input, Ident::parse_any)
                    .map_err(|error| Error::new(error.span(), PAIR))?;
            let dotted: Vec<String> = parts.iter().map(|part| part.unraw().to_string()).collect();
            LitStr::new(&dotted.join("."), parts.first().map_or_else(Span::call_site, Ident::span))
        };
        if !input.peek(Token![=]) {
            return Err(Error::new(key.span(), PAIR));
        }
        input.parse::<Token![=]>()?;
        Ok(Self(key, input.parse()?))
    }
}

fn text(input: ParseStream<'_>, otherwise: &str) -> Result<LitStr> {
    input.parse().map_err(|error| Error::new(error.span(), otherwise))
}

const TAKES: &str = "`name = \"…\"`, `trigger = \"…\"` and `attributes(key = value, …)`";
const TRIGGERS: &str = "\"http\", \"pubsub\", \"datasource\", \"timer\", \"other\"";
const PAIR: &str = "an attribute is a key and a value: `attributes(team = \"shop\", app.tier = 2)`";

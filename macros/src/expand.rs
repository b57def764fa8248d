//! What the attributes write. Everything they name is reached through `::spanlayer`, so that a function needs no
//! other dependency.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Attribute;

use crate::handler::Handler;

/// The handler as it was, and a `main` that runs it.
pub(crate) fn main(handler: &Handler) -> TokenStream {
    let item = &handler.item;
    let name = &item.sig.ident;
    let overrides = handler.arguments.expand();
    quote! {
        #item

        fn main() -> ::core::result::Result<(), ::spanlayer::Error> {
            #[allow(unused_imports, reason = "one of them is used")]
            use ::spanlayer::__private::{Movable as _, Pinned as _};
            ::spanlayer::__private::Main::new(#name, #overrides).start()
        }
    }
}

/// A `main` for a handler that did not pass its checks: "`main` function not found" would only distract.
pub(crate) fn stand_in() -> TokenStream {
    quote! {
        #[allow(dead_code, reason = "stands in for the one that could not be written")]
        fn main() {}
    }
}

/// A function of the same name that takes the raw event, with the handler inside.
pub(crate) fn handler(handler: &Handler) -> TokenStream {
    let mut inner = handler.item.clone();
    let (outside, inside): (Vec<_>, Vec<_>) =
        std::mem::take(&mut inner.attrs).into_iter().partition(is_about_the_name);
    inner.attrs = inside;
    let visibility = std::mem::replace(&mut inner.vis, syn::Visibility::Inherited);
    // The same for both: spans that `#[tracing::instrument]` makes are named after it, and a handler that calls itself
    // means the one that takes the typed event.
    let name = &handler.item.sig.ident;
    let overrides = handler.arguments.expand();
    let output = &handler.output;
    let answer = match handler.answer() {
        Some(answer) => quote!(#answer),
        None => quote!(<#output as ::spanlayer::__private::Answer>::Answer),
    };
    quote! {
        #(#outside)*
        #visibility async fn #name(
            event: ::spanlayer::LambdaEvent<::spanlayer::RawEvent>,
        ) -> ::core::result::Result<::spanlayer::Reply<#answer>, ::spanlayer::Failure> {
            #inner
            ::spanlayer::__private::invoke(event, #name, #overrides).await
        }
    }
}

/// Whether an attribute is for those who use the function or for the compiler's lints, rather than for the handler as it
/// was written: other macros are for that, such as `#[tracing::instrument]`, whose span belongs inside the invocation's.
fn is_about_the_name(attribute: &Attribute) -> bool {
    ["allow", "deny", "deprecated", "doc", "expect", "forbid", "must_use", "warn"]
        .iter()
        .any(|name| attribute.path().is_ident(name))
}

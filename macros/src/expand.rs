//! What the attributes write. Everything they name is reached through `::spanlayer`, so that a function needs no
//! other dependency.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

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
    let attributes = std::mem::take(&mut inner.attrs);
    let visibility = std::mem::replace(&mut inner.vis, syn::Visibility::Inherited);
    let name = &handler.item.sig.ident;
    // Not the same name: a handler that calls itself would then call the one inside, with the typed event, and one
    // that is not recursive gains nothing.
    inner.sig.ident = format_ident!("__{name}");
    let inner_name = &inner.sig.ident;
    let overrides = handler.arguments.expand();
    let output = &handler.output;
    let answer = match handler.answer() {
        Some(answer) => quote!(#answer),
        None => quote!(<#output as ::spanlayer::__private::Answer>::Answer),
    };
    quote! {
        #(#attributes)*
        #visibility async fn #name(
            event: ::spanlayer::LambdaEvent<::spanlayer::RawEvent>,
        ) -> ::core::result::Result<::spanlayer::Reply<#answer>, ::spanlayer::Failure> {
            #inner
            ::spanlayer::__private::invoke(event, #inner_name, #overrides).await
        }
    }
}

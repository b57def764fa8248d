//! What must not be repeated of a request, in whatever form a server or a proxy may echo it.

use http::{HeaderName, HeaderValue};
use reqwest::Url;
use spanlayer_otlp::json::text::base64;

use crate::{
    Secret,
    settings::{Proxy, percent_decoded},
};

/// The values of headers, and the credentials that addresses hold.
#[derive(Debug)]
pub(crate) struct Secrets(Vec<Secret>);

impl Secrets {
    pub(crate) fn new<'a>(
        headers: &[(HeaderName, HeaderValue)],
        addresses: impl IntoIterator<Item = &'a str>,
        proxy: Option<&'a Proxy>,
    ) -> Self {
        let mut forms: Vec<String> =
            headers.iter().filter_map(|(_, value)| value.to_str().ok()).map(str::to_owned).collect();
        let proxy = proxy.map(|proxy| proxy.address.reveal());
        for url in addresses.into_iter().chain(proxy).filter_map(|address| Url::parse(address).ok()) {
            credentials(&url, &mut forms);
            query(&url, &mut forms);
        }
        let mut once: Vec<String> = Vec::new();
        for form in forms.into_iter().filter(|form| !form.is_empty()) {
            if let Err(place) = once.binary_search(&form) {
                once.insert(place, form);
            }
        }
        Self(once.into_iter().map(Secret::new).collect())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(Secret::reveal)
    }
}

/// User and password: alone, together, as the address has them, as they are meant, and as the header that they become.
fn credentials(url: &Url, forms: &mut Vec<String>) {
    let (user, password) = (url.username(), url.password().unwrap_or_default());
    if user.is_empty() && password.is_empty() {
        return;
    }
    for (user, password) in
        [(user.to_owned(), password.to_owned()), (percent_decoded(user), percent_decoded(password))]
    {
        let pair = format!("{user}:{password}");
        let mut basic = String::new();
        base64(&mut basic, pair.as_bytes());
        forms.extend([user, password, pair, basic]);
    }
}

/// The values of the query, as the address has them and as they are meant.
fn query(url: &Url, forms: &mut Vec<String>) {
    let raw = url.query().unwrap_or_default().split('&');
    forms.extend(raw.map(|pair| pair.split_once('=').map_or(pair, |(_, value)| value).to_owned()));
    forms.extend(url.query_pairs().map(|(_, value)| value.into_owned()));
}

#[cfg(test)]
mod tests {
    use super::{super::http::quote, *};

    const ADDRESS: &str = "https://the%20user:p4ss%21word@h/v1/traces?api_key=k3y%2Fv4lue&flag&s=x";

    fn quoted(words: &str) -> String {
        let address = Secret::new("http://pr0xy-user:pr0xy-p4ss@p:1/");
        let proxy = Proxy { address, except: String::new() };
        let header = (HeaderName::from_static("x-key"), HeaderValue::from_static("Bearer h34der-key"));
        quote(words, Secrets::new(&[header], [ADDRESS], Some(&proxy)).iter())
    }

    #[test]
    fn what_an_address_holds_is_masked_in_every_form_in_which_it_may_come_back() {
        for secret in [
            "the user",
            "the%20user",
            "p4ss!word",
            "p4ss%21word",
            "the user:p4ss!word",
            "dGhlIHVzZXI6cDRzcyF3b3Jk", // base64 of it
            "k3y/v4lue",
            "k3y%2Fv4lue",
            "pr0xy-user",
            "pr0xy-p4ss",
            "cHIweHktdXNlcjpwcjB4eS1wNHNz",
            "h34der-key",
        ] {
            assert_eq!(quoted(&format!("no <{secret}>, sorry")), "no <***>, sorry", "{secret}");
        }
        assert_eq!(quoted("flag x of /v1/traces"), "flag x of /v1/traces", "short words are no secrets");
    }

    #[test]
    fn an_address_without_credentials_masks_nothing() {
        let secrets = Secrets::new(&[], ["https://otlp.example.com/v1/traces"], None);
        assert_eq!(secrets.iter().count(), 0);
    }

    #[test]
    fn a_secret_that_begins_another_leaves_nothing_of_the_longer_one() {
        let secrets = Secrets::new(&[], ["https://tenant:tenant-4711@h"], None);
        assert_eq!(quote("bad tenant-4711 of tenant", secrets.iter()), "bad *** of ***");
    }

    #[test]
    fn secrets_do_not_show_themselves() {
        let shown = format!("{:?}", Secrets::new(&[], [ADDRESS], None));
        assert!(!shown.contains("p4ss") && !shown.contains("k3y"), "{shown}");
    }
}

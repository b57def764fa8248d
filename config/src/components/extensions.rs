//! What helps exporters, and what helps whoever watches the program.

use super::Component;
use crate::options::{Kind, Opt, fatal, ignored, needed, opt, refused};

pub(crate) const ALL: &[Component] = &[
    Component {
        name: "basicauth",
        also: &[],
        options: BASIC,
        about: "a user's name and password with every request",
    },
    Component { name: "bearertokenauth", also: &[], options: BEARER, about: "a token with every request" },
    Component {
        name: "health_check",
        also: &[],
        options: HEALTH,
        about: "beside Lambda, says over HTTP whether data is taken: 200, or 503 while starting and draining; in a function, nothing",
    },
    Component { name: "headers_setter", also: &[], options: SETTER, about: "headers with every request" },
    Component {
        name: "oauth2client",
        also: &[],
        options: OAUTH2,
        about: "a token of an authorization server with every request, by client credentials (RFC 6749, 4.4)",
    },
    Component {
        name: "sigv4auth",
        also: &[],
        options: SIGV4,
        about: "AWS's signature on every request over HTTP, with the function's own credentials",
    },
];

const BASIC: &[Opt] = &[
    needed("client_auth", Kind::Section(CLIENT), "", "who we are"),
    fatal("htpasswd", "leave it out: nobody but the function reaches a receiver on `localhost`"),
];

const CLIENT: &[Opt] = &[
    needed("username", Kind::Name, "", "the user's name"),
    needed("password", Kind::Secret, "", "the user's password"),
    fatal("username_file", "write `username: ${file:/path}`"),
    fatal("password_file", "write `password: ${file:/path}`"),
];

const BEARER: &[Opt] = &[
    needed("token", Kind::Secret, "", "the token"),
    needed("filename", Kind::Text, "", "a file that holds the token, instead; read anew for each request"),
    opt("scheme", Kind::Text, "Bearer", "what stands before the token"),
    opt("header", Kind::Text, "Authorization", "the header's name"),
    fatal("tokens", "write one `token`"),
];

const OAUTH2: &[Opt] = &[
    needed("client_id", Kind::Name, "", "the client's name"),
    needed("client_id_file", Kind::Text, "", "a file that holds it, instead; read anew for each token"),
    needed("client_secret", Kind::Secret, "", "the client's secret"),
    needed("client_secret_file", Kind::Text, "", "a file that holds it, instead; read anew for each token"),
    needed("token_url", Kind::Address, "", "where tokens are; nothing is asked for before the first request"),
    needed("scopes", Kind::Texts, "", "what the token should be good for"),
    needed("endpoint_params", Kind::Headers, "", "what else the server wants to be told, such as `audience`"),
    needed("tls", Kind::Section(OAUTH2_TLS), "", "certificates"),
    opt(
        "grant_type",
        Kind::Choice(&["client_credentials"]),
        "client_credentials",
        "what is shown for a token",
    ),
    ignored("timeout", Kind::Duration, "asking for a token takes its part of the attempt's limit"),
    ignored("expiry_buffer", Kind::Duration, "a token is renewed in the last fifth of its time"),
];

const OAUTH2_TLS: &[Opt] = &[
    needed("ca_file", Kind::Text, "", "PEM file of the certificates to trust, and no others"),
    ignored("insecure", Kind::Bool, "`token_url` says whether it is TLS"),
    refused("insecure_skip_verify", "name the server's certificate, or its authority's, with `ca_file`"),
    fatal("cert_file", "leave it out: the client is shown by its secret"),
    fatal("key_file", "leave it out: the client is shown by its secret"),
];

const SIGV4: &[Opt] = &[
    needed("service", Kind::Text, "", "as in signatures; by default what an address of AWS's own says"),
    needed(
        "region",
        Kind::Text,
        "",
        "by default what an address of AWS's own says, else the region that the function runs in",
    ),
    fatal("assume_role", "give the function's own role what the other one may do"),
];

const HEALTH: &[Opt] = &[
    needed("endpoint", Kind::Listen, "localhost:13133", "where to listen; `SPANLAYER_HEALTH` counts first"),
    opt("path", Kind::Text, "/", "where it is asked; `/metrics` is there, too"),
    ignored("response_body", Kind::Free, "the answer is a line of JSON"),
    ignored("check_collector_pipeline", Kind::Free, "`/metrics` says how each destination fares"),
    ignored("include_metadata", Kind::Bool, "requests' headers are not kept"),
    fatal("tls", "leave it out, and listen where only those can ask who may"),
    fatal("auth", "leave it out, and listen where only those can ask who may"),
];

const SETTER: &[Opt] = &[
    needed("headers", Kind::Sections(SET), "", "each with `key` and `value`"),
    fatal("additional_auth", "add the header to `headers` here"),
];

const SET: &[Opt] = &[
    needed("key", Kind::Text, "", "the header's name"),
    needed("value", Kind::Secret, "", "its value"),
    ignored("action", Kind::Choice(&["insert", "update", "upsert"]), "a header is set, whatever was there"),
    fatal("from_context", "requests' own headers are not kept: write a `value`, or route by an attribute"),
    fatal("from_attribute", "write a `value`, or route by an attribute"),
    fatal("default_value", "write a `value`"),
];

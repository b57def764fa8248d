//! What helps exporters.

use super::Component;
use crate::options::{Kind, Opt, fatal, ignored, needed, opt};

pub(crate) const ALL: &[Component] = &[
    Component {
        name: "basicauth",
        also: &[],
        options: BASIC,
        about: "a user's name and password with every request",
    },
    Component { name: "bearertokenauth", also: &[], options: BEARER, about: "a token with every request" },
    Component { name: "headers_setter", also: &[], options: SETTER, about: "headers with every request" },
];

const BASIC: &[Opt] = &[
    needed("client_auth", Kind::Section(CLIENT), "", "who we are"),
    fatal("htpasswd", "leave it out: nobody but the function reaches a receiver on `localhost`"),
];

const CLIENT: &[Opt] = &[
    needed("username", Kind::Text, "", "the user's name"),
    needed("password", Kind::Secret, "", "the user's password"),
    fatal("username_file", "write `username: ${file:/path}`"),
    fatal("password_file", "write `password: ${file:/path}`"),
];

const BEARER: &[Opt] = &[
    needed("token", Kind::Secret, "", "the token"),
    needed("filename", Kind::Text, "", "a file that holds the token, instead; read at the start"),
    opt("scheme", Kind::Text, "Bearer", "what stands before the token"),
    opt("header", Kind::Text, "Authorization", "the header's name"),
    fatal("tokens", "write one `token`"),
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

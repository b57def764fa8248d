//! Colour, or none: decided once, from where the text goes, and carried as a value.

use spanlayer_host::vars::Vars;

/// Whether text is coloured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Paint {
    on: bool,
}

/// What a piece of text is, which decides its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Headings and names that matter most.
    Strong,
    /// Guides, ids, units: there when looked for.
    Faint,
    /// It went well.
    Good,
    /// It went wrong.
    Bad,
    /// Worth a look.
    Warn,
    /// A span that answers (server, consumer).
    Inbound,
    /// A span that asks (client, producer).
    Outbound,
}

impl Paint {
    /// Text as it is: for pipes, files and tests.
    pub const PLAIN: Self = Self { on: false };
    /// Text with ANSI colours.
    pub const COLOURED: Self = Self { on: true };

    /// Colours on a terminal, unless `NO_COLOR` is set (<https://no-color.org>: any value that is not empty) or the
    /// terminal is a dumb one.
    pub fn for_stream(is_terminal: bool, vars: &dyn Vars) -> Self {
        let dumb = vars.get("TERM").is_some_and(|term| term == "dumb");
        Self { on: is_terminal && vars.get("NO_COLOR").is_none() && !dumb }
    }

    /// `text` in the colour of `tone`.
    pub fn tone(self, tone: Tone, text: &str) -> String {
        if !self.on || text.is_empty() {
            return text.to_owned();
        }
        // Only the sixteen colours that every theme has chosen readable values for.
        let code = match tone {
            Tone::Strong => "1",
            Tone::Faint => "2",
            Tone::Good => "32",
            Tone::Bad => "1;31",
            Tone::Warn => "33",
            Tone::Inbound => "36",
            Tone::Outbound => "35",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn colour_needs_a_terminal_and_no_objection() {
        let none: HashMap<&str, &str> = HashMap::new();
        let objection = HashMap::from([("NO_COLOR", "1")]);
        let empty_objection = HashMap::from([("NO_COLOR", "")]);
        let dumb = HashMap::from([("TERM", "dumb")]);
        assert_eq!(Paint::for_stream(true, &none), Paint::COLOURED);
        assert_eq!(Paint::for_stream(true, &empty_objection), Paint::COLOURED);
        assert_eq!(Paint::for_stream(false, &none), Paint::PLAIN);
        assert_eq!(Paint::for_stream(true, &objection), Paint::PLAIN);
        assert_eq!(Paint::for_stream(true, &dumb), Paint::PLAIN);
    }

    #[test]
    fn plain_text_carries_no_escapes() {
        assert_eq!(Paint::PLAIN.tone(Tone::Bad, "error"), "error");
        assert!(Paint::COLOURED.tone(Tone::Bad, "error").contains('\x1b'));
    }
}

//! `spanlayer-cli cost`: what telemetry cost, added up from the last lines of extensions.

mod prices;
mod table;
mod tally;

use crate::{
    args::Cost,
    failure::Failure,
    screen::{Screen, print, say},
    source::Source,
};
use prices::Prices;
use tally::Tally;

/// Reads, adds up, and prints.
///
/// # Errors
///
/// When a source cannot be read, or has no figures in it.
pub async fn run(args: &Cost, screen: &Screen) -> Result<(), Failure> {
    let mut tally = Tally::default();
    for source in Source::find(&args.source, screen).await? {
        tally.begin();
        source.each_line(|line| tally.add(line));
    }
    if tally.services.is_empty() {
        let what = match tally.without {
            0 => "there is no last line of an extension in there".to_owned(),
            n => format!("{n} last lines in there are of a version that tells no figures"),
        };
        let hint = "They are written when an environment ends, unless SPANLAYER_LOG is `off` or `error`. To get them:\naws logs \
                    filter-log-events --log-group-name /aws/lambda/NAME --filter-pattern '\"shut down\"' > ends.json";
        return Err(Failure::run(what).hint(hint));
    }
    let prices = Prices { gb: args.price_per_gb, million_spans: args.price_per_million_spans };
    if args.json {
        say(&format!("{:#}", table::json(&tally, prices)))
    } else {
        print(&table::text(&tally, prices, screen.paint))
    }
}

//! Binaries: what a cold start loads.

use crate::{
    progress::Progress,
    report::{Budget, Row, Unit},
    sample::Sample,
    world::World,
};
use std::{fs, path::Path};

const SECTION: &str = "sizes";

pub(crate) async fn run(world: &World, _: &mut Progress) -> Result<Vec<Row>, String> {
    let mut rows = vec![
        Row::new(SECTION, "extension: binary", Unit::MB, size(&world.extension)?)
            .against(size(&world.noop)?)
            .budget(Budget::AtMost(5.5)),
        Row::new(SECTION, "wrapper: function binary", Unit::MB, size(&world.wrapped)?)
            .against(size(&world.bare)?)
            .budget(Budget::Ratio(1.7)),
    ];
    // The layer is built by `make layer`, which needs more than Rust.
    let layers = world.extension.ancestors().nth(2).map(|target| target.join("layer"));
    let entries = layers.and_then(|folder| fs::read_dir(folder).ok()).into_iter().flatten().flatten();
    let mut zips: Vec<_> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "zip"))
        .collect();
    zips.sort();
    if zips.is_empty() {
        rows.push(
            Row::new(SECTION, "layer: zip", Unit::MB, Sample::default())
                .note("not built: `make layer` builds it"),
        );
    }
    for zip in zips {
        let name = zip.file_name().unwrap_or_default().to_string_lossy().into_owned();
        rows.push(
            Row::new(SECTION, format!("layer: {name}"), Unit::MB, size(&zip)?).budget(Budget::AtMost(2.6)),
        );
    }
    Ok(rows)
}

fn size(path: &Path) -> Result<Sample, String> {
    let meta = fs::metadata(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok([meta.len() as f64 / 1e6].into_iter().collect())
}

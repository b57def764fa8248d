//! What it costs to read from an event what invoked the function, against parsing the event.

use crate::{
    progress::Progress,
    report::{Budget, Row, Unit},
    sample::Sample,
    world::World,
};
use serde_json::Value;
use std::process::Command;

const SECTION: &str = "detection";

pub(crate) async fn run(world: &World, progress: &mut Progress) -> Result<Vec<Row>, String> {
    progress.step("shapes of events", 0, 1);
    let rounds = world.times(30).to_string();
    let output = Command::new(&world.detection).arg(rounds).output().map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    let shapes: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let mut rows = Vec::new();
    for size in ["2 KB", "6 MB"] {
        let mut of_size: Vec<&Value> = shapes.iter().filter(|shape| shape["size"] == size).collect();
        of_size.sort_by(|one, other| ratio(one).total_cmp(&ratio(other)));
        let (Some(worst), Some(median)) = (of_size.last(), of_size.get(of_size.len() / 2)) else {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        };
        rows.push(row(&format!("trigger detection, {size}, the dearest shape"), worst, of_size.len()));
        rows.push(row(&format!("trigger detection, {size}, the median shape"), median, of_size.len()));
    }
    Ok(rows)
}

fn row(figure: &str, shape: &Value, of: usize) -> Row {
    let micros =
        |key: &str| -> Sample { [shape[key].as_f64().unwrap_or(f64::NAN) / 1e3].into_iter().collect() };
    let name = shape["shape"].as_str().unwrap_or_default();
    let alone = shape["event_alone_ratio"].as_f64().filter(|alone| Some(*alone) != shape["ratio"].as_f64());
    let alone = alone.map(|alone| format!(", what messages wrap included ({alone:.2} × of the event alone)"));
    Row::new(SECTION, figure, Unit::Micros, micros("detection_nanos"))
        .against(micros("serde_json_nanos"))
        .budget(Budget::Ratio(0.5))
        .note(format!(
            "`{name}`, of {of} shapes; baseline: serde_json, into a Value{}",
            alone.unwrap_or_default()
        ))
}

fn ratio(shape: &Value) -> f64 {
    shape["ratio"].as_f64().unwrap_or(f64::INFINITY)
}
